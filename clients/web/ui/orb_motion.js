/** How the picture moves: towards what is so, and only as long as something is on its way. Without DOM; times in ms. */

const QUIET_DB = -58;
const LOUD_DB = -12;
const CUT_MS = 450;
/** A smaller step is not seen. */
const UNSEEN = 0.01;
/** What a page slept through is not made up for. */
const LONGEST_STEP_MS = 100;
/** For who wants less motion a voice has so many sizes. */
const CALM_STEPS = 4;
/** How large the disc is in each turn; else OTHERWISE. */
const DISC = { parley: 0.42, both: 0.24, thinking: 0.3, nobody: 0.3 };
const OTHERWISE = 0.26;

/** How loud, from 0 to 1. */
export function loudness(db) {
  return Math.min(1, Math.max(0, (db - QUIET_DB) / (LOUD_DB - QUIET_DB)));
}

export class OrbMotion {
  constructor() {
    this.turn = "nobody";
    this.isMuted = false;
    /** What is shown: how loud either is, and the size of the disc. */
    this.shown = { mic: 0, speaker: 0, disc: DISC.nobody };
    /** The time by which all goes that moves by itself: it stands while the picture rests. */
    this.clockMs = 0;
    /** How much of a cut is still to be seen, from 1 to 0. */
    this.broken = 0;
    this._level = { mic: 0, speaker: 0 };
  }

  /** @param {{micDb: number, speakerDb: number}} levels */
  hear({ micDb, speakerDb }) {
    this._level = { mic: this.isMuted ? 0 : loudness(micDb), speaker: loudness(speakerDb) };
  }

  /** The reply was cut off. */
  cut() {
    this.broken = 1;
  }

  /** Go a part of the way: quickly up, slowly down. @param {boolean} isCalm for who wants less motion: all at once, in steps */
  step(elapsedMs, isCalm) {
    const wanted = this._wanted(isCalm);
    if (isCalm) {
      this.shown = wanted;
      this.broken = 0;
      return;
    }
    const sinceMs = Math.min(elapsedMs, LONGEST_STEP_MS);
    this.clockMs += sinceMs;
    this.broken = Math.max(0, this.broken - sinceMs / CUT_MS);
    const { shown } = this;
    for (const name of ["mic", "speaker"]) {
      shown[name] = towards(shown[name], wanted[name], wanted[name] > shown[name] ? 0.5 : 0.12);
    }
    shown.disc = towards(shown.disc, wanted.disc, 0.25);
  }

  /** Whether the next picture would be the same as the last. */
  rests(isCalm) {
    const wanted = this._wanted(isCalm);
    const isThere = Object.keys(wanted).every((name) => this.shown[name] === wanted[name]);
    if (isCalm) return isThere;
    const isLit = wanted.mic >= UNSEEN || wanted.speaker >= UNSEEN;
    return isThere && !isLit && !this.broken && this.turn !== "thinking" && this.turn !== "waiting";
  }

  _wanted(isCalm) {
    const { mic, speaker } = this._level;
    const size = (value) => (isCalm ? Math.round(value * CALM_STEPS) / CALM_STEPS : value);
    return { mic: size(mic), speaker: size(speaker), disc: DISC[this.turn] ?? OTHERWISE };
  }
}

/** A part of the way; the rest of it at once where it is not seen. */
function towards(from, to, part) {
  const next = from + (to - from) * part;
  return Math.abs(to - next) < UNSEEN ? to : next;
}
