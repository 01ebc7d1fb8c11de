/* The rows of the queue, kept as they are in the shop: in place, without jump, under nobody's cursor. */
import { holdFocus, keepOpen } from "./focus.js";
import { whenLive } from "./live.js";
import { timed, turn } from "./pace.js";

const FRESH_MS = 30_000;
const TOGETHER_MS = 60;
const RETRY_MS = 2_000;
const LOOK_MS = 30_000;
const MOST_AT_ONCE = 100;
const waiting = new Set();
const here = new Map();
let timer = null;
let dueAt = 0;
let marked = { ticked: [], cursor: undefined, focused: -1 };
let lookedAt = new Date();

export const body = () => document.getElementById("queue-body");
export const rows = () => [...document.querySelectorAll("#queue-rows > [data-repair]")];
export const rowOf = (number) => document.querySelector(`#queue-rows > [data-repair="${CSS.escape(number)}"]`);

/** Rows are asked for together: ten changes in a moment are one request. */
export function ask(numbers, { after = turn(TOGETHER_MS) } = {}) {
  for (const number of numbers) waiting.add(number);
  const at = performance.now() + after;
  /* Nothing to ask for, or it is under way, or its turn comes before. */
  if (!waiting.size || (timer && at >= dueAt)) return;
  clearTimeout(timer);
  dueAt = at;
  timer = setTimeout(fetchRows, after);
}

async function fetchRows() {
  const numbers = [...waiting].slice(0, MOST_AT_ONCE);
  for (const number of numbers) waiting.delete(number);
  const answer = await timed(fetchPiece(body().dataset.rowsUrl, numbers)).catch(() => null);
  timer = null;
  if (answer?.status === 401) return location.reload();
  if (!answer?.ok) return ask(numbers, { after: RETRY_MS });
  const piece = document.createElement("template");
  piece.innerHTML = await answer.text();
  for (const row of piece.content.querySelectorAll("[data-repair]")) place(row);
  for (const part of piece.content.querySelectorAll("[id]")) replacePart(part);
  showCount();
  document.dispatchEvent(new Event("shop:rows"));
  return ask([]);
}

function fetchPiece(path, numbers) {
  const url = new URL(path, location.href);
  url.searchParams.set("numbers", numbers.join(","));
  return fetch(url, { headers: { "HX-Request": "true" } });
}

/* The tabs come along with their counts; a menu that is open stays open. */
const keepMenus = { callbacks: { beforeAttributeUpdated: (name, node) => !(name === "open" && node.matches("details")) } };

/* The view that this list shows is another one now: somebody changed or deleted it. */
function followView() {
  const isBusy = document.querySelector("dialog:modal") || rows().some((row) => row.querySelector(".check")?.checked);
  if (isBusy) refreshBody();
  else location.reload();
}

function replacePart(part) {
  const old = document.getElementById(part.id);
  if (old && old.dataset.shows !== part.dataset.shows) followView();
  if (old) window.Idiomorph.morph(old, part, keepMenus);
}

function place(fresh) {
  const old = rowOf(fresh.dataset.repair);
  if ("deleted" in fresh.dataset) return old && leave(old);
  if (old) return morph(old, fresh);
  return "gone" in fresh.dataset ? undefined : insert(fresh);
}

/* Its ticket was deleted; who stood on it stands on the next. */
function leave(row) {
  const next = row.nextElementSibling ?? row.previousElementSibling;
  const hadFocus = row.contains(document.activeElement);
  holdScroll(() => row.remove());
  if (hadFocus) next?.querySelector("a")?.focus({ preventScroll: true });
}

/* A row that comes again is brought up to the minute; one that changed is marked. */
function morph(old, fresh) {
  const changed = old.dataset.version !== fresh.dataset.version;
  const kept = { cursor: old.dataset.cursor, fresh: old.dataset.fresh };
  const checked = old.querySelector(".check")?.checked ?? false;
  dress(fresh);
  const row = window.Idiomorph.morph(old, fresh)[0];
  row.querySelector(".check").checked = checked;
  for (const [name, value] of Object.entries(kept)) if (value !== undefined) row.dataset[name] = value;
  if (changed) markFresh(row);
}

/* At its place in the order, unless that place is on another page. */
function insert(fresh) {
  const table = document.getElementById("queue-rows");
  if (!table) return refreshBody();
  const rank = RANKS[body().dataset.order] ?? RANKS.number;
  const all = rows();
  const next = all.find((row) => rank(row) > rank(fresh));
  if (!next && "more" in body().dataset) return undefined;
  if (next === all[0] && "later" in body().dataset) return undefined;
  dress(fresh);
  holdScroll(() => table.insertBefore(fresh, next ?? null));
  return markFresh(fresh);
}

