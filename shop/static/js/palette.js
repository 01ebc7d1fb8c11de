/* Ctrl-K: one field that finds and does. A combobox with a listbox; the server writes the options. */
import { copyNumber } from "./copy.js";
import { canDo, doIt, openForm } from "./keys.js";
import { recentTickets } from "./recent.js";

const REST_MS = 40;
const RETRY_MS = 2_000;
const dialog = document.getElementById("palette");
const input = document.getElementById("palette-input");
const list = document.getElementById("palette-list");
let asked = null;
let timer = null;
let active = null;
/* The ticket whose acts are shown: the one that was chosen last. */
let ticket = null;

const options = () => [...list.querySelectorAll('[role="option"]')];
const actsGroup = () => list.querySelector("[data-acts-for]");

function open() {
  if (dialog.open) return input.select();
  /* Another dialog keeps what is typed in it. */
  if (document.querySelector("dialog:modal")) return undefined;
  input.value = "";
  dialog.showModal();
  input.focus();
  return ask();
}

async function ask() {
  clearTimeout(timer);
  asked?.abort();
  const mine = (asked = new AbortController());
  const url = new URL("/admin/palette/", location.href);
  url.searchParams.set("q", input.value);
  if (!input.value.trim()) url.searchParams.set("recent", recentTickets().join(","));
  const headers = { "HX-Request": "true", "HX-Current-URL": location.href };
  try {
    const answer = await fetch(url, { headers, signal: mine.signal });
    if (answer.status === 401) return location.assign(answer.headers.get("HX-Redirect") ?? "/login");
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.text());
  } catch (error) {
    if (error.name !== "AbortError" && dialog.open) tellTrouble();
  }
  return undefined;
}

/* What was typed stays, and is asked again until it is answered. */
function tellTrouble() {
  const words = dialog.querySelector("[data-palette-trouble]");
  words.textContent = dialog.dataset.lost;
  words.hidden = false;
  timer = setTimeout(ask, RETRY_MS);
}

function show(html) {
  dialog.querySelector("[data-palette-trouble]").hidden = true;
  list.innerHTML = html;
  for (const line of list.querySelectorAll("[data-does]")) if (!canDo(line.dataset.does)) line.remove();
  for (const line of list.querySelectorAll("[data-press]")) if (!document.querySelector(line.dataset.press)) line.remove();
  for (const group of list.querySelectorAll(".palette-group")) if (!group.querySelector('[role="option"]')) group.remove();
  options().forEach((option, place) => Object.assign(option, { id: `palette-${place}` }));
  const note = list.querySelector("[data-palette-note]")?.textContent;
  dialog.querySelector("[data-palette-status]").textContent = note ?? dialog.dataset.found.replace("{n}", options().length);
  ticket = null;
  choose(options()[0] ?? null);
}

function choose(option) {
  active?.setAttribute("aria-selected", "false");
  active = option;
  if (!option) return input.removeAttribute("aria-activedescendant");
  option.setAttribute("aria-selected", "true");
  input.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
  return option.dataset.ticket ? showActsFor(option) : undefined;
}

/* The acts are those for the chosen ticket, its next status among them. */
function showActsFor(option) {
  const group = actsGroup();
  ticket = option;
  if (!group || group.dataset.actsFor === option.dataset.ticket) return;
  const number = option.dataset.ticket;
  const title = group.dataset.title.replace("{number}", number);
  group.dataset.actsFor = number;
  group.setAttribute("aria-label", title);
  group.querySelector(".palette-title").textContent = title;
  for (const line of group.querySelectorAll("[data-path]")) {
    if (line.hasAttribute("href")) line.href = line.dataset.path.replace("{number}", number);
  }
  const words = group.querySelector("[data-next-words]");
  if (words) words.textContent = option.dataset.next ?? words.dataset.words;
}

function step(distance) {
  const all = options();
  if (all.length) choose(all[(all.indexOf(active) + distance + all.length) % all.length]);
}

/* Tab goes to what can be done with the ticket, and back to it. */
function goToActs(back) {
  const group = actsGroup();
  if (!group || !ticket) return;
  const isThere = group.contains(active);
  if (back === isThere) choose(back ? ticket : group.querySelector('[role="option"]'));
  else if (!back) step(1);
}

function run(option, event) {
  if (!option) return undefined;
  const { does, press, actDoes } = option.dataset;
  const number = option.closest("[data-acts-for]")?.dataset.actsFor;
  if (event.ctrlKey || event.metaKey) return option.href ? window.open(option.href, "_blank", "noopener") : undefined;
  dialog.close();
  if (does) return doIt(does, event);
  if (press) return document.querySelector(press)?.click();
  if (actDoes === "copy") return copyNumber(number);
  if (option.hasAttribute("data-form")) return openForm(option.href);
  return location.assign(option.href);
}

const keys = {
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  Tab: (event) => goToActs(event.shiftKey),
  Enter: (event) => !event.repeat && run(active, event),
};

function press(event) {
  if (event.isComposing || event.keyCode === 229 || event.altKey) return;
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act(event);
}

function openByKey(event) {
  if (event.key?.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
  event.preventDefault();
  if (!event.repeat) open();
}

function typed(event) {
  if (event.isComposing) return;
  clearTimeout(timer);
  timer = setTimeout(ask, REST_MS);
}

if (dialog) {
  document.addEventListener("keydown", openByKey);
  input.addEventListener("keydown", press);
  input.addEventListener("input", typed);
  input.addEventListener("compositionend", typed);
  list.addEventListener("click", (event) => {
    const option = event.target.closest('[role="option"]');
    if (!option || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    run(option, event);
  });
  /* The field keeps the focus while an option is pressed. */
  list.addEventListener("mousedown", (event) => event.preventDefault());
  dialog.addEventListener("close", () => {
    asked?.abort();
    clearTimeout(timer);
    list.replaceChildren();
  });
  window.addEventListener("online", () => dialog.open && ask());
  for (const opener of document.querySelectorAll("[data-palette-open]")) {
    opener.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      open();
    });
  }
}
