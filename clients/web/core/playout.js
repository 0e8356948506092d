/**
 * What the speaker shall play, sample by sample: the replies in order, ducked, flushed, and accounted for.
 *
 * No clock: time is the number of samples that the device has asked for. A sample counts as played when it has left the
 * speaker, which is `latencySamples` after the device took it.
 */
import { Fader } from "./fader.js";
import { NOWHERE, PlayheadLog } from "./playhead.js";
import { ReplyBuffer } from "./reply_buffer.js";
import { SPEAKER_HZ, speakerSamples } from "./sound.js";
import { StartThreshold } from "./start_threshold.js";

/** A flushed reply fades out over this time: an instant cut clicks, a longer fade is heard as more speech. */
const FADE_SAMPLES = speakerSamples(5);
/** On a device slower than this (Bluetooth) a flush is answered before it is silent: what it holds is known. */
const ANSWER_WITHIN_SAMPLES = speakerSamples(100);
/** More audio than this ahead of the speaker is refused; a server keeps a lead of some hundred milliseconds. */
const LARGEST_BUFFER_SAMPLES = 120 * SPEAKER_HZ;

/**
 * @typedef {object} Happening Something that happened at the speaker, `at` that many samples since the device began.
 * @property {"firstSample"|"lastSample"|"dry"|"silent"} kind "dry": the reply had to wait for the network; told when it
 *   goes on, since only then is it sure.
 * @property {number} at
 * @property {import("./playhead.js").Playhead} playhead
 * @property {number} [seq] of the flush that "silent" answers
 */

/** Holds the replies received, and yields what the speaker shall play. */
export class Playout {
  constructor() {
    /** Samples the device has taken that can't be heard yet; set by the owner before each `pull`. */
    this.latencySamples = 0;
    /** Samples given to the device so far. */
    this.handed = 0;
    /** Samples that have left the speaker so far. It never goes back, even when the latency grows. */
    this.played = 0;
    this.underruns = 0;
    /** How long it was dry in mid-reply, and how much of replies was given to the device, in samples. */
    this.gapSamples = 0;
    this.soundedSamples = 0;
    /** Samples that came too late: of replies flushed or over, twice, or beyond the largest buffer. */
    this.droppedSamples = 0;
    /** No reply at or below this one is played (again). */
    this.floor = 0;
    this.fader = new Fader();
    this.threshold = new StartThreshold();
    this._seq = 0;
    this._flushedSeq = -1;
    this._over = 0;
    /** @type {ReplyBuffer[]} */
    this._replies = [];
    this._log = new PlayheadLog();
    /** @type {Happening[]} */
    this._happenings = [];
    this._silent = { at: 0, playhead: NOWHERE };
    this._unanswered = [];
    this._note = (position, samples, from) =>
      this._log.append(this.handed + from, this._replies[0].reply, position, samples);
  }

  // What the server sends

  /** Take a piece of a reply. Of a reply that is flushed, over or overtaken by a higher one, it is dropped. */
  receive(reply, position, samples) {
    const buffer = this._buffer(reply);
    const fits = buffer && this.bufferedSamples + samples.length <= LARGEST_BUFFER_SAMPLES;
    this.droppedSamples += samples.length - (fits ? buffer.insert(position, samples) : 0);
  }

  /** Note that no audio of the reply follows. */
  ended(reply) {
    const buffer = this._buffer(reply);
    if (!buffer) return;
    buffer.hasEnded = true;
    this._finishWhatIsOver(this.handed);
  }

  /** Lower the output within 20 ms, for 800 ms at most. @returns {boolean} whether `seq` is a new one; else ignored */
  duck(seq, gainDb) {
    const isNew = this._isNew(seq);
    if (isNew) this.fader.duck(gainDb);
    return isNew;
  }

  /** Undo the duck within 20 ms. @returns {boolean} whether `seq` is a new one; else ignored */
  release(seq) {
    const isNew = this._isNew(seq);
    if (isNew) this.fader.release();
    return isNew;
  }

  /** Undo the duck within 20 ms, whoever would have said so: the connection it came over is gone. */
  letGoOfDuck() {
    if (this.fader.isDucked) this.fader.release();
  }

  /**
   * Silence the output: 5 ms of fade, and nothing that is buffered or at or below `floor` is played after it.
   *
   * Always answered with one "silent". With an old `seq` it changes nothing; the last one may come again with a higher
   * floor, and is answered as before when nothing of a reply below that was left.
   */
  flush(seq, floor) {
    if (this._isNew(seq)) {
      this._flushedSeq = seq;
      this._cut(Math.max(floor, this._replies.at(-1)?.reply ?? 0, this._log.last.reply));
    } else if (seq === this._flushedSeq && floor > this.floor) {
      this._cut(floor);
    }
    const isLast = seq === this._flushedSeq;
    const at = Math.max(isLast ? this._silent.at : this.played, this.played);
    const playhead = isLast ? this._silent.playhead : this.playhead();
    this._unanswered.push({ kind: "silent", at, playhead, seq, askedAt: this.handed });
  }

  // What the device asks for

