/* A card in the hand: by mouse or pen from the first pixels on, by finger after a long press, so that a list still scrolls. */
import { columns, hold, letGo, nameOf, root, say, words } from "./board_cards.js";
import { isPending, mayMove, move, rule, showTrouble } from "./board_moves.js";

const SLACK = 6;
const FINGER_SLACK = 12;
const LONG_PRESS_MS = 350;
const EDGE = 56;
const FASTEST = 18;
let press = null;
let drag = null;

function onDown(event) {
  const card = event.target.closest?.("#board .card");
  if (!card || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || drag || !mayMove()) return;
  const isFinger = event.pointerType === "touch";
  press = { card, id: event.pointerId, x: event.clientX, y: event.clientY, isFinger };
  if (isFinger) press.timer = setTimeout(() => lift(press.x, press.y), LONG_PRESS_MS);
}

function onMove(event) {
  if (drag && event.pointerId === drag.id) {
    drag.x = event.clientX;
    drag.y = event.clientY;
  } else if (press && event.pointerId === press.id) {
    const far = Math.hypot(event.clientX - press.x, event.clientY - press.y);
    if (press.isFinger && far > FINGER_SLACK) forget();
    else if (!press.isFinger && far > SLACK) lift(event.clientX, event.clientY);
  }
}

function forget() {
  clearTimeout(press?.timer);
  press = null;
}

function lift(x, y) {
  const { card, id, x: startX, y: startY } = press;
  forget();
  if (isPending(card) || !card.isConnected) return;
  const box = card.getBoundingClientRect();
  const ghost = card.cloneNode(true);
  const tag = document.createElement("span");
  ghost.classList.add("card-ghost");
  ghost.removeAttribute("data-repair");
  ghost.querySelector("a").tabIndex = -1;
  ghost.setAttribute("aria-hidden", "true");
  tag.className = "card-tag";
  ghost.append(tag);
  ghost.style.width = `${box.width}px`;
  document.body.append(ghost);
  drag = { card, id, ghost, tag, x, y, dx: startX - box.left, dy: startY - box.top, over: null };
  card.dataset.lifted = "";
  document.body.dataset.dragging = "";
  hold(card.dataset.repair);
  for (const column of columns()) showRule(column, rule(card, column.dataset.column));
  say(words("lifted", { number: card.dataset.repair }));
  requestAnimationFrame(follow);
}

/* Before anything is let go, each column says what it would do. */
function showRule(column, { kind, text }) {
  column.dataset.drop = kind;
  column.querySelector("[data-drop-words]").textContent = text;
}

function follow() {
  if (!drag) return;
  const { ghost, x, y, dx, dy } = drag;
  ghost.style.left = `${x - dx}px`;
  ghost.style.top = `${y - dy}px`;
  scrollAtEdges(x, y);
  const column = document.elementFromPoint(x, y)?.closest("#board [data-column]") ?? null;
  if (column !== drag.over) hover(column);
  requestAnimationFrame(follow);
}

function hover(column) {
  delete drag.over?.dataset.over;
  drag.over = column;
  const { kind, text } = column ? rule(drag.card, column.dataset.column) : { kind: "same", text: "" };
  if (column && kind !== "same") column.dataset.over = "";
  drag.tag.textContent = text;
  drag.ghost.dataset.drop = kind;
  if (text) say(text);
}

function scrollAtEdges(x, y) {
  const pane = document.querySelector(".board-scroll");
  for (const [place, at, from, to] of [
    [document.querySelector(".board"), x, "left", "right"],
    [pane, x, "left", "right"],
    [pane, y, "top", "bottom"],
  ]) {
    const box = place.getBoundingClientRect();
    const low = Math.max(box[from], 0);
    const high = Math.min(box[to], from === "left" ? innerWidth : innerHeight);
    const speed = at < low + EDGE ? at - low - EDGE : at > high - EDGE ? at - high + EDGE : 0;
    if (speed) place[from === "left" ? "scrollLeft" : "scrollTop"] += Math.max(-FASTEST, Math.min(FASTEST, speed / 3));
  }
}

function drop() {
  const { card, over } = drag;
  const target = over?.dataset.column;
  const { kind, text } = target ? rule(card, target) : { kind: "same", text: "" };
  putDown();
  if (kind === "no") showTrouble(text);
  else if (kind !== "same") move(card, target);
  else sayBack(card);
  letGo();
}

function cancel() {
  const { card } = drag;
  putDown();
  sayBack(card);
  letGo();
}

const sayBack = (card) => say(words("back", { number: card.dataset.repair, to: nameOf(card.dataset.status) }));

function putDown() {
  drag.ghost.remove();
  delete drag.card.dataset.lifted;
  delete document.body.dataset.dragging;
  for (const column of columns()) {
    delete column.dataset.drop;
    delete column.dataset.over;
    column.querySelector("[data-drop-words]").textContent = "";
  }
  drag = null;
  /* The press that ends here opens no ticket. */
  addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", swallow, { capture: true }), 0);
}

function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}

function onUp(event) {
  forget();
  if (drag?.id === event.pointerId) drop();
}

function onCancel(event) {
  forget();
  if (drag?.id === event.pointerId) cancel();
}

function onKey(event) {
  if (event.key !== "Escape" || !drag) return;
  swallow(event);
  cancel();
}

export function startDragging() {
  document.addEventListener("pointerdown", onDown);
  document.addEventListener("pointermove", onMove);
  document.addEventListener("pointerup", onUp);
  document.addEventListener("pointercancel", onCancel);
  document.addEventListener("keydown", onKey, { capture: true });
  document.addEventListener("dragstart", (event) => event.target.closest?.("#board .card") && event.preventDefault());
  /* A card in the hand does not scroll what lies under it, nor open the browser's menu of links. */
  document.addEventListener("touchmove", (event) => drag && event.preventDefault(), { passive: false });
  document.addEventListener("contextmenu", (event) => {
    if ((drag || press?.isFinger) && root().contains(event.target)) event.preventDefault();
  });
  window.addEventListener("blur", () => drag && cancel());
}
