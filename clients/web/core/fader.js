/** The output's gain: ducked when somebody may want the floor, let go again, without a click. */
import { speakerSamples } from "./sound.js";

/** Every change of gain is spread over this time; shorter ones click, longer ones miss the goal for a duck. */
const RAMP_SAMPLES = speakerSamples(20);
/** A duck without a verdict undoes itself: it may be lost on the way, the reply must not stay quiet. */
const HOLD_SAMPLES = speakerSamples(800);

/** Applies a gain that moves in straight lines. Time is counted in the samples that pass through. */
export class Fader {
  constructor() {
    this.reset();
  }

  /** Whether a duck is in force, verdict pending. */
  get isDucked() {
    return this._holdLeft > 0;
  }

  /** Lower the output by `gainDb` (negative; a positive one counts as 0) for at most 800 ms. */
  duck(gainDb) {
    this._holdLeft = HOLD_SAMPLES;
    this._rampTo(10 ** (Math.min(gainDb, 0) / 20));
  }

  /** Go back to full level. */
  release() {
    this._holdLeft = 0;
    this._rampTo(1);
  }

  /** Be at full level at once: for when nothing sounds any more. */
  reset() {
    this.gain = 1;
    this._target = 1;
    this._rampLeft = 0;
    this._holdLeft = 0;
  }

  /** Bring a block to the present gain, in place; the duck runs out at its very sample. @param {Float32Array} block */
  apply(block) {
    for (let at = 0; at < block.length; at++) {
      if (this._holdLeft > 0 && --this._holdLeft === 0) this._rampTo(1);
      if (this._rampLeft > 0) {
        this.gain += (this._target - this.gain) / this._rampLeft;
        if (--this._rampLeft === 0) this.gain = this._target;
      }
      if (this.gain !== 1) block[at] *= this.gain;
    }
  }

  _rampTo(target) {
    this._target = target;
    this._rampLeft = target === this.gain ? 0 : RAMP_SAMPLES;
  }
}
