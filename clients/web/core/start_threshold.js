/** How much of a reply is gathered before it sounds: little on a good network, more after gaps, less again later. */
import { SPEAKER_HZ, speakerSamples } from "./sound.js";

const SMALLEST_SAMPLES = speakerSamples(20);
const LARGEST_SAMPLES = speakerSamples(200);
const STEP_SAMPLES = speakerSamples(20);
/** After so much playing without a gap a step less is gathered. */
const CALM_SAMPLES = 10 * SPEAKER_HZ;
/** A gap longer than this is a connection that was away; gathering more would not have bridged it. */
const OUTAGE_SAMPLES = SPEAKER_HZ;

export class StartThreshold {
  constructor() {
    this.samples = SMALLEST_SAMPLES;
    this._calm = 0;
  }

  /** Note that the speaker ran dry in mid-reply, for so long. */
  ranDry(gapSamples) {
    this._calm = 0;
    if (gapSamples > OUTAGE_SAMPLES) return;
    this.samples = Math.min(LARGEST_SAMPLES, Math.max(2 * this.samples, gapSamples));
  }

  /** Note that so many samples were played without a gap. */
  played(samples) {
    this._calm += samples;
    if (this._calm >= CALM_SAMPLES) {
      this._calm -= CALM_SAMPLES;
      this.samples = Math.max(SMALLEST_SAMPLES, this.samples - STEP_SAMPLES);
    }
  }
}
