/**
 * The line to whichever server holds the conversation, without I/O: connections break and are made again, the line stays.
 * Times are milliseconds of any clock that only grows.
 */
import { decodeReply } from "./frames.js";
import { decode, encode } from "./messages.js";
import { asking } from "./output.js";
import { Pulse } from "./pulse.js";
import { PROTOCOL, Search } from "./search.js";
import { Uplink } from "./uplink.js";

/** How long a server may take to say its last word. */
const HANG_UP_MS = 2000;
/** What is said of Opus by a server without it, and of a token that does not allow it. */
const OPUS_REFUSED = "CODE_FORMAT";

/**
 * @typedef {object} Told Whom the line tells.
 * @property {(opened: import("./messages.js").Message, isResuming: boolean, nowMs: number) => void} stands a server has taken
 *   the conversation, for the first time or again
 * @property {(message: import("./messages.js").Message) => void} heard what the server says of the conversation
 * @property {(code: string, message: string) => void} refused a first call has failed, and is made again
 * @property {() => void} away the connection is lost or about to be, another one is looked for
 * @property {(why: string) => void} lost there is none meanwhile
 * @property {(why: string) => void} plain Opus was asked for, and is no more: PCM16 comes from here on
 * @property {(code: string, message: string) => void} failed nothing more will be done: the session has to end
 */

export class Line {
  /**
   * @param {{addresses: string[], open: object, encoding: import("./output.js").Encoding, random: () => number}} options as
   *   the `Session` takes them
   * @param {import("./effects.js").Effects} effects
   * @param {Told} told
   */
  constructor({ addresses, open, encoding, random }, effects, told) {
    /** The connection on which the conversation stands. 0: none. */
    this.call = 0;
    /** Frames from the server that were none. */
    this.unreadable = 0;
    /** When time passed last. */
    this.nowMs = 0;
    this.uplink = new Uplink(random);
    this._first = { protocol: PROTOCOL, ...open };
    /** What is asked for; the server's `opened` says what comes. */
    this._encoding = encoding;
    this._effects = effects;
    this._told = told;
    this._search = new Search(addresses, random, effects);
    this._resumption = this.uplink.resumption;
    this._pulse = new Pulse();
    this._resumed = 0;
    this._sinceMs = 0;
    this._lost = { why: "", atMs: Infinity };
    this._isOver = false;
    this._leftAtMs = Infinity;
  }

  /** What `quality` tells of the connection. */
  get quality() {
    const { lostMs, lostWords } = this.uplink;
    return { quietMs: Math.round(this._pulse.quietMs), resumed: this._resumed, lostMs, lostWords, unreadable: this.unreadable };
  }

  /** @returns {{call: number, data: string|Uint8Array}|null} the next to be sent; ask while the connection takes it */
  next() {
    const data = this.call ? this.uplink.next() : null;
    return data === null ? null : { call: this.call, data };
  }

  begin(nowMs) {
    this.nowMs = nowMs;
    this._search.begin(nowMs, false);
  }

  /** Say `end`, and wait for the server's last word; where no connection stands nobody is there to be told. */
  hangUp(reason, nowMs) {
    this.uplink.end(reason);
    if (this.call) this._leftAtMs = nowMs + HANG_UP_MS;
    this._isOver = true;
    this._search.stop();
  }

  /** Let go of everything: all is said. */
  close() {
    this._isOver = true;
    this._search.stop();
    this._drop();
  }

  tick(nowMs) {
    const elapsedMs = nowMs - this.nowMs;
    this.nowMs = nowMs;
    if (this._isOver) {
      if (nowMs >= this._leftAtMs) this._drop();
      return;
    }
    this._heed(this._search.tick(nowMs), nowMs);
    if (nowMs - this._lost.atMs >= this._resumption.resumeS * 1000) {
      this._told.failed("CODE_LOST", `${this._lost.why} It could not be taken up again in time: begin a new one.`);
    } else if (this.call) {
      if (this._pulse.tick(elapsedMs, this._resumption.isOffered)) this._lose("The server fell silent.", true);
      else this.uplink.beat(nowMs);
    }
  }

  // Connections

  /** A connection that was dialled stands. */
  connected(call, nowMs) {
    if (!this._search.isCalling(call)) return;
    this._search.connected(nowMs);
    const first = { ...this._first, ...asking(this._encoding) };
    this._effects.send(call, encode("open", this._search.isResuming ? this._resumption.open(first) : first));
  }

