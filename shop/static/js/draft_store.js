/* Where drafts are kept: on the server, and on this device for as long as the server has not got them. Each person
   has drafts of their own, for the next one may sign in in the same browser. */

const PREFIX = "typed:";
const KEPT_MS = 30 * 24 * 60 * 60 * 1000;
const REPORT = "/admin/recover/keep";

export const person = document.body.dataset.person;
/* Of this page: what two windows type at once is told apart by it. */
export const here = crypto.getRandomValues(new Uint32Array(2)).join("");

const keyOf = (address, where) => `${PREFIX}${person}:${where}:${address}`;

export function keepHere(entry) {
  try {
    localStorage.setItem(keyOf(entry.address, entry.window), JSON.stringify({ ...entry, at: Date.now() }));
  } catch {
    // Full or forbidden: the server has the rest.
  }
}

export function forgetHere(address, where = here) {
  localStorage.removeItem(keyOf(address, where));
}

/** What the server may not have got: of one form, or of all. */
export function leftHere(address = null) {
  const mine = `${PREFIX}${person}:`;
  return Object.keys(localStorage)
    .filter((key) => key.startsWith(mine))
    .map((key) => JSON.parse(localStorage.getItem(key)))
    .filter((entry) => address === null || entry.address === address);
}

export function purge() {
  for (const key of Object.keys(localStorage).filter((name) => name.startsWith(PREFIX))) {
    if (!(Date.now() - JSON.parse(localStorage.getItem(key)).at < KEPT_MS)) localStorage.removeItem(key);
  }
}

/** {state, draft}: kept, refused for good, signedOut, or device when the shop is out of reach. A page that closes
    sends it too. */
export async function report({ address, title, window: where, seen, sentAs, changes }) {
  const token = document.querySelector('meta[name="csrf-token"]').content;
  const body = new URLSearchParams({
    csrf_token: token, address, title, window: where, seen, sent_as: sentAs, changes: JSON.stringify(changes),
  });
  const headers = { "X-CSRFToken": token, "HX-Request": "true", Accept: "application/json" };
  let answer;
  try {
    answer = await fetch(REPORT, { method: "POST", body, headers, keepalive: body.toString().length < 60_000 });
  } catch {
    return { state: "device" };
  }
  if (answer.ok) return { state: "kept", ...(await answer.json()) };
  if (answer.status === 422) return { state: "refused", ...(await answer.json()) };
  return { state: answer.status === 401 || answer.status === 400 ? "signedOut" : "device" };
}

export async function fetchDraft(address) {
  const url = `/admin/recover/draft?address=${encodeURIComponent(address)}`;
  const answer = await fetch(url, { headers: { "HX-Request": "true", Accept: "application/json" } }).catch(() => null);
  return answer?.ok ? answer.json() : null;
}

export function act(draft, verb) {
  const token = document.querySelector('meta[name="csrf-token"]').content;
  const headers = { "X-CSRFToken": token, Accept: "application/json", "X-Request-Key": `${here}-${verb}-${draft.id}-${draft.version}` };
  return fetch(`/admin/recover/${draft.id}/${verb}`, { method: "POST", headers, keepalive: true });
}

/** Sends what is left of other pages, such as of one that was killed or lost its sign-in. */
export async function sendLeft(address = null) {
  const failed = [];
  for (const entry of leftHere(address)) {
    const { state } = await report(entry);
    if (state === "kept" || state === "refused") forgetHere(entry.address, entry.window);
    else failed.push(entry);
  }
  return failed;
}
