/* <time data-ago datetime="…">, and every time in a row of the queue, keeps saying how long ago that was. */
const REFRESH_MS = 30_000;
const SECOND = 1_000;
const MINUTE = 60_000;
const UNITS = { minute: "min", hour: "h", day: "d" };

/** The shortest words, as the server's `ago` filter writes them. */
export function spanWords(milliseconds) {
  const minutes = Math.floor(milliseconds / MINUTE);
  if (minutes < 1) return document.documentElement.dataset.justNow;
  if (minutes < 60) return `${minutes} ${UNITS.minute}`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} ${UNITS.hour}`;
  return `${Math.floor(minutes / (24 * 60))} ${UNITS.day}`;
}

function refresh() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-ago], [data-repair] time")) {
    const words = spanWords(now - Date.parse(time.dateTime));
    if (time.textContent !== words) time.textContent = words;
  }
}

/* <time data-leaves="7" data-words="leaves in {n} s" data-over="…">: seconds from when it came into the page. */
const comes = new WeakMap();

function countDown() {
  for (const time of document.querySelectorAll("time[data-leaves]")) {
    if (comes.get(time)?.from !== time.dateTime) {
      comes.set(time, { from: time.dateTime, at: performance.now() + Number(time.dataset.leaves) * 1000 });
    }
    const held = comes.get(time);
    const left = Math.ceil((held.at - performance.now()) / 1000);
    time.textContent = left > 0 ? time.dataset.words.replace("{n}", left) : time.dataset.over;
    if (left > 0 || held.isOver) continue;
    held.isOver = true;
    document.dispatchEvent(new Event("shop:left"));
  }
}

export function startTimes() {
  setInterval(refresh, REFRESH_MS);
  setInterval(countDown, SECOND);
}
