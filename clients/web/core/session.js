/**
 * One conversation as the page sees it, without I/O: what connections and devices say comes in, what is to be dialled,
 * sent, played and shown comes out. Times are milliseconds of any clock that only grows.
 */
import { Effects } from "./effects.js";
import { decodeReply } from "./frames.js";
import { Hearing } from "./hearing.js";
import { decode, encode } from "./messages.js";
import { Pulse } from "./pulse.js";
import { PROTOCOL, Search } from "./search.js";
import { StopKey } from "./stop_key.js";
import { Uplink } from "./uplink.js";

/** How far ahead of the speaker audio shall come: a reply starts at its first piece, and rides out 150 ms of jitter. */
const CLIENT_BUFFER_MS = 200;

/** How long a server may take to say its last word. */
const HANG_UP_MS = 2000;

export class Session {
  /**
   * @param {object} options
   * @param {string[]} options.addresses
   * @param {object} options.open the fields of the first message, protocol and formats aside
   * @param {() => number} options.random from 0 to 1
   * @param {boolean} [options.isMuted]
   */
  constructor({ addresses, open, random, isMuted = false }) {
    /** @type {"idle"|"connecting"|"conversation"|"resuming"|"ended"} */
    this.state = "idle";
    this.why = "";
    this.code = "";
    this.isMuted = isMuted;
    this.isPressed = false;
    this.resumed = 0;
    /** The server's name for the conversation, for its logs. */
    this.id = "";
    /** Frames from the server that were none. */
    this.unreadable = 0;
    this._open = { protocol: PROTOCOL, clientBufferMs: CLIENT_BUFFER_MS, ...open };
    this._effects = new Effects();
    this._search = new Search(addresses, random, this._effects);
    this._uplink = new Uplink(random);
    this._resumption = this._uplink.resumption;
    this._pulse = new Pulse();
    this._stopKey = new StopKey();
    this._hearing = new Hearing((type, detail) => this._effects.event(type, detail));
    /** The connection on which the conversation stands. 0: none. */
    this._line = 0;
    this._lineSinceMs = 0;
    this._lostMs = Infinity;
    this._lingersUntilMs = Infinity;
    this._nowMs = 0;
  }

  /** @returns {import("./effects.js").Effect[]} what is to be done, in order */
  take() {
    return this._effects.take();
  }

  /** @returns {{call: number, data: string|Uint8Array}|null} the next to be sent; ask while the connection takes it */
  next() {
    const data = this._line ? this._uplink.next() : null;
    return data === null ? null : { call: this._line, data };
  }

  /** The connection on which the conversation stands; 0: none. */
  get line() {
    return this._line;
  }

  /** Whether it is over, its last word said. */
  get isDone() {
    return this.state === "ended" && !this._line;
  }

  /** What `quality` tells of the connection. */
  get quality() {
    const { resumed, unreadable } = this;
    const { lostMs, lostWords } = this._uplink;
    return { quietMs: Math.round(this._pulse.quietMs), resumed, lostMs, lostWords, unreadable };
  }

  // The person

  begin(nowMs) {
    this._nowMs = nowMs;
    this._become("connecting");
    this._search.begin(nowMs, false);
  }

  hangUp(nowMs, reason = "the person hung up") {
    if (this.state === "ended" || this.state === "idle") return;
    this._uplink.end(reason);
    this._search.stop();
    if (this._line && this.state === "conversation") this._lingersUntilMs = nowMs + HANG_UP_MS;
    else this._drop();
    this._end("", "CODE_CLIENT");
  }

  setMuted(muted) {
    if (muted === this.isMuted) return;
    this.isMuted = muted;
    this._effects.speaker({ do: "mute", muted });
    this._send("mute", { muted });
    this._tellState();
  }

  press(pressed) {
    if (pressed === this.isPressed) return;
    this.isPressed = pressed;
    this._stopKey.letGo();
    this._send("pushToTalk", { pressed });
    this._tellState();
  }

