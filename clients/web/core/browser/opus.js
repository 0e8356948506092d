/** The browser's Opus decoder, by WebCodecs. It works beside the page's thread, and says there what has come out. */

/**
 * Packets name their own bandwidth and length: a decoder is told the rate because it has to be told one, and Chromium's
 * gives 48 kHz whatever that is.
 */
const CONFIG = Object.freeze({ codec: "opus", sampleRate: 48000, numberOfChannels: 1 });

/** @returns {Promise<boolean>} whether this browser decodes Opus; WebCodecs are there on secure pages only */
export async function canDecodeOpus() {
  try {
    return (await globalThis.AudioDecoder.isConfigSupported(CONFIG)).supported === true;
  } catch {
    return false; // there is none, or it takes no such configuration
  }
}

/**
 * @typedef {object} Told Whom a decoder tells, always later than it was asked: never from within a call.
 * @property {(timestampUs: number, samples: Float32Array, hz: number) => void} decoded
 * @property {() => void} finished all has come out
 * @property {(why: string) => void} failed nothing more comes out
 */

/** One stream of packets, each following the one before. */
export class OpusDecoder {
  /** @param {Told} told */
  constructor(told) {
    this._told = told;
    this._isOver = false;
    /** @type {AudioDecoder|null} */
    this._decoder = null;
    this._attempt(() => {
      const error = (fault) => this._fail(fault);
      this._decoder = new AudioDecoder({ output: (data) => this._hear(data), error });
      this._decoder.configure(CONFIG);
    });
  }

  /** @param {Uint8Array} packet @param {number} timestampUs @param {number} durationUs */
  decode(packet, timestampUs, durationUs) {
    const chunk = { type: "key", timestamp: timestampUs, duration: durationUs, data: packet };
    this._attempt(() => this._decoder.decode(new EncodedAudioChunk(chunk)));
  }

  /** No packet follows: let out what is held back, and end. */
  finish() {
    this._attempt(() => {
      const flushed = this._decoder.flush();
      flushed.then(() => this._finished(), (fault) => this._fail(fault));
    });
  }

  /** End; nothing is told any more. */
  close() {
    this._isOver = true;
    if (this._decoder && this._decoder.state !== "closed") this._decoder.close();
  }

  _hear(data) {
    if (!this._isOver) {
      const samples = new Float32Array(data.numberOfFrames);
      data.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      this._told.decoded(data.timestamp, samples, data.sampleRate);
    }
    data.close();
  }

  _finished() {
    if (this._isOver) return;
    this.close();
    this._told.finished();
  }

  /** What browsers throw at once is told later, like what they find out later. */
  _attempt(act) {
    if (this._isOver) return;
    try {
      act();
    } catch (fault) {
      queueMicrotask(() => this._fail(fault));
    }
  }

  _fail(fault) {
    if (this._isOver) return;
    this.close();
    this._told.failed(fault?.message || String(fault));
  }
}
