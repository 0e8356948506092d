/** Calls servers until one takes the conversation: for the first time, or again. No I/O: it says whom to call. */
import { Doors } from "./doors.js";

/** So long a call that nobody answered may still be found by a server that wakes up. */
const LATE_ANSWER_MS = 60_000;
/** A server that beats and has not answered `open` by then is given up as well; it allows itself twelve seconds. */
const LONGEST_OPENING_MS = 15_000;

/** @typedef {{call: number, sinceMs: number, quietSinceMs: number, isReached: boolean}} Candidate */

export class Search {
  /**
   * @param {string[]} addresses
   * @param {() => number} random
   * @param {(call: number, address: string) => void} dial
   * @param {(call: number) => void} drop
   */
  constructor(addresses, random, dial, drop) {
    this.doors = new Doors(addresses, random);
    /** @type {Candidate|null} */
    this.candidate = null;
    this.isOn = false;
    this.isResuming = false;
    this._dial = dial;
    this._drop = drop;
    this._calls = 0;
    this._callAtMs = 0;
    this._unansweredMs = -Infinity;
  }

  /** Begin to call. */
  begin(nowMs, isResuming) {
    this.isOn = true;
    this.isResuming = isResuming;
    this._callAtMs = nowMs + this.doors.pauseMs(isResuming);
    this.tick(nowMs);
  }

  /** Call nobody any more. */
  stop() {
    this.isOn = false;
    if (this.candidate) this._drop(this.candidate.call);
    this.candidate = null;
  }

  /** The candidate has taken the conversation. */
  found() {
    if (!this.isResuming) this.doors.settled();
    this.isOn = false;
    this.candidate = null;
  }

  /** The call did not come about, or was refused in a way that another may not be. Pauses count from its beginning. */
  failed() {
    this._callAtMs = this.candidate.sinceMs + this.doors.pauseMs(this.isResuming);
    this.candidate = null;
  }

  /** Whether a call was left unanswered of late: its server may wake up, and take the session over for nobody. */
  mayBeAnsweredLate(nowMs) {
    return nowMs - this._unansweredMs < LATE_ANSWER_MS;
  }

  tick(nowMs) {
    if (!this.isOn) return;
    const { candidate } = this;
    if (!candidate) {
      if (nowMs < this._callAtMs) return;
      this.candidate = { call: ++this._calls, sinceMs: nowMs, quietSinceMs: nowMs, isReached: false };
      this._dial(this._calls, this.doors.next());
      return;
    }
    const patienceMs = this.doors.patienceMs(this.isResuming, candidate.isReached);
    if (nowMs - candidate.quietSinceMs < patienceMs && nowMs - candidate.sinceMs < LONGEST_OPENING_MS) return;
    this._unansweredMs = nowMs;
    this.doors.unanswered();
    this._drop(candidate.call);
    this.failed();
  }
}
