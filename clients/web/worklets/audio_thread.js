/**
 * What the two worklets of an AudioContext share: both run on its audio thread, so that a frame of the microphone is
 * stamped with the very sample that is heard meanwhile, without asking anybody.
 */
import { Duplex } from "../core/duplex.js";
import { SPEAKER_HZ } from "../core/sound.js";

class AudioThread {
  constructor() {
    this.duplex = new Duplex();
    /** The context's frame at which the speaker's first sample stands; none was asked for yet: null. */
    this._firstFrame = null;
    /** Samples that are asked for ahead of their time, by the resampler. */
    this._ahead = 0;
    this._hz = SPEAKER_HZ;
  }

  /** The speaker begins. @param {number} frame @param {number} hz the context's @param {number} ahead */
  begin(frame, hz, ahead) {
    Object.assign(this, { _firstFrame: frame, _hz: hz, _ahead: ahead });
  }

  /** How many samples of the speaker have been asked for when the context is at that frame. */
  momentAt(frame) {
    if (this._firstFrame === null) return 0;
    return Math.round(((frame - this._firstFrame) * SPEAKER_HZ) / this._hz) + this._ahead;
  }
}

export const thread = new AudioThread();
