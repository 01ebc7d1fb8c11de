/* A ticket's number, or another text, to the clipboard. */
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

/* True if it is there. */
export const copyText = (text) =>
  (navigator.clipboard?.writeText(text).then(() => true) ?? Promise.reject()).catch(() => copySelected(text));

export async function copyNumber(number) {
  if (await copyText(number)) showToast({ message: document.getElementById("key-help").dataset.copied.replace("{number}", number) });
}
