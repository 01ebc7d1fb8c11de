/* What every page of the console has beside the shell: the keys that work everywhere, the search box, the palette,
   and drafts of what is typed. */
import "./drafts.js";
import "./key_help.js";
import { registerKeys } from "./keys.js";
import "./palette.js";
import "./scan.js";
import { takeNext } from "./take.js";
import { undoNewest } from "./toast.js";

registerKeys({
  take: takeNext,
  undo: undoNewest,
  check_in: () => {
    const link = document.querySelector("a.topbar-new");
    return link ? location.assign(link.href) : false;
  },
});
