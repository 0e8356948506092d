/** Lowers a reply at once when somebody speaks over it, until the server has judged; never twice for the same sound. */

export const LOCAL_DUCK_DB = -20;
/** A verdict that does not come: the fader lets go by itself after as long. */
const HOLD_FRAMES = 40;
/** The level has fallen when it was below speech for so long: a gap between two words. */
const FALLEN_FRAMES = 8;

/** Feed it each frame of the microphone. */
export class LocalDuck {
  constructor() {
    this.isOn = true;
    this._held = 0;
    this._quiet = FALLEN_FRAMES;
  }

  /**
   * @param {boolean} isSpeech
   * @param {boolean} isSounding whether a reply can be heard
   * @returns {"duck"|"unheeded"|""} "unheeded": the duck has run out, and the server had nothing to say of it
   */
  feed(isSpeech, isSounding) {
    const hasFallen = this._quiet >= FALLEN_FRAMES;
    this._quiet = isSpeech ? 0 : this._quiet + 1;
    if (this._held > 0 && --this._held === 0) return "unheeded";
    if (!this.isOn || !isSpeech || !isSounding || !hasFallen || this._held > 0) return "";
    this._held = HOLD_FRAMES;
    return "duck";
  }

  /** The server has judged, or the reply is gone. */
  judged() {
    this._held = 0;
  }
}
