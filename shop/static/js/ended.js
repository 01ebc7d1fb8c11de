/* A ticket that a colleague merges or deletes while it is open here, as a page, a form or a dialog: it says so at once,
   and where to go. What was typed stays where it is, and is kept as a draft. */
import { showToast } from "./toast.js";

const ENDS = new Set(["repair.merged", "repair.deleted"]);
const AGAIN = "repair.merge_undone";

const bannersOf = (number) => document.querySelectorAll(`[data-ending="${CSS.escape(number)}"]`);

/* Where it is open: the page's head, and dialogs with a form about it. */
function placesOf(number) {
  const name = CSS.escape(number);
  const page = document.querySelector(`#ticket[data-ticket="${name}"] > .ticket-head, #ticket[data-editing="${name}"]`);
  const forms = document.querySelectorAll(`dialog[open] form[action*="/${name}/"]`);
  return [page, ...[...forms].map((form) => form.closest(".dialog-body"))].filter(Boolean);
}

const isShownAt = (place) => Boolean(place.querySelector("[data-ending]"));

async function tell(number) {
  const places = placesOf(number);
  if (!places.length) return;
  const answer = await fetch(`/admin/repairs/${number}/ended`, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (answer?.status !== 200) return;
  const html = await answer.text();
  for (const place of places.filter((one) => one.isConnected && !isShownAt(one))) {
    place.insertAdjacentHTML("afterbegin", html);
    place.closest("#ticket")?.setAttribute("data-over", "");
  }
  for (const place of places) show(place);
}

/* Whoever has written something is told what becomes of it; and who has scrolled down to write, is told where they look. */
function show(place) {
  const banner = place.querySelector("[data-ending]");
  if (!banner) return;
  sayWhatBecomes(banner);
  const { top, bottom } = banner.getBoundingClientRect();
  if (top < 0 || bottom > window.innerHeight) showToast({ message: banner.querySelector("strong").textContent, refused: true });
}

function sayWhatBecomes(banner) {
  const areas = (banner.closest("#ticket") ?? banner.parentElement).querySelectorAll("textarea");
  const isTyped = [...areas].some((area) => area.value !== area.defaultValue);
  banner.querySelector("[data-if-typed]").hidden = !isTyped;
}

/* Sent in vain: the form that was sent, or else a toast, says why. */
function refuse({ number, message }) {
  const places = placesOf(number);
  if (!places.length) return showToast({ message, refused: true });
  return tell(number).then(() => bannersOf(number)[bannersOf(number).length - 1]?.focus());
}

function forget(number) {
  for (const banner of bannersOf(number)) banner.remove();
  document.getElementById("ticket")?.removeAttribute("data-over");
}

document.addEventListener("shop:changes", ({ detail }) => {
  for (const { number, verb } of detail.changes) {
    if (verb === AGAIN) forget(number);
    if (ENDS.has(verb)) tell(number);
  }
});
/* After a long absence nobody lists what happened: whatever is open is asked about. */
document.addEventListener("shop:reload", () => {
  const { ticket, editing } = document.getElementById("ticket")?.dataset ?? {};
  if (ticket ?? editing) tell(ticket ?? editing);
});
document.addEventListener("shop:morphed", () => document.querySelectorAll("[data-ending]").forEach(sayWhatBecomes));
document.addEventListener("ticketEnded", ({ detail }) => refuse(detail));
