/* What is typed into a ticket is kept in this tab until it is saved, so that a lost sign-in or a closed page
   loses no text. With it is kept what the field held before: a colleague's change meanwhile is still seen.
   Each person has drafts of their own, for the next one may sign in in the same tab. */

const fields = () => [...document.querySelectorAll("#ticket [data-typing]")];
const baseOf = (field) => field.form.elements[field.name.replace("now.", "base.")];

const keysOf = (number) => `draft:${document.getElementById("ticket").dataset.person}:${number}:`;

function keyOf(number, field) {
  return keysOf(number) + field.dataset.typing;
}

function keepDraft(number, field) {
  if (field.value === field.defaultValue) sessionStorage.removeItem(keyOf(number, field));
  else sessionStorage.setItem(keyOf(number, field), JSON.stringify({ value: field.value, base: baseOf(field)?.value }));
}

function bringBack(number, field) {
  const kept = sessionStorage.getItem(keyOf(number, field));
  if (!kept) return;
  const draft = JSON.parse(kept);
  field.value = draft.value;
  const base = baseOf(field);
  if (base && base !== field && draft.base !== undefined) base.value = draft.base;
}

function forget(number) {
  const mine = keysOf(number);
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith(mine) && key !== `${mine}note`) sessionStorage.removeItem(key);
  }
}

export function startDrafts(number) {
  // A ticket that opens with a toast was just saved; a form that comes back holds what was sent.
  if (document.querySelector("[data-ticket]") && document.querySelector("#toasts [data-toast]")) forget(number);
  if (!document.querySelector(".conflict, #ticket [aria-invalid]")) for (const field of fields()) bringBack(number, field);
  document.addEventListener("input", (event) => {
    if (event.target.matches("#ticket [data-typing]")) keepDraft(number, event.target);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-drop-drafts]")) forget(number);
  });
}
