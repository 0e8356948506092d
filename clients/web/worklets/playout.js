/** The speaker's worklet: what is to be played, at the context's rate; and the mouth of the audio thread. */
import { Resampler } from "../core/resampler.js";
import { SPEAKER_HZ } from "../core/sound.js";
import { thread } from "./audio_thread.js";

class Playout extends AudioWorkletProcessor {
  constructor() {
    super();
    this._resampler = new Resampler(SPEAKER_HZ, sampleRate);
    this._blocks = new Map();
    this._hasBegun = false;
    this._isOver = false;
    this.port.onmessage = ({ data }) => {
      for (const command of data) this._obey(command);
    };
  }

  process(_, [[left, ...others]]) {
    if (!left) return !this._isOver;
    if (!this._hasBegun) {
      this._hasBegun = true;
      thread.begin(currentFrame, sampleRate, this._resampler.lookahead);
    }
    const wanted = this._resampler.wanted(left.length);
    if (wanted) {
      const block = this._block(wanted);
      thread.duplex.pull(block);
      this._resampler.feed(block);
    }
    this._resampler.take(left);
    for (const other of others) other.set(left);
    const outputs = thread.duplex.take();
    if (outputs.length) this.port.postMessage(outputs);
    return !this._isOver;
  }

  _obey(command) {
    if (command.do === "over") {
      this._isOver = true;
    } else if (command.do === "latency") {
      // What the resampler holds has been asked for, and is not on its way yet.
      const outputSamples = command.outputSamples + this._resampler.lookahead;
      thread.duplex.obey({ ...command, outputSamples });
    } else {
      thread.duplex.obey(command);
    }
  }

  /** A block of that length, made once: nothing is allocated as it runs. */
  _block(length) {
    if (!this._blocks.has(length)) this._blocks.set(length, new Float32Array(length));
    return this._blocks.get(length);
  }
}

registerProcessor("parley-playout", Playout);
