/** One reply's audio between the network and the speaker, addressed by its own positions. */
import { speakerSamples } from "./sound.js";

/** A hole in a reply is played as silence, so that what follows keeps its time; of a longer one the rest is skipped. */
const LONGEST_GAP_SAMPLES = speakerSamples(500);

/** @typedef {{position: number, samples: Int16Array|null, length: number, gain0: number, slope: number}} Run Null: silence. */

/** Holds what was received of one reply and gives it back in order, whatever the order and overlap it came in. */
export class ReplyBuffer {
  /** @param {number} reply */
  constructor(reply) {
    this.reply = reply;
    /** True: the server said that no audio follows. */
    this.hasEnded = false;
    /** True: its first sample has gone to the device. */
    this.hasStarted = false;
    /** True: it sounds, or sounded up to the last sample asked for. */
    this.isRunning = false;
    /** The next sample to be played. */
    this.position = 0;
    /** Samples received and not yet taken, holes not counted. */
    this.buffered = 0;
    /** When it ran dry, in the device's samples. */
    this.driedAt = 0;
    /** @type {{position: number, samples: Int16Array}[]} */
    this._pieces = [];
    this._fade = null;
  }

  /** Whether nothing is left to be taken. */
  get isDry() {
    return this._pieces.length === 0;
  }

  /** The position after the last sample received. */
  get end() {
    const last = this._pieces.at(-1);
    return last ? last.position + last.samples.length : this.position;
  }

  /**
   * Keep what is new of a piece.
   * @param {number} position
   * @param {Int16Array} samples
   * @returns {number} how many samples that were
   */
  insert(position, samples) {
    if (this._fade) return 0;
    if (this.hasStarted && position < this.position) {
      samples = samples.subarray(this.position - position);
      position = this.position;
    }
    const fresh = this._outside(position, samples);
    if (!fresh.length) return 0;
    const isBehind = position >= this.end;
    this._pieces.push(...fresh);
    if (!isBehind) this._pieces.sort((one, other) => one.position - other.position);
    if (!this.hasStarted) this.position = this._pieces[0].position;
    const kept = fresh.reduce((sum, piece) => sum + piece.samples.length, 0);
    this.buffered += kept;
    return kept;
  }

  /**
   * Write the next samples into `block` from `from` on, up to `to`, scaled to ±1; holes as silence.
   * @param {Float32Array} block
   * @param {(position: number, samples: number, from: number) => void} note told of each run of samples
   * @returns {number} how many: less than wanted only when it runs dry
   */
  render(block, from, to, note) {
    let at = from;
    while (at < to && this._pieces.length) {
      const { position, samples } = this._pieces[0];
      const now = this.hasStarted ? Math.max(this.position, position - LONGEST_GAP_SAMPLES) : position;
      const length = Math.min(to - at, now < position ? position - now : samples.length);
      if (now >= position) this._copy(block, at, samples, length);
      else block.fill(0, at, at + length);
      this.hasStarted = true;
      note(now, length, at);
      this.position = now + length;
      at += length;
    }
    return at - from;
  }

  /** Keep only the next samples, fading from `gain` to nothing, and let nothing more in: the reply was cut. */
  fadeOut(samples, gain) {
    let left = samples;
    const kept = [];
    for (const piece of this._pieces) {
      if (left <= 0) break;
      if (piece.position > this.position + samples - left) break; // a hole: it is silent from here on
      const part = piece.samples.subarray(0, left);
      kept.push({ position: piece.position, samples: part });
      left -= part.length;
    }
    this._pieces = kept;
    this.buffered = samples - left;
    this._fade = { gain, length: this.buffered, done: 0 };
    this.hasEnded = true;
  }

  _copy(block, at, samples, length) {
    const fade = this._fade;
    for (let i = 0; i < length; i++) {
      const gain = fade ? (fade.gain * (fade.length - 1 - fade.done++)) / fade.length : 1;
      block[at + i] = (samples[i] / 32768) * gain;
    }
    this.buffered -= length;
    if (length < samples.length) {
      this._pieces[0] = { position: this._pieces[0].position + length, samples: samples.subarray(length) };
    } else {
      this._pieces.shift();
    }
  }

  /** The parts of a piece that no held piece covers. */
  _outside(position, samples) {
    const end = position + samples.length;
    if (!samples.length) return [];
    if (position >= this.end || !this._pieces.length) return [{ position, samples }];
    const parts = [];
    let at = position;
    for (const { position: start, samples: held } of this._pieces) {
      if (at < start && start < end) parts.push({ position: at, samples: samples.subarray(at - position, start - position) });
      if (start < end && at < start + held.length) at = Math.max(at, start + held.length);
    }
    if (at < end) parts.push({ position: at, samples: samples.subarray(at - position) });
    return parts.filter((part) => part.samples.length);
  }
}
