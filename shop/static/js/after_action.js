/* After a status, an assignment or a note: stay, or next in the view. Each person chooses once, and can choose again. */
import { showToast } from "./toast.js";

const ACTS = /\/(move|assign|notes)(\?|$)/;
const CARRIED = "carried";
const CARRIED_MS = 10_000;
const group = document.querySelector("[data-after-action]");
let toldLast = "";

export const choice = () => group?.dataset.afterAction ?? "";

function showChoice(chosen) {
  group.dataset.afterAction = chosen;
  delete group.dataset.asking;
  for (const button of group.querySelectorAll("[data-after]")) button.setAttribute("aria-pressed", button.dataset.after === chosen);
}

async function choose(chosen) {
  const before = choice();
  showChoice(chosen);
  const body = new URLSearchParams({ after_action: chosen });
  const headers = { "HX-Request": "true", "X-CSRFToken": document.querySelector('meta[name="csrf-token"]').content };
  const answer = await fetch("/admin/account/console", { method: "POST", headers, body }).catch(() => null);
  if (answer?.ok) return;
  showChoice(before);
  showToast({ message: group.dataset.lost, refused: true });
}

/* Asked beside the work, not before it. */
function askOnce() {
  if (!group || choice() || "asking" in group.dataset) return;
  group.dataset.asking = "";
  group.querySelector("[data-after-asked]").textContent = group.dataset.ask;
}

/** Calls `goOn(number)` after one's own status, assignment or note, if one wants to go on. Not after an undo, nor after
    what a colleague does. */
export function afterAction(goOn) {
  document.addEventListener("acted", (event) => {
    const way = event.detail.elt?.closest?.("form")?.getAttribute("hx-post") ?? "";
    if (!ACTS.test(way)) return;
    if (choice() !== "next") return askOnce();
    /* The dialog gives the focus back first. */
    const dialog = document.querySelector("#dialogs dialog");
    if (dialog) dialog.addEventListener("close", () => goOn(event.detail.number), { once: true });
    else goOn(event.detail.number);
  });
}

/** What is to be read on the page that comes next. What can be undone is offered there anyway. */
export function carry(words) {
  const message = [toldLast, words].filter(Boolean).join(" ");
  if (message) sessionStorage.setItem(CARRIED, JSON.stringify({ message, at: Date.now() }));
}

function showCarried() {
  const carried = JSON.parse(sessionStorage.getItem(CARRIED) ?? "null");
  sessionStorage.removeItem(CARRIED);
  if (carried && Date.now() - carried.at < CARRIED_MS) showToast({ message: carried.message });
}

document.addEventListener("toast", ({ detail }) => (toldLast = detail?.undo ? "" : (detail?.message ?? "")));
if (group) {
  group.hidden = false;
  group.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-after]")?.dataset.after;
    if (chosen) choose(chosen);
  });
  showCarried();
}
