/** What goes to the server, over whichever connection stands: kept as long as it may be wanted again, and in order. */
import { MICROPHONE_HEADER_BYTES, encodeMicrophone } from "./frames.js";
import { encode } from "./messages.js";
import { Outbox } from "./outbox.js";
import { Resumption } from "./resumption.js";
import { FRAME_MS, MIC_FRAME_SAMPLES, MIC_HZ } from "./sound.js";

const HEARTBEAT_MS = 1000;

export class Uplink {
  /** @param {() => number} random from 0 to 1 */
  constructor(random) {
    this.resumption = new Resumption();
    this._outbox = new Outbox();
    this._random = random;
    this._words = 0;
    this._beats = 0;
    this._beatMs = 0;
  }

  /** What of the microphone is lost for good. */
  get lostMs() {
    const { lostSamples } = this.resumption.retention;
    return Math.round((lostSamples * 1000) / MIC_HZ) + this._outbox.droppedFrames * FRAME_MS;
  }

  /** Typed words that were given up. */
  get lostWords() {
    return this.resumption.retention.lostWords;
  }

  /** @param {string} kind @param {object} fields */
  send(kind, fields) {
    this._put({ kind, fields });
  }

  /** @param {import("./frames.js").MicFrame} frame */
  hear(frame) {
    this._put({ kind: "audio", frame });
  }

  /** Typed words, named so that what is sent twice is answered once. */
  say(text) {
    this.send("say", { text, id: `${Math.floor(this._random() * 2 ** 40).toString(36)}-${++this._words}` });
  }

  /** A sign of life each second, whatever else goes. */
  beat(nowMs) {
    if (nowMs - this._beatMs < HEARTBEAT_MS) return;
    this._beatMs = nowMs;
    this.send("heartbeat", { beat: ++this._beats });
  }

  /** The connection is away. */
  pause() {
    this._outbox.pause();
  }

  /** A connection stands; one that `opened` has resumed is told again what may not have been heard. */
  resume(opened, nowMs) {
    this._beatMs = nowMs;
    this._outbox.largestSamples = largestSamples(opened.limits);
    const { urgent, inOrder } = opened.resumed ? this.resumption.again(opened.micOffset) : {};
    this._outbox.resume(urgent, inOrder);
  }

  /** Say `end`, and nothing after it. */
  end(reason) {
    this._outbox.close({ kind: "end", fields: { reason } });
  }

  /** @returns {string|Uint8Array|null} the next to be sent; null: there is nothing just now */
  next() {
    const request = this._outbox.take();
    if (!request) return null;
    return request.kind === "audio" ? encodeMicrophone(request.frame) : encode(request.kind, request.fields);
  }

  _put(request) {
    this.resumption.went(request);
    this._outbox.put(request);
  }
}

/** How much of the microphone a message may hold; 0 in a limit: the server has not said. */
function largestSamples({ maxFrameMs, maxMessageBytes }) {
  const byTime = maxFrameMs ? (maxFrameMs * MIC_HZ) / 1000 : MIC_FRAME_SAMPLES;
  const bySize = maxMessageBytes ? (maxMessageBytes - MICROPHONE_HEADER_BYTES) >> 1 : Infinity;
  return Math.max(MIC_FRAME_SAMPLES, Math.min(byTime, bySize));
}