  /** Stop the reply: it is said again as long as the server does not heed it. */
  interrupt() {
    if (this._isOn) this._stopKey.press(this._nowMs);
    this._send("interrupt", {});
  }

  /** @returns {boolean} whether there is a conversation that has taken the words */
  say(text) {
    if (!this._isOn) return false;
    this._stopKey.letGo();
    this._uplink.say(text);
    return true;
  }

  // The devices

  /** Take what the `Duplex` has put out. @param {import("./duplex.js").Output} output */
  hear({ kind, frame, fields, type, detail }) {
    if (type === "replyPlayed") this._stopKey.played(detail.reply);
    if (kind === "event") this._effects.event(type, detail);
    else if (kind !== "frame") this._send(kind, fields);
    else if (this._isOn) this._uplink.hear(frame);
  }

  // Time

  tick(nowMs) {
    const elapsedMs = nowMs - this._nowMs;
    this._nowMs = nowMs;
    if (this.state === "ended") {
      if (nowMs >= this._lingersUntilMs) this._drop();
      return;
    }
    this._heed(this._search.tick(nowMs), nowMs);
    if (this.state === "resuming" && nowMs - this._lostMs >= this._resumption.resumeS * 1000) {
      this._fail("CODE_LOST", `${this.why} It could not be taken up again in time: begin a new one.`);
    } else if (this._line && this.state === "conversation") {
      if (this._pulse.tick(elapsedMs, this._resumption.isOffered)) this._lose("The server fell silent.", true);
      else this._uplink.beat(nowMs);
      if (this._stopKey.tick(nowMs)) this._send("interrupt", {});
    }
  }

  // Connections

  /** A connection that was dialled stands. */
  connected(call, nowMs) {
    if (!this._search.isCalling(call)) return;
    this._search.connected(nowMs);
    const open = this._search.isResuming ? this._resumption.open(this._open) : this._open;
    this._effects.send(call, encode("open", open));
  }

  /** A message came. @param {string|ArrayBuffer} data */
  came(call, data, nowMs) {
    const message = typeof data === "string" ? decode(data) : asMessage(decodeReply(data));
    const isReadable = message && !Object.values(message).some((value) => typeof value === "bigint");
    if (!isReadable) this.unreadable++;
    if (this._search.isCalling(call)) {
      this._heed(this._search.came(isReadable ? message : null, nowMs), nowMs);
    } else if (call === this._line) {
      this._pulse.heard();
      if (isReadable) this._act(message);
    }
  }

  /** A connection is no more, or did not come about. `why`: in a few words. */
  broke(call, nowMs, why = "") {
    this._nowMs = nowMs;
    if (this._search.isCalling(call)) {
      this._heed(this._search.broke(why), nowMs);
    } else if (call === this._line) {
      if (this.state === "ended") this._line = 0;
      else this._lose(why || "The connection was lost.", false);
    }
  }

  // What the server said

  /** Act on what the answer of who is called means. @param {import("./search.js").Verdict|null} verdict */
  _heed(verdict, nowMs) {
    switch (verdict?.is) {
      case "taken":
        this._adopt(verdict.call, verdict.opened, nowMs);
        break;
      case "refused":
        this._tellWhy(verdict);
        break;
      case "hopeless":
        this._search.stop();
        if (!this._line) this._fail(verdict.code, verdict.message);
        break;
      case "over":
        this._fail(verdict.code, verdict.message);
        break;
    }
  }

  /** Of a first call the person is told why it takes so long. */
  _tellWhy({ code, message }) {
    if (this._search.isResuming || !message || message === this.why) return;
    this.why = message;
    this._tellState();
    const sentence = message.replace(/[^.!?…]$/, "$&.");
    this._effects.event("notice", { code, message: `${sentence} Calling again.` });
  }

