/* What every page has: the CSRF header, toasts, relative times, menus, dialogs, buttons at work. */
import { startOnce } from "./once.js";
import { startTimes } from "./times.js";
import { startToasts } from "./toast.js";

function sendCsrfToken(event) {
  const token = document.querySelector('meta[name="csrf-token"]')?.content;
  if (token && event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = token;
}

/* Menus are <details data-menu>: one open at a time, closed by Escape or a press outside. */
function closeMenus({ except = null } = {}) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (menu !== except) menu.open = false;
  }
}

function closeMenuOnEscape(event) {
  const menu = event.key === "Escape" && document.querySelector("details[data-menu][open]");
  if (!menu) return;
  /* The page's own Escape, as the one that leaves a ticket, is not meant. */
  event.preventDefault();
  event.stopPropagation();
  menu.open = false;
  menu.querySelector("summary").focus();
}

/* <button data-dialog="id"> opens a <dialog>; the browser traps focus and gives it back. */
function openDialog(id) {
  const dialog = document.getElementById(id);
  if (!dialog || dialog.open) return;
  dialog.showModal();
  (dialog.querySelector("[data-safe]") ?? dialog.querySelector("[autofocus]"))?.focus();
}

function handleDialogs(event) {
  const opener = event.target.closest("[data-dialog]");
  if (opener) openDialog(opener.dataset.dialog);
  else if (event.target.closest("[data-close-dialog]")) event.target.closest("dialog")?.close();
}

/* Where the focus goes back to; a dialog that comes again with its faults keeps the first one's. */
let origin = null;

/* A dialog that arrives by htmx opens at once and leaves the page when closed. */
function openArrivedDialog(event) {
  const dialog = event.target.matches?.("dialog[data-open]")
    ? event.target
    : event.target.querySelector?.("dialog[data-open]");
  if (!dialog || dialog.open) return;
  if (document.activeElement !== document.body) origin = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (origin?.isConnected) origin.focus();
  });
  dialog.showModal();
  dialog.querySelector("[data-safe]")?.focus();
}

function wordsOf(button) {
  return [...button.childNodes].find((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
}

/* The pressed button keeps its width, turns its icon and says what it does. */
function setWorking(button) {
  if (!button?.dataset.working || button.getAttribute("aria-busy")) return;
  button.style.minWidth = `${button.offsetWidth}px`;
  button.setAttribute("aria-busy", "true");
  const text = wordsOf(button);
  if (!text) return;
  button.dataset.rest = text.data;
  text.data = button.dataset.working;
}

function setAtRest(root) {
  for (const button of root.querySelectorAll('button[aria-busy="true"]')) {
    button.removeAttribute("aria-busy");
    const text = wordsOf(button);
    if (text && button.dataset.rest) text.data = button.dataset.rest;
  }
}

/* A form that is being sent is not sent twice: this runs before htmx sees the event. */
function refuseSecondSubmit(event) {
  if (event.submitter?.getAttribute("aria-busy") !== "true") return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

/* The second half of a double click would press what the first has put in the button's place. */
function refuseSecondClick(event) {
  if (event.detail > 1 && event.target.closest("form button:not([type=button])")) event.preventDefault();
}

function showPlainSubmit(event) {
  if (!event.defaultPrevented) setWorking(event.submitter);
}

function focusErrors(root) {
  root.querySelector?.("[data-focus]")?.focus();
}

/* On a phone the tab one is at may lie outside the row of tabs. */
function showCurrentTabs() {
  for (const tab of document.querySelectorAll(".tabs > [aria-current]")) {
    const { parentElement: row } = tab;
    row.scrollLeft += tab.getBoundingClientRect().left - row.getBoundingClientRect().left - (row.clientWidth - tab.offsetWidth) / 2;
  }
}

document.addEventListener("htmx:configRequest", sendCsrfToken);
document.addEventListener("htmx:afterRequest", (event) => setAtRest(event.detail.elt.closest("form") ?? event.detail.elt));
document.addEventListener("htmx:load", (event) => {
  openArrivedDialog(event);
  focusErrors(event.target);
});
document.addEventListener("htmx:beforeRequest", (event) => {
  setWorking(event.detail.requestConfig.triggeringEvent?.submitter);
});
document.addEventListener("click", refuseSecondClick, { capture: true });
document.addEventListener("submit", refuseSecondSubmit, { capture: true });
document.addEventListener("submit", showPlainSubmit);
document.addEventListener("click", (event) => {
  closeMenus({ except: event.target.closest("details[data-menu]") });
  handleDialogs(event);
});
document.addEventListener("keydown", closeMenuOnEscape);
window.addEventListener("pageshow", (event) => {
  if (event.persisted) setAtRest(document);
});
focusErrors(document);
showCurrentTabs();
startOnce();
startTimes();
startToasts();
