/** A conversation without a microphone: none is asked for, and the microphone's clock goes on with silence. */
import assert from "node:assert/strict";
import test from "node:test";
import { SoundSystem } from "../../../clients/web/core/browser/sound_system.js";
import { browser, install, refusal } from "./fake_browser.mjs";

const CONTEXT_HZ = 48_000;
const BLOCK = 128;

/** The worklets' processors by name, as the audio thread makes them. */
const processors = {};

install();
Object.assign(globalThis, {
  sampleRate: CONTEXT_HZ,
  currentFrame: 0,
  registerProcessor: (name, made) => Object.assign(processors, { [name]: made }),
  AudioWorkletProcessor: class {
    port = { postMessage() {} };
  },
});
browser.microphone = async () => {
  throw refusal("NotFoundError");
};

test("no microphone is asked for, and the sound begins without", async () => {
  const sound = new SoundSystem(assert.fail, assert.fail);
  await sound.begin({ microphone: false });
  assert.deepEqual([browser.asked, sound.isTyped, sound.track], [0, true, null]);
  assert.ok(browser.posted["parley-playout"].flat().some((command) => command.do === "latency"));
  await sound.end();
});

test("where one is asked for and is not there, the person is told what to do", async () => {
  const sound = new SoundSystem(assert.fail, assert.fail);
  await assert.rejects(sound.begin({}), /There is no microphone/);
  assert.equal(browser.asked, 1);
  await sound.end();
});

test("its clock goes on with silence: a frame each 20 ms, stamped with what is heard", async () => {
  await import("../../../clients/web/worklets/playout.js");
  await import("../../../clients/web/worklets/capture.js");
  const told = [];
  const playout = new processors["parley-playout"]();
  const capture = new processors["parley-capture"]();
  playout.port.postMessage = (outputs) => told.push(...outputs);
  playout.port.onmessage({ data: [{ do: "begin" }, { do: "audio", reply: 1, position: 0, pcm: new Uint8Array(48_000) }] });
  for (; globalThis.currentFrame < CONTEXT_HZ; globalThis.currentFrame += BLOCK) {
    playout.process([], [[new Float32Array(BLOCK)]]);
    assert.ok(capture.process([[]], [[new Float32Array(BLOCK)]]), "it goes on");
  }
  const frames = told.filter(({ kind }) => kind === "frame").map(({ frame }) => frame);
  assert.ok(frames.length >= 48, `${frames.length} frames in a second`);
  for (const [n, { micOffset, pcm }] of frames.entries()) {
    assert.equal(micOffset, 320 * n);
    assert.ok(pcm.every((byte) => byte === 0));
  }
  assert.ok(frames.some(({ reply }) => reply === 1));
});
