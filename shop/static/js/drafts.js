/* Nothing typed is lost: every form of the console that is sent by POST and has text in it reports what is typed, two
   seconds after a key at most, and brings it back when it is opened again. A form does nothing for it; `data-no-draft`
   on a form or a field keeps it out, as do passwords and codes. */
import { texts } from "./draft_fields.js";
import { Typing } from "./draft_form.js";
import { leftHere, person, purge, sendLeft } from "./draft_store.js";

const typings = new WeakMap();
const open = new Set();

function startIn(root) {
  for (const typing of open) if (!typing.form.isConnected) open.delete(typing);
  const forms = [...(root.matches?.("form") ? [root] : []), ...(root.querySelectorAll?.("form") ?? [])];
  for (const form of forms) {
    if (form.method !== "post" || typings.has(form) || form.matches("[data-no-draft]") || !texts(form).length) continue;
    const typing = new Typing(form);
    typings.set(form, typing);
    open.add(typing);
    typing.start();
  }
}

/* Of two sides, the colleague's. */
function takeTheirs(event) {
  const button = event.target.closest("[data-take]");
  const field = button && document.getElementById(button.dataset.take);
  if (!field) return;
  field.value = button.value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

const typingOf = (node) => typings.get(node?.closest?.("form") ?? node?.form);

function noteInput(event) {
  const typing = typings.get(event.target.form);
  if (typing && event.target.name) typing.note();
}

function sendAll() {
  for (const typing of open) if (typing.form.isConnected) typing.send();
}

function startDrafts() {
  purge();
  startIn(document.body);
  const formsHere = new Set([...open].map((typing) => typing.address));
  if (leftHere().some((entry) => !formsHere.has(entry.address))) sendLeft();
  document.addEventListener("input", noteInput);
  document.addEventListener("change", noteInput);
  document.addEventListener("focusout", (event) => typings.get(event.target.form)?.send());
  document.addEventListener("visibilitychange", () => document.hidden && sendAll());
  window.addEventListener("pagehide", sendAll);
  window.addEventListener("online", sendAll);
  document.addEventListener("htmx:load", (event) => startIn(event.target));
  document.addEventListener("submit", (event) => !event.defaultPrevented && typings.get(event.target)?.beforeSave());
  document.addEventListener("htmx:configRequest", (event) => {
    const typing = event.detail.verb === "get" ? null : typingOf(event.detail.elt);
    if (!typing) return;
    typing.beforeSave();
    if (typing.form.elements.draft) event.detail.parameters.draft = "1";
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.requestConfig?.verb !== "get") typingOf(event.detail.elt)?.afterSave(event.detail.successful);
  });
  document.addEventListener("click", (event) => {
    const way = event.target.closest("[data-drop-drafts]");
    if (way) typingOf(way)?.drop();
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) for (const typing of open) typing.isSending = false;
  });
}

/* How much waits, told where the menu is opened: no page asks for it. */
async function showUnfinished(event) {
  const place = event.target.querySelector?.("[data-unfinished]");
  if (!place || !event.target.open) return;
  const answer = await fetch("/admin/recover/count", { headers: { "HX-Request": "true" } }).catch(() => null);
  const { count } = answer?.ok ? await answer.json() : { count: 0 };
  place.textContent = count;
  place.hidden = !count;
}

if (person) startDrafts();
document.addEventListener("toggle", showUnfinished, { capture: true });
document.addEventListener("click", takeTheirs);
