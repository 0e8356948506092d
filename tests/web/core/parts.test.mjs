/** What scenes can't show of the core's parts: what is taken for speech, what is told once, what is never sent. */
import assert from "node:assert/strict";
import test from "node:test";
import { Duplex } from "../../../clients/web/core/duplex.js";
import { Hearing } from "../../../clients/web/core/hearing.js";
import { levelDb } from "../../../clients/web/core/meter.js";
import { Retention } from "../../../clients/web/core/retention.js";
import { Session } from "../../../clients/web/core/session.js";
import { SpeechDetector } from "../../../clients/web/core/speech.js";
import { pcmOf, speechAt } from "./position_code.mjs";

const FRAME = 320;

/** Frames of 20 ms of something, one by one; return those after which the detector took it for speech. */
function takenForSpeech(detector, frames, sampleAt, isSounding = false) {
  const taken = [];
  for (let n = 0; n < frames; n++) {
    const frame = Float32Array.from({ length: FRAME }, (_, at) => sampleAt(n * FRAME + at));
    if (detector.feed(frame, levelDb(frame), isSounding)) taken.push(n);
  }
  return taken;
}

function noise(amplitude, seed = 7) {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return amplitude * (state / 1073741824 - 1);
  };
}

const voice = (gain) => (n) => gain * speechAt(n, 16000);

test("a voice is noticed within 100 ms; noise as loud, and a click, are not", () => {
  assert.ok(takenForSpeech(new SpeechDetector(), 20, voice(1))[0] < 5);
  assert.deepEqual(takenForSpeech(new SpeechDetector(), 200, noise(0.3)), []);
  assert.deepEqual(takenForSpeech(new SpeechDetector(), 50, (n) => (n >= 640 && n < 700 ? 0.9 : 0)), []);
});

test("what is heard all the time becomes the room; a voice above it is noticed still", () => {
  const detector = new SpeechDetector();
  takenForSpeech(detector, 1500, voice(0.01));
  assert.deepEqual(takenForSpeech(detector, 50, voice(0.01)), []);
  assert.ok(takenForSpeech(detector, 20, voice(0.3)).length > 10);
});

test("the echo that is left of the speaker is learnt, and is no speech from then on", () => {
  const detector = new SpeechDetector();
  takenForSpeech(detector, 400, voice(0.02), true);
  assert.deepEqual(takenForSpeech(detector, 100, voice(0.02), true), []);
  assert.ok(takenForSpeech(detector, 20, voice(0.5), true).length > 10);
});

test("a duck that the server had nothing to say of makes the next one less likely", () => {
  const [taught, untaught] = [new SpeechDetector(), new SpeechDetector()];
  for (let lesson = 0; lesson < 4; lesson++) taught.wasNone();
  assert.deepEqual(takenForSpeech(taught, 10, voice(0.1), true), []);
  assert.ok(takenForSpeech(untaught, 10, voice(0.1), true).length);
});

test("a caption that is told again after a resumption is shown once; the same words in another reply are shown", () => {
  const told = [];
  const hearing = new Hearing((type, detail) => told.push(detail));
  const caption = { kind: "caption", who: "WHO_ASSISTANT", text: " Yes.", final: false, reply: 1, position: 0, turn: 1 };
  hearing.hear(caption);
  hearing.hear(caption);
  assert.equal(told.length, 2, "words may repeat within a connection");
  hearing.resumed();
  hearing.hear(caption);
  hearing.hear({ ...caption, reply: 2 });
  assert.deepEqual(told.map(({ reply }) => reply), [1, 1, 2]);
});

test("words of a reply that was cut off, and were on their way, are not shown; its last word is, and the next reply's", () => {
  const told = [];
  const session = new Session({ addresses: ["ws://one"], open: {}, random: () => 0.5 });
  session.begin(0);
  session.connected(1, 0);
  const say = (message) => session.came(1, JSON.stringify(message), 0);
  const caption = (more) => ({ caption: { who: "WHO_ASSISTANT", reply: "2", turn: "1", ...more } });
  say({ opened: { session: "s", resumeToken: "t", protocol: 1, resumeS: 30 } });
  say(caption({ text: "Once" }));
  say({ flush: { seq: "1", floor: "2" } });
  say({ flush: { seq: "1", floor: "0" } });
  say(caption({ text: " upon" }));
  say(caption({ text: "Once", final: true, interrupted: true }));
  say(caption({ text: "Yes?", reply: "3" }));
  say({ caption: { who: "WHO_USER", text: "Stop", final: true, turn: "2" } });
  for (const { type, detail } of session.take()) if (type === "caption") told.push([detail.text, detail.final]);
  assert.deepEqual(told, [["Once", false], ["Once", true], ["Yes?", false], ["Stop", true]]);
});

test("where a server never says what it has heard, three seconds are kept after the first minute", () => {
  const retention = new Retention();
  for (let n = 0; n < 3001; n++) {
    const frame = { micOffset: n * FRAME, pcm: new Uint8Array(2 * FRAME), reply: 0, position: 0 };
    retention.keep({ kind: "audio", frame });
  }
  assert.equal(retention.replay(0).length, 150);
  assert.equal(retention.lostSamples, (3001 - 150) * FRAME);
});

