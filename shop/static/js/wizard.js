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
  showUnsent(false);
  tellWhatChanged();
}

keepWhatIsOpen();
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
