/**
 * What is for the speaker, on its way there through a decoder, without I/O: pieces of replies and their ends come out in
 * the order in which they went in; what must not wait (a flush, a duck, mute) passes at once.
 *
 * Of a reply that was flushed a piece may come out later: the playout drops it by its floor.
 */
import { DecodedStream } from "./decoded_stream.js";
import { samplesIn } from "./output.js";
import { speakerSamples } from "./sound.js";

/** What is in decoders at most; a server that sends so much at once is none of ours. Beyond, pieces are dropped. */
const LARGEST_WAITING_SAMPLES = speakerSamples(120_000);
/** TCP brings packets whole: a decoder that fails so often in a conversation, or before anything came out, is of no use. */
const MOST_FAILURES = 3;
/**
 * A decoder that is given so much more than it gives has stalled, after so many ticks without anything: two seconds of
 * the conversation's. They are counted, not timed, so that a page that slept is not taken for a decoder that does.
 */
const HELD_BACK_SAMPLES = speakerSamples(200);
const STALLED_TICKS = 40;

/** @typedef {{reply: number, position: number}} Place */

export class Decoding {
  /**
   * @param {object} told
   * @param {(told: import("./browser/opus.js").Told) => import("./browser/opus.js").OpusDecoder} told.decoder makes one
   * @param {(commands: object[]) => void} told.speaker what the audio thread is to do
   * @param {(why: string, from: Place) => void} told.giveUp Opus can't be decoded here, and is wanted again as something
   *   else from there on
   */
  constructor({ decoder, speaker, giveUp }) {
    this._makeDecoder = decoder;
    this._speaker = speaker;
    this._giveUp = giveUp;
    /** @type {import("./output.js").Encoding} */
    this._encoding = "pcm16";
    /** In order; only of the first anything goes to the speaker. @type {DecodedStream[]} */
    this._streams = [];
    /** The one that the next packet may continue; null: none. @type {DecodedStream|null} */
    this._current = null;
    /** Every packet has a time of its own, over all streams. */
    this._clockSamples = 0;
    this._hasDecoded = false;
    this._failures = 0;
    this._hasGivenUp = false;
    this._waitedTicks = 0;
    this._out = [];
  }

  /** @param {object[]} commands for the `Duplex`; those that begin or resume a conversation say its `encoding` */
  take(commands) {
    for (const command of commands) this._take(command);
    this._tell();
  }

  /** Let time pass, as often as a conversation does. */
  tick() {
    const [first] = this._streams;
    this._waitedTicks = first?.isBehind(HELD_BACK_SAMPLES) ? this._waitedTicks + 1 : 0;
    if (this._waitedTicks >= STALLED_TICKS) this._failed(first, "the decoder has stalled");
  }

  /** Nothing follows: what is on its way still comes out. */
  finish() {
    this._current?.finish();
    this._current = null;
  }

  _take(command) {
    switch (command.do) {
      case "audio":
        if (this._encoding === "opus") this._decode(command);
        else this._follow(command);
        return;
      case "replyEnded":
        if (this._current?.reply === command.reply) this.finish();
        this._follow(command);
        return;
      case "begin":
      case "letGo":
        this.finish(); // a server begins a new encoder where a conversation is resumed
        this._encoding = command.encoding;
        break;
      case "flush":
        this._out.push(command);
        this._cut(command.floor);
        return;
    }
    this._out.push(command);
  }

  /** Let it come out after all that is on its way. */
  _follow(command) {
    const last = this._streams.at(-1);
    if (last) last.after.push(command);
    else this._out.push(command);
  }

  _decode({ reply, position, pcm: packet }) {
    if (this._hasGivenUp || this._waitingSamples >= LARGEST_WAITING_SAMPLES) return;
    const samples = samplesIn("opus", packet);
    if (!samples) {
      this._lost("what came is no Opus packet", { reply, position });
      return;
    }
    if (!this._current?.isContinuedBy(reply, position)) {
      this.finish();
      this._current = this._begin(reply, position);
    }
    this._current.feed(packet, samples);
    this._clockSamples += samples;
  }

  _begin(reply, position) {
    const stream = new DecodedStream(reply, position, this._clockSamples, (told) => this._makeDecoder(told), {
      came: () => this._came(),
      finished: () => this._release(),
      failed: (why) => this._failed(stream, why),
    });
    this._streams.push(stream);
    return stream;
  }

  _came() {
    this._hasDecoded = true;
    this._waitedTicks = 0;
    this._release();
  }

  _failed(stream, why) {
    const { isShort, place } = stream;
    stream.close();
    if (this._current === stream) this._current = null;
    if (isShort) this._lost(why, place);
    this._release();
  }

  /** A part of a reply is lost, `from` there on. Who gives up wants all again that the speaker was not given. */
  _lost(why, from) {
    this._failures++;
    if (this._hasGivenUp || (this._hasDecoded && this._failures < MOST_FAILURES)) return;
    this._hasGivenUp = true;
    const [first] = this._streams;
    for (const stream of this._streams) stream.close();
    this._streams = [];
    this._current = null;
    this._giveUp(why, first ? first.place : from);
  }

  /** Give the speaker what stands first. */
  _release() {
    for (let first; (first = this._streams[0]); this._streams.shift()) {
      this._out.push(...first.take());
      if (!first.isOver) break;
      this._out.push(...first.after);
    }
    this._tell();
  }

  /** Replies up to `floor` are dead: nothing of them need come out, and nothing waits for them. */
  _cut(floor) {
    for (const stream of this._streams.filter(({ reply }) => reply <= floor)) {
      stream.close();
      stream.take();
      if (this._current === stream) this._current = null;
    }
    this._release();
  }

  get _waitingSamples() {
    return this._streams.reduce((sum, stream) => sum + stream.waitingSamples, 0);
  }

  _tell() {
    const commands = this._out;
    if (!commands.length) return;
    this._out = [];
    this._speaker(commands);
  }
}
