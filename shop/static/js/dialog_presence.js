/* Who has a ticket's form open from a list, the board or the palette, and types in it, is seen at the ticket and its row
   as if the ticket itself were open. A ticket's own page tells for itself (ticket.js). */
import { send, whenLive } from "./live.js";

const SETTLE_MS = 150;
const TICKET_FORM = /^\/admin\/repairs\/(RT-\d+)\//i;
const page = document.getElementById("ticket")?.dataset;
const own = page?.ticket ?? page?.editing ?? null;
let watched = null;
let told = "";
let timer = null;

/** The ticket that a form in a dialog is about, unless the page is that ticket's. */
export function otherTicket(dialog) {
  for (const form of dialog?.querySelectorAll("form[action]") ?? []) {
    const number = TICKET_FORM.exec(form.getAttribute("action"))?.[1].toUpperCase();
    if (number && number !== own) return number;
  }
  return null;
}

function look() {
  timer = null;
  const dialog = document.querySelector("dialog[data-open][open]");
  const number = otherTicket(dialog);
  if (number !== watched) {
    if (watched) send("unwatch", { number: watched });
    if (number) send("watch", { number });
    [watched, told] = [number, ""];
  }
  const field = (dialog?.contains(document.activeElement) && document.activeElement.dataset.typing) || "";
  if (!number || field === told) return;
  told = field;
  send("typing", { number, field });
}

function lookSoon() {
  timer ??= setTimeout(look, SETTLE_MS);
}

for (const name of ["focusin", "focusout"]) document.addEventListener(name, lookSoon);
document.addEventListener("close", lookSoon, { capture: true });
window.addEventListener("pagehide", () => watched && send("unwatch", { number: watched }));
whenLive(() => {
  [watched, told] = [null, ""];
  lookSoon();
});
