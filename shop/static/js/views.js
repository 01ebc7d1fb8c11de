/* The order of one's tabs, by hand: a row is taken and let go between two others. The arrows beside it do the same. */
let taken = null;

const list = () => document.querySelector("[data-tabs]");
const slugs = () => [...list().children].map((row) => row.dataset.view);

document.addEventListener("dragstart", (event) => {
  taken = event.target.closest?.("[data-tabs] > .view-row") ?? null;
  if (!taken) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", taken.dataset.view);
  taken.dataset.lifted = "";
});

document.addEventListener("dragover", (event) => {
  const row = taken && event.target.closest?.("[data-tabs] > .view-row");
  if (!row) return;
  event.preventDefault();
  const { top, height } = row.getBoundingClientRect();
  if (row !== taken) list().insertBefore(taken, event.clientY > top + height / 2 ? row.nextSibling : row);
});

document.addEventListener("dragend", () => {
  if (!taken) return;
  delete taken.dataset.lifted;
  taken = null;
  const values = { order: slugs().join(",") };
  window.htmx.ajax("POST", "/admin/repairs/views/order", { source: list(), target: "#views-list", swap: "morph:outerHTML", values });
});

document.addEventListener("drop", (event) => taken && event.preventDefault());
