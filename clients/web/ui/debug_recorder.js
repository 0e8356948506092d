/** An AudioWorklet that hears the page's output and hands it on, for `?debug=1`. */

const BLOCK = 1024;

class DebugRecorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.samples = new Float32Array(BLOCK);
    this.filled = 0;
    this.frame = currentFrame;
  }

  process([input]) {
    const heard = input[0];
    for (let n = 0; n < 128; n += 1) {
      if (this.filled === 0) this.frame = currentFrame + n;
      this.samples[this.filled++] = heard ? heard[n] : 0;
      if (this.filled < BLOCK) continue;
      this.port.postMessage({ frame: this.frame, samples: this.samples.slice() });
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor("debug-recorder", DebugRecorder);
