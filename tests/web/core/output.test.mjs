/** In which encoding replies come: what is asked for, what is counted, and what becomes of Opus where it is of no use. */
import assert from "node:assert/strict";
import test from "node:test";
import { OpusDecoder, canDecodeOpus } from "../../../clients/web/core/browser/opus.js";
import { encodingFor } from "../../../clients/web/core/output.js";
import { packetSamples } from "../../../clients/web/core/opus_packet.js";
import { Session } from "../../../clients/web/core/session.js";

const OPENED = { session: "s", resumeToken: "t", protocol: 1, resumeS: 30 };
const OPUS = { encoding: "ENCODING_OPUS", rateHz: 24_000 };
/** RFC 6716, table 2: the frames of each configuration, in milliseconds. */
const FRAMES_MS = [
  ...[10, 20, 40, 60, 10, 20, 40, 60, 10, 20, 40, 60],
  ...[10, 20, 10, 20],
  ...[2.5, 5, 10, 20, 2.5, 5, 10, 20, 2.5, 5, 10, 20, 2.5, 5, 10, 20],
];

test("a packet says how long it lasts: every configuration, with one frame, two, and as many as are counted", () => {
  for (const [config, ms] of FRAMES_MS.entries()) {
    for (const [code, frames] of [[0, 1], [1, 2], [2, 2]]) {
      for (const stereo of [0, 4]) {
        assert.equal(packetSamples(Uint8Array.of((config << 3) | stereo | code, 0)), ms * frames * 24, `${config}, ${code}`);
      }
    }
    for (let frames = 0; frames <= 63; frames++) {
      const samples = ms * frames <= 120 ? ms * frames * 24 : 0;
      for (const flags of [0, 0x40, 0x80]) assert.equal(packetSamples(Uint8Array.of((config << 3) | 3, flags | frames)), samples);
    }
  }
  assert.deepEqual([packetSamples(new Uint8Array()), packetSamples(Uint8Array.of(3))], [0, 0]);
});

test("Opus is asked for where the browser decodes it and the server is far away, or the person has said so", async () => {
  const [near, far] = [["ws://localhost:1", "ws://127.0.0.1:1", "ws://[::1]:1"], ["wss://parley.test"]];
  const asked = (options, addresses, can = true) => encodingFor(options, addresses, async () => can);
  assert.equal(await asked({}, near), "pcm16");
  assert.equal(await asked({}, far), "opus");
  assert.equal(await asked({}, [...near, ...far]), "opus");
  assert.equal(await asked({ output: "opus" }, near), "opus");
  assert.equal(await asked({ output: "pcm16" }, far), "pcm16");
  for (const output of ["auto", "opus"]) assert.equal(await asked({ output }, far, false), "pcm16");
  globalThis.location = { search: "?debug=1&output=opus" };
  assert.equal(await asked({ output: "pcm16" }, near), "opus");
  globalThis.location = { search: "?output=flac" };
  assert.equal(await asked({}, near), "pcm16");
  delete globalThis.location;
});

test("a browser without a decoder, one that throws and one that says no decode nothing", async () => {
  const answers = [undefined, () => Promise.reject(new TypeError("no")), async () => ({ supported: false }), async () => ({ supported: true })];
  const can = [];
  for (const isConfigSupported of answers) {
    globalThis.AudioDecoder = isConfigSupported && { isConfigSupported };
    can.push(await canDecodeOpus());
  }
  assert.deepEqual(can, [false, false, false, true]);
  delete globalThis.AudioDecoder;
});

test("what a decoder throws at once is told later, and once; what it gives is let go of", async () => {
  const told = [];
  const decoder = new OpusDecoder({ failed: (why) => told.push(why), decoded: (...given) => told.push(given) });
  assert.deepEqual(told, []);
  decoder.decode(Uint8Array.of(0xfc), 0, 20_000);
  await Promise.resolve();
  assert.deepEqual(told, ["AudioDecoder is not defined"]);
  let output;
  let closed = 0;
  globalThis.AudioDecoder = class {
    state = "configured";
    configure() {}
    close() {}
    constructor(init) {
      ({ output } = init);
    }
  };
  const data = { numberOfFrames: 2, sampleRate: 48_000, timestamp: 7, copyTo: (samples) => samples.fill(0.5), close: () => closed++ };
  const other = new OpusDecoder({ decoded: (...given) => told.push(given) });
  output(data);
  other.close();
  output(data);
  assert.deepEqual([told.slice(1), closed], [[[7, Float32Array.of(0.5, 0.5), 48_000]], 2]);
  delete globalThis.AudioDecoder;
});

