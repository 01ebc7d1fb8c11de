/* What every page of the console has beside the shell: the keys that work everywhere, and the search box. */
import "./key_help.js";
import "./scan.js";
