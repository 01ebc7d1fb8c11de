/* A ticket's number to the clipboard. */
import { showToast } from "./toast.js";

/* Without HTTPS browsers give no clipboard, but still copy what is selected. */
function copySelected(text) {
  const area = document.createElement("textarea");
  const before = document.activeElement;
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus?.({ preventScroll: true });
  return done;
}

export async function copyNumber(number) {
  const done = await (navigator.clipboard?.writeText(number).then(() => true) ?? Promise.reject()).catch(() => copySelected(number));
  if (done) showToast({ message: document.getElementById("key-help").dataset.copied.replace("{number}", number) });
}
