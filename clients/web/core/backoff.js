/** How long to wait before the next call: none at first, then twice as long each time, never in step with others. */

const SHORTEST_MS = 250;
const LONGEST_MS = 8000;
/** While a session waits to be resumed: so that it goes on within a second of the network's return. */
const LONGEST_RESUMING_MS = 800;

export class Backoff {
  /** @param {() => number} random from 0 to 1 */
  constructor(random) {
    this._random = random;
    this._rounds = 0;
  }

  /** Begin anew: the last connection was a good one. */
  reset() {
    this._rounds = 0;
  }

  /** @returns {number} milliseconds, anywhere between half and whole of what is nominal */
  next(isResuming) {
    const round = this._rounds++;
    if (!round) return 0;
    const nominal = Math.min(SHORTEST_MS * 2 ** Math.min(round - 1, 10), isResuming ? LONGEST_RESUMING_MS : LONGEST_MS);
    return nominal * (0.5 + this._random() / 2);
  }
}
