/** The servers that may take a conversation: which one is called next, and when. */
import { Backoff } from "./backoff.js";

/** A connection that has lasted so long was a good one: after it the pauses begin anew. */
const SETTLED_MS = 500;
/** So long a server may take to be reached, and then to say anything at all, while a session waits to be resumed. */
const REACHED_MS = 2000;
const ANSWER_MS = 2000;
const LONGEST_ANSWER_MS = 10_000;
/** The same for a first call. */
const FIRST_MS = 10_000;

/** Goes round the addresses; pauses after each round in which all have refused. */
export class Doors {
  /**
   * @param {string[]} addresses
   * @param {() => number} random
   */
  constructor(addresses, random) {
    this.addresses = addresses;
    this._backoff = new Backoff(random);
    this._present = -1;
    this._calls = 0;
    this._unanswered = 0;
  }

  /**
   * Begin to look for a server that takes the conversation up again.
   * @param {boolean} isElsewhere the present one is silent or can't be reached: the next is called first
   * @param {number} lastedMs how long its connection stood
   */
  seek(isElsewhere, lastedMs) {
    if (lastedMs >= SETTLED_MS) this.settled();
    if (!isElsewhere) this._present -= 1;
  }

  /** Let the pauses begin anew. */
  settled() {
    this._calls = 0;
    this._unanswered = 0;
    this._backoff.reset();
  }

  /** @returns {number} milliseconds to wait before the next call */
  pauseMs(isResuming) {
    return this._calls++ % this.addresses.length === 0 ? this._backoff.next(isResuming) : 0;
  }

  /** @returns {string} who is called next */
  next() {
    const { length } = this.addresses;
    this._present = (((this._present + 1) % length) + length) % length;
    return this.addresses[this._present];
  }

  /** Note that one has kept silent: perhaps all of them need longer. */
  unanswered() {
    this._unanswered++;
  }

  /** How often all of them have kept silent since the pauses began. */
  get silentRounds() {
    return Math.floor(this._unanswered / this.addresses.length);
  }

  /** How long a call may stay without a word; it is reached first. */
  patienceMs(isResuming, isReached) {
    if (!isResuming) return FIRST_MS;
    const doubled = ANSWER_MS * 2 ** Math.min(8, this.silentRounds);
    return isReached ? Math.min(doubled, LONGEST_ANSWER_MS) : REACHED_MS;
  }
}
