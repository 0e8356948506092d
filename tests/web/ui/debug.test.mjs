/** What `?debug=1` keeps: bounded, and no secret. */
import assert from "node:assert/strict";
import test from "node:test";
import { begin } from "../../../clients/web/ui/debug.js";

const RATE_HZ = 48_000;
const BLOCK = 1024;
const MOST = 20_000;

class AudioNode_ {
  context = { sampleRate: RATE_HZ, currentTime: 0, audioWorklet: { addModule: async () => {} } };
  connect() {}
}
class Speaker extends AudioNode_ {}

/** The recorders that listen, the newest last. */
const recorders = [];
/** What a socket was given to send. */
const sent = [];

Object.assign(globalThis, {
  AudioNode: AudioNode_,
  AudioDestinationNode: Speaker,
  MediaStreamAudioDestinationNode: class {},
  AudioWorkletNode: class extends AudioNode_ {
    port = {};
    constructor() {
      super();
      recorders.push(this);
    }
  },
  WebSocket: class extends EventTarget {
    send(data) {
      sent.push(data);
    }
  },
});
begin();
const debug = globalThis.parleyDebug;

/** An output that a node plays into; the function has it play blocks of that value. */
async function output() {
  new AudioNode_().connect(new Speaker());
  await new Promise((resolve) => setImmediate(resolve));
  const recorder = recorders.at(-1);
  let frame = 0;
  return (value, blocks = 1) => {
    for (let n = 0; n < blocks; n++, frame += BLOCK) recorder.port.onmessage({ data: { frame, samples: new Float32Array(BLOCK).fill(value) } });
  };
}

test("frames are kept as they are but for tokens, and are sent as they were", () => {
  const socket = new WebSocket("wss://one");
  const open = JSON.stringify({ open: { protocol: 1, token: "secret-1", resume: "secret-2", agent: "patient" } });
  socket.send(open);
  const says = (data) => socket.dispatchEvent(Object.assign(new Event("message"), { data }));
  says(JSON.stringify({ opened: { session: "s", resumeToken: "secret-3", resumeS: 30 } }));
  says("no JSON");
  assert.deepEqual(sent, [open]);
  assert.doesNotMatch(JSON.stringify(debug.frames), /secret/);
  assert.deepEqual(debug.messages("client", "open")[0].message.open, { protocol: 1, token: "…", resume: "…", agent: "patient" });
  assert.equal(debug.session(), "s");
});

test("what the client tells is kept, with where the speaker stood", () => {
  const client = Object.assign(new EventTarget(), { playhead: { reply: 1, position: 480 } });
  debug.watch(client);
  for (const name of ["flush", "replyStarted", "underrun", "of.tomorrow"]) {
    client.dispatchEvent(Object.assign(new Event(name), { detail: { reply: 1 } }));
  }
  client.playhead.position = 960;
  const kept = debug.of().map(({ name, detail, playhead }) => [name, detail.reply, playhead.position]);
  assert.deepEqual(kept, [["flush", 1, 480], ["replyStarted", 1, 480], ["underrun", 1, 480]]);
});

test("frames and events have a bound, the oldest go", () => {
  const socket = new WebSocket("wss://one");
  for (let beat = 0; beat < MOST + 10; beat++) socket.send(JSON.stringify({ heartbeat: { beat } }));
  assert.equal(debug.frames.length, MOST);
  assert.equal(debug.frames[0].message.heartbeat.beat, 10);
});

test("the recording begins with the first sound, and has one bound over all outputs, however many there were", async () => {
  const [first, silent, second] = [await output(), await output(), await output()];
  first(0, 10);
  first(0.5, 5);
  silent(0, 2 * MOST);
  assert.deepEqual(debug.recording().map(({ pcm }) => Buffer.from(pcm, "base64").length), [2 * 5 * BLOCK]);
  const { beganMs } = debug.outputs[0];
  first(0, 5);
  assert.equal(debug.outputs[0].blocks.length, 10, "silence in between is kept");
  second(0.25, MOST - 4);
  assert.deepEqual(debug.outputs.map(({ blocks }) => blocks.length), [6 - 2, MOST - 4]);
  assert.ok(Math.abs(debug.outputs[0].beganMs - beganMs - (6 * BLOCK * 1000) / RATE_HZ) < 1e-6);
  second(0.25, 10);
  assert.deepEqual(debug.outputs.map(({ blocks }) => blocks.length), [MOST]);
  first(0.5);
  assert.deepEqual(debug.outputs.map(({ blocks }) => blocks.length), [MOST - 1, 1], "one whose sound has gone begins anew");
});
