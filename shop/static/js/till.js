/* Money at the counter: what goes back while it is typed, and what a count comes to. Without a script the answer says so. */
const lang = document.documentElement.lang;
const digitsOf = (currency) =>
  new Intl.NumberFormat(lang, { style: "currency", currency }).resolvedOptions().maximumFractionDigits;

const inWords = (minor, currency) =>
  new Intl.NumberFormat(lang, { style: "currency", currency }).format(minor / 10 ** digitsOf(currency));

/* Minor units of a plain amount; the server reads more than this, and decides. */
function read(text, currency) {
  const found = /^\s*(\d{1,9})(?:[.,](\d{1,2}))?\s*$/.exec(text);
  if (!found) return null;
  const digits = digitsOf(currency);
  return Number(found[1]) * 10 ** digits + Number((found[2] ?? "").padEnd(digits, "0").slice(0, digits) || 0);
}

function showChange(form) {
  const place = form.querySelector("[data-pay-change]");
  const { currency, words, short } = place.dataset;
  const amount = read(form.elements.amount.value, currency);
  const given = read(form.elements.tendered.value, currency);
  form.querySelector("[data-pay-tenders]").hidden = false;
  if (amount === null || given === null) place.textContent = "";
  else place.textContent = (given < amount ? short : words).replace("{n}", inWords(Math.abs(given - amount), currency));
}

function showCount(form) {
  const { currency, minimum } = form.dataset;
  let all = 0;
  for (const field of form.querySelectorAll("[data-coin]")) {
    const sum = Number(field.dataset.coin) * (Number.parseInt(field.value, 10) || 0);
    field.closest("tr").querySelector("[data-coin-sum]").textContent = sum ? inWords(sum, currency) : "";
    all += sum;
  }
  form.querySelector("[data-counted]").textContent = inWords(all, currency);
  const { banked } = form.elements;
  const digits = digitsOf(currency);
  if (!("own" in banked.dataset)) banked.value = (Math.max(all - Number(minimum), 0) / 10 ** digits).toFixed(digits);
}

function show(form) {
  if (form?.matches("[data-pay]")) showChange(form);
  if (form?.matches("[data-count]")) showCount(form);
}

document.addEventListener("input", ({ target }) => {
  if (target.name === "banked") target.dataset.own = "";
  show(target.form);
});
document.addEventListener("click", ({ target }) => {
  const sum = target.closest?.("[data-tender]");
  if (!sum) return;
  const { form } = sum;
  form.elements.tendered.value = sum.dataset.tender;
  show(form);
});
document.addEventListener("htmx:load", ({ target }) => show(target.querySelector?.("[data-pay]")));
show(document.querySelector("[data-pay], [data-count]"));