const timeIn = (row, place) => Date.parse(row.querySelector(place)?.dateTime ?? 0);
/* What a list goes by, smallest first; the next page's rows are the server's to order. */
const RANKS = {
  due: (row) => Number(row.dataset.due),
  since: (row) => timeIn(row, ".waiting time"),
  updated: (row) => -timeIn(row, "td:nth-child(9) time"),
  priority: (row) => Number(row.dataset.priority ?? 3) * 1e11 + Number(row.dataset.due),
  number: (row) => -Number(row.dataset.repair.split("-")[1]),
};

/* What is under the eye stays there, also where the browser does not anchor by itself. */
function holdScroll(change) {
  const pane = document.querySelector("[data-scroll]");
  const mark = rows().find((row) => row.getBoundingClientRect().bottom > pane.getBoundingClientRect().top + 40);
  const before = mark?.getBoundingClientRect().top;
  change();
  if (mark && pane.scrollTop > 0) pane.scrollTop += mark.getBoundingClientRect().top - before;
}

function markFresh(row) {
  row.dataset.fresh = "";
  setTimeout(() => delete row.dataset.fresh, FRESH_MS);
}

/** What only a script can serve: the checkbox, and who else is here. */
export function dress(row) {
  const number = row.dataset.repair;
  if (!row.querySelector(".check")) row.firstElementChild.append(checkbox(number));
  showHere(row, here.get(number) ?? []);
}

export const dressAll = () => rows().forEach(dress);

function checkbox(number) {
  const hit = document.createElement("label");
  hit.className = "queue-hit";
  const box = document.createElement("input");
  Object.assign(box, { type: "checkbox", className: "check", ariaLabel: `${body().dataset.select} ${number}` });
  hit.append(box);
  return hit;
}

function showHere(row, people) {
  row.querySelector("small.here")?.remove();
  if (!people.length) return delete row.dataset.here;
  const words = document.createElement("small");
  words.className = "here";
  words.textContent = hereWords(people);
  row.dataset.here = "";
  return row.children[1].append(words);
}

function hereWords(people) {
  const { oneHere, oneWrites, moreHere } = body().dataset;
  const [first] = [...people].sort((one, other) => Boolean(other.field) - Boolean(one.field));
  const name = first.name.split(" ")[0];
  return (people.length > 1 ? moreHere : first.field ? oneWrites : oneHere).replace("{name}", name).replace("{n}", people.length - 1);
}

function showCount() {
  const place = document.querySelector("[data-shown]");
  if (place) place.textContent = rows().filter((row) => !("gone" in row.dataset)).length;
}

/** The whole list again, as after a long absence: no reload, so that an open dialog keeps its text. */
export function refreshBody() {
  window.htmx.ajax("GET", location.href, { target: "#queue-body", swap: "morph:outerHTML" });
}

/* What was ticked, and where the cursor and the focus stood, holds when the list is written anew. */
function rememberMarks() {
  marked = {
    focused: rows().findIndex((row) => row.contains(document.activeElement)),
    ticked: rows().filter((row) => row.querySelector(".check")?.checked).map((row) => row.dataset.repair),
    cursor: rows().find((row) => "cursor" in row.dataset)?.dataset.repair,
  };
}

function markAgain() {
  for (const number of marked.ticked) {
    const row = rowOf(number);
    if (row) row.querySelector(".check").checked = true;
  }
  const row = marked.cursor && rowOf(marked.cursor);
  if (row) row.dataset.cursor = "";
  if (marked.focused >= 0) focusAgain(row);
  document.dispatchEvent(new Event("shop:rows"));
}

/* In its own row, or if that is gone in the one at its place: the old element may stand for another ticket now. */
function focusAgain(row) {
  const there = row ?? rows()[Math.min(marked.focused, rows().length - 1)];
  if (there && !there.contains(document.activeElement)) there.querySelector("a").focus({ preventScroll: true });
}

/* Time passes without an event: what became overdue, and at midnight what is due today. */
function lookAtTheClock() {
  const now = new Date();
  const newDay = now.getDate() !== lookedAt.getDate();
  const due = rows().filter((row) => newDay || (row.dataset.due * 1000 > lookedAt && row.dataset.due * 1000 <= now));
  lookedAt = now;
  ask(due.map((row) => row.dataset.repair));
}

document.addEventListener("shop:changes", (event) => ask(event.detail.changes.map((change) => change.number)));
document.addEventListener("shop:reload", refreshBody);
document.addEventListener("shop:presence", ({ detail: { number, people } }) => {
  here.set(number, people);
  const row = rowOf(number);
  if (row) showHere(row, people);
});
/* After each greeting the server tells again who is where. */
whenLive(() => {
  here.clear();
  dressAll();
});
document.addEventListener("htmx:beforeSwap", rememberMarks);
document.addEventListener("htmx:afterSwap", () => {
  dressAll();
  markAgain();
  showCount();
});
dressAll();
setInterval(lookAtTheClock, LOOK_MS);
