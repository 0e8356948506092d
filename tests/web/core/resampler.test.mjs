/** The resampler: nothing is shifted, nothing audible is lost, and what does not fit is gone. */
import assert from "node:assert/strict";
import test from "node:test";
import { Resampler } from "../../../clients/web/core/resampler.js";

const BLOCK = 128;

/** Pass a sine through, block by block; return the output and what it should be. */
function pass(inHz, outHz, toneHz, seconds = 0.25) {
  const resampler = new Resampler(inHz, outHz);
  const out = [];
  const piece = new Float32Array(333);
  for (let at = 0; at < inHz * seconds; at += BLOCK) {
    resampler.feed(Float32Array.from({ length: BLOCK }, (_, n) => Math.sin((2 * Math.PI * toneHz * (at + n)) / inHz)));
    const end = resampler.take(piece);
    out.push(...piece.subarray(0, end));
  }
  const ideal = out.map((_, n) => Math.sin((2 * Math.PI * toneHz * n) / outHz));
  return { out, ideal };
}

/** The loudest of what is in the middle, where nothing begins or ends. */
const peak = (values) => Math.max(...values.slice(400, -400).map(Math.abs));

for (const [inHz, outHz] of [[48000, 16000], [44100, 16000], [96000, 16000], [16000, 16000], [24000, 48000], [24000, 44100]]) {
  test(`${inHz} to ${outHz} Hz: a voice passes, at its place to a fraction of a sample`, () => {
    const { out, ideal } = pass(inHz, outHz, 1000);
    assert.ok(peak(out.map((value, n) => value - ideal[n])) < 0.002);
  });
}

test("what 16 kHz can't hold does not fold back into the voice", () => {
  assert.ok(peak(pass(48000, 16000, 11000).out) < 0.001);
  assert.ok(peak(pass(44100, 16000, 9500).out) < 0.003);
});

test("24 to 48 kHz brings no mirror of the voice", () => {
  const { out, ideal } = pass(24000, 48000, 9000);
  assert.ok(peak(out.map((value, n) => value - ideal[n])) < 0.01);
});

test("it says how much it wants for so many outputs, and that is enough", () => {
  const resampler = new Resampler(24000, 44100);
  const out = new Float32Array(BLOCK);
  for (let round = 0; round < 500; round++) {
    const wanted = resampler.wanted(BLOCK);
    assert.ok(wanted <= 100);
    if (wanted) resampler.feed(new Float32Array(wanted));
    assert.equal(resampler.take(out), BLOCK);
    assert.equal(resampler.wanted(0), 0);
  }
});
