/* <time data-ago datetime="…">, and every time in a row of the queue, keeps saying how long ago that was. */
const REFRESH_MS = 30_000;
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

export function startTimes() {
  setInterval(refresh, REFRESH_MS);
}
