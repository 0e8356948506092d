/** Plays a scene in virtual time: a client of the core's own parts, and the servers and devices around it. */
import { Duplex } from "../../../clients/web/core/duplex.js";
import { Session } from "../../../clients/web/core/session.js";
import { pcmOf, speechAt } from "./position_code.mjs";
import { readClientFrame } from "./client_frames.mjs";

const TICK_MS = 20;
const ADDRESS = "ws://one/v1/converse";

const OPENED = {
  session: "s",
  resumeToken: "token-1",
  limits: { maxFrameMs: 200, maxMessageBytes: 65536, maxMessagesPerS: 200, maxAheadMs: 10000 },
  leadMs: 200,
  protocol: 1,
  input: { encoding: "ENCODING_PCM16", rateHz: 16000 },
  output: { encoding: "ENCODING_PCM16", rateHz: 24000 },
  resumeS: 30,
};

/** @returns what has happened: `calls`, `sent`, `ticks` and `states`, each with its moment `at` */
export function play(scene, seed = 1) {
  return new Player(scene, seed).play();
}

class Player {
  constructor({ setup = {}, steps }, seed) {
    this.steps = steps;
    this.setup = { outputLatencyMs: 0, inputLatencyMs: 0, answers: [{ opened: {} }], ...setup };
    const addresses = [ADDRESS, "ws://two/v1/converse"].slice(0, setup.addresses ?? 1);
    this.session = new Session({ addresses, open: { echo: "ECHO_DEVICE" }, random: dice(seed) });
    this.duplex = new Duplex();
    this.duplex.outputLatency = this.setup.outputLatencyMs * 24;
    this.duplex.inputLatency = this.setup.inputLatencyMs * 24;
    this.now = 0;
    this.network = "up";
    this.speech = [];
    /** Calls that have reached a server, in order. */
    this.reached = [];
    this.streams = [];
    this.due = [];
    this.log = { calls: [], sent: [], ticks: [], states: [] };
  }

  play() {
    const end = Math.max(...this.steps.map((step) => step.at_ms + (step.within_ms ?? 0))) + TICK_MS;
    for (this.now = 0; this.now <= end; this.now += TICK_MS) {
      const steps = this.steps.filter((step) => step.at_ms === this.now);
      for (const step of steps.filter((step) => this.now === 0 && step.network)) this.happen(step);
      if (this.now === 0) this.do(() => this.session.begin(0));
      this.stream();
      this.answer();
      for (const step of steps) if (!(this.now === 0 && step.network)) this.happen(step);
      if (this.now > 0) this.tick();
      this.do(() => this.session.tick(this.now));
      this.log.states.push({ at: this.now, state: this.session.state });
    }
    return this.log;
  }

  /** Let the client do something, and carry out what comes of it. */
  do(act) {
    act();
    for (let effects; (effects = this.session.take()).length; ) {
      for (const effect of effects) this.carryOut(effect);
      this.drain();
    }
    this.drain();
  }

  drain() {
    for (let sent; (sent = this.session.next()); ) this.send(sent.call, sent.data);
  }

  carryOut({ do: what, call, address, data, command }) {
    if (what === "dial") {
      this.log.calls.push({ at: this.now, address });
      if (this.network === "down") return this.session.broke(call, this.now);
      if (this.network === "vanish") return undefined;
      return this.reach(call);
    }
    if (what === "send") this.send(call, data);
    if (what === "drop") this.hangUp(call);
    if (what === "speaker") {
      this.duplex.obey(command);
      this.hearDevices();
    }
    return undefined;
  }

  reach(call) {
    const { answers } = this.setup;
    const answer = answers[Math.min(this.reached.length, answers.length - 1)];
    if (answer === "refused") {
      this.reached.push({ call, stands: false });
      return this.session.broke(call, this.now);
    }
    this.reached.push({ call, stands: true, answer, hasOpened: false, beatsAt: Infinity });
    return this.session.connected(call, this.now);
  }

  send(call, data) {
    const over = this.reached.findIndex((connection) => connection.call === call && connection.stands) + 1;
    if (!over || this.network === "vanish") return;
    const message = readClientFrame(data);
    this.log.sent.push({ at: this.now, over, message });
    const connection = this.reached[over - 1];
    if (message.open && typeof connection.answer === "object") {
      this.due.push({ at: this.now + (connection.answer.after_ms ?? TICK_MS), over, answer: connection.answer });
    }
  }

