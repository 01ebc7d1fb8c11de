/* A page that shows figures keeps them true: after changes its block comes again and is morphed in place. */
import "./live.js";

const SETTLE_MS = 400;
const AT_MOST_EVERY_MS = 2_000;
const LOOK_MS = 60_000;
let timer = null;
let last = 0;

const block = () => document.querySelector("[data-refresh]");

/* Together what comes together, and never so often that a busy shop makes its own figures slow. */
function soon() {
  timer ??= setTimeout(refresh, Math.max(SETTLE_MS, last + AT_MOST_EVERY_MS - performance.now()));
}

async function refresh() {
  timer = null;
  last = performance.now();
  if (document.hidden) return document.addEventListener("visibilitychange", soon, { once: true });
  const answer = await fetch(location.href, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (answer?.status === 401) return location.reload();
  if (!answer?.ok || !block()) return undefined;
  const piece = document.createElement("template");
  piece.innerHTML = await answer.text();
  const fresh = piece.content.querySelector("[data-refresh]");
  if (!fresh) return undefined;
  window.Idiomorph.morph(block(), fresh, { ignoreActiveValue: true });
  return window.htmx.process(block());
}

document.addEventListener("shop:changes", soon);
document.addEventListener("shop:reload", soon);
document.addEventListener("acted", soon);
/* Time passes without an event: hours of the roster run out, repairs become late. */
setInterval(soon, LOOK_MS);
