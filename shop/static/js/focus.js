/* A live update takes nobody's focus away. */

/* Where the same control stands after the page was brought up to date. */
function sameAs(node) {
  if (node.id) return `#${CSS.escape(node.id)}`;
  const key = node.getAttribute("aria-keyshortcuts");
  const href = node.getAttribute("href");
  if (key) return `[aria-keyshortcuts="${CSS.escape(key)}"]`;
  return href ? `a[href="${CSS.escape(href)}"]` : null;
}

/** Runs `change`. If what had the focus is gone then, the same control has it, or else what `instead()` gives. */
export function holdFocus(change, instead) {
  const had = document.activeElement;
  const wanted = had && had !== document.body ? sameAs(had) : null;
  change();
  if (!had || had === document.body || document.activeElement === had) return;
  const again = had.isConnected ? had : wanted && document.querySelector(wanted);
  (again ?? instead?.())?.focus({ preventScroll: true });
}

/** For Idiomorph: a menu that somebody has opened stays open. */
export const keepOpen = (name, node) => !(name === "open" && node.matches?.("details"));
