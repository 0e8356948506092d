/**
 * `?debug=1`: `parleyDebug` in the page's console, and for measurements: what happened when, what went over the wire, and
 * what was given to the speaker. Times are those of `performance.now()`.
 */

/** So many of each are kept, of the recording some seven minutes; then the oldest goes. */
const MOST = 20000;
const NAMES = ["state", "caption", "duck", "flush", "level", "turnReport", "notice", "error", "quality", "replyStarted", "replyPlayed"];
const RECORDER = new URL("debug_recorder.js", import.meta.url);
const REPLY_KIND = 2;
const REPLY_HEADER_BYTES = 16;

/** Put it into the page, before the client makes its sound and its connections. */
export function begin() {
  const debug = new Debug();
  globalThis.parleyDebug = debug;
  tapOutput((context, source) => debug.record(context, source));
  tapSockets((frame) => keep(debug.frames, frame));
}

class Debug {
  constructor() {
    /** @type {{name: string, atMs: number, detail: object, playhead: {reply: number, position: number}}[]} */
    this.events = [];
    /** Both ways: text frames as they are, of the replies' audio the header. The microphone's frames are left out. */
    this.frames = [];
    /** @type {{rateHz: number, beganMs: number, blocks: Float32Array[]}[]} One for each output that was used. */
    this.outputs = [];
    this.client = null;
  }

  /** @param {import("../core/client.js").ParleyClient} client */
  watch(client) {
    this.client = client;
    for (const name of NAMES) {
      client.addEventListener(name, ({ detail }) => {
        keep(this.events, { name, atMs: performance.now(), detail: structuredClone(detail ?? {}), playhead: { ...client.playhead } });
      });
    }
  }

  /** Events of one kind, or all. */
  of(name = "") {
    return this.events.filter((event) => !name || event.name === name);
  }

  /** Messages of one kind, each `{atMs, from, message}`: what stands in "flush", from the server, say. */
  messages(from, name) {
    return this.frames.filter((frame) => frame.from === from && frame.message && name in frame.message);
  }

  /** The session's id. */
  session() {
    return this.messages("server", "opened").at(-1)?.message.opened.session ?? "";
  }

  /**
   * What was given to the speaker, the device's latency not counted: PCM16 in base64, the rate, and when its first sample
   * was rendered. Outputs that were silent all the time are left out.
   */
  recording() {
    const sounding = this.outputs.filter(({ blocks }) => blocks.some((block) => block.some((value) => value !== 0)));
    return sounding.map(({ rateHz, beganMs, blocks }) => ({ rateHz, beganMs, pcm: base64(blocks) }));
  }

  /** Hear what a node gives to the output, beside the output. */
  async record(context, source) {
    const output = { rateHz: context.sampleRate, beganMs: 0, blocks: [] };
    this.outputs.push(output);
    await context.audioWorklet.addModule(RECORDER);
    const recorder = new AudioWorkletNode(context, "debug-recorder", { numberOfOutputs: 0 });
    recorder.port.onmessage = ({ data }) => {
      const before = output.blocks.length;
      if (!before) output.beganMs = performance.now() - (context.currentTime - data.frame / context.sampleRate) * 1000;
      keep(output.blocks, data.samples);
      output.beganMs += output.blocks.length === before ? (data.samples.length / context.sampleRate) * 1000 : 0;
    };
    AudioNode.prototype.connect.call(source, recorder);
  }
}

/** Be told of everything that is connected to a speaker: directly, or through a stream that a loopback plays. */
function tapOutput(heard) {
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function connectAndTell(target, ...rest) {
    if (target instanceof AudioDestinationNode || target instanceof MediaStreamAudioDestinationNode) heard(this.context, this);
    return connect.call(this, target, ...rest);
  };
}

/** Be told of every frame. */
function tapSockets(told) {
  globalThis.WebSocket = class extends WebSocket {
    constructor(...address) {
      super(...address);
      this.addEventListener("message", ({ data }) => told({ atMs: performance.now(), from: "server", ...meaning(data) }));
    }

    send(data) {
      if (typeof data === "string") told({ atMs: performance.now(), from: "client", ...meaning(data) });
      super.send(data);
    }
  };
}

function meaning(data) {
  if (typeof data === "string") return { message: JSON.parse(data) };
  const view = new DataView(data);
  if (view.byteLength < REPLY_HEADER_BYTES || view.getUint8(0) !== REPLY_KIND) return {};
  const samples = (view.byteLength - REPLY_HEADER_BYTES) / 2;
  return { audio: { reply: view.getUint32(4, true), position: Number(view.getBigUint64(8, true)), samples } };
}

function keep(list, one) {
  list.push(one);
  if (list.length > MOST) list.shift();
}

function base64(blocks) {
  const pcm = new Int16Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    for (const value of block) pcm[at++] = Math.max(-32768, Math.min(32767, Math.round(value * 32768)));
  }
  const bytes = new Uint8Array(pcm.buffer);
  let text = "";
  for (let n = 0; n < bytes.length; n += 32768) text += String.fromCharCode(...bytes.subarray(n, n + 32768));
  return btoa(text);
}
