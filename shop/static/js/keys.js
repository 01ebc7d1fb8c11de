/* Single keys: never while typing, never with a modifier, so they do not collide with the browser's.
   Which key does what, with its words, is the server's table (shop/admin/keymap.py), written into the page
   (data-keys) for who is signed in. A script says what it can do by that name, and only then the key works and is listed. */

const bindings = readBindings();
const acts = new Map();
const OPEN_MS = 5_000;
/* Held down, these go on; anything else acts once. */
const REPEATED = new Set(["next", "previous", "left", "right"]);
/* These are no characters, so they need no switch (WCAG 2.1.4). */
const ALWAYS = new Set(["Enter", "Escape", "ArrowLeft", "ArrowRight"]);
let opening = 0;

function readBindings() {
  const found = new Map();
  for (const [does, press, words] of JSON.parse(document.querySelector("[data-keys]")?.dataset.keys ?? "[]")) {
    for (const key of spread(press)) found.set(key, [...(found.get(key) ?? []), { does, press, words }]);
  }
  return found;
}

function spread(press) {
  if (!/^\d-\d$/.test(press)) return [press];
  const [first, last] = press.split("-").map(Number);
  return Array.from({ length: last - first + 1 }, (_, place) => String(first + place));
}

export const areOn = () => document.body.dataset.singleKeys !== "off";

/** {name: (event) => void | false}, by the names of the table. `false`: nothing was there to act on. */
export function registerKeys(functions) {
  for (const [does, run] of Object.entries(functions)) acts.set(does, run);
}

/* A key may stand for another act on another screen: what counts is which of them this one can do. */
const bindingOf = (key) => bindings.get(key)?.find(({ does }) => acts.has(does));

/** [press, words] of the keys that do something here, each once, in the table's order. */
export function keysHere() {
  const here = [...bindings.keys()].map(bindingOf).filter((found) => found && (areOn() || ALWAYS.has(found.press)));
  return [...new Map(here.map(({ press, words }) => [press, words]))];
}

/** Whether a single key does something here. */
export const isKey = (key) => Boolean(bindingOf(key)) && (areOn() || ALWAYS.has(key));

/** What the table calls `does`, whatever the switch says: for a menu that lists it. */
export const canDo = (does) => acts.has(does);
export const doIt = (does, event) => acts.get(does)?.(event);

/** What is typed belongs to the field, and what is pressed in a dialog or an open menu to these. */
export function isElsewhere(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !event.key) return true;
  const { target } = event;
  return isTyping(target) || Boolean(document.querySelector("dialog:modal")) || Boolean(target.closest?.("details[data-menu][open]"));
}

function isTyping(target) {
  return target.matches?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}

/** Does what the key stands for; false if it stands for nothing here. */
export function press(key, event) {
  if (!isKey(key)) return false;
  const { does } = bindingOf(key);
  if (event.repeat && !REPEATED.has(does)) return true;
  /* A dialog is on its way: a key pressed now was meant for it. */
  if (performance.now() < opening && key !== "Escape") return true;
  return acts.get(does)(event) !== false;
}

/* With the capitals locked, a letter is still the letter. */
export function keyOf(event) {
  const isLocked = event.key.length === 1 && !event.shiftKey && event.getModifierState?.("CapsLock");
  return isLocked ? event.key.toLowerCase() : event.key;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || isElsewhere(event)) return;
  if (press(keyOf(event), event)) event.preventDefault();
});

export function focusScan() {
  const box = document.getElementById("scan");
  box?.focus();
  box?.select();
}

/* Where forms open: every page of the console has it, or is given it. */
function dialogPlace() {
  const place = document.getElementById("dialogs") ?? document.createElement("div");
  place.id = "dialogs";
  if (!place.isConnected) document.body.append(place);
  return place;
}

/** Loads a form into a dialog. */
export async function openForm(url) {
  dialogPlace();
  opening = performance.now() + OPEN_MS;
  await window.htmx.ajax("GET", url, { target: "#dialogs", swap: "innerHTML" }).catch(() => null);
  opening = 0;
}

/* Links with data-act open in a dialog when a script runs; without one they are plain pages. */
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-act]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  openForm(link.getAttribute("href"));
});

/* Not saved: the words stand in the form, and what was typed stays. Out of reach is one thing, not allowed another. */
function showUnsent(event, name = "") {
  const form = event.detail.elt;
  for (const kind of ["unsent", "refused"]) {
    const words = form.querySelector?.(`[data-${kind}]`);
    if (words) words.hidden = kind !== name;
  }
}

document.addEventListener("htmx:beforeRequest", (event) => showUnsent(event));
document.addEventListener("htmx:sendError", (event) => showUnsent(event, "unsent"));
document.addEventListener("htmx:responseError", (event) => {
  showUnsent(event, [403, 404, 410].includes(event.detail.xhr.status) ? "refused" : "unsent");
});

/* An act that went through closes its dialog. */
document.addEventListener("acted", () => {
  for (const dialog of document.querySelectorAll("#dialogs dialog[open]")) dialog.close();
});
