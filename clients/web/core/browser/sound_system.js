/** Microphone and speaker of a browser: an AudioContext with the two worklets, and what lies between them and the air. */
import { speakerSamples } from "../sound.js";
import { Loopback, isWanted } from "./loopback.js";
import { latencyOf, openMicrophone } from "./microphone.js";

const WORKLETS = ["../../worklets/playout.js", "../../worklets/capture.js"];
const MEASURE_MS = 500;
/** So long a browser may take to let sound begin. */
const RESUME_MS = 4000;
/** So long a connection of the page with itself may take; without it there may be echo, but sound. */
const LOOP_MS = 3000;
/** A longer latency than this is a mistake of the browser's. */
const LONGEST_LATENCY_S = 1.5;

/** Why there is no sound, in words for the person. */
export class NoSound extends Error {}

export class SoundSystem {
  /**
   * @param {(outputs: import("../duplex.js").Output[]) => void} hear what the audio thread has to tell
   * @param {() => void} lost the microphone has gone
   */
  constructor(hear, lost) {
    this.outputLatencyMs = 0;
    this.inputLatencyMs = 0;
    /** Whether there is no microphone, because none was asked for. */
    this.isTyped = false;
    this._hear = hear;
    this._lost = lost;
    this._stream = null;
    this._source = null;
    /** @type {Loopback|null} */
    this._loopback = null;
    this._timer = 0;
    this._isOver = false;
    /** Which microphone, and which way of playback, was wanted last: what comes about after another was is let go. */
    this._opened = 0;
    this._routed = 0;
    this._routing = Promise.resolve();
  }

  /** Whether playback goes through a loopback connection. */
  get isLooped() {
    return this._loopback !== null;
  }

  /** Begin, in the handler of a click. Rejects with NoSound or NoMicrophone. @param {import("../client.js").ClientOptions} options */
  async begin(options) {
    if (!globalThis.AudioContext || !globalThis.AudioWorkletNode) {
      throw new NoSound("This browser plays no sound for this page: open it over HTTPS or on the server's own machine.");
    }
    this._context = new AudioContext({ latencyHint: "interactive" });
    const resumed = this._context.resume(); // at once: after a wait the click is forgotten
    this._context.onstatechange = () => this._context.state === "interrupted" && this._context.resume();
    await Promise.all(WORKLETS.map((path) => this._context.audioWorklet.addModule(new URL(path, import.meta.url))));
    this._playout = new AudioWorkletNode(this._context, "parley-playout", { numberOfInputs: 0, outputChannelCount: [1] });
    this._capture = new AudioWorkletNode(this._context, "parley-capture", { outputChannelCount: [1] });
    this._playout.port.onmessage = ({ data }) => this._hear(data);
    this._capture.connect(this._context.destination); // silence: so that it is asked to run
    this.isTyped = options.microphone === false;
    if (!this.isTyped) await this.open(options);
    await this.route(options);
    await within(RESUME_MS, resumed, "The browser does not let this page play sound: begin by a click or a key.");
    this._timer = setInterval(() => void this._measure(), MEASURE_MS);
    await this._measure();
  }

  /** Tell the audio thread. @param {object[]} commands */
  send(commands) {
    this._playout?.port.postMessage(commands);
  }

  /** Open the microphone, or another. Rejects with NoMicrophone. */
  async open(options) {
    const mine = ++this._opened;
    const stream = await openMicrophone(options);
    if (this._isOver || mine !== this._opened) {
      for (const track of stream.getTracks()) track.stop(); // all is over meanwhile, or another one is wanted
      return;
    }
    this.close();
    this._stream = stream;
    this._source = this._context.createMediaStreamSource(stream);
    this._source.connect(this._capture);
    this.track.onended = () => {
      this.close();
      this._lost();
    };
  }

  /** Let the microphone go; the speaker goes on. */
  close() {
    this._source?.disconnect();
    for (const track of this._stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this._source = this._stream = null;
  }

  /** The microphone's track; null: it is closed. */
  get track() {
    return this._stream?.getAudioTracks()[0] ?? null;
  }

  /** Send playback on its way: to the device, or around the loopback. One after the other; only the newest counts. */
  route(options) {
    const mine = ++this._routed;
    const routed = this._routing.then(() => (mine === this._routed ? this._route(options) : undefined));
    this._routing = routed.catch(() => {}); // whoever asked hears of it; the next one is not kept from its turn
    return routed;
  }

  async _route({ loopback = "auto", outputDevice = "", echo = "device" }) {
    if (this._isOver) return;
    const wanted = loopback === "on" || (loopback === "auto" && echo === "device" && isWanted(this.track, navigator.userAgentData));
    this._playout.disconnect();
    this._loopback?.end();
    this._loopback = null;
    if (wanted) await this._around(outputDevice);
    if (this._isOver) return;
    if (!this._loopback) this._playout.connect(this._context.destination);
    const sink = this._loopback?.audio ?? this._context;
    if (sink.setSinkId && outputDevice !== (sink.sinkId || "")) await sink.setSinkId(outputDevice).catch(() => {});
    await this._measure();
  }

  /** Be silent, and let go of everything; after a `begin` that was underway once more. */
  async end() {
    clearInterval(this._timer);
    this._lost = () => {};
    this.close();
    this._loopback?.end();
    this._loopback = null;
    if (!this._context || this._isOver) return;
    this._isOver = true;
    this.send([{ do: "over" }]);
    this._capture?.port.postMessage("over");
    this._context.onstatechange = null;
    await this._context.close();
  }

  async _around(outputDevice) {
    const out = this._context.createMediaStreamDestination();
    let loop = null;
    try {
      loop = new Loopback(() => void this.route({ loopback: "off", outputDevice }));
      await within(LOOP_MS, loop.begin(out.stream), "the loopback did not come about");
    } catch {
      loop?.end(); // no such connections here: better echo than silence
      return;
    }
    if (this._isOver) {
      loop.end(); // it still came about when all was over
      return;
    }
    this._loopback = loop;
    this._playout.connect(out);
  }

  async _measure() {
    await this._loopback?.measure();
    if (this._context.state !== "running") return;
    const loopMs = this._loopback?.latencyMs ?? 0;
    this.outputLatencyMs = Math.round(1000 * outputLatencyOf(this._context) + loopMs);
    this.inputLatencyMs = Math.round(1000 * latencyOf(this.track));
    const samples = { outputSamples: speakerSamples(this.outputLatencyMs), inputSamples: speakerSamples(this.inputLatencyMs) };
    this.send([{ do: "latency", ...samples }]);
  }
}

function within(ms, promise, why) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new NoSound(why)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Seconds from a block's rendering to the air. @param {AudioContext} context */
function outputLatencyOf(context) {
  const reckoned = (context.baseLatency || 0) + (context.outputLatency || 0);
  const stamp = context.getOutputTimestamp?.();
  if (!stamp?.performanceTime) return reckoned;
  const heard = stamp.contextTime + (performance.now() - stamp.performanceTime) / 1000;
  const seen = context.currentTime - heard;
  return seen > 0 && seen < LONGEST_LATENCY_S ? Math.max(seen, context.outputLatency || 0) : reckoned;
}
