/* The cards of the board, kept as they are in the shop: in place, under nobody's hand, without losing the focus. */
import "./dialog_presence.js";
import { whenLive } from "./live.js";
import { timed, turn } from "./pace.js";

const FRESH_MS = 30_000;
const TOGETHER_MS = 60;
const RETRY_MS = 2_000;
const LOOK_MS = 30_000;
const REFILL_MS = 500;
const FEW = 12;
const MOST_AT_ONCE = 100;
const waiting = new Set();
const here = new Map();
let timer = null;
let dueAt = 0;
let refill = null;
let held = null;
let lookedAt = Date.now();

export const root = () => document.getElementById("board");
export const columns = () => [...document.querySelectorAll("#board [data-column]")];
export const columnOf = (status) => document.querySelector(`#board [data-column="${CSS.escape(status)}"]`);
export const cards = (inside = root()) => [...inside.querySelectorAll(".board-cards > .card")];
export const cardOf = (number) => document.querySelector(`#board .card[data-repair="${CSS.escape(number)}"]`);
export const linkOf = (card) => card.querySelector("a");

/** The words of the page, with what stands in braces filled in. */
export function words(name, values = {}) {
  const text = JSON.parse(root().dataset.words)[name] ?? "";
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

export const nameOf = (status) => columnOf(status)?.querySelector(".board-name").textContent ?? status;

export function say(text) {
  document.getElementById("board-said").textContent = text;
}

/** While a card is in the hand, news of it wait. */
export function hold(number) {
  held = number;
}

export function letGo() {
  const number = held;
  held = null;
  if (number) ask([number]);
}

/** Cards are asked for together: ten changes in a moment are one request. */
export function ask(numbers, { after = turn(TOGETHER_MS) } = {}) {
  for (const number of numbers) waiting.add(number);
  const at = performance.now() + after;
  /* Nothing to ask for, or it is under way, or its turn comes before. */
  if (!waiting.size || (timer && at >= dueAt)) return;
  clearTimeout(timer);
  dueAt = at;
  timer = setTimeout(fetchCards, after);
}

async function fetchCards() {
  const numbers = [...waiting].slice(0, MOST_AT_ONCE);
  for (const number of numbers) waiting.delete(number);
  const url = new URL(root().dataset.newsUrl, location.href);
  url.searchParams.set("numbers", numbers.join(","));
  const answer = await timed(fetch(url, { headers: { "HX-Request": "true" } })).catch(() => null);
  timer = null;
  if (answer?.status === 401) return location.reload();
  if (!answer?.ok) return ask(numbers, { after: RETRY_MS });
  take(await answer.text());
  return ask([]);
}

function take(html) {
  const piece = document.createElement("template");
  piece.innerHTML = html;
  const list = piece.content.querySelector("[data-cards]");
  for (const fresh of [...list.children]) if (fresh.dataset.repair !== held) place(fresh);
  for (const part of piece.content.querySelectorAll("[id]")) {
    const old = document.getElementById(part.id);
    if (old && old.dataset.shows !== part.dataset.shows) followView();
    if (old) window.Idiomorph.morph(old, part, keepMenus);
  }
  showNumbers(JSON.parse(list.dataset.numbers));
}

/* The view that this board shows is another one now: somebody changed or deleted it. */
function followView() {
  if (held || document.querySelector("dialog:modal")) refreshBoard();
  else location.reload();
}

const keepMenus = { callbacks: { beforeAttributeUpdated: (name, node) => !(name === "open" && node.matches("details")) } };

function place(fresh) {
  const old = cardOf(fresh.dataset.repair);
  if ("deleted" in fresh.dataset) return old && leave(old);
  const column = columnOf(fresh.dataset.status)?.querySelector(".board-cards");
  if (!old) return "gone" in fresh.dataset || !column ? undefined : insert(column, fresh);
  const isSame = old.dataset.version === fresh.dataset.version;
  const before = old.dataset.status;
  const card = window.Idiomorph.morph(old, fresh)[0];
  delete card.dataset.pending;
  showHere(card);
  if (!column) return leave(card);
  if (!isSame) markFresh(card);
  if (before !== card.dataset.status || card.parentElement !== column || !isSame) putInOrder(card);
  return card;
}

/* What is closed has left the board; who stood on it stands on the next. */
function leave(card) {
  const next = card.nextElementSibling ?? card.previousElementSibling;
  const hadFocus = card.contains(document.activeElement);
  card.remove();
  if (hadFocus && next) linkOf(next).focus({ preventScroll: true });
}

function insert(column, card) {
  const last = column.lastElementChild;
  const isCut = !moreOf(column).hidden;
  if (isCut && last && rank(card) > rank(last)) return;
  column.insertBefore(card, placeIn(column, card));
  showHere(card);
  markFresh(card);
}

/** Moves a card to its place in the column of its status, or of `status`; the focus stays on it. */
export function putInOrder(card, status = card.dataset.status) {
  const column = columnOf(status)?.querySelector(".board-cards");
  if (!column) return;
  const hadFocus = card.contains(document.activeElement);
  column.insertBefore(card, placeIn(column, card));
  if (hadFocus) linkOf(card).focus({ preventScroll: true });
}

const placeIn = (column, card) => cards(column.parentElement).find((other) => other !== card && rank(other) > rank(card)) ?? null;

const RANKS = {
  due: ({ due }) => Number(due),
  since: ({ since }) => Number(since),
  updated: ({ updated }) => -Number(updated),
  priority: ({ priority, due }) => Number(priority ?? 3) * 1e11 + Number(due),
  number: ({ repair }) => -Number(repair.split("-")[1]),
};
const rank = (card) => (RANKS[root().dataset.order] ?? RANKS.due)(card.dataset);

const moreOf = (column) => column.parentElement.querySelector("[data-more]");

/* `numbers` is null where only the cards themselves can be counted. */
function showNumbers(numbers) {
  for (const column of columns().filter((one) => one.querySelector(".board-cards"))) {
    const { column: status } = column.dataset;
    const shown = cards(column).filter((card) => !("gone" in card.dataset)).length;
    const more = column.querySelector("[data-more]");
    if (!numbers && !more.hidden) continue;
    const all = numbers ? (numbers[status] ?? 0) : shown;
    column.querySelector("[data-count]").textContent = all;
    for (const chip of document.querySelectorAll(`[data-count-of="${status}"]`)) chip.textContent = all;
    more.hidden = all <= shown;
    if (all > shown) more.textContent = words("more", { n: all - shown });
    if (all > shown && shown < FEW) refillSoon();
  }
}

/* A column that was cut and has become short is filled again, at rest. */
function refillSoon() {
  refill ??= setTimeout(() => {
    refill = null;
    if (held) refillSoon();
    else refreshBoard();
  }, REFILL_MS);
}

/** The whole board again, as after a long absence: no reload, so that an open dialog keeps its text. */
export function refreshBoard() {
  window.htmx.ajax("GET", root().dataset.url, { target: "#board", swap: "morph:outerHTML" });
}

function markFresh(card) {
  card.dataset.fresh = "";
  setTimeout(() => delete card.dataset.fresh, FRESH_MS);
}

function showHere(card) {
  card.querySelector(".here")?.remove();
  const people = here.get(card.dataset.repair) ?? [];
  if (!people.length) return;
  const mark = document.createElement("small");
  mark.className = "here";
  const { oneHere, oneWrites, moreHere } = root().dataset;
  const writer = people.find((person) => person.field);
  const [name] = (writer ?? people[0]).name.split(" ");
  mark.textContent = writer ? oneWrites.replace("{name}", name) : name;
  mark.title = (people.length > 1 ? moreHere : writer ? oneWrites : oneHere).replace("{name}", name).replace("{n}", people.length - 1);
  linkOf(card).after(mark);
}

/* Time passes without an event: what became overdue. */
function lookAtTheClock() {
  const now = Date.now();
  const due = cards().filter((card) => card.dataset.due * 1000 > lookedAt && card.dataset.due * 1000 <= now);
  lookedAt = now;
  ask(due.map((card) => card.dataset.repair));
}

document.addEventListener("shop:changes", (event) => ask(event.detail.changes.map((change) => change.number)));
document.addEventListener("shop:reload", refreshBoard);
document.addEventListener("shop:presence", ({ detail: { number, people } }) => {
  here.set(number, people);
  const card = cardOf(number);
  if (card) showHere(card);
});
/* After each greeting the server tells again who is where. */
whenLive(() => {
  here.clear();
  cards().forEach(showHere);
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "dialogs") cards().forEach(showHere);
});
setInterval(lookAtTheClock, LOOK_MS);