  /** A message came. @param {string|ArrayBuffer} data */
  came(call, data, nowMs) {
    const message = readable(data);
    if (!message) this.unreadable++;
    if (this._search.isCalling(call)) {
      this._heed(this._search.came(message, nowMs), nowMs);
    } else if (call === this.call) {
      this._pulse.heard();
      if (message) this._hear(message);
    }
  }

  /** A connection is no more, or did not come about. `why`: in a few words. */
  broke(call, nowMs, why) {
    this.nowMs = nowMs;
    if (this._search.isCalling(call)) {
      this._heed(this._search.broke(why), nowMs);
    } else if (call === this.call) {
      if (this._isOver) this.call = 0;
      else this._lose(why || "The connection was lost.", false);
    }
  }

  /** Act on what the answer of who is called means. @param {import("./search.js").Verdict|null} verdict */
  _heed(verdict, nowMs) {
    switch (verdict?.is) {
      case "taken":
        this._adopt(verdict.call, verdict.opened, nowMs);
        break;
      case "refused":
        if (!this._search.isResuming) this._told.refused(verdict.code, verdict.message);
        break;
      case "hopeless":
        this._search.stop();
        if (this._encoding === "opus" && verdict.code === OPUS_REFUSED) {
          this._askForPcm16(verdict.message);
          this._search.begin(nowMs, this._search.isResuming);
        } else if (!this.call) {
          this._told.failed(verdict.code, verdict.message);
        }
        break;
      case "over":
        this._told.failed(verdict.code, verdict.message);
        break;
    }
  }

  /** The conversation stands on that connection from here on. */
  _adopt(call, opened, nowMs) {
    const { isResuming } = this._search;
    this._drop();
    Object.assign(this, { call, _sinceMs: nowMs, _lost: { why: "", atMs: Infinity } });
    if (isResuming) this._resumed++;
    this._pulse.heard();
    this._resumption.came(opened);
    this.uplink.resume(opened, nowMs);
    this._told.stands(opened, isResuming, nowMs);
  }

  // What the server says

  _hear(message) {
    if (this._isOver) {
      if (message.kind === "closed") this._drop();
      return;
    }
    const { isOffered } = this._resumption;
    this._resumption.came(message);
    if (isOffered && message.kind === "draining") this._seek(true);
    else if (isOffered && this._isOurOwn(message)) this._lose("The server let go of the conversation.", false);
    else if (isOffered && message.kind === "closed" && message.code === "CODE_DRAINING") this._lose("The server is going away.", true);
    else this._told.heard(message);
  }

  /** Whether an error only means that another connection of ours is wanted: we slept, or have called already. */
  _isOurOwn({ kind, code, retryable }) {
    if (kind !== "error") return false;
    if (code === "CODE_LIMIT") return retryable;
    return code === "CODE_SUPERSEDED" && (this._search.isOn || this._search.mayBeAnsweredLate(this.nowMs));
  }

  // From one connection to the next

  /** Opus can't be decoded here: have the rest `from` that place on come as PCM16, over another connection. */
  giveUpOpus(why, from) {
    if (this._isOver || this._encoding !== "opus") return;
    this._askForPcm16(why);
    this._resumption.missed(from);
    if (this.call) this._lose(`The sound that came can't be played here: ${why}.`, false);
  }

  _askForPcm16(why) {
    this._encoding = "pcm16";
    this._told.plain(why);
  }

  _lose(why, isElsewhere) {
    this._drop();
    if (!this._resumption.isOffered) {
      this._told.failed("CODE_LOST", `${why} Begin a new conversation.`);
      return;
    }
    this.uplink.pause();
    this._lost = { why, atMs: this.nowMs };
    this._told.lost(why);
    this._seek(isElsewhere);
  }

  /** Look for a server that takes the conversation up again, while the present one may still talk. */
  _seek(isElsewhere) {
    this._told.away();
    if (this._search.isOn) return;
    this._search.doors.seek(isElsewhere, this.nowMs - this._sinceMs);
    this._search.begin(this.nowMs, true);
  }

  _drop() {
    if (this.call) this._effects.drop(this.call);
    this.call = 0;
  }
}

/** @returns {import("./messages.js").Message|null} null: nothing that a server may say */
function readable(data) {
  const message = typeof data === "string" ? decode(data) : asMessage(decodeReply(data));
  return message && !Object.values(message).some((value) => typeof value === "bigint") ? message : null;
}

const asMessage = (piece) => piece && { kind: "audio", ...piece };
