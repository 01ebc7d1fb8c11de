/* Toasts at the foot: ten seconds, held while pointed at or focused, read out politely. One that can be undone runs by
   the server's time instead, for then its message leaves; it is offered again on the next page while time is left. */
import { keyOf } from "./once.js";
const LIFE_MS = 10_000;
const TICK_MS = 250;
const OFFER = "undo";
/* Too short to be read is not worth showing. */
const LEAST_MS = 1_000;
const undos = [];
/* Where the focus goes back to when a toast that had it goes. */
let lastFocus = null;

const region = () => document.getElementById("toasts");

function icon(name) {
  const sprite = document.querySelector("svg.icon use")?.getAttribute("href").split("#")[0];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${sprite}#i-${name}`);
  svg.append(use);
  return svg;
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function button(words, press) {
  const made = element("button", "toast-act", words);
  made.type = "button";
  made.addEventListener("click", press);
  return made;
}

function remove(toast) {
  const hadFocus = toast.contains(document.activeElement);
  toast.remove();
  if (hadFocus && lastFocus?.isConnected) lastFocus.focus();
}

/* The bar runs out with the time that is left of the whole. */
function timeLeft(whole, left = whole) {
  const bar = element("span", "toast-time");
  bar.style.animationDuration = `${whole}ms`;
  bar.style.animationDelay = `${left - whole}ms`;
  return bar;
}

const isRead = (toast) => toast.matches(":hover, :focus-within");

/* Counts only while nobody reads it. */
function expire(toast) {
  let left = LIFE_MS;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    if (!isRead(toast)) left -= now - last;
    last = now;
    if (left > 0 && toast.isConnected) return;
    clearInterval(timer);
    remove(toast);
  }, TICK_MS);
}

function keep(offer) {
  try {
    if (offer) localStorage.setItem(OFFER, JSON.stringify(offer));
    else localStorage.removeItem(OFFER);
  } catch {
    /* Without storage it is offered on this page only. */
  }
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(OFFER));
  } catch {
    return null;
  }
}

function end(offer) {
  clearInterval(offer.timer);
  const place = undos.indexOf(offer);
  if (place >= 0) undos.splice(place, 1);
  if (kept()?.url === offer.url) keep(null);
}

async function takeBack(offer) {
  end(offer);
  remove(offer.toast);
  const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
  const headers = { "HX-Request": "true", "X-CSRFToken": token, "X-Request-Key": keyOf(offer) };
  const answer = await fetch(offer.url, { method: "POST", headers }).catch(() => null);
  const words = region().dataset;
  if (answer?.status === 401) return location.reload();
  const news = JSON.parse(answer?.headers.get("HX-Trigger") ?? "null");
  if (!news) {
    if (Date.now() < offer.until) offerUndo(offer);
    return showToast({ message: words.undoLost, refused: true });
  }
  for (const [name, detail] of Object.entries(news)) {
    document.body.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}

/** Takes back the newest act that still can be; false if there is none. */
export function undoNewest() {
  const offer = undos.at(-1);
  return offer ? void takeBack(offer) : false;
}

/* Seconds are for the eye; what is read out says them once. */
function countdown(offer) {
  const words = (left) => `. ${offer.countdown.replace("{n}", Math.max(0, Math.ceil(left / 1000)))}`;
  const seen = element("span", "toast-count", words(offer.until - Date.now()));
  const heard = element("span", "visually-hidden", seen.textContent);
  seen.ariaHidden = "true";
  return { nodes: [seen, heard], tick: (left) => (seen.textContent = words(left)) };
}

function offerUndo(offer) {
  const toast = element("div", "toast toast-undo");
  const text = element("span", "toast-text", offer.message);
  const count = offer.countdown && countdown(offer);
  if (count) text.append(...count.nodes);
  const act = button(region().dataset.undo, () => takeBack(offer));
  act.setAttribute("aria-keyshortcuts", "z");
  act.dataset.toastUndo = "";
  if (document.body.dataset.singleKeys !== "off") act.append(element("kbd", "key", "z"));
  act.lastElementChild?.setAttribute("aria-hidden", "true");
  toast.append(icon("check"), text, act, timeLeft(offer.whole, offer.until - Date.now()));
  Object.assign(offer, { toast });
  undos.push(offer);
  region().append(toast);
  offer.timer = setInterval(() => {
    const left = offer.until - Date.now();
    if (left > 0) return count?.tick?.(left);
    end(offer);
    return remove(toast);
  }, TICK_MS);
}

/** Shows one toast. `undo`, if given, is {url, seconds, countdown}; `refused` stays until it is closed. */
export function showToast({ message, undo = null, refused = false }) {
  if (undo) {
    const whole = undo.seconds * 1000;
    const offer = { message, url: undo.url, countdown: undo.countdown, whole, until: Date.now() + whole };
    keep(offer);
    return offerUndo(offer);
  }
  const toast = element("div", refused ? "toast toast-refused" : "toast");
  toast.append(icon(refused ? "circle-alert" : "check"), element("span", "toast-text", message));
  if (refused) {
    toast.setAttribute("role", "alert");
    toast.append(button(region().dataset.close, () => remove(toast)));
  } else {
    toast.append(timeLeft(LIFE_MS));
    expire(toast);
  }
  return region().append(toast);
}

/* What was done on the page before can be taken back on this one. */
function offerAgain() {
  const offer = kept();
  if (!offer) return;
  if (offer.until - Date.now() > LEAST_MS && location.pathname.startsWith("/admin")) offerUndo(offer);
  else keep(null);
}

export function startToasts() {
  for (const toast of document.querySelectorAll("#toasts [data-toast]")) {
    toast.append(timeLeft(LIFE_MS));
    expire(toast);
  }
  offerAgain();
  document.addEventListener("focusin", (event) => {
    if (!event.target.closest("#toasts")) lastFocus = event.target;
  });
  document.body.addEventListener("toast", (event) => {
    const detail = event.detail ?? {};
    showToast({ ...detail, message: detail.message ?? detail.value });
  });
}
