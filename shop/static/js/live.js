/* The live connection: says how it is, and what changed. Pages listen to `shop:changes` and ask for their own pieces. */
import { io } from "../vendor/socket.io-client-4.8.4/socket.io.esm.min.js";

const socket = io({ transports: ["websocket"], reconnectionDelayMax: 5000 });
let position = 0;
let me = null;

function show(state, text) {
  for (const mark of document.querySelectorAll("[data-connection]")) {
    mark.dataset.connection = state;
    mark.querySelector("[data-connection-text]").textContent = text ?? mark.dataset[state];
  }
}

function clock() {
  return new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

function tell(changes) {
  if (changes.length) document.dispatchEvent(new CustomEvent("shop:changes", { detail: { changes } }));
}

function tellReload() {
  document.dispatchEvent(new CustomEvent("shop:reload"));
}

/* What happened while nobody listened, asked for by position. */
async function catchUp() {
  const answer = await fetch(`/admin/live/since?position=${position}`, { headers: { Accept: "application/json" } });
  if (answer.status === 401) return location.reload();
  if (!answer.ok) return undefined;
  const news = await answer.json();
  position = Math.max(position, news.position);
  return news.complete ? tell(news.changes) : tellReload();
}

socket.on("hello", async (greeting) => {
  show("live");
  me = greeting.you;
  if (!position) position = greeting.position;
  else if (greeting.position > position) await catchUp();
});

socket.on("changes", (news) => {
  position = Math.max(position, news.position);
  tell(news.changes);
});

socket.on("presence", (news) => {
  const people = news.people.filter((person) => person.id !== me);
  document.dispatchEvent(new CustomEvent("shop:presence", { detail: { ...news, people } }));
});

socket.on("disconnect", (reason) => {
  show("reconnecting");
  if (reason === "io server disconnect") location.reload();
});

socket.io.on("reconnect_attempt", () => show("reconnecting"));
socket.on("connect_error", () => show("offline", `${document.querySelector("[data-connection]")?.dataset.offline} ${clock()}`));
window.addEventListener("offline", () => show("offline", `${document.querySelector("[data-connection]")?.dataset.offline} ${clock()}`));

export function send(name, value) {
  if (socket.connected) socket.emit(name, value);
}

/** Calls back now and at every reconnection. */
export function whenLive(callback) {
  socket.on("hello", callback);
  if (socket.connected) callback();
}
