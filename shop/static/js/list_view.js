/* Another view, filter, order or page of the list: what differs takes the place of what was there. The address is the
   list's own, so that reloading, sharing and the way back are those of a page; without a script the links are pages. */
import { holdFocus } from "./focus.js";
import { showToast } from "./toast.js";

const PIECES = [".page-head", "#queue-filters", "#queue-body", ".page-foot > .push"];
const FROM = ".page-head a, #queue-filters a, .queue-end a";
const PAGE = location.pathname;
const addressOf = ({ pathname, search }) => pathname + search;
let shown = addressOf(location);
let newest = 0;


/** Of the list that stands here: on the way back the browser's own is another one already. */
export const address = () => shown;
const isList = (url) => url.origin === location.origin && url.pathname === PAGE;
/* After an upgrade the scripts and styles of the page are others. */
const stylesOf = (page) => page.querySelector('link[rel="stylesheet"]')?.getAttribute("href");

/* Null for what is no list: then it is a page of its own. */
async function fetchPage(url) {
  const answer = await fetch(url);
  if (!answer.ok || answer.redirected) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.getElementById("queue-body") && stylesOf(page) === stylesOf(document) ? page : null;
}

function replace(page) {
  for (const place of PIECES) {
    const [old, fresh] = [document.querySelector(place), page.querySelector(place)];
    if (!old || !fresh) continue;
    old.replaceWith(document.adoptNode(fresh));
    window.htmx.process(fresh);
  }
  document.title = page.title;
}

/** Shows the list of this address here; what is no list, or does not come, is loaded as a page. */
export async function turnTo(href, { isBack = false } = {}) {
  const url = new URL(href, location.href);
  if (!isList(url)) return location.assign(url);
  const turn = (newest += 1);
  document.dispatchEvent(new Event("shop:leaves"));
  let page;
  try {
    page = await fetchPage(url);
  } catch {
    return turn === newest && showToast({ message: document.getElementById("queue-body").dataset.cut });
  }
  if (turn !== newest) return undefined;
  if (!page) return isBack ? location.reload() : location.assign(url);
  if (!isBack) history.pushState(null, "", url);
  shown = addressOf(location);
  holdFocus(() => replace(page));
  return document.dispatchEvent(new CustomEvent("shop:view", { detail: { isBack } }));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.(FROM);
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (link.target || link.dataset.act !== undefined || !isList(link)) return;
  event.preventDefault();
  turnTo(link.href);
});
window.addEventListener("popstate", () => {
  if (addressOf(location) !== shown) turnTo(location.href, { isBack: true });
});
