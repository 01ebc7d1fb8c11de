/* Toasts at the foot: ten seconds, held while pointed at or focused, read out politely. */
const LIFE_MS = 10_000;

function icon(name) {
  const sprite = document.querySelector("svg.icon use")?.getAttribute("href").split("#")[0];
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${sprite}#i-${name}`);
  svg.append(use);
  return svg;
}

function undoButton(region, undo) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "toast-act";
  button.textContent = region.dataset.undo;
  button.setAttribute("aria-keyshortcuts", "z");
  button.dataset.toastUndo = "";
  button.addEventListener("click", () => {
    window.htmx.ajax("POST", undo.url, { target: undo.target ?? "body", swap: undo.swap ?? "none" });
    button.closest(".toast").remove();
  });
  return button;
}

function text(words) {
  const span = document.createElement("span");
  span.className = "toast-text";
  span.textContent = words;
  return span;
}

function timeLeft() {
  const bar = document.createElement("span");
  bar.className = "toast-time";
  return bar;
}

/* Counts only while nobody reads it. */
function expire(toast) {
  let left = LIFE_MS;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    if (!toast.matches(":hover, :focus-within")) left -= now - last;
    last = now;
    if (left > 0 && toast.isConnected) return;
    clearInterval(timer);
    toast.remove();
  }, 250);
}

/** Shows one toast. `undo`, if given, is {url, target?, swap?} and is sent as a POST. */
export function showToast({ message, undo = null }) {
  const region = document.getElementById("toasts");
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.append(icon("check"), text(message));
  if (undo) toast.append(undoButton(region, undo));
  toast.append(timeLeft());
  region.append(toast);
  expire(toast);
}

export function startToasts() {
  for (const toast of document.querySelectorAll("#toasts [data-toast]")) {
    toast.append(timeLeft());
    expire(toast);
  }
  document.body.addEventListener("toast", (event) => {
    const detail = event.detail ?? {};
    showToast({ message: detail.message ?? detail.value, undo: detail.undo });
  });
}
