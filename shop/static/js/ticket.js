/* The ticket: refreshed in place by what others do, without touching what is being typed; and who else is here. */
import { send, whenLive } from "./live.js";
import { focusScan, onKeys, openForm } from "./keys.js";

const page = () => document.getElementById("ticket");
const number = page().dataset.ticket ?? page().dataset.editing;
const isEditing = "editing" in page().dataset;

/* Parts that someone types in stay as they are. */
const keepTyping = {
  callbacks: {
    beforeNodeMorphed: (old) => !(old.matches?.("[data-keep]") && old.querySelector("textarea")?.value),
  },
};

async function refresh() {
  if (isEditing) return;
  const answer = await fetch(`/admin/repairs/${number}`, { headers: { "HX-Request": "true" } });
  if (answer.status === 401) location.reload();
  if (!answer.ok) return;
  const piece = document.createElement("template");
  piece.innerHTML = (await answer.text()).trim();
  const fresh = piece.content.querySelector("#ticket");
  if (!fresh || fresh.dataset.version === page().dataset.version) return;
  window.Idiomorph.morph(page(), fresh, keepTyping);
  window.htmx.process(page());
}

function showPeople(people) {
  const place = document.querySelector("[data-here-people]");
  if (!place) return;
  place.textContent = people.map((person) => (person.field ? `${person.name}: ${person.field}` : person.name)).join(", ");
  place.classList.toggle("here", people.length > 0);
}

const field = () => document.activeElement?.dataset?.typing ?? "";
const watch = () => send("watch", { number });
const tell = () => send("typing", { number, field: field() });

document.addEventListener("shop:changes", (event) => {
  if (event.detail.changes.some((change) => change.number === number)) refresh();
});
document.addEventListener("shop:reload", refresh);
document.addEventListener("shop:presence", (event) => {
  if (event.detail.number === number) showPeople(event.detail.people);
});
document.addEventListener("focusin", tell);
document.addEventListener("focusout", tell);
window.addEventListener("pagehide", () => send("unwatch", { number }));

/* Picking a side of a conflict writes it into the field, where it can still be edited. */
document.addEventListener("change", (event) => {
  const target = event.target.dataset?.fill && document.getElementById(event.target.dataset.fill);
  if (target) target.value = event.target.value;
});

onKeys({
  s: () => !isEditing && document.querySelector('[data-act="s"]') && openForm(`/admin/repairs/${number}/move`),
  a: () => !isEditing && document.querySelector('[data-act="a"]') && openForm(`/admin/repairs/${number}/assign`),
  e: () => !isEditing && location.assign(`/admin/repairs/${number}/edit`),
  n: () => document.getElementById("note-body")?.focus(),
  "/": focusScan,
});

whenLive(watch);
