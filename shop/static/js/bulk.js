/* A change of many tickets at work: its page is asked for anew until it is done. */
const LOOK_MS = 700;
const page = () => document.getElementById("bulk-body");

async function look() {
  const answer = await fetch(page().dataset.progress, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (answer?.status === 401) return location.reload();
  if (answer?.ok) {
    const piece = document.createElement("template");
    piece.innerHTML = (await answer.text()).trim();
    const fresh = piece.content.querySelector("#bulk-body");
    if (fresh) window.Idiomorph.morph(page(), fresh);
  }
  return follow();
}

/* While there is something to undo, the seconds that are left are told, too. */
function follow() {
  const isMoving = "atWork" in page().dataset || page().querySelector("[data-undo-run]");
  if (isMoving) setTimeout(look, LOOK_MS);
}

follow();
