/* What a form says about its draft. Texts are set as text, never as HTML. */

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function button(words, onPress) {
  const node = element("button", { type: "button", class: "button button-small button-quiet" }, words);
  node.addEventListener("click", onPress);
  return node;
}

function noteOf(form) {
  let note = form.querySelector(":scope > [data-draft-note]");
  if (!note) {
    note = element("div", { class: "banner draft-note", role: "status", "data-draft-note": "", "data-keep": "" });
    form.prepend(note);
  }
  return note;
}

/** `acts` are [words, function] pairs. */
export function showNote(form, words, acts = []) {
  const note = noteOf(form);
  const text = element("p", { class: "banner-text" }, words);
  note.replaceChildren(text, ...acts.map(([label, press]) => button(label, press)));
  return note;
}

/** A text that another window had, with a button that takes it. */
export function addOther(form, words, value, onUse) {
  const other = element("p", { class: "banner-text draft-other" }, element("b", {}, words.other), " ", element("q", {}, value));
  noteOf(form).append(other, button(words.use, onUse));
}

export function clearNote(form) {
  form.querySelector(":scope > [data-draft-note]")?.remove();
}

/** The small line at the foot. Troubles are read out, the rest is not. */
export function showState(form, words, { isTrouble = false } = {}) {
  let line = form.querySelector(":scope > [data-draft-state]");
  if (!line) {
    line = element("p", { class: "draft-state", "data-draft-state": "" });
    form.append(line);
  }
  line.classList.toggle("is-warn", isTrouble);
  if (isTrouble) line.setAttribute("role", "status");
  else line.removeAttribute("role");
  if (line.textContent !== words) line.textContent = words;
}
