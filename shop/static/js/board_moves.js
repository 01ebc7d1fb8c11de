/* What letting a card go over a column does: the same move as the form's, with the same checks on the server. */
import { openForm } from "./keys.js";
import { answered } from "./once.js";
import { ask, cardOf, nameOf, putInOrder, root, say, words } from "./board_cards.js";

const TARGETS = new WeakMap();
const NETWORK = 0;
const DONE = 204;
/* A dialog asks on: what the message says, or what is missing. */
const ASKS = 200;

/** {kind, text}: `go`, `ask` (a form opens first), `tell` (the server shows the message first), `no`, or `same` for
    where the card is already. */
export function rule(card, status) {
  const { status: from } = card.dataset;
  if (status === from) return { kind: "same", text: "" };
  const found = JSON.parse(root().dataset.moves)[from]?.[status];
  const names = { from: nameOf(from), to: nameOf(status) };
  if (!found) return { kind: "no", text: words("no", names) };
  if (found === "right") return { kind: "no", text: words("right", names) };
  const asks = found.split(" ");
  if (asks.includes("field") && !("diagnosed" in card.dataset)) return { kind: "ask", text: words("field", names) };
  if (asks.includes("tell")) return { kind: "tell", text: words("tell", names) };
  return { kind: "go", text: words("go", names) };
}

export const mayMove = () => "moves" in root().dataset;
export const isPending = (card) => "pending" in card.dataset;

/** Moves the card, or opens the form that asks for what is missing. A second drop waits for the first. */
export function move(card, status) {
  const { kind, text } = rule(card, status);
  const { repair: number } = card.dataset;
  hideTrouble();
  if (isPending(card)) return say(words("still", { number }));
  if (kind === "no") return showTrouble(text);
  if (kind === "ask") return openForm(`/admin/repairs/${number}/move?target=${status}`);
  return kind === "same" ? undefined : send(card, status, { atOnce: kind === "go" });
}

/* Shown at once where it goes, unless the customer's message is read first; the server has the last word. */
function send(card, status, { atOnce }) {
  const { repair: number, status: seen } = card.dataset;
  if (TARGETS.get(card) !== status) answered(card);
  TARGETS.set(card, status);
  card.dataset.pending = "";
  if (atOnce) putInOrder(card, status);
  say(words("working", { number }));
  const values = { target: status, seen };
  window.htmx.ajax("POST", `/admin/repairs/${number}/move`, { source: card, target: "#dialogs", swap: "innerHTML", values }).catch(() => null);
}

function noteAnswer(event) {
  const card = event.detail.elt;
  if (!card.matches?.("#board .card") || event.detail.requestConfig?.verb !== "post") return;
  const { repair: number } = card.dataset;
  const status = TARGETS.get(card);
  if (event.detail.xhr.status === DONE) {
    say(words("moved", { number, to: nameOf(status) }));
    return ask([number]);
  }
  delete card.dataset.pending;
  putInOrder(card);
  return explain(card, status, event.detail.xhr.status);
}

function explain(card, status, code) {
  const { repair: number } = card.dataset;
  if (code === ASKS) return undefined;
  ask([number]);
  if (code === 409 || code === 422) return say(words(code === 409 ? "changed" : "back", { number, to: nameOf(card.dataset.status) }));
  if (code === 403 || code === 404) return showTrouble(words("denied", { number }));
  const name = code === NETWORK ? "cut" : "failed";
  return showTrouble(words(name, { number }), () => {
    const again = cardOf(number);
    if (again) move(again, status);
  });
}

const trouble = () => document.getElementById("board-trouble");
let retry = null;

export function showTrouble(text, again = null) {
  retry = again;
  trouble().querySelector(".banner-text").textContent = text;
  trouble().querySelector("[data-retry]").hidden = !again;
  trouble().hidden = false;
}

export function hideTrouble() {
  trouble().hidden = true;
}

document.addEventListener("htmx:afterRequest", noteAnswer);
document.addEventListener("click", (event) => {
  if (event.target.closest("#board-trouble [data-retry]")) {
    hideTrouble();
    retry?.();
  }
  if (event.target.closest("#board-trouble [data-hide]")) hideTrouble();
});
/* By the form, on the board or in another window of this person. */
document.addEventListener("acted", (event) => ask([event.detail.number], { after: 0 }));
