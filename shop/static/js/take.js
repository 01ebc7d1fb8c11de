/* Take next: one press claims the best ticket; the answer says which, why, and how to begin. */
import { openForm } from "./keys.js";

/* The attempt's key (once.js) hangs on this: pressed again after a cut network, it is the same attempt. */
export function takeNext() {
  const button = document.querySelector("[data-take]");
  if (button) return button.click();
  const place = document.getElementById("dialogs") ?? document.body;
  return window.htmx.ajax("POST", "/admin/next/take", { source: place, target: place, swap: "innerHTML" });
}

document.addEventListener("taken", (event) => openForm(event.detail.url));
