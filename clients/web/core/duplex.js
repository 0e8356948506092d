/**
 * Microphone and speaker in step: stamps what the first hears with what the second lets out, obeys what the server says
 * of the second, and reports what was truly played. It runs on the audio thread; no clock but the samples.
 *
 * Moments are samples of the speaker that the device has asked for (`playout.handed`), the microphone's too.
 */
import { pcmOf, samplesOf } from "./frames.js";
import { LOCAL_DUCK_DB, LocalDuck } from "./local_duck.js";
import { levelDb, Meter, SILENCE_DB } from "./meter.js";
import { Playout } from "./playout.js";
import { SPEAKER_FRAME_SAMPLES, micFromSpeaker, speakerMs, speakerSamples } from "./sound.js";
import { SpeechDetector } from "./speech.js";

/** How often the server is told what has been played while a reply is underway. */
const REPORT_SAMPLES = speakerSamples(200);
/** How often the page is told how loud it is. */
const LEVEL_FRAMES = 2;

/**
 * @typedef {object} Output What goes to the conversation.
 * @property {"frame"|"playback"|"flushed"|"event"|"heard"} kind "heard": `playhead`, `quality` and `isUnderway`
 * @property {import("./frames.js").MicFrame} [frame]
 * @property {object} [fields] of `playback` and `flushed`
 * @property {string} [type] of an event: "duck", "replyStarted", "replyPlayed", "underrun", "flush", "level"
 * @property {object} [detail]
 */

export class Duplex {
  constructor() {
    this.playout = new Playout();
    this.localDuck = new LocalDuck();
    /** Samples of the speaker between the device's asking and the air, and between the air and the microphone's frame. */
    this.outputLatency = 0;
    this.inputLatency = 0;
    this.micOffset = 0;
    this._hasBegun = false;
    this._isMuted = false;
    this._detector = new SpeechDetector();
    this._isSpeech = false;
    this._duckedBy = "";
    this._mic = new Meter();
    this._speaker = new Meter();
    this._frames = 0;
    this._reportedAt = 0;
    /** The microphone's clock and the device's at one moment. */
    this._anchor = { mic: 0, moment: 0 };
    this._flushes = [];
    /** @type {Output[]} */
    this._outputs = [];
  }

  /** @returns {Output[]} what there is to be told, in order */
  take() {
    const outputs = this._outputs;
    if (outputs.length) this._outputs = [];
    return outputs;
  }

  // What the conversation says

  /** @param {{do: string, [argument: string]: any}} command */
  obey(command) {
    const { playout } = this;
    switch (command.do) {
      case "begin":
        Object.assign(this, { _hasBegun: true, micOffset: 0 });
        break;
      case "audio":
        playout.receive(command.reply, command.position, samplesOf(command.pcm));
        break;
      case "replyEnded":
        playout.ended(command.reply);
        break;
      case "duck":
        if (playout.duck(command.seq, command.gainDb)) this._judged("server", Math.min(command.gainDb, 0));
        break;
      case "release":
        if (playout.release(command.seq)) this._judged("server", 0);
        break;
      case "letGo":
        playout.letGoOfDuck();
        this._judged("server", 0);
        break;
      case "flush":
        this._flushes.push({ seq: command.seq, at: playout.handed });
        playout.flush(command.seq, command.floor);
        this._judged("server", 0);
        break;
      case "mute":
        this._isMuted = command.muted;
        break;
      case "localDuck":
        this.localDuck.isOn = command.isOn;
        break;
      case "latency":
        this.outputLatency = command.outputSamples;
        this.inputLatency = command.inputSamples;
        break;
    }
    this._tell();
  }

  // What the devices do

  /**
   * Take 20 ms of the microphone.
   * @param {Float32Array} frame 320 samples of ±1
   * @param {number} endMoment the device's moment at which the frame was complete
   */
  capture(frame, endMoment) {
    const db = levelDb(frame);
    this._mic.note(this._isMuted ? SILENCE_DB : db);
    this._listen(frame, db);
    if (++this._frames % LEVEL_FRAMES === 0) this._tellLevels();
    if (!this._hasBegun) return;
    const captured = endMoment - SPEAKER_FRAME_SAMPLES - this.inputLatency - this.outputLatency;
    const { reply, position } = this.playout.audibleAt(Math.round(captured));
    const pcm = this._pcmOf(frame);
    this._outputs.push({ kind: "frame", frame: { micOffset: this.micOffset, pcm, reply, position } });
    this.micOffset += frame.length;
    this._anchor = { mic: this.micOffset, moment: endMoment };
  }

