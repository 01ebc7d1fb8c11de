/* What of a form a draft keeps: texts and selects by their name, and what is ticked, a group of boxes at a time, under
   "choice:" and the name. Passwords, codes, and what `data-no-draft` or `data-fill` says is none of it, are left out. */
const TEXT = "textarea, input:not([type]), input:is([type=text], [type=email], [type=tel], [type=url], [type=number], [type=search], [type=date], [type=time], [type=datetime-local])";
const CHOICE = "input:is([type=radio], [type=checkbox]), select[multiple]";
const SECRET = /password|secret|(^|[_.-])(code|otp|totp|pin)$/i;
const SECRET_HINT = /password|one-time-code/;
const PREFIX = "choice:";

const isKept = (field) =>
  field.name && !field.readOnly && !field.dataset.fill && !field.closest("[data-no-draft]") && !SECRET.test(field.name) && !SECRET_HINT.test(field.autocomplete);

export const isChoice = (field) => field.matches(CHOICE);
export const texts = (form) => [...form.elements].filter((field) => field.matches(TEXT) && isKept(field));
export const keyOf = (field) => (isChoice(field) ? `${PREFIX}${field.name}` : field.name);

/** One for each name: of a group of boxes the first. */
export function fieldsOf(form) {
  const seen = new Set();
  return [...form.elements].filter((field) => {
    if (!field.matches(`${TEXT}, select, ${CHOICE}`) || !isKept(field)) return false;
    if (!isChoice(field)) return true;
    const isFirst = !seen.has(field.name);
    seen.add(field.name);
    return isFirst;
  });
}

const boxesOf = (field) =>
  field.matches("select") ? [...field.options] : [...field.form.elements].filter((box) => box.name === field.name && isChoice(box));
const ticked = (field, isTicked) => boxesOf(field).filter(isTicked).map((box) => box.value).join("\n");

export function valueOf(field) {
  return isChoice(field) ? ticked(field, (box) => box.checked ?? box.selected) : field.value;
}

/** What it was when the page came. */
export function defaultOf(field) {
  if (isChoice(field)) return ticked(field, (box) => box.defaultChecked ?? box.defaultSelected);
  if (!field.matches("select")) return field.defaultValue;
  return ([...field.options].find((option) => option.defaultSelected) ?? field.options[0])?.value ?? "";
}

/** False where what was chosen is not to be had any more: then the form stays as it is. */
export function fill(field, value) {
  if (!isChoice(field)) {
    field.value = value;
    return true;
  }
  const boxes = boxesOf(field);
  const wanted = value === "" && !boxes.some((box) => box.value === "") ? [] : value.split("\n");
  if (wanted.some((one) => !boxes.some((box) => box.value === one && !box.disabled))) return false;
  for (const box of boxes) box["checked" in box ? "checked" : "selected"] = wanted.includes(box.value);
  return true;
}
