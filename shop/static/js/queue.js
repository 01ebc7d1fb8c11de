/* The queue: a cursor, single keys, one selection. The rows themselves are kept by rows.js. */
import "./live.js";
import { afterAction } from "./after_action.js";
import { copyNumber } from "./copy.js";
import { openForm, registerKeys } from "./keys.js";
import { ask, body, rowOf, rows } from "./rows.js";
import { cameBackFrom, rememberList } from "./view_list.js";

let cursor = null;

const isChecked = (row) => row.querySelector(".check").checked;
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
  const checked = rows().filter(isChecked);
  return checked.length === 1 ? checked[0] : cursor && rowOf(cursor);
}

function step(distance) {
  const all = rows();
  if (!all.length) return false;
  const at = all.findIndex((row) => row.dataset.repair === cursor);
  return focusRow(all[Math.max(0, Math.min(all.length - 1, at + distance))]);
}

/* The row has the focus first, so that the dialog gives it back there. */
function act(name, row = current()) {
  if (!row || !body().dataset.acts.split(" ").includes(name)) return false;
  focusRow(row);
  return openForm(`/admin/repairs/${row.dataset.repair}/${name}`);
}

function copy() {
  const row = current();
  return row ? copyNumber(row.dataset.repair) : false;
}

/* 1 to 9: the tabs, from the left. */
function goToView(event) {
  const tab = document.querySelectorAll(".tabs > .tab")[Number(event.key) - 1];
  return tab ? location.assign(tab.href) : false;
}

function open(event) {
  const row = current();
  if (!row || event.target?.closest?.("a, button, summary")) return false;
  return location.assign(linkOf(row).href);
}

function toggle() {
  const row = cursor && rowOf(cursor);
  if (!row) return false;
  row.querySelector(".check").checked = !isChecked(row);
  return showSelection();
}

function clear() {
  if (!rows().some(isChecked)) return false;
  for (const row of rows()) row.querySelector(".check").checked = false;
  return showSelection();
}

function showSelection() {
  const numbers = rows().filter(isChecked).map((row) => row.dataset.repair);
  const bar = document.getElementById("selection-bar");
  bar.hidden = numbers.length === 0;
  const words = numbers.length > 1 ? bar.dataset.many.replace("{n}", numbers.length) : numbers[0];
  bar.querySelector("[data-selected]").textContent = words ?? "";
  for (const button of bar.querySelectorAll("[data-one]")) button.disabled = numbers.length !== 1;
}

/* Back from a ticket one is where one was: the browser itself forgets how far a list inside the page was scrolled. */
const PLACE = `place:${location.pathname}${location.search}`;
const pane = () => document.querySelector("[data-scroll]");

function keepPlace() {
  sessionStorage.setItem(PLACE, JSON.stringify({ cursor, top: pane().scrollTop }));
  rememberList({
    url: `${location.pathname}${location.search}`,
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

function goBackToPlace() {
  const from = cameBackFrom();
  const isBack = from || performance.getEntriesByType("navigation")[0]?.type === "back_forward";
  const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
  if (!isBack || !kept) return;
  pane().scrollTop = kept.top;
  const row = rowOf(from ?? kept.cursor ?? "") ?? (kept.cursor && rowOf(kept.cursor));
  if (!row) return;
  linkOf(row).focus({ preventScroll: true });
  if (from) row.scrollIntoView({ block: "nearest" });
}

const keys = {
  next: () => step(1),
  previous: () => step(-1),
  select: toggle,
  status: () => act("move"),
  assign: () => act("assign"),
  note: () => act("notes"),
  priority: () => act("priority"),
  tags: () => act("tags"),
  branch: () => act("branch"),
  open,
  copy,
  view: goToView,
  leave: clear,
};

/* A press on the pill or the person is the same as the key. */
function actByPress(event) {
  const row = event.target.closest("#queue-rows > [data-repair]");
  if (row && event.target.matches(".pill")) act("move", row);
  if (row && event.target.matches(".avatar")) act("assign", row);
}

document.addEventListener("acted", (event) => ask([event.detail.number]));
document.addEventListener("change", (event) => {
  if (event.target.matches("#queue-rows .check")) showSelection();
});
document.addEventListener("shop:rows", showSelection);
document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.("#queue-rows > [data-repair]");
  if (row) setCursor(row);
});
document.addEventListener("click", actByPress);
document.getElementById("selection-bar").addEventListener("click", (event) => {
  const name = event.target.closest("[data-do]")?.dataset.do;
  if (name) keys[name](event);
});
registerKeys(keys);
/* Who goes on stands on the row after the one they have just done. */
afterAction((number) => {
  const row = rowOf(number);
  if (row) setCursor(row);
  step(1);
});
window.addEventListener("pagehide", keepPlace);
goBackToPlace();
