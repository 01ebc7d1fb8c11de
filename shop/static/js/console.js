/* What every page of the console has beside the shell: the keys that work everywhere. */
import "./key_help.js";
import { focusScan, registerKeys } from "./keys.js";

registerKeys({ search: focusScan });
