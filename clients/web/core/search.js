/**
 * Calls servers until one takes the conversation: for the first time, or again. No I/O: it says whom to call, and what an
 * answer means.
 */
import { Doors } from "./doors.js";

export const PROTOCOL = 1;
/** So long a call that nobody answered may still be found by a server that wakes up. */
const LATE_ANSWER_MS = 60_000;
/** A server that beats and has not answered `open` by then is given up as well; it allows itself twelve seconds. */
const LONGEST_OPENING_MS = 15_000;
/** So often each of them may keep silent at a first call; then the person has to act. A refusal is an answer. */
const MOST_SILENT_ROUNDS = 2;

/** @typedef {{call: number, sinceMs: number, quietSinceMs: number, isReached: boolean}} Candidate */

/**
 * @typedef {object} Verdict What a candidate's answer means.
 * @property {"taken"|"refused"|"hopeless"|"over"} is "refused": somebody else is called, or the same one again;
 *   "hopeless": nobody would take it; "over": nor does it stand any more where it stood.
 * @property {number} [call] of who has taken it
 * @property {import("./messages.js").Message} [opened] its answer
 * @property {string} [code]
 * @property {string} [message] why, in words for the person
 */

export class Search {
  /**
   * @param {string[]} addresses
   * @param {() => number} random
   * @param {import("./effects.js").Effects} effects
   */
  constructor(addresses, random, effects) {
    this.doors = new Doors(addresses, random);
    this.isOn = false;
    this.isResuming = false;
    /** @type {Candidate|null} */
    this._candidate = null;
    this._effects = effects;
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
    this._drop();
  }

  /** Whether that is who is called just now. */
  isCalling(call) {
    return this._candidate?.call === call;
  }

  /** Whether a call was left unanswered of late: its server may wake up, and take the session over for nobody. */
  mayBeAnsweredLate(nowMs) {
    return nowMs - this._unansweredMs < LATE_ANSWER_MS;
  }

  /** Let time pass. @returns {Verdict|null} what the silence of who is called means */
  tick(nowMs) {
    if (!this.isOn) return null;
    const candidate = this._candidate;
    if (!candidate) {
      if (nowMs < this._callAtMs) return null;
      this._candidate = { call: ++this._calls, sinceMs: nowMs, quietSinceMs: nowMs, isReached: false };
      this._effects.dial(this._calls, this.doors.next());
      return null;
    }
    const patienceMs = this.doors.patienceMs(this.isResuming, candidate.isReached);
    if (nowMs - candidate.quietSinceMs < patienceMs && nowMs - candidate.sinceMs < LONGEST_OPENING_MS) return null;
    this._unansweredMs = nowMs;
    this.doors.unanswered();
    return this._silent(candidate.isReached);
  }

  /** Who is called has kept silent for too long. */
  _silent(isReached) {
    const words = isReached ? "The server takes the call, and says nothing." : "The server does not answer.";
    if (this.isResuming || this.doors.silentRounds < MOST_SILENT_ROUNDS) return this._refused(words);
    const advice = "Ask who runs it whether it is well, and whether something on the way (a proxy, a firewall) holds WebSockets back.";
    return { is: "hopeless", code: "CODE_UNREACHABLE", message: `${words} ${advice}` };
  }

  // What becomes of the candidate

  /** Its connection stands. */
  connected(nowMs) {
    Object.assign(this._candidate, { isReached: true, quietSinceMs: nowMs });
  }

  /**
   * It has said something.
   * @param {import("./messages.js").Message|null} message null: nothing that can be read
   * @returns {Verdict|null} null: that was no answer
   */
  came(message, nowMs) {
    this._candidate.quietSinceMs = nowMs;
    switch (message?.kind) {
      case "opened":
        return this._opened(message);
      case "error": {
        const isOurs = message.code === "CODE_SUPERSEDED" && this.isResuming;
        if (message.retryable || isOurs) return this._refused(message.message, message.code);
        return { is: "hopeless", code: message.code, message: message.message };
      }
      case "closed":
        return this._refused(message.reason);
    }
    return null;
  }

  /** Its connection is no more, or did not come about. @returns {Verdict} */
  broke(why) {
    const words = this._candidate.isReached ? "The server hung up." : "The server can't be reached.";
    return this._refused(why || words);
  }

  _opened(opened) {
    const { call } = this._candidate;
    if (opened.protocol > PROTOCOL) {
      return { is: "over", code: "CODE_VERSION", message: `The server speaks version ${opened.protocol}: reload the page.` };
    }
    if (this.isResuming && !opened.resumed) {
      return { is: "over", code: "CODE_RESUME", message: "The conversation is over: begin a new one." };
    }
    if (!this.isResuming) this.doors.settled();
    this.isOn = false;
    this._candidate = null;
    return { is: "taken", call, opened };
  }

  /** Pauses count from a call's beginning. */
  _refused(message = "", code = "CODE_UNREACHABLE") {
    this._callAtMs = this._candidate.sinceMs + this.doors.pauseMs(this.isResuming);
    this._drop();
    return { is: "refused", code, message };
  }

  _drop() {
    if (this._candidate) this._effects.drop(this._candidate.call);
    this._candidate = null;
  }
}
