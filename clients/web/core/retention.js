/** What the microphone gave, kept until it would survive the server, for the next one that takes the conversation up. */
import { endOf, restOf } from "./mic_frames.js";
import { FRAME_MS } from "./sound.js";

/** 60 s of microphone, 1.9 MB: the longest turn. A server says every second how far it is decided; beyond, the oldest go. */
const LARGEST_FRAMES = 60_000 / FRAME_MS;
/** 3 s, once a server has not said so for the longest time: it never will. */
const FRAMES_UNHEARD_OF = 3_000 / FRAME_MS;
/** Keys and typed words, likewise. */
const LARGEST_MARKS = 200;

/** What stands between two samples of the microphone, and travels with them in order. */
export const MARKS = new Set(["mute", "pushToTalk", "say"]);

/** @typedef {{kind: string, frame?: import("./frames.js").MicFrame, fields?: object}} Request What there is to be sent. */

/** Keeps frames, keys and typed words in the order they came; `heard` lets go of them, `replay` gives them again. */
export class Retention {
  constructor() {
    /** Samples that a server wanted to be sent again, and that were gone. */
    this.lostSamples = 0;
    /** Typed words that were given up. */
    this.lostWords = 0;
    /** @type {Request[]} */
    this._frames = [];
    /** @type {{at: number, request: Request}[]} */
    this._marks = [];
    /** How the keys stood before everything that is kept. @type {Map<string, Request>} */
    this._keys = new Map();
    this._end = 0;
    this._isHeardOf = false;
    this._captured = 0;
  }

  /** Keep a frame of the microphone, a key or typed words; of other kinds nothing is kept. @param {Request} request */
  keep(request) {
    if (request.kind === "audio") {
      this._frames.push(request);
      this._end = endOf(request.frame);
      const isUnheardOf = !this._isHeardOf && ++this._captured > LARGEST_FRAMES;
      while (this._frames.length > (isUnheardOf ? FRAMES_UNHEARD_OF : LARGEST_FRAMES)) this._frames.shift();
    } else if (MARKS.has(request.kind)) {
      this._marks.push({ at: this._end, request });
      if (this._marks.length > LARGEST_MARKS && this._letGoOfMark() === "say") this.lostWords++;
    }
  }

  /** Let go of what came before `receivedOffset`: it would survive the server. */
  heard(receivedOffset) {
    this._isHeardOf = true;
    while (this._frames.length && endOf(this._frames[0].frame) <= receivedOffset) this._frames.shift();
    // What stands just there is not known to have come: only the sample behind it tells.
    while (this._marks.length && this._marks[0].at < receivedOffset) this._letGoOfMark();
  }

  /** @returns {Request[]} for the next server, in order: how the keys stood at `micOffset`, and all after it */
  replay(micOffset) {
    this._isHeardOf = true;
    const keys = new Map(this._keys);
    for (const { at, request } of this._marks) {
      if (at < micOffset && request.kind !== "say") keys.set(request.kind, request);
    }
    const frames = this._frames.filter(({ frame }) => endOf(frame) > micOffset);
    const oldest = frames.length ? frames[0].frame.micOffset : this._end;
    this.lostSamples += Math.max(0, oldest - micOffset);
    if (frames.length) frames[0] = { kind: "audio", frame: restOf(frames[0].frame, micOffset) };
    return [...keys.values(), ...this._inOrder(frames, micOffset)];
  }

  /** Frames and marks from `micOffset` on; a mark goes before the frame that begins where it stands. */
  _inOrder(frames, micOffset) {
    const merged = [];
    const marks = this._marks.filter((mark) => mark.at >= micOffset);
    for (const frame of frames) {
      while (marks.length && marks[0].at <= frame.frame.micOffset) merged.push(marks.shift().request);
      merged.push(frame);
    }
    return [...merged, ...marks.map((mark) => mark.request)];
  }

  /** Forget the oldest mark, of a key how it stands; return its kind. */
  _letGoOfMark() {
    const { request } = this._marks.shift();
    if (request.kind !== "say") this._keys.set(request.kind, request);
    return request.kind;
  }
}
