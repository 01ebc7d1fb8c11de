/* One form and what is typed into it: reported, brought back, and told. */
import { defaultOf, fieldsOf, fill, isChoice, keyOf, texts, valueOf } from "./draft_fields.js";
import { act, fetchDraft, forgetHere, here, keepHere, report, sendLeft } from "./draft_store.js";
import { addOther, clearNote, showNote, showState } from "./draft_note.js";

const QUIET_MS = 600;
const MOST_MS = 1_500;
const RETRY_MS = 3_000;
const REFUSED = '[aria-invalid="true"], .banner-danger, .banner-warn';

export class Typing {
  constructor(form) {
    this.form = form;
    /* Else the way back writes what stood in the old page over what a colleague has saved since: the browser keeps no
       fields of such a form. What was typed and not saved comes from its draft. */
    form.autocomplete = "off";
    this.address = new URL(form.getAttribute("action") || location.href, location.href);
    this.address = `${this.address.pathname}${this.address.search}`;
    this.isRefused = Boolean(form.querySelector(REFUSED));
    this.bases = new Map();
    this.reported = new Map();
    this.seen = 0;
    this.words = null;
  }

  async start() {
    const unsent = await sendLeft(this.address);
    const answer = await fetchDraft(this.address);
    if (!this.form.isConnected) return;
    this.words = answer?.words ?? null;
    if (answer && !answer.is_kept) return void (this.isOff = true);
    if (answer?.draft) this.restore(answer.draft);
    for (const entry of unsent) this.restoreLeft(entry);
    this.note();
  }

  baseInput(field) {
    const input = this.form.elements[`base.${field.name.replace(/^now\./, "")}`];
    return input && input !== field && "value" in input ? input : null;
  }

  baseOf(field) {
    const input = this.baseInput(field);
    if (input) return input.value;
    if (isChoice(field)) return defaultOf(field);
    return this.isRefused ? (this.bases.get(field.name) ?? "") : defaultOf(field);
  }

  restore(draft) {
    this.draft = draft;
    this.seen = draft.version;
    this.flag();
    let restored = 0;
    let isChanged = false;
    const others = [];
    for (const [name, { value, base, others: more }] of Object.entries(draft.fields)) {
      const field = fieldsOf(this.form).find((one) => keyOf(one) === name);
      if (!field) continue;
      this.bases.set(name, base);
      this.reported.set(name, value);
      for (const other of isChoice(field) ? [] : more) others.push([field, other]);
      if (this.isRefused) continue;
      if (valueOf(field) !== defaultOf(field) && valueOf(field) !== value) {
        if (!isChoice(field)) others.push([field, value]);
      } else if (value !== defaultOf(field)) {
        isChanged = this.put(field, value, base) || isChanged;
        restored += 1;
      }
    }
    if (restored) this.tell(isChanged ? `${draft.told} ${this.words.changed}` : draft.told);
    for (const [field, value] of others) addOther(this.form, this.words, value, () => this.use(field, value));
  }

  /* True if the record was changed since: then the save brings both sides together. */
  put(field, value, base) {
    const input = this.baseInput(field);
    const isChanged = Boolean(input) && input.value !== base;
    if (!fill(field, value)) return false;
    if (input) input.value = base;
    return isChanged;
  }

  restoreLeft(entry) {
    for (const field of fieldsOf(this.form)) {
      const change = entry.changes[keyOf(field)];
      if (change && !this.isRefused && valueOf(field) === defaultOf(field)) this.put(field, change.value, change.base);
    }
  }

  use(field, value) {
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  }

  tell(words) {
    showNote(this.form, words, [[this.words.discard, () => this.discard()]]);
  }

  async discard() {
    const answer = await act(this.draft, "discard").catch(() => null);
    if (!answer?.ok) return showState(this.form, this.words.device, { isTrouble: true });
    for (const field of fieldsOf(this.form)) if (!this.isRefused && keyOf(field) in this.draft.fields) fill(field, defaultOf(field));
    this.quiet();
    return showNote(this.form, this.words.discarded, [[this.words.undo, () => this.undo()]]).querySelector("button").focus();
  }

