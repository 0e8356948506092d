/**
 * Whether the microphone's sound may be somebody who speaks: loud against what is usual here, and voiced. Good enough to
 * lower a reply for a moment; the server judges what it was.
 */
import { MIC_HZ } from "./sound.js";

/** Voices lie between these; searched at a quarter of the microphone's rate, over the last 40 ms. */
const LOWEST_HZ = 70;
const HIGHEST_HZ = 400;
const SLOWER = 4;
const HZ = MIC_HZ / SLOWER;
const WINDOW = Math.round(HZ * 0.04);
const LAGS = [Math.floor(HZ / HIGHEST_HZ), Math.ceil(HZ / LOWEST_HZ)];
/** How alike a voiced sound is to itself one period later, at least; noise stays below. */
const VOICED = 0.5;

/** Below this nothing is speech, however quiet the room. */
const FAINTEST_DB = -52;
/** So much louder than the room speech is. */
const ABOVE_ROOM_DB = 10;
/** So much louder than the echo of the speaker that the canceller leaves. */
const ABOVE_ECHO_DB = 8;
/** The floors follow by so much a frame of 20 ms: down at once, up slowly, so that speech does not become the room. */
const FALL_DB = 1.5;
const RISE_DB = 0.03;
const ECHO_RISE_DB = 0.12;
const ECHO_FALL_DB = 0.02;
/** What a false alarm teaches of the echo. */
const LESSON_DB = 6;

/** Of the last frames, so many have to be loud and voiced: a click is not, a syllable is. */
const LAST = 4;
const WANTED = 3;

/** Feed it frames of 20 ms. */
export class SpeechDetector {
  constructor() {
    this._roomDb = -60;
    this._echoDb = -55;
    this._votes = [];
    this._slow = new Float32Array(WINDOW);
  }

  /**
   * @param {Float32Array} frame
   * @param {number} db its level
   * @param {boolean} isSounding whether a reply is heard meanwhile, so that its echo may be in it
   * @returns {boolean} whether somebody may be speaking
   */
  feed(frame, db, isSounding) {
    this._keep(frame);
    const room = Math.max(FAINTEST_DB, this._roomDb + ABOVE_ROOM_DB);
    const threshold = isSounding ? Math.max(room, this._echoDb + ABOVE_ECHO_DB) : room;
    const vote = db > threshold && this._isVoiced();
    this._votes.push(vote);
    if (this._votes.length > LAST) this._votes.shift();
    if (isSounding) this._echoDb = follow(this._echoDb, db, ECHO_FALL_DB, ECHO_RISE_DB);
    else this._roomDb = follow(this._roomDb, db, FALL_DB, RISE_DB);
    return this._votes.filter(Boolean).length >= WANTED;
  }

  /** Learn that what it took for speech was none: louder things are echo here. */
  wasNone() {
    this._echoDb += LESSON_DB;
  }

  _keep(frame) {
    const fresh = Math.floor(frame.length / SLOWER);
    this._slow.copyWithin(0, fresh);
    for (let at = 0; at < fresh; at++) {
      let sum = 0;
      for (let i = 0; i < SLOWER; i++) sum += frame[at * SLOWER + i];
      this._slow[WINDOW - fresh + at] = sum / SLOWER;
    }
  }

  /** Whether the last 40 ms repeat themselves with a voice's period. */
  _isVoiced() {
    const slow = this._slow;
    for (let lag = LAGS[0]; lag <= LAGS[1]; lag++) {
      let alike = 0;
      let now = 1e-12;
      let before = 1e-12;
      for (let at = lag; at < WINDOW; at++) {
        alike += slow[at] * slow[at - lag];
        now += slow[at] * slow[at];
        before += slow[at - lag] * slow[at - lag];
      }
      if (alike / Math.sqrt(now * before) > VOICED && this._isPeak(lag)) return true;
    }
    return false;
  }

  /** A lag counts where the likeness does not come from the slowest sounds alone: half of it has to be less alike. */
  _isPeak(lag) {
    const slow = this._slow;
    const half = lag >> 1;
    let whole = 0;
    let halved = 0;
    for (let at = lag; at < WINDOW; at++) {
      whole += slow[at] * slow[at - lag];
      halved += slow[at] * slow[at - half];
    }
    return whole > halved;
  }
}

function follow(floorDb, db, fall, rise) {
  return db < floorDb ? Math.max(db, floorDb - fall) : Math.min(db, floorDb + rise);
}
