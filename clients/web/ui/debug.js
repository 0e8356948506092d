/** `?debug=1`: `parleyDebug` in the page's console, and for measurements: what happened when, and what was played. */

/** So many events are kept; then the oldest goes. */
const MOST_EVENTS = 20000;
const NAMES = ["state", "caption", "duck", "flush", "level", "turnReport", "notice", "error", "quality", "replyStarted", "replyPlayed"];
const RECORDER = new URL("debug_recorder.js", import.meta.url);

/** Put it into the page, before the client makes its sound. */
export async function begin() {
  globalThis.parleyDebug = new Debug();
}

class Debug {
  constructor() {
    /** @type {{name: string, atMs: number, detail: object, playhead: {reply: number, position: number}}[]} */
    this.events = [];
    /** @type {{contextMs: number, rateHz: number, frame: number, blocks: Float32Array[]}[]} One for each output that was used. */
    this.outputs = [];
    this.client = null;
    tap((context, destination, source) => this.record(context, source));
  }

  /** @param {import("../core/client.js").ParleyClient} client */
  watch(client) {
    this.client = client;
    for (const name of NAMES) client.addEventListener(name, ({ detail }) => this.keep(name, detail));
  }

  /** Events of one kind, or all: `{name, atMs, detail, playhead}`, `atMs` by performance.now(). */
  of(name = "") {
    return this.events.filter((event) => !name || event.name === name);
  }

  /** What was given to the speaker, as PCM16 in base64, with the rate and where each output began by performance.now(). */
  recording() {
    return this.outputs.map(({ rateHz, beganMs, blocks }) => ({ rateHz, beganMs, pcm: base64(blocks) }));
  }

  /** @private */
  keep(name, detail) {
    this.events.push({ name, atMs: performance.now(), detail: structuredClone(detail ?? {}), playhead: { ...this.client.playhead } });
    if (this.events.length > MOST_EVENTS) this.events.shift();
  }

  /** @private Hear what a node gives to the output, beside the output. */
  async record(context, source) {
    const output = { rateHz: context.sampleRate, beganMs: 0, blocks: [] };
    this.outputs.push(output);
    await context.audioWorklet.addModule(RECORDER);
    const recorder = new AudioWorkletNode(context, "debug-recorder", { numberOfOutputs: 0 });
    recorder.port.onmessage = ({ data }) => {
      if (!output.blocks.length) output.beganMs = performance.now() - (context.currentTime - data.frame / context.sampleRate) * 1000;
      output.blocks.push(data.samples);
    };
    AudioNode.prototype.connect.call(source, recorder);
  }
}

/** Be told of everything that is connected to a speaker: directly, or through a stream that a loopback plays. */
function tap(heard) {
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function connectAndTell(target, ...rest) {
    if (target instanceof AudioDestinationNode || target instanceof MediaStreamAudioDestinationNode) heard(this.context, target, this);
    return connect.call(this, target, ...rest);
  };
}

function base64(blocks) {
  const length = blocks.reduce((sum, block) => sum + block.length, 0);
  const pcm = new Int16Array(length);
  let at = 0;
  for (const block of blocks) {
    for (const value of block) pcm[at++] = Math.max(-32768, Math.min(32767, Math.round(value * 32768)));
  }
  const bytes = new Uint8Array(pcm.buffer);
  let text = "";
  for (let n = 0; n < bytes.length; n += 32768) text += String.fromCharCode(...bytes.subarray(n, n + 32768));
  return btoa(text);
}
