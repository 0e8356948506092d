/**
 * From one rate to another: a linear-phase low-pass in as many phases as the two rates have between them. Its output is
 * aligned with its input: sample k of the one stands at sample k · in/out of the other, and comes as soon as the input
 * reaches `lookahead` samples beyond that.
 */

/** Taps on either side of a sample, at the lower of the two rates. */
const HALF_TAPS = 16;
/** Where the pass band ends, as a share of what the lower rate can hold. */
const PASS = 0.9;
/** Kaiser's window at this shape leaves some -80 dB of what does not fit. */
const BETA = 8;

export class Resampler {
  /**
   * @param {number} inHz whole
   * @param {number} outHz whole
   */
  constructor(inHz, outHz) {
    const common = gcd(inHz, outHz);
    this._up = outHz / common;
    this._down = inHz / common;
    /** Samples of input beyond the one that an output sample stands at. */
    this.lookahead = this._up === this._down ? 0 : Math.ceil(HALF_TAPS * Math.max(1, inHz / outHz));
    this._taps = 2 * this.lookahead;
    this._phases = this._taps ? phases(this._up, this._taps, Math.min(1, outHz / inHz) * PASS) : null;
    /** The last inputs; the first of them is number `_first` of all. */
    this._held = new Float32Array(this._taps + 4096);
    this._length = this.lookahead;
    this._first = -this.lookahead;
    /** The next output, as a whole number of inputs and a phase. */
    this._at = 0;
    this._phase = 0;
  }

  /** How many more inputs are wanted before `outputs` more can be taken. */
  wanted(outputs) {
    if (!outputs) return 0;
    const last = this._at + Math.floor((this._phase + (outputs - 1) * this._down) / this._up);
    return Math.max(0, last + this.lookahead + 1 - (this._first + this._length));
  }

  /** Take input. @param {Float32Array} block of any length up to 4096 */
  feed(block) {
    const spare = this._at - this.lookahead - this._first;
    if (spare > 0 && this._length + block.length > this._held.length) {
      const gone = Math.min(spare, this._length);
      this._held.copyWithin(0, gone, this._length);
      this._length -= gone;
      this._first += gone;
    }
    this._held.set(block, this._length);
    this._length += block.length;
  }

  /**
   * Write outputs into `block` from `from` on.
   * @param {Float32Array} block
   * @returns {number} where it ended: short of `to` when input is missing
   */
  take(block, from = 0, to = block.length) {
    let out = from;
    while (out < to && this._at + this.lookahead < this._first + this._length) {
      block[out++] = this._phases ? this._filtered() : this._held[this._at - this._first];
      this._phase += this._down;
      this._at += Math.floor(this._phase / this._up);
      this._phase %= this._up;
    }
    return out;
  }

  _filtered() {
    const begin = this._at - this.lookahead + 1 - this._first;
    const weights = this._phase * this._taps;
    let sum = 0;
    for (let tap = 0; tap < this._taps; tap++) sum += this._phases[weights + tap] * this._held[begin + tap];
    return sum;
  }
}

/** The filter's taps, phase by phase; each phase passes a constant unchanged. `pass`: a share of the input's half rate. */
function phases(count, taps, pass) {
  const table = new Float32Array(count * taps);
  const half = taps / 2;
  for (let phase = 0; phase < count; phase++) {
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) {
      const x = tap - half + 1 - phase / count;
      const weight = pass * sinc(pass * x) * kaiser(x / half);
      table[phase * taps + tap] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < taps; tap++) table[phase * taps + tap] /= sum;
  }
  return table;
}

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const kaiser = (x) => (Math.abs(x) >= 1 ? 0 : bessel(BETA * Math.sqrt(1 - x * x)) / bessel(BETA));

/** The modified Bessel function of order 0. */
function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; k < 40; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

const gcd = (a, b) => (b ? gcd(b, a % b) : a);
