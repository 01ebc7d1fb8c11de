/* From a ticket to the next of the list one came from, and back to that list. */
import { afterAction, carry } from "./after_action.js";
import { showToast } from "./toast.js";
import { goBack, listNow, neighbour } from "./view_list.js";

const place = () => document.querySelector("[data-way-back]");
let number = null;
let isGoing = false;

function words(name, values) {
  return Object.entries(values).reduce((text, [key, value]) => text.replace(`{${key}}`, value), place().dataset[name]);
}

export const leave = () => goBack(number, "/admin/repairs/");

/** To the neighbour that is still in the list; at its end the page stays, or with `afterwards` goes back to the list. */
export async function step(distance, { isAfterAct = false } = {}) {
  if (isGoing) return;
  isGoing = true;
  const found = await neighbour(number, distance);
  const view = listNow()?.title ?? "";
  isGoing = false;
  if (!found) return isAfterAct ? undefined : showToast({ message: place().dataset.none });
  const passed = found.passed.length ? words("left", { numbers: found.passed.join(", "), view }) : "";
  if (found.number) {
    isGoing = true;
    if (passed || isAfterAct) carry(passed);
    return location.assign(`/admin/repairs/${found.number}`);
  }
  const ended = words(distance > 0 ? "ended" : "begun", { view });
  if (!isAfterAct) return showToast({ message: [passed, ended].filter(Boolean).join(" ") });
  carry([passed, ended].filter(Boolean).join(" "));
  return leave();
}

function show() {
  const list = listNow();
  const at = list?.numbers.indexOf(number) ?? -1;
  if (at < 0) return;
  const link = place().querySelector("[data-way-link]");
  link.href = list.url;
  link.querySelector("[data-way-title]").textContent = list.title;
  const steps = place().querySelector("[data-way-steps]");
  const words = steps.querySelector("[data-way-place]");
  const all = `${list.numbers.length}${list.more ? "+" : ""}`;
  words.textContent = words.dataset.words.replace("{n}", at + 1).replace("{all}", all);
  steps.hidden = false;
}

export function startWay(ticket) {
  number = ticket;
  if (!place()) return;
  show();
  place().addEventListener("click", (event) => {
    const button = event.target.closest("[data-way-step]");
    if (button) step(Number(button.dataset.wayStep));
    const link = event.target.closest("[data-way-link]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    leave();
  });
  afterAction(() => step(1, { isAfterAct: true }));
}
