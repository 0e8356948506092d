/** What waits to be sent: urgent words before the microphone, and no more of that than a late server could still use. */
import { goAsOne, joined, samplesIn } from "./mic_frames.js";
import { MARKS } from "./retention.js";
import { FRAME_MS, MIC_FRAME_SAMPLES } from "./sound.js";

/** 8 s of microphone: a server takes ten that come all at once. Of a longer stall the oldest are lost, and counted. */
const LARGEST_BACKLOG_FRAMES = 8_000 / FRAME_MS;

/** @typedef {import("./retention.js").Request} Request */

/**
 * The queue between the conversation and its connection. Keys and typed words stand between two samples, so they wait in
 * one line with the audio. While the connection is away (`pause`) only a pressed stop key waits here; `resume` says what
 * goes first over the next one. Frames that wait go together, as many as the server takes in one.
 */
export class Outbox {
  constructor() {
    /** Microphone frames that were pushed out; the server sees the hole in micOffset. */
    this.droppedFrames = 0;
    this.isPaused = true;
    /** As many a message of the microphone may hold. */
    this.largestSamples = MIC_FRAME_SAMPLES;
    /** @type {Request[]} */
    this._urgent = [];
    /** @type {Request[]} */
    this._again = [];
    /** @type {Request[]} */
    this._inOrder = [];
    this._isClosed = false;
  }

  /** Queue a request; after `close` it is ignored. @param {Request} request */
  put(request) {
    if (this._isClosed || (this.isPaused && request.kind !== "interrupt")) return;
    if (request.kind !== "audio" && !MARKS.has(request.kind)) {
      const isWaiting = request.kind === "interrupt" && this._urgent.some(({ kind }) => kind === "interrupt");
      if (!isWaiting) this._urgent.push(request); // whoever keeps pressing means the same
      return;
    }
    this._inOrder.push(request);
    if (request.kind === "audio" && this._inOrder.length > LARGEST_BACKLOG_FRAMES) this._dropOldestFrame();
  }

  /** Note that the connection is away: what waits is forgotten but for the stop key. */
  pause() {
    this.isPaused = true;
    this._again = [];
    this._inOrder = [];
    this._urgent = this._urgent.filter((request) => request.kind === "interrupt");
  }

  /** Begin with a connection: `urgent` goes first, and `again` before all that is captured from now on. */
  resume(urgent = [], again = []) {
    this.pause();
    this._urgent = [...urgent, ...this._urgent];
    this._again = [...again];
    this.isPaused = false;
  }

  /** Queue the last request, before any audio that still waits. */
  close(last) {
    if (this._isClosed) return;
    const words = [...this._again, ...this._inOrder].filter((request) => request.kind !== "audio");
    this._again = [];
    this._inOrder = [];
    this._urgent.push(...words, last);
    this._isClosed = true;
  }

  /** @returns {Request|null} the next to be sent; null when there is none */
  take() {
    if (this.isPaused) return null;
    if (this._urgent.length) return this._urgent.shift();
    const queue = this._again.length ? this._again : this._inOrder;
    const first = queue.shift();
    if (!first || first.kind !== "audio") return first ?? null;
    const frames = [first.frame];
    let samples = samplesIn(first.frame);
    while (queue[0]?.kind === "audio" && goAsOne(frames.at(-1), queue[0].frame)) {
      samples += samplesIn(queue[0].frame);
      if (samples > this.largestSamples) break;
      frames.push(queue.shift().frame);
    }
    return { kind: "audio", frame: joined(frames) };
  }

  _dropOldestFrame() {
    const place = this._inOrder.findIndex((request) => request.kind === "audio");
    this._inOrder.splice(place, 1);
    this.droppedFrames++;
  }
}
