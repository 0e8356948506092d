/** Which sample of which reply leaves the speaker when: the map from the device's samples back to replies. */
import { SPEAKER_HZ, speakerSamples } from "./sound.js";

/** A reply that has run dry without an end counts as audible this long: it may go on any moment. */
const STALL_SAMPLES = speakerSamples(400);
/** How far back a playhead can be asked for; more than any device's latency. */
const REMEMBERED_SAMPLES = 2 * SPEAKER_HZ;

/** @typedef {{reply: number, position: number}} Playhead So many samples of that reply have left the speaker. */

/** None has, of any. */
export const NOWHERE = Object.freeze({ reply: 0, position: 0 });

/** @typedef {{at: number, reply: number, position: number, samples: number}} Span */

/** Remembers what was given to the device. Moments are counts of samples given to (or played by) the device. */
export class PlayheadLog {
  constructor() {
    /** @type {Span[]} */
    this._spans = [];
    this._over = 0;
  }

  /** The moment after the last sample of any reply. */
  get end() {
    const last = this._spans.at(-1);
    return last ? last.at + last.samples : 0;
  }

  /** Where the last sample given to the device ends. */
  get last() {
    return this.at(this.end);
  }

  /** Note that samples of a reply from `position` on stand at `at` in the device's samples. */
  append(at, reply, position, samples) {
    const last = this._spans.at(-1);
    if (last && last.at + last.samples === at && last.reply === reply && last.position + last.samples === position) {
      last.samples += samples;
    } else {
      this._spans.push({ at, reply, position, samples });
    }
    while (this._spans.length > 1 && this._spans[1].at < at - REMEMBERED_SAMPLES) this._spans.shift();
  }

  /** Note that the last reply has come to its end, or was cut: silence after it is no stall. */
  over() {
    this._over = this.end;
  }

  /** @returns {Playhead} the reply played last at that moment and how much of it had been played */
  at(moment) {
    const span = this._span(moment);
    return span ? headIn(span, moment) : NOWHERE;
  }

  /** @returns {Playhead} the same, but nowhere when nothing was audible. A short stall in mid-reply counts as audible. */
  audibleAt(moment) {
    const span = this._span(moment);
    if (!span) return NOWHERE;
    const end = span.at + span.samples;
    const isStalled = moment - end < STALL_SAMPLES && end > this._over;
    return moment < end || isStalled ? headIn(span, moment) : NOWHERE;
  }

  _span(moment) {
    for (let place = this._spans.length - 1; place >= 0; place--) {
      if (this._spans[place].at <= moment) return this._spans[place];
    }
    return null;
  }
}

function headIn(span, moment) {
  return { reply: span.reply, position: span.position + Math.min(Math.max(moment - span.at, 0), span.samples) };
}
