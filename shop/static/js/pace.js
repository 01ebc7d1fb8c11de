/* A change is told to all at once, and all of them ask for the row. So that a crowd does not wait for itself, and nobody's
   own act behind it, whoever had to wait the last times comes a little later: in a small shop that is nothing. */
const MOST_MS = 300;
const TIMES = 3;
const NEWEST = 0.3;
let took = 0;

/** Milliseconds until it is one's turn to ask, at least so many. */
export const turn = (least) => least + Math.random() * Math.min(TIMES * took, MOST_MS);

/** The answer of a request, of which it is noted how long it took. */
export async function timed(request) {
  const begun = performance.now();
  try {
    return await request;
  } finally {
    took += NEWEST * (performance.now() - begun - took);
  }
}
