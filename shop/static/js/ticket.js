/* The ticket: brought up to date in place, without touching what is being typed; and who else is here. */
import { send, whenLive } from "./live.js";
import { otherTicket } from "./dialog_presence.js";
import { copyNumber } from "./copy.js";
import { holdFocus, keepOpen } from "./focus.js";
import { openForm, registerKeys } from "./keys.js";
import { rememberTicket } from "./recent.js";
import { leave, startWay, step } from "./ticket_way.js";
import "./till.js";

const page = () => document.getElementById("ticket");
const number = page().dataset.ticket ?? page().dataset.editing;
const isEditing = "editing" in page().dataset;
const SETTLE_MS = 150;
const LEAVING_MS = 2_500;
let told = null;

/* What someone types in stays as it is, and what they opened stays open. */
const keep = {
  callbacks: {
    beforeNodeMorphed: (old) =>
      !old.matches?.("[data-way-back]") && !(old.matches?.("[data-keep]") && old.querySelector("textarea")?.value),
    /* A ticket that was merged away takes no notes: one that is being written stays to be copied. */
    beforeNodeRemoved: (old) => !(old.matches?.("[data-keep]") && old.querySelector("textarea")?.value),
    beforeAttributeUpdated: keepOpen,
  },
};

async function refresh() {
  if (isEditing) return;
  const answer = await fetch(`/admin/repairs/${number}`, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (answer?.status === 401) location.reload();
  if (!answer?.ok) return;
  const piece = document.createElement("template");
  piece.innerHTML = (await answer.text()).trim();
  const fresh = piece.content.querySelector("#ticket");
  if (!fresh || fresh.dataset.version === page().dataset.version) return;
  const people = document.querySelector("[data-here-people]").innerHTML;
  holdFocus(() => window.Idiomorph.morph(page(), fresh, keep), () => document.getElementById("ticket-title"));
  document.querySelector("[data-here-people]").innerHTML = people;
  document.dispatchEvent(new Event("shop:morphed"));
  window.htmx.process(page());
}

function showPeople(people) {
  const place = document.querySelector("[data-here-people]");
  const { here, typing, fields } = place.dataset;
  const known = JSON.parse(fields);
  const words = people.map(({ name, field }) =>
    (known[field] ? typing : here).replace("{name}", name.split(" ")[0]).replace("{field}", known[field]),
  );
  place.textContent = words.join(", ");
  place.classList.toggle("here", words.length > 0);
  showAtFields(people, place.dataset.typingHere);
}

/* Who types in a field is told at its label, too, for whoever is about to write there. */
function showAtFields(people, words) {
  for (const old of document.querySelectorAll("[data-field-here]")) old.remove();
  for (const { name, field } of people) {
    const control = field && document.querySelector(`[data-typing="${CSS.escape(field)}"]`);
    const label = control && document.querySelector(`label[for="${CSS.escape(control.id)}"]`);
    if (!label) continue;
    const mark = document.createElement("span");
    Object.assign(mark, { className: "here field-here", textContent: words.replace("{name}", name.split(" ")[0]) });
    mark.dataset.fieldHere = field;
    label.after(mark);
  }
}

/* Moving from field to field is one message, not two. */
function tellField() {
  setTimeout(() => {
    const active = document.activeElement;
    const field = otherTicket(active?.closest("dialog")) ? "" : active?.dataset?.typing ?? "";
    if (field === told) return;
    told = field;
    send("typing", { number, field });
  }, SETTLE_MS);
}

function watch() {
  told = null;
  send("watch", { number });
  tellField();
}

/* A form whose text was stored is empty again. */
function emptySent(event) {
  const form = event.target.closest?.("[data-resets]");
  for (const area of form?.querySelectorAll("textarea") ?? []) {
    area.value = "";
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

document.addEventListener("shop:changes", (event) => {
  if (event.detail.changes.some((change) => change.number === number)) refresh();
});
document.addEventListener("shop:reload", refresh);
/* A message that was due has left when the workers have looked again. */
document.addEventListener("shop:left", () => setTimeout(refresh, LEAVING_MS));
document.addEventListener("acted", (event) => {
  emptySent(event);
  refresh();
});
document.addEventListener("shop:presence", (event) => {
  if (event.detail.number === number) showPeople(event.detail.people);
});
document.addEventListener("focusin", tellField);
document.addEventListener("focusout", tellField);
window.addEventListener("pagehide", () => send("unwatch", { number }));

/* Picking a side of a conflict writes it into the field, where it can still be edited. */
document.addEventListener("change", (event) => {
  const target = event.target.dataset?.fill && document.getElementById(event.target.dataset.fill);
  if (!target) return;
  target.value = event.target.value;
  target.dispatchEvent(new Event("input", { bubbles: true }));
});

/* A key does what its control does, and nothing where there is none. */
function useControl(key) {
  const control = document.querySelector(`.ticket-acts [aria-keyshortcuts="${key}"], #ticket [data-act="${key}"]`);
  if (!control) return false;
  control.focus();
  return control.click();
}

function writeNote() {
  const area = document.getElementById("note-body");
  if (!area) return false;
  area.focus();
  return area.scrollIntoView({ block: "nearest" });
}

const keys = {
  status: () => useControl("s"),
  assign: () => useControl("a"),
  priority: () => useControl("p"),
  tags: () => useControl("g"),
  branch: () => useControl("h"),
  duplicate: () => useControl("d"),
  labels: () => document.querySelector("#ticket [data-label]")?.click() ?? true,
  pay: () => useControl("y"),
  edit: () => useControl("e"),
  note: writeNote,
  copy: () => copyNumber(number),
  next: (event) => event.repeat || void step(1),
  previous: (event) => event.repeat || void step(-1),
  leave,
};

/* Out of the note to the ticket: what was typed stays, and the keys work again. */
function leaveNote(event) {
  if (event.key !== "Escape" || event.target.id !== "note-body" || event.isComposing) return;
  event.stopPropagation();
  document.getElementById("ticket-title").focus();
}

if (!isEditing) {
  registerKeys(keys);
  startWay(number);
  document.addEventListener("keydown", leaveNote);
}
rememberTicket(number);
whenLive(watch);
