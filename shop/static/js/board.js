/* The board: a cursor that goes from card to card and column to column, and single keys. */
import "./live.js";
import { copyNumber } from "./copy.js";
import { openForm, registerKeys } from "./keys.js";
import { cardOf, cards, columns, linkOf, nameOf, root, say, words } from "./board_cards.js";
import { startDragging } from "./board_drag.js";
import { mayMove } from "./board_moves.js";

let cursor = null;

const filled = () => columns().filter((column) => cards(column).length);
const current = () => (cursor && cardOf(cursor)) || null;

/* One card is in the order of the tab key; from it the arrows lead to all others. */
function setCursor(card) {
  cursor = card.dataset.repair;
  for (const other of cards()) linkOf(other).tabIndex = other === card ? 0 : -1;
}

function rove() {
  const card = current() ?? cards()[0];
  if (card) setCursor(card);
}

function go(card) {
  if (!card) return false;
  setCursor(card);
  linkOf(card).focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest", inline: "nearest" });
  const column = card.closest("[data-column]");
  const all = cards(column);
  return say(words("place", { number: cursor, to: nameOf(column.dataset.column), n: all.indexOf(card) + 1, all: all.length }));
}

function step(distance) {
  const card = current();
  if (!card || !card.contains(document.activeElement)) return go(card ?? cards()[0]);
  const all = cards(card.closest("[data-column]"));
  return go(all[Math.max(0, Math.min(all.length - 1, all.indexOf(card) + distance))]);
}

/* To the nearest column that has cards, at about the same height. */
function aside(distance) {
  const card = current();
  if (!card || !card.contains(document.activeElement)) return go(card ?? cards()[0]);
  const all = filled();
  const column = all[all.indexOf(card.closest("[data-column]")) + distance];
  if (!column) return go(card);
  const { top } = card.getBoundingClientRect();
  const far = (other) => Math.abs(other.getBoundingClientRect().top - top);
  return go(cards(column).reduce((best, other) => (far(other) < far(best) ? other : best)));
}

function act(name) {
  const card = current();
  if (!card || (name === "move" && !mayMove())) return false;
  linkOf(card).focus({ preventScroll: true });
  return openForm(`/admin/repairs/${cursor}/${name}`);
}

function open(event) {
  const card = current();
  if (!card || event.target?.closest?.("a, button, summary")) return false;
  return location.assign(linkOf(card).href);
}

function goToView(event) {
  const tab = document.querySelectorAll(".tabs > .tab")[Number(event.key) - 1];
  return tab ? location.assign(tab.href) : false;
}

const isOnCard = (event) => Boolean(event.target.closest?.("#board .card"));
const ARROWS = { ArrowDown: 1, ArrowUp: -1 };

document.addEventListener("keydown", (event) => {
  if (!ARROWS[event.key] || event.altKey || event.ctrlKey || event.metaKey || !isOnCard(event)) return;
  event.preventDefault();
  step(ARROWS[event.key]);
});
document.addEventListener("focusin", (event) => {
  const card = event.target.closest?.("#board .card");
  if (card) setCursor(card);
});
/* The whole card leads to its ticket, the link in it for whoever cannot press. */
document.addEventListener("click", (event) => {
  const card = event.target.closest?.("#board .card");
  if (card && !event.target.closest("a")) linkOf(card).click();
});

/* How many columns lie beyond the edge. */
function showHidden() {
  const place = document.querySelector("[data-hidden-columns]");
  if (!place) return;
  const edge = document.querySelector(".board-scroll").getBoundingClientRect().right;
  const hidden = columns().filter((column) => column.getBoundingClientRect().left > edge - 24).length;
  place.textContent = hidden ? place.dataset.words.replace("{n}", hidden) : "";
}

registerKeys({
  next: () => step(1),
  previous: () => step(-1),
  left: (event) => isOnCard(event) && aside(-1),
  right: (event) => isOnCard(event) && aside(1),
  move: () => act("move"),
  status: () => act("move"),
  assign: () => (mayMove() ? act("assign") : false),
  note: () => (mayMove() ? act("notes") : false),
  open,
  copy: () => (cursor ? copyNumber(cursor) : false),
  view: goToView,
});
new MutationObserver(rove).observe(root().parentElement, { childList: true, subtree: true });
document.querySelector(".board-scroll").addEventListener("scroll", showHidden, { passive: true });
window.addEventListener("resize", showHidden);
startDragging();
rove();
showHidden();
