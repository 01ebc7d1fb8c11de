/* The queue: a cursor and single keys. The rows are kept by rows.js, what is chosen by selection.js. */
import "./dialog_presence.js";
import "./live.js";
import { afterAction } from "./after_action.js";
import { copyNumber } from "./copy.js";
import { openForm, registerKeys } from "./keys.js";
import { address, turnTo } from "./list_view.js";
import { ask, body, dressAll, refreshBody, rowOf, rows } from "./rows.js";
import * as selection from "./selection.js";
import { cameBackFrom, rememberList } from "./view_list.js";

let cursor = null;

const linkOf = (row) => row.querySelector("a");

function setCursor(row) {
  for (const other of rows()) if (other !== row) delete other.dataset.cursor;
  row.dataset.cursor = "";
  cursor = row.dataset.repair;
}

function focusRow(row) {
  linkOf(row).focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function current() {
  const [one] = selection.numbers();
  return (selection.amount() === 1 && rowOf(one)) || (cursor && rowOf(cursor));
}

function step(distance) {
  const all = rows();
  if (!all.length) return false;
  const at = all.findIndex((row) => row.dataset.repair === cursor);
  return focusRow(all[Math.max(0, Math.min(all.length - 1, at + distance))]);
}

/* What each key does with many: the same, for all of them at once. */
const MANY = { move: "status", assign: "assign", priority: "priority", tags: "tag", branch: "branch" };

/* More than one, or one that is not on this page. */
const isMany = () => selection.amount() > 1 || (selection.amount() === 1 && !rowOf(selection.numbers()[0] ?? ""));

/* The row has the focus first, so that the dialog gives it back there. */
function act(name, pressed = null) {
  if (!pressed && isMany()) return name in MANY ? changeMany(MANY[name]) : false;
  const row = pressed ?? current();
  if (!row || !body().dataset.acts.split(" ").includes(name)) return false;
  focusRow(row);
  return openForm(`/admin/repairs/${row.dataset.repair}/${name}`);
}

function changeMany(name) {
  const row = cursor && rowOf(cursor);
  if (row) focusRow(row);
  const values = { act: name, ...selection.asFields() };
  return window.htmx.ajax("POST", "/admin/bulk/new", { target: "#dialogs", swap: "innerHTML", values });
}

/* One label or many: a page of their own, so that the list stays as it is. */
function printLabels() {
  const row = current();
  const fields = selection.amount() ? selection.asFields() : { numbers: row?.dataset.repair };
  if (!fields.numbers && !fields.view) return false;
  const asked = new URLSearchParams(fields.view ?? { numbers: fields.numbers });
  if (fields.view) asked.set("all", "1");
  return void window.open(`/admin/repairs/labels?${asked}`, "_blank", "noopener");
}

/* What is ticked, from whichever button; without anything, the whole list. */
document.addEventListener("submit", ({ target }) => {
  if (target.id !== "export-form") return;
  target.elements.numbers.value = selection.isWhole() ? "" : selection.numbers().join(",");
});

function exportChosen() {
  const form = document.getElementById("export-form");
  if (!form) return false;
  form.requestSubmit();
  return true;
}

function copy() {
  const row = current();
  return row ? copyNumber(row.dataset.repair) : false;
}

/* 1 to 9: the tabs, from the left. */
function goToView(event) {
  const tab = document.querySelectorAll(".tabs > .tab")[Number(event.key) - 1];
  return tab ? void turnTo(tab.href) : false;
}

function open(event) {
  const row = current();
  if (!row || event.target?.closest?.("a, button, summary")) return false;
  return location.assign(linkOf(row).href);
}

function onCursor(act) {
  const row = cursor && rowOf(cursor);
  return row ? act(row) : false;
}

/* Back from a ticket one is where one was: the browser itself forgets how far a list inside the page was scrolled. */
const place = () => `place:${address()}`;
const pane = () => document.querySelector("[data-scroll]");

function keepPlace() {
  sessionStorage.setItem(place(), JSON.stringify({ cursor, top: pane().scrollTop }));
  rememberList({
    url: address(),
    title: titleOfList(),
    numbers: rows().filter((row) => !("gone" in row.dataset)).map((row) => row.dataset.repair),
    rowsUrl: body().dataset.rowsUrl,
    more: document.querySelector('.queue-end a[rel="next"]')?.getAttribute("href") ?? null,
  });
}

/* The tab's name without its count, or what the list was narrowed to. */
function titleOfList() {
  const tab = document.querySelector(".tabs [aria-current]");
  const chips = [...document.querySelectorAll("#queue-filters .chip-set b")].map((chip) => chip.textContent);
  return tab ? tab.firstChild.textContent.trim() : chips.join(", ") || document.querySelector(".page-title").textContent;
}

const wasReached = (how) => performance.getEntriesByType("navigation")[0]?.type === how;

function goBackToPlace({ isBack = wasReached("back_forward") } = {}) {
  const from = cameBackFrom();
  const kept = JSON.parse(sessionStorage.getItem(place()) ?? "null");
  if (!(from || isBack) || !kept) return;
  pane().scrollTop = kept.top;
  const row = rowOf(from ?? kept.cursor ?? "") ?? (kept.cursor && rowOf(kept.cursor));
  if (!row) return;
  linkOf(row).focus({ preventScroll: true });
  if (from) row.scrollIntoView({ block: "nearest" });
}

const keys = {
  next: () => step(1),
  previous: () => step(-1),
  select: () => onCursor(selection.toggle),
  select_to_here: () => onCursor(selection.selectTo),
  select_all: () => void selection.selectAll(),
  status: () => act("move"),
  assign: () => act("assign"),
  note: () => act("notes"),
  priority: () => act("priority"),
  tags: () => act("tags"),
  branch: () => act("branch"),
  duplicate: () => act("merge"),
  untag: () => (selection.amount() ? changeMany("untag") : false),
  labels: printLabels,
  export: exportChosen,
  open,
  copy,
  view: goToView,
  leave: selection.clear,
};

/* A press on the pill or the person is the same as the key. */
function actByPress(event) {
  const row = event.target.closest("#queue-rows > [data-repair]");
  if (row && event.target.matches(".pill")) act("move", row);
  if (row && event.target.matches(".avatar")) act("assign", row);
}

/* One's own act is looked at straight away; what others do may wait for more of it. */
document.addEventListener("acted", (event) => ask([event.detail.number], { after: 0 }));
/* Many changed at once: the list is fetched anew, and what was chosen has been dealt with. */
document.addEventListener("actedOnMany", () => {
  selection.clear();
  refreshBody();
  for (const dialog of document.querySelectorAll("#dialogs dialog[open]")) dialog.close();
});
document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.("#queue-rows > [data-repair]");
  if (row) setCursor(row);
});
document.addEventListener("click", actByPress);
document.getElementById("selection-bar").addEventListener("click", (event) => {
  const name = event.target.closest("[data-do]")?.dataset.do;
  if (name) keys[name](event);
});
/* On a phone the boxes take no room until somebody wants to select. */
document.querySelector("[data-pick]")?.addEventListener("click", ({ currentTarget }) => {
  const isOn = document.body.toggleAttribute("data-picking");
  currentTarget.setAttribute("aria-pressed", isOn);
  if (!isOn) selection.clear();
});
registerKeys(keys);
/* Who goes on stands on the row after the one they have just done. */
afterAction((number) => {
  const row = rowOf(number);
  if (row) setCursor(row);
  step(1);
});
window.addEventListener("pagehide", keepPlace);
document.addEventListener("shop:leaves", keepPlace);
/* Another list stands here: what was chosen in the last one is out of sight. */
document.addEventListener("shop:view", ({ detail }) => {
  cursor = null;
  pane().scrollTop = 0;
  selection.renew();
  dressAll();
  selection.show();
  goBackToPlace(detail);
});
goBackToPlace();
selection.show();
