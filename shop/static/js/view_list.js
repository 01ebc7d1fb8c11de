/* The list that one came from, kept in this tab: its address, its name, its tickets in order. */
const LIST = "list";
const BACK = "back";
const LOOK_AHEAD = 20;

function read(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

function write(name, value) {
  try {
    if (value === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    /* Without storage a ticket knows no list, and its link leads to all open work. */
  }
}

/** {url, title, numbers, rowsUrl, more}: `more` is the address of the list's next page, or null. */
export const rememberList = (list) => write(LIST, list);
export const listNow = () => read(LIST);

/** To the list, with the cursor on this ticket. */
export function goBack(number, fallback) {
  const list = listNow();
  write(BACK, { url: list?.url ?? fallback, number });
  location.assign(list?.url ?? fallback);
}

/** The ticket that one comes back from, once; null for another list, or a new one. */
export function cameBackFrom() {
  const back = read(BACK);
  write(BACK, null);
  return back && back.url === location.pathname + location.search ? back.number : null;
}

async function fetchPiece(url) {
  const answer = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok) return null;
  const piece = document.createElement("template");
  piece.innerHTML = await answer.text();
  return piece.content;
}

/* Which of these the list's filters still show. Out of reach, all of them: better than to stand still. */
async function stillThere(list, numbers) {
  const url = new URL(list.rowsUrl, location.href);
  url.searchParams.set("numbers", numbers.join(","));
  const piece = await fetchPiece(url);
  if (!piece) return numbers;
  const shown = new Set([...piece.querySelectorAll("[data-repair]:not([data-gone])")].map((row) => row.dataset.repair));
  return numbers.filter((number) => shown.has(number));
}

async function readOn(list) {
  const piece = await fetchPiece(list.more);
  if (!piece) return false;
  const numbers = [...piece.querySelectorAll("[data-repair]")].map((row) => row.dataset.repair);
  list.more = piece.querySelector('a[rel="next"]')?.getAttribute("href") ?? null;
  list.numbers.push(...numbers.filter((number) => !list.numbers.includes(number)));
  rememberList(list);
  return numbers.length > 0;
}

/** {number, passed}: the next (1) or previous (-1) ticket that is still in the list, and those that are not any more.
    `number` is null at the end; the answer is null if this ticket is in no list. */
export async function neighbour(number, distance) {
  const list = listNow();
  const passed = [];
  let place = list?.numbers.indexOf(number) ?? -1;
  if (place < 0) return null;
  for (;;) {
    const ahead = distance > 0 ? list.numbers.slice(place + 1, place + 1 + LOOK_AHEAD) : list.numbers.slice(Math.max(0, place - LOOK_AHEAD), place).reverse();
    if (!ahead.length && !(distance > 0 && list.more && (await readOn(list)))) return { number: null, passed };
    const there = ahead.length ? await stillThere(list, ahead) : [];
    const found = ahead.indexOf(there[0]);
    passed.push(...ahead.slice(0, found < 0 ? ahead.length : found));
    if (found >= 0) return { number: there[0], passed };
    place += distance * ahead.length;
  }
}
