/* The key by which what is sent acts once (shop/once.py). The same attempt, sent again, has the same key; what was
   changed since, and what comes after an answer, is another attempt. */

const sent = new WeakSet();
const keys = new WeakMap();

const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const fieldOf = (form) => form?.elements?.namedItem?.("request_key");
const formOf = (node) => node.closest?.("form") ?? null;

function renew(form) {
  const field = fieldOf(form);
  if (field) field.value = newKey();
  sent.delete(form);
}

/** The key of an attempt that no form makes: the same for `owner` until `answered(owner)`. */
export function keyOf(owner) {
  if (!keys.has(owner)) keys.set(owner, newKey());
  return keys.get(owner);
}

export function answered(owner) {
  keys.delete(owner);
}

function sendKey(event) {
  const { verb, headers, parameters, elt } = event.detail;
  if (verb === "get") return;
  const form = formOf(elt);
  if (form) sent.add(form);
  if (!parameters.request_key) headers["X-Request-Key"] = keyOf(elt);
}

/* Without an answer, or after a failure of the shop, nobody knows whether it was done: the key stays. */
function noteAnswer(event) {
  const { xhr, elt, requestConfig } = event.detail;
  if (requestConfig?.verb === "get" || !xhr || xhr.status === 0 || xhr.status >= 500) return;
  const form = formOf(elt);
  if (form) renew(form);
  answered(elt);
}

function noteChange(event) {
  const form = event.target.form;
  if (form && sent.has(form)) renew(form);
}

export function startOnce() {
  document.addEventListener("htmx:configRequest", sendKey);
  document.addEventListener("htmx:afterRequest", noteAnswer);
  document.addEventListener("submit", (event) => sent.add(event.target));
  for (const name of ["input", "change"]) document.addEventListener(name, noteChange, { capture: true });
}
