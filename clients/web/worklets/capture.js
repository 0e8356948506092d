/** The microphone's worklet: from the context's rate to frames of 20 ms at 16 kHz. Where none is connected, silence. */
import { Resampler } from "../core/resampler.js";
import { MIC_FRAME_SAMPLES, MIC_HZ } from "../core/sound.js";
import { thread } from "./audio_thread.js";

const SILENCE = new Float32Array(4096);

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this._resampler = new Resampler(sampleRate, MIC_HZ);
    this._frame = new Float32Array(MIC_FRAME_SAMPLES);
    this._filled = 0;
    this._frames = 0;
    this._firstFrame = -1;
    this._isOver = false;
    this.port.onmessage = ({ data }) => {
      this._isOver = data === "over";
    };
  }

  process([input], [output]) {
    if (this._firstFrame < 0) this._firstFrame = currentFrame;
    const length = output[0]?.length ?? 128;
    this._resampler.feed(mixed(input, length));
    for (;;) {
      this._filled = this._resampler.take(this._frame, this._filled);
      if (this._filled < MIC_FRAME_SAMPLES) return !this._isOver;
      this._filled = 0;
      this._frames++;
      const samples = this._frames * MIC_FRAME_SAMPLES;
      const end = this._firstFrame + (samples * sampleRate) / MIC_HZ;
      thread.duplex.capture(this._frame, thread.momentAt(end));
    }
  }
}

/** One channel of several. */
function mixed(channels, length) {
  if (!channels?.length) return SILENCE.subarray(0, length);
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, at) => channels.reduce((sum, channel) => sum + channel[at], 0) / channels.length);
}

registerProcessor("parley-capture", Capture);