  /** The conversation stands on that connection from here on. */
  _adopt(call, opened, nowMs) {
    const { isResuming } = this._search;
    if (this._line) this._effects.drop(this._line);
    Object.assign(this, { _line: call, _lineSinceMs: nowMs, _lostMs: Infinity });
    this._pulse.heard();
    this._resumption.came(opened);
    this.id = opened.session;
    this._uplink.resume(opened, nowMs);
    this._effects.speaker({ do: isResuming ? "letGo" : "begin" });
    this.why = "";
    this._become("conversation");
    if (this._stopKey.back(nowMs)) this._send("interrupt", {});
    if (isResuming) {
      this._hearing.resumed();
      this.resumed++;
      return;
    }
    if (this.isMuted) this._send("mute", { muted: true });
    if (this.isPressed) this._send("pushToTalk", { pressed: true });
  }

  /** What came over the line. */
  _act(message) {
    if (this.state === "ended") {
      if (message.kind === "closed") this._drop();
      return;
    }
    const isOffered = this._resumption.isOffered;
    this._resumption.came(message);
    if (message.kind === "audio") this._stopKey.received(message.reply);
    if (message.kind === "flush") this._stopKey.flushed(message.seq, message.floor);
    switch (message.kind) {
      case "audio":
      case "replyEnded":
      case "duck":
      case "release":
      case "flush":
        this._effects.speaker({ ...message, do: message.kind });
        break;
      case "draining":
        if (isOffered) this._seek(true);
        break;
      case "error":
        if (isOffered && this._isOurOwn(message)) this._lose("The server let go of the conversation.", false);
        else this._fail(message.code, message.message);
        break;
      case "closed":
        if (isOffered && message.code === "CODE_DRAINING") {
          this._lose("The server is going away.", true);
        } else {
          this._drop();
          this._end(message.reason, message.code);
        }
        break;
      default:
        if (this._hearing.hear(message)) this._tellState();
    }
  }

  /** Whether an error only means that another connection of ours is wanted: we slept, or have called already. */
  _isOurOwn({ code, retryable }) {
    if (code === "CODE_LIMIT") return retryable;
    return code === "CODE_SUPERSEDED" && (this._search.isOn || this._search.mayBeAnsweredLate(this._nowMs));
  }

  // From one connection to the next

  _lose(why, isElsewhere) {
    this._drop();
    if (!this._resumption.isOffered) {
      this._fail("CODE_LOST", `${why} Begin a new conversation.`);
      return;
    }
    this._uplink.pause();
    this._lostMs = this._nowMs;
    this.why = why;
    this._become("resuming");
    this._seek(isElsewhere);
  }

  /** Look for a server that takes the conversation up again, while the present one may still talk. */
  _seek(isElsewhere) {
    this._stopKey.away();
    if (this._search.isOn) return;
    this._search.doors.seek(isElsewhere, this._nowMs - this._lineSinceMs);
    this._search.begin(this._nowMs, true);
  }

  _fail(code, message) {
    this._search.stop();
    this._drop();
    this._effects.event("error", { code, message });
    this._end(message, code);
  }

  _end(why, code) {
    this._search.stop();
    this.why = why;
    this.code = code;
    this._hearing.over();
    this._become("ended");
  }

  _drop() {
    if (this._line) this._effects.drop(this._line);
    this._line = 0;
    this._lingersUntilMs = Infinity;
  }

  // What goes out

  /** Whether there is a conversation, be its connection away or not. */
  get _isOn() {
    return this.state === "conversation" || this.state === "resuming";
  }

  _send(kind, fields) {
    if (this._isOn) this._uplink.send(kind, fields);
  }

  _become(state) {
    this.state = state;
    this._tellState();
  }

  _tellState() {
    const { floor, turn } = this._hearing;
    const { state: session, why, code, isMuted: muted, isPressed: pressed } = this;
    this._effects.event("state", { session, floor, turn, why, code, muted, pressed });
  }
}

const asMessage = (piece) => piece && { kind: "audio", ...piece };
