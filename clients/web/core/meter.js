/** How loud it is. */

export const SILENCE_DB = -90;

/**
 * @param {Float32Array} block samples of ±1
 * @returns {number} root mean square in decibels below full scale, -90 to 0
 */
export function levelDb(block) {
  let sum = 0;
  for (let at = 0; at < block.length; at++) sum += block[at] * block[at];
  return sum > 0 ? Math.max(SILENCE_DB, 10 * Math.log10(sum / block.length)) : SILENCE_DB;
}

/** Gathers frames into one figure: the loudest since it was asked last. */
export class Meter {
  constructor() {
    this._loudest = SILENCE_DB;
  }

  /** @param {number} db of a frame */
  note(db) {
    this._loudest = Math.max(this._loudest, db);
  }

  /** @returns {number} */
  take() {
    const loudest = this._loudest;
    this._loudest = SILENCE_DB;
    return loudest;
  }
}
