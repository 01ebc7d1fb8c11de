/* Which tickets are chosen: some by number, kept while the list is leafed through, or all that the view holds. */
import { body, rowOf, rows } from "./rows.js";

const SHELF = `selection:${location.pathname}`;
const chosen = new Set();
/* {view, count} when everything that the view holds is meant. */
let whole = null;
let anchor = null;

/* Without the place in the list: all pages of a view are one view. */
function viewOf() {
  const view = new URLSearchParams(location.search);
  view.delete("after");
  return `?${view}`;
}

const isChecked = (row) => row.querySelector(".check").checked;
const bar = () => document.getElementById("selection-bar");

export const numbers = () => [...chosen];
export const amount = () => whole?.count ?? chosen.size;
export const isWhole = () => Boolean(whole);

/** What a form about them sends. */
export function asFields() {
  return whole ? { view: whole.view, amount: whole.count } : { numbers: numbers().join(","), amount: chosen.size };
}

/* On another page of the same view they are still chosen; in another view they would be out of sight. */
function store() {
  try {
    const kept = { view: viewOf(), numbers: numbers(), whole };
    if (amount()) sessionStorage.setItem(SHELF, JSON.stringify(kept));
    else sessionStorage.removeItem(SHELF);
  } catch {
    /* Without storage they are chosen on this page only. */
  }
}

function restore() {
  const kept = JSON.parse(sessionStorage.getItem(SHELF) ?? "null");
  if (kept?.view !== viewOf()) return;
  kept.numbers.forEach((number) => chosen.add(number));
  whole = kept.whole;
}

/** The rows as they are chosen, and the bar. */
export function show() {
  for (const row of rows()) row.querySelector(".check").checked = Boolean(whole) || chosen.has(row.dataset.repair);
  showHead();
  showBar();
  store();
}

/* Like those of the rows, only a script can serve it. */
function headBox() {
  const cell = document.querySelector(".queue-head > td");
  if (!cell) return null;
  if (!cell.firstChild) {
    const hit = document.createElement("label");
    hit.className = "queue-hit";
    const box = document.createElement("input");
    Object.assign(box, { type: "checkbox", className: "check", id: "select-page", ariaLabel: body().dataset.selectPage });
    hit.append(box);
    cell.append(hit);
  }
  return document.getElementById("select-page");
}

function showHead() {
  const box = headBox();
  if (!box) return;
  const ticked = rows().filter(isChecked).length;
  box.checked = ticked > 0 && ticked === rows().length;
  box.indeterminate = ticked > 0 && !box.checked;
}

function showBar() {
  const words = bar().dataset;
  const count = amount();
  const inWords = count.toLocaleString(document.documentElement.lang);
  bar().hidden = count === 0;
  bar().querySelector("[data-selected]").textContent = isWhole()
    ? words.wholeWords.replace("{n}", inWords)
    : count > 1 ? words.manyWords.replace("{n}", inWords) : numbers()[0] ?? "";
  for (const button of bar().querySelectorAll("[data-one]")) button.hidden = count !== 1;
  for (const button of bar().querySelectorAll("[data-several]")) button.hidden = count < 2;
  const all = bar().querySelector("[data-do=select_all]");
  const isPage = rows().length > 1 && rows().every(isChecked);
  all.hidden = isWhole() || !isPage || !("more" in body().dataset || "later" in body().dataset);
}

export function set(row, isOn) {
  whole = null;
  if (isOn) chosen.add(row.dataset.repair);
  else chosen.delete(row.dataset.repair);
  anchor = row.dataset.repair;
  show();
}

export function toggle(row) {
  /* Out of all, one is taken: then those on the page are meant, and no others. */
  if (whole) rows().forEach((each) => chosen.add(each.dataset.repair));
  set(row, !isChecked(row));
}

/** All from the one that was ticked last to this one. */
export function selectTo(row) {
  const all = rows();
  const from = Math.max(0, all.findIndex((each) => each.dataset.repair === anchor));
  const to = all.indexOf(row);
  const start = anchor && rowOf(anchor) ? from : to;
  whole = null;
  for (const each of all.slice(Math.min(start, to), Math.max(start, to) + 1)) chosen.add(each.dataset.repair);
  anchor = row.dataset.repair;
  show();
}

export function selectPage(isOn = true) {
  whole = null;
  for (const row of rows()) chosen[isOn ? "add" : "delete"](row.dataset.repair);
  show();
}

/** Everything that the view holds, also on its other pages; on the first press, the page. */
export async function selectAll() {
  if (!rows().length) return;
  const isMore = "more" in body().dataset || "later" in body().dataset;
  if (!rows().every(isChecked) || !isMore) return selectPage();
  const view = viewOf();
  const answer = await fetch(`/admin/bulk/count${view}`, { headers: { Accept: "application/json" } }).catch(() => null);
  if (answer?.status === 401) return location.reload();
  if (!answer?.ok) return;
  const { count, most, more } = await answer.json();
  if (more) return tell(bar().dataset.tooMany.replace("{n}", most.toLocaleString(document.documentElement.lang)));
  chosen.clear();
  whole = { view, count };
  show();
}

function tell(message) {
  document.body.dispatchEvent(new CustomEvent("toast", { detail: { message }, bubbles: true }));
}

/** False if nothing was chosen. */
export function clear() {
  if (!amount()) return false;
  chosen.clear();
  whole = null;
  anchor = null;
  return show();
}

/** What is chosen in the list that stands here now: what was chosen in its view before, or what was pasted. */
export function renew() {
  chosen.clear();
  whole = null;
  anchor = null;
  restore();
  /* Whoever pastes numbers means to do something with them: what was found is chosen at once. */
  if ("pasted" in body().dataset && !amount()) rows().forEach((row) => chosen.add(row.dataset.repair));
}

/* With Shift a click takes all between; the browser itself ticks the one. */
document.addEventListener("click", (event) => {
  const box = event.target.closest?.("#queue-rows .check");
  if (box && event.shiftKey) selectTo(box.closest("[data-repair]"));
});
document.addEventListener("change", (event) => {
  const row = event.target.matches("#queue-rows .check") && event.target.closest("[data-repair]");
  if (row && whole) rows().forEach((each) => chosen.add(each.dataset.repair));
  if (row) set(row, event.target.checked);
  if (event.target.id === "select-page") selectPage(event.target.checked);
});
document.addEventListener("shop:rows", show);
renew();
