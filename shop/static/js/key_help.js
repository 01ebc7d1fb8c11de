/* `?`: the keys that work where one is, for who one is. */
import { areOn, keysHere, registerKeys } from "./keys.js";

const CAPS = { Escape: ["Esc"], "1-9": ["1 – 9"], ArrowLeft: ["←"], ArrowRight: ["→"], "Control+K": ["Ctrl", "K"] };

function caps(press) {
  const shifted = /^[A-Z]$/.test(press) ? ["Shift", press.toLowerCase()] : (CAPS[press] ?? [press]);
  return shifted.map((cap) => {
    const key = document.createElement("kbd");
    key.className = "key key-always";
    key.textContent = cap;
    return key;
  });
}

function line([press, words]) {
  const row = document.createElement("div");
  const keys = document.createElement("dt");
  const does = document.createElement("dd");
  keys.append(...caps(press));
  does.textContent = words;
  row.append(keys, does);
  return row;
}

function showHelp() {
  const dialog = document.getElementById("key-help");
  if (!dialog || dialog.open) return;
  const lines = [...keysHere(), ["Control+K", dialog.dataset.paletteKey]];
  dialog.querySelector("[data-key-list]").replaceChildren(...lines.map(line));
  dialog.showModal();
  dialog.querySelector("[data-safe]").focus();
}

/* A screen reader would announce what does not work. */
function hideShortcuts(root) {
  for (const node of root.querySelectorAll?.("[aria-keyshortcuts]:not([aria-keyshortcuts*='+'])") ?? []) {
    node.removeAttribute("aria-keyshortcuts");
  }
}

for (const button of document.querySelectorAll("[data-key-help]")) {
  button.hidden = false;
  button.addEventListener("click", showHelp);
}
/* The key that opened it closes it: a dialog's own. */
document.getElementById("key-help")?.addEventListener("keydown", (event) => {
  if (event.key !== "?" || !areOn()) return;
  event.preventDefault();
  event.currentTarget.close();
});
registerKeys({ help: showHelp });
if (!areOn()) {
  hideShortcuts(document);
  document.addEventListener("htmx:load", (event) => hideShortcuts(event.target.parentNode ?? document));
}