  /** Fill a block for the speaker. @param {Float32Array} block samples of ±1 */
  pull(block) {
    this.playout.latencySamples = this.outputLatency;
    const wasDucked = this.playout.fader.isDucked;
    this.playout.pull(block);
    if (wasDucked && !this.playout.fader.isDucked) this._ducked("", 0);
    this._speaker.note(levelDb(block));
    this._tell();
    if (this.playout.played - this._reportedAt >= REPORT_SAMPLES && this.playout.isUnderway) {
      const playhead = this.playout.playhead();
      if (playhead.reply) this._report(this.playout.played, playhead);
    }
  }

  /** What a page may want to know; the client's `quality` says what each is. */
  get quality() {
    const { playout } = this;
    return {
      bufferedMs: speakerMs(playout.unplayedSamples),
      startMs: speakerMs(playout.threshold.samples),
      underruns: playout.underruns,
      gapMs: speakerMs(playout.gapSamples),
      playedMs: speakerMs(playout.soundedSamples),
      droppedMs: speakerMs(playout.droppedSamples),
    };
  }

  _listen(frame, db) {
    const isSounding = this.playout.isSounding;
    const isSpeech = this._detector.feed(frame, db, isSounding) && !this._isMuted;
    this._isSpeech = isSpeech;
    const verdict = this.localDuck.feed(isSpeech, isSounding);
    if (verdict === "unheeded") this._detector.wasNone();
    if (verdict === "duck" && !this.playout.fader.isDucked) {
      this.playout.fader.duck(LOCAL_DUCK_DB);
      this._ducked("local", LOCAL_DUCK_DB);
    }
  }

  _judged(by, gainDb) {
    this.localDuck.judged();
    this._ducked(by, gainDb);
  }

  _ducked(by, gainDb) {
    if (!gainDb && !this._duckedBy) return;
    const told = gainDb ? by : this._duckedBy;
    this._duckedBy = gainDb ? by : "";
    this._event("duck", { ducked: gainDb < 0, gainDb, by: told });
  }

  _tell() {
    for (const { kind, at, playhead, seq } of this.playout.happenings()) {
      if (kind === "silent") this._answerFlush(at, playhead, seq);
      else this._report(at, playhead, kind === "lastSample");
      if (kind === "dry") this._event("underrun", playhead);
      if (kind === "firstSample") this._event("replyStarted", playhead);
      if (kind === "lastSample") this._event("replyPlayed", playhead);
    }
  }

  _report(at, { reply, position }, ended = false) {
    this._reportedAt = this.playout.played;
    const { underruns } = this.playout;
    const bufferedMs = speakerMs(this.playout.unplayedSamples);
    const fields = { reply, position, micOffset: this._micAt(at), bufferedMs, underruns, ended };
    this._outputs.push({ kind: "playback", fields });
  }

  _answerFlush(at, { reply, position }, seq) {
    this._outputs.push({ kind: "flushed", fields: { seq, reply, position, micOffset: this._micAt(at) } });
    const place = this._flushes.findIndex((flush) => flush.seq === seq);
    const asked = place < 0 ? at : this._flushes.splice(place, 1)[0].at;
    const silentMs = speakerMs(Math.max(0, at - asked) + this.outputLatency);
    this._event("flush", { seq, reply, position, silentMs });
  }

  _tellLevels() {
    const { playout, quality } = this;
    const playhead = playout.audibleAt(playout.played);
    this._outputs.push({ kind: "heard", playhead, quality, isUnderway: playout.isUnderway });
    this._event("level", { micDb: this._mic.take(), speakerDb: this._speaker.take(), speech: this._isSpeech });
  }

  _event(type, detail) {
    this._outputs.push({ kind: "event", type, detail });
  }

  /** The microphone's clock when that sample leaves the speaker. */
  _micAt(moment) {
    const since = moment + this.outputLatency + this.inputLatency - this._anchor.moment;
    return Math.max(0, this._anchor.mic + micFromSpeaker(since));
  }

  /** @returns {Uint8Array} a frame's PCM16, little-endian; zeros while muted */
  _pcmOf(frame) {
    return this._isMuted ? new Uint8Array(2 * frame.length) : pcmOf(frame);
  }
}
