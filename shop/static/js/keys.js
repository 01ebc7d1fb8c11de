/* Single keys: never while typing, never with a modifier, so they do not collide with the browser's. */

function isTyping(target) {
  return target.matches?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}

/** keys: {key: (event) => void}. A key pressed in a dialog belongs to the dialog. */
export function onKeys(keys) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (isTyping(event.target) || event.target.closest?.("dialog")) return;
    const act = keys[event.key];
    if (act && act(event) !== false) event.preventDefault();
  });
}

export function focusScan() {
  const box = document.getElementById("scan");
  box?.focus();
  box?.select();
}

/** Loads a form into a dialog. */
export function openForm(url) {
  window.htmx.ajax("GET", url, { target: "#dialogs", swap: "innerHTML" });
}

/* Links with data-act open in a dialog when a script runs; without one they are plain pages. */
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-act]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  openForm(link.getAttribute("href"));
});

/* Not saved: the words stand in the form, and what was typed stays. */
function showUnsent(event, isUnsent) {
  const words = event.detail.elt.querySelector?.("[data-unsent]");
  if (words) words.hidden = !isUnsent;
}

document.addEventListener("htmx:beforeRequest", (event) => showUnsent(event, false));
document.addEventListener("htmx:sendError", (event) => showUnsent(event, true));
document.addEventListener("htmx:responseError", (event) => showUnsent(event, true));

/* An act that went through closes its dialog. */
document.addEventListener("acted", () => {
  for (const dialog of document.querySelectorAll("#dialogs dialog[open]")) dialog.close();
});