  hangUp(call) {
    for (const connection of this.reached) if (connection.call === call) connection.stands = false;
  }

  // The server

  answer() {
    for (const { over, answer } of this.due.filter(({ at }) => at === this.now)) {
      const connection = this.reached[over - 1];
      if (!connection.stands) continue;
      connection.beatsAt = answer.opened ? this.now + 1000 : Infinity;
      this.say(answer.opened ? { opened: { ...OPENED, ...answer.opened } } : { error: answer.error }, over);
    }
    for (const [place, connection] of this.reached.entries()) {
      if (!connection.stands || this.now < connection.beatsAt) continue;
      connection.beatsAt += 1000;
      this.say({ heartbeat: { beat: "1" } }, place + 1);
    }
  }

  say(message, over = this.newest()) {
    const connection = this.reached[over - 1];
    if (!connection?.stands || this.network === "vanish") return;
    this.do(() => this.session.came(connection.call, JSON.stringify(message), this.now));
  }

  newest() {
    return this.reached.findLastIndex((connection) => connection.stands) + 1;
  }

  stream() {
    for (const stream of this.streams) this.sendPiece(stream, 480);
    this.streams = this.streams.filter((stream) => stream.left > 0);
  }

  sendPiece(stream, most) {
    for (let left = Math.min(most, stream.left); left > 0; ) {
      const samples = Math.min(480, left);
      const connection = this.reached[stream.over - 1];
      if (!connection?.stands) stream.left = 0;
      else if (this.network !== "vanish") {
        const frame = pieceOf(stream.reply, stream.position, samples);
        this.do(() => this.session.came(connection.call, frame, this.now));
      }
      stream.position += samples;
      stream.left -= samples;
      left -= samples;
    }
  }

  // What happens

  happen(step) {
    if (step.server) for (const message of [step.server].flat()) this.say(message, step.over);
    if (step.audio === "stop") this.streams = [];
    else if (step.audio) {
      const { reply, position, samples, lead_ms: leadMs } = step.audio;
      const stream = { reply, position, left: samples, over: step.over ?? this.newest() };
      this.sendPiece(stream, leadMs === undefined ? samples : leadMs * 24);
      if (stream.left > 0) this.streams.push(stream);
    }
    if (step.mic) this.speech.push({ from: this.now, isSpeech: step.mic === "speech" });
    if (step.network) this.turn(step.network);
    if (step.person) this.press(step.person);
  }

  turn(network) {
    if (network !== "hang_up") this.network = network;
    if (network !== "down" && network !== "hang_up") return;
    for (const connection of this.reached.filter(({ stands }) => stands)) {
      connection.stands = false;
      this.do(() => this.session.broke(connection.call, this.now));
    }
  }

  press({ interrupt, mute, pushToTalk, say, hangUp }) {
    this.do(() => {
      if (interrupt) this.session.interrupt();
      if (mute) this.session.setMuted(mute.muted ?? false);
      if (pushToTalk) this.session.press(pushToTalk.pressed ?? false);
      if (say) this.session.say(say.text);
      if (hangUp) this.session.hangUp(this.now);
    });
  }

  // The devices

  tick() {
    const began = this.now - TICK_MS - this.setup.inputLatencyMs;
    const isSpeech = this.speech.findLast(({ from }) => from <= began)?.isSpeech ?? false;
    const first = (this.now - TICK_MS) * 16;
    const frame = Float32Array.from({ length: 320 }, (_, at) => (isSpeech ? speechAt(first + at, 16000) : 0));
    this.duplex.capture(frame, this.duplex.playout.handed);
    const block = new Float32Array(480);
    this.duplex.pull(block);
    this.log.ticks.push({ at: this.now, samples: block });
    this.hearDevices();
  }

  hearDevices() {
    for (const output of this.duplex.take()) if (output.kind !== "heard") this.session.hear(output);
    this.do(() => {});
  }
}

function pieceOf(reply, position, samples) {
  const frame = new Uint8Array(16 + 2 * samples);
  const view = new DataView(frame.buffer);
  view.setUint8(0, 2);
  view.setUint32(4, reply, true);
  view.setBigUint64(8, BigInt(position), true);
  frame.set(pcmOf(reply, position, samples), 16);
  return frame.buffer;
}

/** Numbers by chance, the same for the same seed. */
function dice(seed) {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
}
