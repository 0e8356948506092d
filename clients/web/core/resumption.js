/** What a conversation needs to go on over another connection: who it is, how far it got, what has to be said again. */
import { encodingOf, samplesIn } from "./output.js";
import { Retention } from "./retention.js";

/** The newest replies whose last report is said again: no more can have sounded while a connection was away. */
const REPORTED_REPLIES = 3;

/** One conversation's. Feed it every message with `came` and every request with `went`. */
export class Resumption {
  constructor() {
    this.retention = new Retention();
    /** How long the server keeps a dropped session. 0: it does not. */
    this.resumeS = 0;
    this._token = "";
    this._next = { reply: 0, position: 0 };
    /** @type {import("./output.js").Encoding} */
    this._encoding = "pcm16";
    this._seq = 0;
    /** @type {Map<number, import("./retention.js").Request>} */
    this._reports = new Map();
    this._flushed = null;
  }

  /** Whether the server takes a dropped session up again. */
  get isOffered() {
    return this._token !== "" && this.resumeS > 0;
  }

  /** Take note of what the server sent. @param {import("./messages.js").Message} message */
  came(message) {
    switch (message.kind) {
      case "opened":
        this._token = message.resumeToken;
        this.resumeS = message.resumeS;
        this._encoding = encodingOf(message);
        break;
      case "audio":
        this._noteReceived(message.reply, message.position + samplesIn(this._encoding, message.pcm));
        break;
      case "replyEnded":
        this._noteReceived(message.reply, message.samples);
        break;
      case "duck":
      case "release":
      case "flush":
        this._seq = Math.max(this._seq, message.seq);
        break;
      case "heard":
        if (message.receivedOffset) this.retention.heard(message.receivedOffset);
        break;
    }
  }

  /** Take note of what there is to be sent, whether or not a connection stands. */
  went(request) {
    this.retention.keep(request);
    if (request.kind === "playback") {
      this._reports.delete(request.fields.reply);
      this._reports.set(request.fields.reply, request);
      const replies = [...this._reports.keys()].sort((one, other) => one - other);
      for (const reply of replies.slice(0, -REPORTED_REPLIES)) this._reports.delete(reply);
    } else if (request.kind === "flushed") {
      this._flushed = request;
    }
  }

  /** What came from there on is of no use: it is wanted again. @param {import("./decoding.js").Place} place */
  missed({ reply, position }) {
    const { _next: next } = this;
    if (reply < next.reply || (reply === next.reply && position < next.position)) this._next = { reply, position };
  }

  /** The `open` that takes the conversation up again; `first` was its first. */
  open(first) {
    return { ...first, resume: this._token, ...(this._next.reply ? { next: { ...this._next } } : {}), seq: this._seq };
  }

  /**
   * What the server that answered with `opened` has to be told: `urgent` at once, `inOrder` as the microphone's clock has
   * it. No report and no answer to a flush is ever acknowledged, and to hear one twice does no harm.
   */
  again(micOffset) {
    const replies = [...this._reports.keys()].sort((one, other) => one - other);
    const urgent = replies.map((reply) => this._reports.get(reply));
    if (this._flushed) urgent.push(this._flushed);
    return { urgent, inOrder: this.retention.replay(micOffset) };
  }

  _noteReceived(reply, end) {
    if (reply > this._next.reply || (reply === this._next.reply && end > this._next.position)) {
      this._next = { reply, position: end };
    }
  }
}
