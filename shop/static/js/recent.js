/* Tickets that one has opened last, by number alone: the server says what they are, to who may see them. */
const MOST = 5;
const person = document.querySelector("[data-person]")?.dataset.person ?? "";
const KEY = `recent:${person}`;

export function recentTickets() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]").filter((number) => /^RT-\d+$/.test(number));
  } catch {
    return [];
  }
}

export function rememberTicket(number) {
  const numbers = [number, ...recentTickets().filter((other) => other !== number)];
  try {
    localStorage.setItem(KEY, JSON.stringify(numbers.slice(0, MOST)));
  } catch {
    /* Without storage the palette begins empty. */
  }
}
