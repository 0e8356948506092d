/** Packets of one reply that follow each other without a hole, and what a decoder makes of them. */
import { pcmOf } from "./frames.js";
import { SPEAKER_HZ, speakerSamples } from "./sound.js";

const US_PER_S = 1_000_000;
/** Times are whole microseconds, and a decoder may round: far less than a sample lasts. */
const ROUNDING_SAMPLES = 1;

export class DecodedStream {
  /**
   * @param {number} reply
   * @param {number} position of its first packet
   * @param {number} beganSamples when that is, on a clock that no other stream's packets share
   * @param {(told: import("./browser/opus.js").Told) => import("./browser/opus.js").OpusDecoder} makeDecoder
   * @param {{came: () => void, finished: () => void, failed: (why: string) => void}} told
   */
  constructor(reply, position, beganSamples, makeDecoder, told) {
    this.reply = reply;
    /** Whether nothing more comes out. */
    this.isOver = false;
    /** What follows it, for the speaker. @type {object[]} */
    this.after = [];
    this._began = { position, samples: beganSamples };
    /** The position after the last sample that went in, and after the last that came out. */
    this._end = position;
    this._done = position;
    this._isFinishing = false;
    /** @type {object[]} */
    this._pieces = [];
    this._heldSamples = 0;
    this._told = told;
    this._decoder = makeDecoder({
      decoded: (timestampUs, samples, hz) => this._hear(timestampUs, samples, hz),
      finished: () => this._finished(),
      failed: (why) => this._fail(why),
    });
  }

  /** Whether a packet goes on where it stands. */
  isContinuedBy(reply, position) {
    return reply === this.reply && position === this._end;
  }

  /** @param {Uint8Array} packet @param {number} samples that it holds */
  feed(packet, samples) {
    this._decoder.decode(packet, this._timeUs(this._end), (samples * US_PER_S) / SPEAKER_HZ);
    this._end += samples;
  }

  /** No packet follows. */
  finish() {
    if (this.isOver || this._isFinishing) return;
    this._isFinishing = true;
    this._decoder.finish();
  }

  /** Nothing more is to come out. */
  close() {
    this.isOver = true;
    this._decoder.close();
  }

  /** @returns {object[]} what has come out since the last time, for the speaker */
  take() {
    const pieces = this._pieces;
    this._pieces = [];
    this._heldSamples = 0;
    return pieces;
  }

  /** Where what has not come out begins. */
  get place() {
    return { reply: this.reply, position: this._done };
  }

  /** Whether something has not come out. */
  get isShort() {
    return this._done < this._end;
  }

  /** What is in the decoder, or was not taken yet. */
  get waitingSamples() {
    return this._end - this._done + this._heldSamples;
  }

  /** Whether the decoder owes more than it may hold back. */
  isBehind(heldBackSamples) {
    return !this.isOver && (this._isFinishing || this._end - this._done > heldBackSamples);
  }

  /**
   * Take what the decoder gives. Where it stands in the reply its time says: some decoders join packets, or part them.
   * The server's encoder was given 24 kHz, so there is nothing above 12 kHz in it: of a decoder that gives 48 kHz every
   * second sample is the sound, without a filter.
   */
  _hear(timestampUs, samples, hz) {
    if (this.isOver) return;
    const step = hz / SPEAKER_HZ;
    const position = this._positionAt(timestampUs);
    if (!Number.isInteger(step)) {
      this._fail(`the decoder gives ${hz} Hz`);
    } else if (position < this._done - ROUNDING_SAMPLES || position >= this._end) {
      this._fail("the decoder does not say what it has decoded");
    } else {
      const pcm = pcmOf(samples, step);
      const length = pcm.length >> 1;
      this._pieces.push({ do: "audio", reply: this.reply, position, pcm });
      this._heldSamples += length;
      this._done = Math.min(this._end, position + length);
      this._told.came();
    }
  }

  _finished() {
    if (this.isOver) return;
    this.isOver = true;
    this._told.finished();
  }

  _fail(why) {
    if (!this.isOver) this._told.failed(why);
  }

  _timeUs(position) {
    return Math.round(((this._began.samples + position - this._began.position) * US_PER_S) / SPEAKER_HZ);
  }

  _positionAt(timestampUs) {
    return this._began.position + speakerSamples(timestampUs / 1000) - this._began.samples;
  }
}
