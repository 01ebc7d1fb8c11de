/* What every page of the console has beside the shell: the keys that work everywhere, the search box, the palette,
   and drafts of what is typed. */
import "./drafts.js";
import "./ended.js";
import "./key_help.js";
import { registerKeys } from "./keys.js";
import "./palette.js";
import "./scan.js";
import { takeNext } from "./take.js";
import { undoNewest } from "./toast.js";

/* The page of a change of many tickets has its own button for all of them. */
function undo() {
  const whole = document.querySelector("[data-undo-run]");
  return whole ? whole.click() : undoNewest();
}

registerKeys({
  take: takeNext,
  undo,
  check_in: () => {
    const link = document.querySelector("a.topbar-new");
    return link ? location.assign(link.href) : false;
  },
});
