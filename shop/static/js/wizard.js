/* What the wizard adds to plain forms: arrow keys in the list of devices, copying the link,
   and updates that leave alone what the visitor has opened or is typing. */

function keepWhatIsOpen() {
  if (!window.Idiomorph) return;
  window.Idiomorph.defaults.ignoreActiveValue = true;
  window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
    !(name === "open" && node.matches?.("[data-keep-open]"));
}

function moveInDevices(event) {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const field = document.querySelector("[data-device-search] input[type=search]");
  const devices = [...document.querySelectorAll("#device-results .device-option")];
  const place = devices.indexOf(document.activeElement);
  if (!field || (place < 0 && document.activeElement !== field)) return;
  event.preventDefault();
  const next = place + (event.key === "ArrowDown" ? 1 : -1);
  (next < 0 ? field : devices[Math.min(next, devices.length - 1)])?.focus();
}

async function copyLink(event) {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
  button.lastChild.data = button.dataset.done;
}

/* What was chosen before this script ran, or put back by the browser after Back, reaches the price too. */
function tellWhatChanged() {
  const form = document.getElementById("step-form");
  const fields = [...(form?.elements ?? [])].filter((field) => field.matches("input:not([type=hidden]), textarea"));
  const isChanged = (field) =>
    field.matches("[type=checkbox], [type=radio]") ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
  if (window.htmx && form?.hasAttribute("hx-post") && fields.some(isChanged)) window.htmx.trigger(form, "change");
}

/* Without a connection the page stays, with all that was filled in, and says so. */
function showUnsent(isUnsent) {
  for (const words of document.querySelectorAll("[data-unsent]")) words.hidden = !isUnsent;
}

const isStep = (node) => Boolean(node.closest?.("#step-form"));

function stayWhileOffline(event) {
  if (navigator.onLine || !isStep(event.target)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  showUnsent(true);
}

function goOnOnline() {
  tellTyped();
  showUnsent(false);
  tellWhatChanged();
}

/* What is typed goes to the draft within two seconds, also before it is complete. */
const QUIET_MS = 600;
const MOST_MS = 1_500;
let timer = null;
let since = null;
let told = "";

function typedTexts() {
  const form = document.getElementById("step-form");
  const fields = [...(form?.elements ?? [])].filter((field) => field.matches("textarea, input:is([type=text], [type=email], [type=tel])"));
  return JSON.stringify(Object.fromEntries(fields.map((field) => [field.name, field.value])));
}

async function tellTyped() {
  const [, , token, step] = location.pathname.split("/");
  const texts = typedTexts();
  clearTimeout(timer);
  since = null;
  if (texts === told || !step || texts === "{}") return;
  const csrf = document.querySelector('meta[name="csrf-token"]').content;
  const body = new URLSearchParams({ csrf_token: csrf, step, texts });
  const answer = await fetch(`/book/${token}/typed`, { method: "POST", body, keepalive: true }).catch(() => null);
  if (answer?.ok) told = texts;
  else timer = setTimeout(tellTyped, 2 * MOST_MS);
}

function noteTyped(event) {
  if (!isStep(event.target)) return;
  since ??= Date.now();
  clearTimeout(timer);
  timer = setTimeout(tellTyped, Math.max(0, Math.min(QUIET_MS, since + MOST_MS - Date.now())));
}

keepWhatIsOpen();
told = typedTexts();
document.addEventListener("input", noteTyped);
window.addEventListener("pagehide", tellTyped);
document.addEventListener("visibilitychange", () => document.hidden && tellTyped());
document.addEventListener("submit", stayWhileOffline, { capture: true });
document.addEventListener("htmx:sendError", (event) => {
  if (isStep(event.detail.elt)) showUnsent(true);
});
window.addEventListener("online", goOnOnline);
window.addEventListener("pageshow", tellWhatChanged);
document.addEventListener("keydown", moveInDevices);
document.addEventListener("click", copyLink);
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
}
for (const field of document.querySelectorAll("[data-select]")) {
  field.addEventListener("focus", () => field.select());
}