test("what was kept of the microphone goes together, in messages as large as the server takes", () => {
  for (const [limits, largest] of [[{ maxFrameMs: 200, maxMessageBytes: 65536 }, 6424], [{ maxFrameMs: 200, maxMessageBytes: 2000 }, 1944], [{}, 664]]) {
    const session = new Session({ addresses: ["ws://one"], open: {}, random: () => 0.5 });
    const opened = { session: "s", resumeToken: "t", protocol: 1, resumeS: 30, limits };
    session.begin(0);
    session.connected(1, 0);
    session.came(1, JSON.stringify({ opened }), 0);
    session.broke(1, 0);
    for (let n = 0; n < 100; n++) session.hear({ kind: "frame", frame: { micOffset: n * FRAME, pcm: new Uint8Array(2 * FRAME), reply: 0, position: 0 } });
    session.connected(2, 0);
    session.came(2, JSON.stringify({ opened: { ...opened, resumed: true } }), 0);
    const sizes = [];
    for (let next; (next = session.next()); ) if (typeof next.data !== "string") sizes.push(next.data.length);
    assert.equal(Math.max(...sizes), largest);
    assert.equal(sizes.reduce((sum, size) => sum + size - 24, 0), 100 * 2 * FRAME);
  }
});

test("no key before the conversation is lost: mute and the talk key are told when it stands", () => {
  const session = new Session({ addresses: ["ws://one"], open: {}, random: () => 0.5, isMuted: true });
  session.begin(0);
  session.press(true);
  session.interrupt();
  session.connected(1, 10);
  session.came(1, JSON.stringify({ opened: { session: "s", resumeToken: "t", protocol: 1, resumeS: 30 } }), 20);
  const sent = [];
  for (let next; (next = session.next()); ) sent.push(JSON.parse(next.data));
  assert.deepEqual(sent, [{ mute: { muted: true } }, { pushToTalk: { pressed: true } }]);
});

test("a first call that is refused is made again, and the person is told why, once", () => {
  const session = new Session({ addresses: ["ws://one"], open: {}, random: () => 0.5 });
  session.begin(0);
  session.broke(1, 10);
  session.tick(300);
  session.broke(2, 310);
  session.tick(900);
  session.connected(3, 900);
  session.came(3, '{"error":{"code":"CODE_FULL","message":"all lines are busy.","retryable":true}}', 910);
  const told = session.take().filter(({ type }) => type === "notice").map(({ detail }) => detail.code);
  assert.deepEqual(told, ["CODE_UNREACHABLE", "CODE_FULL"]);
  assert.equal(session.state, "connecting");
});

test("a first call that nobody answers: the person is told after ten seconds, and after twenty what to do, and no call is made any more", () => {
  for (const isReached of [true, false]) {
    const session = new Session({ addresses: ["ws://one"], open: {}, random: () => 0.5 });
    const told = [];
    const calls = [];
    const run = (nowMs) => {
      for (const { do: what, call, type, detail } of session.take()) {
        if (what === "dial") calls.push(nowMs);
        if (what === "dial" && isReached) session.connected(call, nowMs);
        if (what === "event" && type !== "state") told.push([type, nowMs, detail.code]);
      }
    };
    session.begin(0);
    run(0);
    for (let nowMs = 0; nowMs <= 60_000; nowMs += 50) {
      session.tick(nowMs);
      run(nowMs);
    }
    assert.deepEqual(told, [["notice", 10_000, "CODE_UNREACHABLE"], ["error", 20_050, "CODE_UNREACHABLE"]]);
    assert.deepEqual([session.state, session.isDone, calls.length], ["ended", true, 2]);
    assert.match(session.why, isReached ? /takes the call, and says nothing\. Ask/ : /does not answer\. Ask/);
  }
});

test("a server that beats and never opens is no answer either, and one that refuses is called on", () => {
  const [beating, refusing] = [1, 2].map(() => new Session({ addresses: ["ws://one"], open: {}, random: () => 0.5 }));
  for (const session of [beating, refusing]) session.begin(0);
  for (let nowMs = 0; nowMs <= 120_000; nowMs += 50) {
    for (const session of [beating, refusing]) {
      session.tick(nowMs);
      for (const { do: what, call } of session.take()) {
        if (what === "dial" && session === refusing) session.broke(call, nowMs);
        else if (what === "dial") session.connected(call, nowMs);
      }
    }
    for (const call of [1, 2]) beating.came(call, '{"heartbeat":{"beat":"1"}}', nowMs);
  }
  assert.deepEqual([beating.state, beating.code, refusing.state], ["ended", "CODE_UNREACHABLE", "connecting"]);
});

test("numbers that no real server sends, and what is no message, change nothing", () => {
  const session = new Session({ addresses: ["ws://one"], open: {}, random: () => 0.5 });
  session.begin(0);
  session.connected(1, 0);
  session.came(1, JSON.stringify({ opened: { session: "s", resumeToken: "t", protocol: 1, resumeS: 30 } }), 20);
  session.take();
  session.came(1, '{"flush":{"seq":"18446744073709551615","floor":"1"}}', 40);
  session.came(1, "flush", 40);
  session.came(1, new ArrayBuffer(3), 40);
  assert.deepEqual(session.take(), []);
  assert.equal(session.quality.unreadable, 3);
});

test("a flush silences the output within 5 ms, however small the blocks that are asked for", () => {
  const duplex = new Duplex();
  const block = new Float32Array(64);
  duplex.obey({ do: "begin" });
  duplex.obey({ do: "audio", reply: 1, position: 0, pcm: pcmOf(1, 0, 24000) });
  for (let n = 0; n < 100; n++) duplex.pull(block);
  duplex.obey({ do: "flush", seq: 1, floor: 1 });
  let sounding = 0;
  for (let n = 0; n < 50; n++) {
    duplex.pull(block);
    sounding += block.filter((value) => value !== 0).length;
  }
  assert.ok(sounding > 100 && sounding <= 120);
  const { fields } = duplex.take().find(({ kind }) => kind === "flushed");
  assert.equal(fields.position, 6520);
});
