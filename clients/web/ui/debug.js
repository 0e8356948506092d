/**
 * `?debug=1`: `parleyDebug` in the page's console, and for measurements: what happened when, what went over the wire, and
 * what was given to the speaker. Times are those of `performance.now()`.
 */
import { encodingOf, samplesIn } from "../core/output.js";

/** So many of each are kept, of the recording some seven minutes, over all outputs; then the oldest goes. */
const MOST = 20000;
/** What nobody may read over a shoulder, or in a report: who has it may call, or take the conversation over. */
const SECRETS = new Set(["token", "resume", "resumeToken"]);
const NAMES = [
  ...["state", "caption", "duck", "flush", "level", "turnReport", "notice", "error", "quality"],
  ...["replyStarted", "replyPlayed", "underrun", "output"],
];
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
    /** Both ways: text frames as they are but for secrets, of the replies' audio the header. The microphone's are left out. */
    this.frames = [];
    /** @type {{rateHz: number, beganMs: number, blocks: Float32Array[]}[]} One for each output that has sounded. */
    this.outputs = [];
    this.blocks = 0;
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
   * was handed on by the browser. The silence before an output first sounds is left out.
   */
  recording() {
    return this.outputs.map(({ rateHz, beganMs, blocks }) => ({ rateHz, beganMs, pcm: base64(blocks) }));
  }

  /** Hear what a node gives to the output, beside the output. */
  async record(context, source) {
    const output = { rateHz: context.sampleRate, beganMs: 0, blocks: [] };
    await context.audioWorklet.addModule(RECORDER);
    const recorder = new AudioWorkletNode(context, "debug-recorder", { numberOfOutputs: 0 });
    recorder.port.onmessage = ({ data: { frame, samples } }) => {
      if (!output.blocks.length) {
        if (!samples.some((value) => value !== 0)) return;
        // Rendered are whole buffers of the browser's, at once, and currentTime is already at the end of one then.
        const aheadS = context.currentTime - (context.baseLatency || 0) - frame / context.sampleRate;
        output.beganMs = performance.now() - aheadS * 1000;
        this.outputs.push(output);
      }
      output.blocks.push(samples);
      this.blocks++;
      this.forget();
    };
    AudioNode.prototype.connect.call(source, recorder);
  }

  /** @private Let go of the oldest of the recording where there is too much of it. */
  forget() {
    while (this.blocks > MOST) {
      const [oldest] = this.outputs;
      const gone = oldest.blocks.shift();
      if (gone) {
        this.blocks--;
        oldest.beganMs += (gone.length / oldest.rateHz) * 1000;
      }
      if (!oldest.blocks.length) this.outputs.shift();
    }
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
      let encoding = "pcm16";
      this.addEventListener("message", ({ data }) => {
        const frame = { atMs: performance.now(), from: "server", ...meaning(data, encoding) };
        if (frame.message?.opened) encoding = encodingOf(frame.message.opened);
        told(frame);
      });
    }

    send(data) {
      if (typeof data === "string") told({ atMs: performance.now(), from: "client", ...meaning(data) });
      super.send(data);
    }
  };
}

function meaning(data, encoding = "pcm16") {
  if (typeof data === "string") return { message: readable(data) };
  const view = new DataView(data);
  if (view.byteLength < REPLY_HEADER_BYTES || view.getUint8(0) !== REPLY_KIND) return {};
  const samples = samplesIn(encoding, new Uint8Array(data, REPLY_HEADER_BYTES));
  return { audio: { reply: view.getUint32(4, true), position: Number(view.getBigUint64(8, true)), samples } };
}

/** A text frame without its secrets; null where it is none. */
function readable(text) {
  try {
    return JSON.parse(text, (name, value) => (SECRETS.has(name) && value ? "…" : value));
  } catch {
    return null; // the conversation passes over it as well
  }
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
