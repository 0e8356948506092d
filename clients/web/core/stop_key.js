/**
 * The stop key, from its press until the server heeds it: a press may be lost on its way, or come at a bad moment.
 *
 * It is lost with a connection that breaks, or that is left for another one. And a server to which the reply seemed to be
 * over, since it had run dry for a while, has nothing to stop, though the reply goes on.
 */

/** So often the key is pressed again while the very reply still sounds. */
const AGAIN_MS = 500;
/** A press that nothing has answered by then, while no reply sounded, found nothing to stop. */
const FORGET_MS = 3000;

/** One conversation's. Replies are named by their numbers; 0 is none. */
export class StopKey {
  constructor() {
    this._isPressed = false;
    this._isAway = false;
    /** The newest reply at the press. */
    this._reply = 0;
    this._sinceMs = 0;
    this._seq = 0;
    /** The newest reply of which anything came, and the newest that was played or cut off. */
    this._newest = 0;
    this._over = 0;
  }

  // What becomes of replies

  received(reply) {
    this._newest = Math.max(this._newest, reply);
  }

  played(reply) {
    this._over = Math.max(this._over, reply);
  }

  /** A flush came; an old one, told again, answers no press. */
  flushed(seq, floor) {
    this.played(floor);
    if (seq <= this._seq) return;
    this.played(this._newest);
    this._seq = seq;
    this._isPressed = false;
  }

  // What the person does

  press(nowMs) {
    Object.assign(this, { _isPressed: true, _reply: this._sounding, _sinceMs: nowMs });
  }

  /** The person takes the floor otherwise: that stops the reply as well, and what comes then is its answer. */
  letGo() {
    this._isPressed = false;
  }

  // What becomes of connections

  /** The connection is lost, or about to be: so long no press can be answered. */
  away() {
    this._isAway = true;
  }

  /** Go on over another. @returns {boolean} whether the key has to be pressed again */
  back(nowMs) {
    Object.assign(this, { _isAway: false, _sinceMs: nowMs });
    return this._isPressed;
  }

  /** @returns {boolean} whether the key has to be pressed again */
  tick(nowMs) {
    if (!this._isPressed || this._isAway) return false;
    const sounding = this._sounding;
    const hasFoundNothing = !sounding && nowMs - this._sinceMs >= FORGET_MS;
    // Where the reply has ended, or another one begun, that one was not to be stopped.
    if (sounding !== this._reply || hasFoundNothing) this._isPressed = false;
    if (!this._isPressed || !sounding || nowMs - this._sinceMs < AGAIN_MS) return false;
    this._sinceMs = nowMs;
    return true;
  }

  /** The newest reply that is played, or waits to be. */
  get _sounding() {
    return this._newest > this._over ? this._newest : 0;
  }
}
