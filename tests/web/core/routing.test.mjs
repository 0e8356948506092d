/** The ways of sound in a browser: of several that are wanted at a time the newest comes about, and no other stays open. */
import assert from "node:assert/strict";
import test from "node:test";
import { SoundSystem } from "../../../clients/web/core/browser/sound_system.js";
import { browser, install, stream } from "./fake_browser.mjs";

install();

/** Sound that has begun; `plays` lets the loopback begin that waits to be played. */
async function begun() {
  browser.microphone = async () => stream();
  browser.play = async () => {};
  browser.peers.length = 0;
  const sound = new SoundSystem(() => {}, assert.fail);
  await sound.begin({ loopback: "off" });
  const waiting = [];
  browser.play = () => new Promise((resolve) => waiting.push(resolve));
  const plays = async () => {
    while (!waiting.length) await new Promise((resolve) => setTimeout(resolve, 1));
    waiting.shift()();
  };
  return { sound, plays };
}

const open = () => browser.peers.filter(({ connectionState }) => connectionState !== "closed").length;

test("two ways that are wanted at a time leave one connection of the page with itself, and close it at the end", async () => {
  const { sound, plays } = await begun();
  const [first, second] = [sound.route({ loopback: "on" }), sound.route({ loopback: "on", outputDevice: "other" })];
  await plays();
  await Promise.all([first, second]);
  assert.deepEqual([open(), sound.isLooped], [2, true], "a near end and a far one");
  const [third, fourth] = [sound.route({ loopback: "on" }), Promise.resolve().then(() => sound.route({ loopback: "off" }))];
  await plays();
  await Promise.all([third, fourth]);
  assert.deepEqual([open(), sound.isLooped], [0, false]);
  const last = sound.route({ loopback: "on" });
  await plays();
  await last;
  await sound.end();
  assert.equal(open(), 0);
});

test("one that comes about when all is over is closed", async () => {
  const early = await begun();
  await Promise.all([early.sound.route({ loopback: "on" }), early.sound.end()]);
  assert.equal(open(), 0);
  const late = await begun();
  const underway = late.sound.route({ loopback: "on" });
  while (browser.peers.length < 2) await Promise.resolve();
  const over = late.sound.end();
  await late.plays();
  await Promise.all([underway, over]);
  assert.deepEqual([open(), late.sound.isLooped], [0, false]);
});

test("a browser that has no such connections plays without", async () => {
  const { sound } = await begun();
  const { RTCPeerConnection } = globalThis;
  delete globalThis.RTCPeerConnection;
  await sound.route({ loopback: "on" });
  globalThis.RTCPeerConnection = RTCPeerConnection;
  assert.equal(sound.isLooped, false);
  await sound.end();
});

test("of two microphones the one wanted last is taken, whichever opens first", async () => {
  const { sound } = await begun();
  const [slow, quick] = [stream(), stream()];
  let allow;
  browser.microphone = () => new Promise((resolve) => {
    allow = () => resolve(slow);
  });
  const first = sound.open({ inputDevice: "slow" });
  browser.microphone = async () => quick;
  await sound.open({ inputDevice: "quick" });
  allow();
  await first;
  assert.deepEqual([sound.track, slow.track.isStopped, quick.track.isStopped], [quick.track, true, false]);
  await sound.end();
});
