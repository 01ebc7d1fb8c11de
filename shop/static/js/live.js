/* The live connection: says how it is, and what changed. Pages listen to `shop:changes` and ask for their own pieces. */
import { io } from "../vendor/socket.io-client-4.8.4/socket.io.esm.min.js";

const RETRY_MS = 2_000;
const socket = io({ transports: ["websocket"], reconnectionDelay: 500, reconnectionDelayMax: 5000 });
/* Where the page stood in the log when the server wrote it. */
let position = Number(document.querySelector("[data-position]")?.dataset.position ?? 0);
let lostAt = null;
let me = null;

function show(state, more = "") {
  for (const mark of document.querySelectorAll("[data-connection]")) {
    if (mark.dataset.connection === state) continue;
    mark.dataset.connection = state;
    mark.querySelector("[data-connection-text]").textContent = `${mark.dataset[state]}${more}`;
  }
}

function showLost(state) {
  lostAt ??= new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  show(state, state === "offline" ? ` ${lostAt}` : "");
}

function announce(name, detail) {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}

function tell(news) {
  position = Math.max(position, news.position);
  if (news.changes.length) announce("shop:changes", news);
}

/* What happened while nobody listened, asked for by position. */
async function catchUp() {
  let answer;
  try {
    answer = await fetch(`/admin/live/since?position=${position}`, { headers: { Accept: "application/json" } });
  } catch {
    setTimeout(catchUp, RETRY_MS);
    return;
  }
  if (answer.status === 401) location.reload();
  if (!answer.ok) return;
  const news = await answer.json();
  if (news.complete) return tell(news);
  position = news.position;
  announce("shop:reload");
}

socket.on("hello", async (greeting) => {
  lostAt = null;
  show("live");
  me = greeting.you;
  if (!position) position = greeting.position;
  else if (greeting.position !== position) await catchUp();
});

socket.on("changes", (news) => (news.after > position ? catchUp() : tell(news)));

socket.on("presence", (news) => {
  announce("shop:presence", { ...news, people: news.people.filter((person) => person.id !== me) });
});

socket.on("disconnect", (reason) => {
  showLost("reconnecting");
  if (reason === "io server disconnect") location.reload();
});

/* The server says no: the sign-in has ended, and the page goes to the sign-in. */
socket.on("connect_error", (error) => {
  showLost("offline");
  if (error.message === "signed_out") location.reload();
});

/* The system knows first that the network is gone; whether the shop is out of reach, only trying can tell. */
window.addEventListener("offline", () => socket.io.engine?.close());

export function send(name, value) {
  if (socket.connected) socket.emit(name, value);
}

/** Calls back at every greeting: now, and after each reconnection. */
export function whenLive(callback) {
  socket.on("hello", callback);
  if (lostAt === null && me !== null) callback();
}