/** A session that asks for Opus, as a test leads it: what was dialled, opened, and told. */
function asking(opened = { ...OPENED, output: OPUS }) {
  const session = new Session({ addresses: ["ws://one"], open: {}, encoding: "opus", random: () => 0.5 });
  const opens = [];
  const told = [];
  const run = (nowMs) => {
    for (let effects; (effects = session.take()).length; ) {
      for (const { do: what, call, data, type, detail } of effects) {
        if (what === "dial") session.connected(call, nowMs);
        if (what === "send") opens.push({ call, ...JSON.parse(data).open });
        if (what === "event" && type === "output") told.push(detail);
      }
    }
  };
  session.begin(0);
  run(0);
  const say = (message, nowMs = 0) => {
    session.came(opens.at(-1).call, message instanceof ArrayBuffer ? message : JSON.stringify(message), nowMs);
    run(nowMs);
  };
  if (opened) say({ opened });
  return { session, opens, told, run, say };
}

function piece(reply, position, ...packet) {
  const frame = new Uint8Array(16 + packet.length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, 2);
  view.setUint32(4, reply, true);
  view.setBigUint64(8, BigInt(position), true);
  frame.set(packet, 16);
  return frame.buffer;
}

test("the next sample is the one after what a packet holds, and Opus is asked for again", () => {
  const { session, opens, told, run, say } = asking();
  assert.deepEqual([opens[0].output, opens[0].clientBufferMs, told], [OPUS, 2000, [{ encoding: "opus", why: "" }]]);
  say(piece(1, 0, 0xfc, 1, 2, 3));
  say(piece(1, 480, 0xf4, 1, 2));
  session.broke(opens[0].call, 10);
  run(10);
  assert.deepEqual([opens[1].output, opens[1].next], [OPUS, { reply: "1", position: "720" }]);
});

test("where it can't be decoded the conversation goes on over another connection, as PCM16, from what was not decoded", () => {
  const { session, opens, told, run, say } = asking();
  say(piece(1, 0, 0xfc, 1));
  say(piece(1, 480, 0xfc, 1));
  say({ replyEnded: { reply: "1", samples: "900" } });
  session.giveUpOpus("no such codec", { reply: 1, position: 480 });
  run(10);
  assert.equal(session.state, "resuming");
  const again = opens[1];
  assert.deepEqual([again.output, again.clientBufferMs, again.next], [undefined, 400, { reply: "1", position: "480" }]);
  say({ opened: { ...OPENED, resumed: true } }, 20);
  assert.equal(session.state, "conversation");
  assert.deepEqual(told.slice(1), [{ encoding: "pcm16", why: "no such codec" }, { encoding: "pcm16", why: "" }]);
});

test("a server that resumes nothing ends it then, and says so", () => {
  const { session, run } = asking({ ...OPENED, resumeS: 0, output: OPUS });
  session.giveUpOpus("no such codec", { reply: 1, position: 0 });
  run(10);
  assert.deepEqual([session.state, session.code], ["ended", "CODE_LOST"]);
});

test("a server without Opus, and a token that does not allow it, are called again; what is wrong otherwise is told", () => {
  const { session, opens, told, run, say } = asking(null);
  say({ error: { code: "CODE_FORMAT", message: "not this." } });
  session.tick(300);
  run(300);
  assert.deepEqual(opens.map(({ output }) => output?.encoding), ["ENCODING_OPUS", undefined]);
  assert.deepEqual(told, [{ encoding: "pcm16", why: "not this." }]);
  say({ error: { code: "CODE_FORMAT", message: "nor that." } });
  assert.deepEqual([session.state, session.why], ["ended", "nor that."]);
  for (const code of ["CODE_PROTOCOL", "CODE_UNAUTHENTICATED"]) {
    const other = asking(null);
    other.say({ error: { code, message: "no." } });
    assert.deepEqual([other.session.state, other.opens.length], ["ended", 1]);
  }
});
