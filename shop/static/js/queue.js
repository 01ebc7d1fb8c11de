/* The queue: live rows in place, a cursor, single keys, one selection. */
import { whenLive } from "./live.js";
import { focusScan, onKeys, openForm } from "./keys.js";

const FRESH_MS = 30_000;
const TOGETHER_MS = 60;
const waiting = new Set();
let timer = null;
let cursor = null;

const rows = () => [...document.querySelectorAll("#queue-rows > .queue-row")];
const body = () => document.getElementById("queue-body");
const rowOf = (number) => document.getElementById(`repair-row-${number}`);

/* Rows are asked for together: ten changes in a moment are one request. */
function ask(numbers) {
  for (const number of numbers) waiting.add(number);
  timer ??= setTimeout(fetchRows, TOGETHER_MS);
}

async function fetchRows() {
  timer = null;
  const numbers = [...waiting];
  waiting.clear();
  const url = new URL(body().dataset.rowsUrl, location.href);
  url.searchParams.set("numbers", numbers.join(","));
  const answer = await fetch(url, { headers: { "HX-Request": "true" } });
  if (answer.status === 401) return location.reload();
  if (!answer.ok) return undefined;
  const piece = document.createElement("template");
  piece.innerHTML = await answer.text();
  for (const row of piece.content.querySelectorAll(".queue-row")) place(row);
  const tabs = piece.content.querySelector("#queue-tabs");
  if (tabs) window.Idiomorph.morph(document.getElementById("queue-tabs"), tabs);
  return undefined;
}

/* In place if it is on the page; a new one at its place in the order; never under a moving cursor. */
function place(fresh) {
  const old = rowOf(fresh.dataset.repair);
  if (old && old.dataset.version === fresh.dataset.version && !("gone" in fresh.dataset)) return;
  if (old) morph(old, fresh);
  else if (!("gone" in fresh.dataset)) insert(fresh);
}

function morph(old, fresh) {
  const keep = { cursor: "cursor" in old.dataset, here: old.dataset.here, checked: old.querySelector(".check").checked };
  window.Idiomorph.morph(old, fresh);
  const row = rowOf(fresh.dataset.repair);
  if (keep.cursor) setCursor(row, { focus: false });
  if (keep.here) row.dataset.here = keep.here;
  row.querySelector(".check").checked = keep.checked;
  markFresh(row);
}

function insert(fresh) {
  const table = document.getElementById("queue-rows");
  if (!table) return location.reload();
  const rank = body().dataset.byDue === "1" ? (row) => Number(row.dataset.due) : (row) => -Number(row.dataset.key);
  const next = rows().find((row) => rank(row) > rank(fresh));
  if (!next && "more" in body().dataset) return undefined;
  if (next === rows()[0] && "later" in body().dataset) return undefined;
  table.insertBefore(fresh, next ?? null);
  window.htmx.process(fresh);
  return markFresh(rowOf(fresh.dataset.repair));
}

function markFresh(row) {
  row.dataset.fresh = "";
  setTimeout(() => delete row.dataset.fresh, FRESH_MS);
}

function setCursor(row, { focus = true } = {}) {
  if (!row) return;
  for (const other of document.querySelectorAll(".queue-row[data-cursor]")) delete other.dataset.cursor;
  row.dataset.cursor = "";
  cursor = row.dataset.repair;
  if (!focus) return;
  row.querySelector(".queue-link").focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function current() {
  const checked = rows().filter((row) => row.querySelector(".check").checked);
  return checked.length === 1 ? checked[0] : cursor && rowOf(cursor);
}

function step(distance) {
  const all = rows();
  const here = all.findIndex((row) => row.dataset.repair === cursor);
  setCursor(all[Math.max(0, Math.min(all.length - 1, here + distance))]);
}

function act(name) {
  const row = current();
  if (!row) return false;
  openForm(`/admin/repairs/${row.dataset.repair}/${name}`);
  return true;
}

function openTicket(event) {
  const row = current();
  if (!row || event?.target?.closest?.("a, button, summary")) return false;
  location.assign(row.querySelector(".queue-link").href);
  return true;
}

function toggle() {
  const box = cursor && rowOf(cursor)?.querySelector(".check");
  if (!box) return false;
  box.checked = !box.checked;
  showSelection();
  return true;
}

function clear() {
  for (const row of rows()) row.querySelector(".check").checked = false;
  showSelection();
}

function showSelection() {
  const checked = rows().filter((row) => row.querySelector(".check").checked);
  const bar = document.getElementById("selection-bar");
  bar.hidden = checked.length === 0;
  bar.querySelector("[data-selected]").textContent = checked.map((row) => row.dataset.repair).slice(0, 3).join(", ");
  for (const button of bar.querySelectorAll('[data-do="s"], [data-do="a"], [data-do="Enter"]')) {
    button.disabled = checked.length !== 1;
  }
}

const keys = {
  j: () => step(1),
  k: () => step(-1),
  x: toggle,
  s: () => act("move"),
  a: () => act("assign"),
  Enter: openTicket,
  Escape: clear,
  "/": focusScan,
};

document.addEventListener("shop:changes", (event) => ask(event.detail.changes.map((change) => change.number)));
document.addEventListener("shop:reload", () => location.reload());
document.addEventListener("shop:presence", (event) => {
  const row = rowOf(event.detail.number);
  if (!row) return;
  if (event.detail.people.length) row.dataset.here = event.detail.people.map((person) => person.name).join(", ");
  else delete row.dataset.here;
});
document.addEventListener("change", (event) => {
  if (event.target.matches(".queue-row .check")) showSelection();
});
document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.(".queue-row");
  if (row) setCursor(row, { focus: false });
});
document.getElementById("selection-bar").addEventListener("click", (event) => {
  const name = event.target.closest("[data-do]")?.dataset.do;
  if (name) keys[name]({});
});
onKeys(keys);
whenLive(() => {});
