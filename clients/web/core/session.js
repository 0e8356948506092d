/**
 * One conversation as the page sees it, without I/O: what connections and devices say comes in, what is to be dialled,
 * sent, played and shown comes out. Times are milliseconds of any clock that only grows.
 */
import { Effects } from "./effects.js";
import { Hearing } from "./hearing.js";
import { Line } from "./line.js";
import { encodingOf } from "./output.js";
import { StopKey } from "./stop_key.js";

export class Session {
  /**
   * @param {object} options
   * @param {string[]} options.addresses
   * @param {object} options.open the fields of the first message, protocol and formats aside
   * @param {import("./output.js").Encoding} [options.encoding] how replies shall come
   * @param {() => number} options.random from 0 to 1
   * @param {boolean} [options.isMuted]
   */
  constructor({ addresses, open, encoding = "pcm16", random, isMuted = false }) {
    /** @type {"idle"|"connecting"|"conversation"|"resuming"|"ended"} */
    this.state = "idle";
    this.why = "";
    this.code = "";
    this.isMuted = isMuted;
    this.isPressed = false;
    /** The server's name for the conversation, for its logs. */
    this.id = "";
    this._effects = new Effects();
    this._stopKey = new StopKey();
    this._hearing = new Hearing((type, detail) => this._effects.event(type, detail));
    this._line = new Line({ addresses, open, encoding, random }, this._effects, {
      stands: (opened, isResuming, nowMs) => this._stands(opened, isResuming, nowMs),
      heard: (message) => this._heard(message),
      refused: (code, message) => this._refused(code, message),
      away: () => this._stopKey.away(),
      lost: (why) => this._become("resuming", why),
      plain: (why) => this._effects.event("output", { encoding: "pcm16", why }),
      failed: (code, message) => this._fail(code, message),
    });
  }

  /** @returns {import("./effects.js").Effect[]} what is to be done, in order */
  take() {
    return this._effects.take();
  }

  /** @returns {{call: number, data: string|Uint8Array}|null} the next to be sent; ask while the connection takes it */
  next() {
    return this._line.next();
  }

  /** The connection on which the conversation stands; 0: none. */
  get line() {
    return this._line.call;
  }

  /** Whether it is over, its last word said. */
  get isDone() {
    return this.state === "ended" && !this.line;
  }

  /** What `quality` tells of the connection. */
  get quality() {
    return this._line.quality;
  }

  // The person

  begin(nowMs) {
    this._become("connecting");
    this._line.begin(nowMs);
  }

  hangUp(nowMs, reason = "the person hung up") {
    if (this.state === "ended" || this.state === "idle") return;
    this._line.hangUp(reason, nowMs);
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
    if (this._isOn) this._stopKey.press(this._line.nowMs);
    this._send("interrupt", {});
  }

  /** @returns {boolean} whether there is a conversation that has taken the words */
  say(text) {
    if (!this._isOn) return false;
    this._stopKey.letGo();
    this._line.uplink.say(text);
    return true;
  }

  // The devices

  /** Take what the `Duplex` has put out. @param {import("./duplex.js").Output} output */
  hear({ kind, frame, fields, type, detail }) {
    if (type === "replyPlayed") this._stopKey.played(detail.reply);
    if (kind === "event") this._effects.event(type, detail);
    else if (kind !== "frame") this._send(kind, fields);
    else if (this._isOn) this._line.uplink.hear(frame);
  }

  /** Opus can't be decoded here; it is wanted otherwise `from` there on. @param {import("./decoding.js").Place} from */
  giveUpOpus(why, from) {
    this._line.giveUpOpus(why, from);
  }

  // Time

  tick(nowMs) {
    this._line.tick(nowMs);
    if (this.state === "conversation" && this._stopKey.tick(nowMs)) this._send("interrupt", {});
  }

  // Connections

  /** A connection that was dialled stands. */
  connected(call, nowMs) {
    this._line.connected(call, nowMs);
  }

  /** A message came. @param {string|ArrayBuffer} data */
  came(call, data, nowMs) {
    this._line.came(call, data, nowMs);
  }

  /** A connection is no more, or did not come about. `why`: in a few words. */
  broke(call, nowMs, why = "") {
    this._line.broke(call, nowMs, why);
  }

  // What becomes of the line

  /** A server has taken the conversation. */
  _stands(opened, isResuming, nowMs) {
    this.id = opened.session;
    const encoding = encodingOf(opened);
    this._effects.speaker({ do: isResuming ? "letGo" : "begin", encoding });
    this._effects.event("output", { encoding, why: "" });
    this._become("conversation");
    if (this._stopKey.back(nowMs)) this._send("interrupt", {});
    if (isResuming) {
      this._hearing.resumed();
      return;
    }
    if (this.isMuted) this._send("mute", { muted: true });
    if (this.isPressed) this._send("pushToTalk", { pressed: true });
  }

  /** Of a first call the person is told why it takes so long. */
  _refused(code, message) {
    if (!message || message === this.why) return;
    this._become("connecting", message);
    const sentence = message.replace(/[^.!?…]$/, "$&.");
    this._effects.event("notice", { code, message: `${sentence} Calling again.` });
  }

  _heard(message) {
    switch (message.kind) {
      case "audio":
        this._stopKey.received(message.reply);
        this._effects.speaker({ ...message, do: message.kind });
        break;
      case "flush":
        this._stopKey.flushed(message.seq, message.floor);
        this._hearing.flushed(message.floor);
        this._effects.speaker({ ...message, do: message.kind });
        break;
      case "replyEnded":
      case "duck":
      case "release":
        this._effects.speaker({ ...message, do: message.kind });
        break;
      case "error":
        this._fail(message.code, message.message);
        break;
      case "closed":
        this._line.close();
        this._end(message.reason, message.code);
        break;
      default:
        if (this._hearing.hear(message)) this._tellState();
    }
  }

  _fail(code, message) {
    this._line.close();
    this._effects.event("error", { code, message });
    this._end(message, code);
  }

  _end(why, code) {
    this.code = code;
    this._hearing.over();
    this._become("ended", why);
  }

  /** Whether there is a conversation, be its connection away or not. */
  get _isOn() {
    return this.state === "conversation" || this.state === "resuming";
  }

  _send(kind, fields) {
    if (this._isOn) this._line.uplink.send(kind, fields);
  }

  _become(state, why = "") {
    this.state = state;
    this.why = why;
    this._tellState();
  }

  _tellState() {
    const { floor, turn } = this._hearing;
    const { state: session, why, code, isMuted: muted, isPressed: pressed } = this;
    this._effects.event("state", { session, floor, turn, why, code, muted, pressed });
  }
}
