/* The search box. A scanner types fast and ends with Enter: what it types goes to the box, wherever the focus is. */
import { areOn, focusScan, isElsewhere, isKey, keyOf, press, registerKeys } from "./keys.js";
import { showToast } from "./toast.js";

const GAP_MS = 50;
const LEAST = 5;
const MOST_LINES = 200;
/* Of the keys that do something, only these wait to see whether more follows at once: a code can begin with them. */
const BEGINS = /^[0-9A-Zhr]$/;
const box = document.getElementById("scan");
let held = [];
let timer = null;

const heldText = () => held.map((event) => event.key).join("");

function take(event) {
  if (!areOn() || event.repeat || isElsewhere(event)) return release();
  const key = keyOf(event);
  if (key === "Enter" && held.length >= LEAST) return send(event);
  if (key === "Shift") return undefined;
  if (key.length !== 1 || (!held.length && !mayBegin(key))) return release();
  event.preventDefault();
  held.push(event);
  clearTimeout(timer);
  timer = setTimeout(settle, GAP_MS);
  return undefined;
}

const mayBegin = (key) => (isKey(key) ? BEGINS.test(key) : /^[0-9A-Za-z#]$/.test(key));

/* A scanner that sends no Enter: the code stands in the box, and Enter looks it up. */
function settle() {
  const text = heldText();
  if (held.length < LEAST || !/\d/.test(text)) return release();
  held = [];
  box.value = text;
  return box.focus();
}

function send(event) {
  event.preventDefault();
  clearTimeout(timer);
  box.value = heldText();
  held = [];
  box.form.requestSubmit();
}

/* It was a person after all. */
function release() {
  const events = held;
  clearTimeout(timer);
  held = [];
  for (const event of events) press(keyOf(event), event);
}

/* A field of one line would run the pasted lines together. */
function pasteLines(event) {
  const lines = (event.clipboardData?.getData("text") ?? "").split(/[\r\n\t]+/).map((line) => line.trim()).filter(Boolean);
  if (lines.length < 2) return;
  event.preventDefault();
  box.setRangeText(lines.slice(0, MOST_LINES).join(", "), box.selectionStart, box.selectionEnd, "end");
  box.dispatchEvent(new Event("input", { bubbles: true }));
  if (lines.length > MOST_LINES) showToast({ message: box.dataset.tooMany.replace("{n}", lines.length) });
}

if (box) {
  document.addEventListener("keydown", take, { capture: true });
  box.addEventListener("paste", pasteLines);
  registerKeys({ search: focusScan });
}