  /**
   * Fill the block with the next samples for the device. What it took before counts as played from now on, but for the
   * last `latencySamples`.
   * @param {Float32Array} block samples of ±1
   */
  pull(block) {
    this.played = Math.max(this.played, this.handed - this.latencySamples);
    let filled = 0;
    let reply;
    while (filled < block.length && (reply = this._ready(this.handed + filled))) {
      filled += reply.render(block, filled, block.length, this._note);
    }
    block.fill(0, filled);
    this.handed += block.length;
    this.soundedSamples += filled;
    this.threshold.played(filled);
    this._finishWhatIsOver(this.handed);
    this.fader.apply(block);
  }

  /** @returns {Happening[]} what has happened at the speaker since the last call, in order */
  happenings() {
    if (!this._happenings.length && !this._unanswered.length) return [];
    const told = [];
    while (this._happenings.length && this._happenings[0].at <= this.played) told.push(this._happenings.shift());
    while (this._unanswered.length && this._isAnswerable(this._unanswered[0])) told.push(this._unanswered.shift());
    return told.sort((one, other) => one.at - other.at);
  }

  // What can be known about it

  /** The reply played last (or being played) and how much of it has left the speaker. */
  playhead() {
    return this._log.at(this.played);
  }

  /** What was audible at a moment of the device's samples; nowhere when nothing was. */
  audibleAt(moment) {
    return this._log.audibleAt(moment);
  }

  /** Whether a reply is being played, is buffered, or is awaited to go on. */
  get isUnderway() {
    return this._replies.length > 0 || this.played < this._log.end;
  }

  /** Whether a reply can be heard just now, or will be within the device's latency. */
  get isSounding() {
    return this._replies.length > 0 && this._replies[0].isRunning;
  }

  /** Samples received that the device has not asked for yet. */
  get bufferedSamples() {
    return this._replies.reduce((sum, reply) => sum + reply.buffered, 0);
  }

  /** Samples received that have not left the speaker yet. */
  get unplayedSamples() {
    return this.bufferedSamples + Math.max(0, this._log.end - this.played);
  }

  _isAnswerable(silent) {
    const heardTo = this.handed - this.latencySamples;
    return heardTo >= silent.at || this.handed - silent.askedAt >= ANSWER_WITHIN_SAMPLES;
  }

  _isNew(seq) {
    const isNew = seq > this._seq;
    this._seq = Math.max(this._seq, seq);
    return isNew;
  }

  /** The buffer of a reply that may still be heard, a new one for a higher reply than any before. */
  _buffer(reply) {
    if (reply <= Math.max(this.floor, this._over)) return null;
    if (reply > (this._replies.at(-1)?.reply ?? 0)) {
      for (const lower of this._replies) lower.hasEnded = true;
      this._replies.push(new ReplyBuffer(reply));
      this._finishWhatIsOver(this.handed);
    }
    return this._replies.find((buffer) => buffer.reply === reply) ?? null;
  }

  /** The reply whose samples stand at `at`; none when all is dry or a beginning is still being gathered. */
  _ready(at) {
    this._finishWhatIsOver(at);
    const reply = this._replies[0];
    if (!reply) return null;
    if (reply.isDry) {
      if (reply.isRunning) reply.driedAt = at;
      reply.isRunning = false;
    } else if (!reply.isRunning && (reply.hasEnded || reply.buffered >= this.threshold.samples)) {
      this._begin(reply, at);
    }
    return reply.isRunning ? reply : null;
  }

  /** Let a reply sound, for the first time or after it ran dry. */
  _begin(reply, at) {
    reply.isRunning = true;
    const playhead = { reply: reply.reply, position: reply.position };
    if (reply.hasStarted) {
      this.underruns++;
      this.gapSamples += at - reply.driedAt;
      this.threshold.ranDry(at - reply.driedAt);
      this._happenings.push({ kind: "dry", at, playhead });
    } else {
      this._happenings.push({ kind: "firstSample", at, playhead });
    }
  }

  /** Take leave of replies that have ended and are dry. */
  _finishWhatIsOver(at) {
    while (this._replies.length && this._replies[0].hasEnded && this._replies[0].isDry) {
      const reply = this._replies.shift();
      this._over = reply.reply;
      if (reply.hasStarted) this._log.over();
      if (reply.reply > this.floor) {
        const when = reply.hasStarted ? this._log.end : at;
        const playhead = { reply: reply.reply, position: reply.position };
        this._happenings.push({ kind: "lastSample", at: when, playhead });
      }
    }
  }

  /** Drop every reply up to `floor`; of the one that sounds, a fade of 5 ms is left to be played. */
  _cut(floor) {
    this.floor = Math.max(this.floor, floor);
    const dead = this._replies.filter((reply) => reply.reply <= this.floor);
    this._replies = this._replies.filter((reply) => reply.reply > this.floor);
    this.droppedSamples += dead.reduce((sum, reply) => sum + reply.buffered, 0);
    let { end, last: playhead } = this._log;
    const fading = dead[0]?.isRunning ? dead[0] : null;
    if (fading) {
      fading.fadeOut(FADE_SAMPLES, this.fader.gain);
      this.droppedSamples -= fading.buffered;
      this._replies.unshift(fading);
      end = this.handed + fading.buffered;
      playhead = { reply: fading.reply, position: fading.end };
    }
    if (dead.length || !this._replies.length) {
      this._silent = { at: end, playhead };
      this.fader.reset();
      this._log.over();
    }
  }
}
