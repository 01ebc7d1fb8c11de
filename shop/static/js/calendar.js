/* The calendar: a cursor over appointments, single keys, drag to another time. The server decides; this only asks. */
import "./live.js";
import { isElsewhere, openForm, registerKeys } from "./keys.js";

const TOGETHER_MS = 150;
const EVERY_MS = 60_000;
let timer = null;
let dragged = null;

const body = () => document.getElementById("calendar-body");
const entries = () => [...document.querySelectorAll("#calendar-body .cal-entry")].filter((one) => one.checkVisibility());
const current = () => document.activeElement?.closest?.(".cal-entry") ?? null;
const may = (act) => body().dataset.acts.split(" ").includes(act);

/* On a phone the list is the calendar, unless another view was asked for. */
if (body().dataset.named === "0" && window.matchMedia("(max-width: 720px)").matches) {
  const url = new URL(location.href);
  url.searchParams.set("view", "agenda");
  location.replace(url);
}

function focus(entry) {
  entry?.focus({ preventScroll: true });
  entry?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function step(distance) {
  const all = entries();
  if (!all.length) return false;
  const at = all.indexOf(current());
  if (at < 0) return focus(all.find((one) => Date.parse(one.dataset.at) >= Date.now()) ?? all[0]);
  return focus(all[Math.max(0, Math.min(all.length - 1, at + distance))]);
}

/* To the column beside it: the appointment that is nearest in time of day. */
function aside(distance) {
  const cell = current()?.closest("td");
  if (!cell) return step(distance);
  const row = cell.closest("tr");
  const rows = [...row.parentElement.rows];
  for (let column = cell.cellIndex + distance; column > 0 && column < row.cells.length; column += distance) {
    const found = rows.filter((one) => one.cells[column]?.querySelector(".cal-entry"));
    const near = found.sort((one, other) => Math.abs(one.rowIndex - row.rowIndex) - Math.abs(other.rowIndex - row.rowIndex))[0];
    if (near) return focus(near.cells[column].querySelector(".cal-entry"));
  }
  return false;
}

function formOf(act, entry, values = {}) {
  const url = new URL(`${body().dataset.base}${entry.dataset.number}/${act}`, location.href);
  for (const [name, value] of Object.entries({ ...values, back: body().dataset.here })) url.searchParams.set(name, value);
  openForm(url.pathname + url.search);
}

function ask(act) {
  const entry = current();
  if (!entry || !may("move")) return false;
  return formOf(act, entry);
}

function arrive() {
  const entry = current();
  if (!entry || !may("arrive")) return false;
  return window.htmx.ajax("POST", `${body().dataset.base}${entry.dataset.number}/arrive`, { target: "#dialogs", swap: "none" });
}

function block() {
  if (!may("plan")) return false;
  const url = new URL(`${body().dataset.base}block`, location.href);
  const at = current()?.dataset.at;
  if (at) url.searchParams.set("at", at);
  url.searchParams.set("back", body().dataset.here);
  return openForm(url.pathname + url.search);
}

const follow = (key) => () => {
  const link = document.querySelector(`#calendar-body a[data-key="${CSS.escape(key)}"]`);
  if (!link) return false;
  return location.assign(link.href);
};

registerKeys({
  next: () => step(1),
  previous: () => step(-1),
  open: (event) => (event.target.closest?.("a, button, summary") ? false : current()?.click()),
  left: () => (current() ? aside(-1) : false),
  right: () => (current() ? aside(1) : false),
  arrived: arrive,
  rebook: () => ask("move"),
  missed: () => ask("missed"),
  block_out: block,
  earlier: follow("["),
  later: follow("]"),
  today: follow("n"),
  as_day: follow("d"),
  as_week: follow("w"),
  as_agenda: follow("v"),
});

/* Arrows walk over the table while an appointment has the focus; else they scroll. */
const ARROWS = { ArrowDown: () => step(1), ArrowUp: () => step(-1) };
document.addEventListener("keydown", (event) => {
  if (!(event.key in ARROWS) || !current() || isElsewhere(event)) return;
  ARROWS[event.key]();
  event.preventDefault();
});

/* Brought up to date in place: what has the focus keeps it. */
function refresh() {
  timer ??= setTimeout(refreshNow, TOGETHER_MS);
}

function refreshNow() {
  clearTimeout(timer);
  timer = null;
  if (dragged) return refresh();
  return window.htmx.ajax("GET", body().dataset.here, { target: "#calendar-body", swap: "morph:outerHTML" });
}

/* Drag: a cell says by itself what it takes, and else why not. */
function refusal(cell) {
  const service = dragged.dataset.service === "pickup" ? "pickup" : "inStore";
  if (service in cell.dataset) return "";
  return cell.dataset.why || body().dataset.noStart;
}

function showReason(words) {
  document.querySelector(".cal-reason")?.remove();
  if (!words) return;
  const note = document.createElement("p");
  note.className = "cal-reason";
  note.setAttribute("role", "status");
  note.textContent = words;
  document.body.append(note);
}

function clearOver() {
  for (const cell of document.querySelectorAll(".cal-cell[data-over]")) delete cell.dataset.over;
}

function over(event) {
  const cell = dragged && event.target.closest?.(".cal-cell");
  if (!cell) return;
  event.preventDefault();
  if (cell.dataset.over) return;
  clearOver();
  const why = refusal(cell);
  cell.dataset.over = why ? "no" : "yes";
  showReason(why);
}

function drop(event) {
  const cell = dragged && event.target.closest?.(".cal-cell");
  if (!cell) return;
  event.preventDefault();
  const why = refusal(cell);
  if (why) {
    document.body.dispatchEvent(new CustomEvent("toast", { detail: { message: `${dragged.dataset.number}: ${why}` } }));
    return;
  }
  const values = { slot_start: cell.dataset.at };
  if ("who" in cell.dataset) values.who = cell.dataset.who;
  focus(dragged);
  formOf("move", dragged, values);
}

document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.(".cal-entry[draggable=true]") ?? null;
  if (!dragged) return;
  dragged.dataset.dragged = "";
  event.dataTransfer.setData("text/plain", dragged.dataset.number);
  event.dataTransfer.effectAllowed = "move";
});
document.addEventListener("dragover", over);
document.addEventListener("drop", drop);
document.addEventListener("dragend", () => {
  if (dragged) delete dragged.dataset.dragged;
  dragged = null;
  clearOver();
  showReason("");
});
/* One's own act is seen at once; what others do may wait for more of it. */
document.addEventListener("acted", refreshNow);
document.addEventListener("shop:changes", refresh);
document.addEventListener("shop:reload", refresh);
setInterval(refresh, EVERY_MS);