  async undo() {
    const answer = await act(this.draft, "bring-back").catch(() => null);
    if (answer?.ok) this.restore(this.draft);
  }

  /* The way out that says it means to lose the text: it can still be brought back from the list. */
  drop() {
    this.isOff = true;
    this.quiet();
    if (this.draft) act(this.draft, "discard");
  }

  /* Nothing waits to be reported, nothing is known to be kept. */
  quiet() {
    clearTimeout(this.timer);
    this.timer = this.since = null;
    this.reported.clear();
    forgetHere(this.address);
  }

  /* In a dialog a choice alone is no work begun: it would come back under the hand of who opens it again. */
  changes() {
    const found = {};
    const isCounted = !this.form.closest("dialog") || this.reported.size > 0 || this.isTyped();
    for (const field of fieldsOf(this.form)) {
      if (isChoice(field) && !isCounted) continue;
      const base = this.baseOf(field);
      const now = valueOf(field);
      const value = now === (isChoice(field) ? defaultOf(field) : base) ? null : now;
      const name = keyOf(field);
      if (value !== (this.reported.get(name) ?? null)) found[name] = value === null ? null : { value, base };
    }
    return found;
  }

  isTyped() {
    return texts(this.form).some((field) => valueOf(field) !== this.baseOf(field));
  }

  entry(changes) {
    const sentAs = this.form.elements.request_key?.value ?? "";
    return { address: this.address, title: this.title(), window: here, seen: this.seen, sentAs, changes };
  }

  title() {
    const place = this.form.closest("dialog")?.querySelector("h2") ?? document.querySelector("main h1");
    return (this.form.dataset.draftTitle ?? place?.textContent ?? document.title).replace(/\s+/g, " ").trim();
  }

  /* At every key: on this device at once, to the server in a moment. */
  note() {
    if (this.isOff) return;
    const changes = this.changes();
    if (!Object.keys(changes).length) return void forgetHere(this.address);
    keepHere(this.entry(changes));
    this.since ??= Date.now();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), Math.max(0, Math.min(QUIET_MS, this.since + MOST_MS - Date.now())));
  }

  async send() {
    if (this.isOff || this.isSending || this.isFlying) return;
    const changes = this.changes();
    clearTimeout(this.timer);
    this.since = null;
    if (!Object.keys(changes).length) return;
    this.isFlying = true;
    this.flag();
    const { state, draft, error } = await report(this.entry(changes));
    this.isFlying = false;
    if (this.isSending) return;
    if (state === "kept") this.noteKept(changes, draft);
    else this.noteTrouble(state, error);
  }

  noteKept(changes, draft) {
    for (const [name, change] of Object.entries(changes)) this.reported.set(name, change?.value ?? null);
    this.draft = draft ?? this.draft;
    this.seen = draft?.version ?? this.seen;
    if (this.words) showState(this.form, draft ? this.words.kept.replace("{time}", draft.at) : "");
    const others = Object.keys(changes).flatMap((name) => (this.form.elements[name] ? draft?.fields[name]?.others ?? [] : []).map((value) => [name, value]));
    if (others.length && this.words) {
      clearNote(this.form);
      for (const [name, value] of others) addOther(this.form, this.words, value, () => this.use(this.form.elements[name], value));
    }
    this.note();
  }

  noteTrouble(state, error) {
    const words = state === "refused" ? error : (this.words?.[state] ?? "");
    showState(this.form, words, { isTrouble: true });
    if (state === "device") this.timer = setTimeout(() => this.send(), RETRY_MS);
  }

  /* The save says that there is a draft, which then goes with it. */
  flag() {
    if (this.form.elements.draft) return;
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name: "draft", value: "1" });
    this.form.append(input);
  }

  beforeSave() {
    const changes = this.changes();
    if (Object.keys(changes).length) keepHere(this.entry(changes));
    if (Object.keys(changes).length || this.reported.size) this.flag();
    clearTimeout(this.timer);
    this.isSending = true;
  }

  afterSave(isSaved) {
    this.isSending = false;
    if (!isSaved) return this.note();
    this.quiet();
    this.form.elements.draft?.remove();
    this.seen = 0;
    clearNote(this.form);
    return showState(this.form, "");
  }
}
