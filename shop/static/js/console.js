/* What every page of the console has beside the shell: the keys that work everywhere, the search box,
   and drafts of what is typed. */
import "./drafts.js";
import "./key_help.js";
import { registerKeys } from "./keys.js";
import "./scan.js";
import { undoNewest } from "./toast.js";

registerKeys({ undo: undoNewest });
import { focusScan, registerKeys } from "./keys.js";
import { takeNext } from "./take.js";

registerKeys({ take: takeNext, search: focusScan });
