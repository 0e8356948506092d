/** Whether a server still lives, by what comes from it. */

/** A server says something each second; one that takes dropped sessions up again is left after this long. */
const SILENT_MS = 1500;
/** One that does not take them up is left only then: better a late answer than none. */
const SILENT_FOR_GOOD_MS = 10_000;
/** What this program slept through (a tab in the background, a lid that was shut) is not the server's fault. */
const LONGEST_TICK_MS = 200;

export class Pulse {
  constructor() {
    this.quietMs = 0;
  }

  /** Take note of a sign of life. */
  heard() {
    this.quietMs = 0;
  }

  /** Let time pass. @returns {boolean} whether the server is to be taken for dead */
  tick(elapsedMs, isResumable) {
    this.quietMs += Math.min(elapsedMs, LONGEST_TICK_MS);
    return this.quietMs > (isResumable ? SILENT_MS : SILENT_FOR_GOOD_MS);
  }
}
