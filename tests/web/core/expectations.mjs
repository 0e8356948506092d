/** Looks at what a played scene expects. tests/vectors/README.md says what each means. */
import assert from "node:assert/strict";
import { locate, sampleAt } from "./position_code.mjs";

const KINDS = {
  expect: expectMessage,
  expect_mic: expectMicrophone,
  expect_first: expectFirst,
  expect_output: expectOutput,
  expect_heard: expectHeard,
  expect_calls: expectCalls,
  expect_state: expectState,
};

/** Check every step of a scene against its log. */
export function check({ steps }, log) {
  for (const step of steps) {
    for (const [name, look] of Object.entries(KINDS)) {
      if (!(name in step)) continue;
      const until = step.at_ms + (step.within_ms ?? 0);
      const then = (events) => events.filter(({ at }) => at >= step.at_ms && at <= until);
      look(step, log, then, `${JSON.stringify(step)}:`);
    }
  }
}

function expectMessage(step, log, then, words) {
  const sent = then(log.sent).filter(({ over }) => step.over === undefined || over === step.over);
  const matching = sent.filter(({ message }) => holds(message, step.expect));
  const wanted = step.times ?? { min: 1, max: Infinity };
  const kind = Object.keys(step.expect)[0];
  const seen = sent.filter(({ message }) => kind in message && kind !== "audio").slice(0, 9);
  assert.ok(isNumber(matching.length, wanted), `${words} ${matching.length} times. Sent: ${JSON.stringify(seen)}`);
}

function expectMicrophone(step, log, then, words) {
  const { from, silent } = step.expect_mic;
  const frames = then(log.sent)
    .filter(({ message, over }) => message.audio && (step.over === undefined || over === step.over))
    .map(({ message }) => message.audio);
  assert.ok(frames.length, `${words} no frame was sent`);
  let next = Number(frames[0].micOffset ?? 0);
  if (from !== undefined) assert.ok(isNumber(next, from), `${words} it begins at ${next}`);
  for (const { micOffset, pcm } of frames) {
    assert.equal(Number(micOffset), next, `${words} a hole or a repetition`);
    next += pcm.length / 2;
    if (silent) assert.ok(pcm.every((byte) => byte === 0), `${words} not silent at ${micOffset}`);
  }
}

function expectFirst(step, log, then, words) {
  const sent = log.sent.filter(({ message, over }) => over === step.over && !message.audio && !message.heartbeat);
  for (const [place, message] of step.expect_first.entries()) {
    assert.ok(sent[place] && holds(sent[place].message, message), `${words} ${JSON.stringify(sent[place])}`);
  }
}

function expectOutput(step, log, then, words) {
  const { silent, reply, from, gain_db: gainDb = 0 } = step.expect_output;
  let next = from;
  for (const { at, samples } of then(log.ticks)) {
    const values = [...samples];
    if (silent) {
      assert.ok(values.every((value) => value === 0), `${words} not silent at ${at}`);
      continue;
    }
    const { gain, position } = locate(reply, values);
    assert.ok(Math.abs(20 * Math.log10(gain) - gainDb) <= 1, `${words} at ${at} the gain is ${20 * Math.log10(gain)} dB`);
    if (next !== undefined) assert.equal(position, next % 20000, `${words} a hole or a repetition at ${at}`);
    for (const [place, value] of values.entries()) {
      const code = (value * 32768) / gain;
      assert.ok(Math.abs(code - sampleAt(reply, position + place)) < 1, `${words} another sample at ${at}`);
    }
    next = position + values.length;
  }
}

function expectHeard(step, log, then, words) {
  const { reply, from, to } = step.expect_heard;
  const heard = then(log.ticks)
    .flatMap(({ samples }) => [...samples])
    .filter((value) => value !== 0)
    .map((value) => Math.round(value * 32768));
  assert.equal(heard.length, to - from, `${words} so many samples were heard`);
  for (const [place, value] of heard.entries()) {
    if (value !== sampleAt(reply, from + place)) assert.fail(`${words} ${from + place} was not what came out then`);
  }
}

function expectCalls(step, log, then, words) {
  const { times, apart_ms: apartMs } = step.expect_calls;
  const moments = then(log.calls).map(({ at }) => at);
  if (times !== undefined) assert.ok(isNumber(moments.length, times), `${words} ${moments.length} calls, at ${moments}`);
  if (!apartMs) return;
  for (const [place, at] of moments.slice(1).entries()) {
    assert.ok(isNumber(at - moments[place], apartMs), `${words} calls at ${moments}`);
  }
}

function expectState(step, log, then, words) {
  const until = step.at_ms + (step.within_ms ?? 0);
  const { state } = log.states.findLast(({ at }) => at <= until);
  assert.equal(state, step.expect_state, words);
}

/** Whether a message has at least what is wanted of it. */
function holds(got, wanted) {
  if (wanted !== null && typeof wanted === "object" && !isRange(wanted)) {
    return Object.entries(wanted).every(([name, value]) => {
      const isMessage = value !== null && typeof value === "object" && !isRange(value);
      if (isMessage && got?.[name] === undefined) return false;
      return holds(got?.[name], value);
    });
  }
  if (isRange(wanted)) return wanted.any ? !isDefault(got) : isNumber(Number(got ?? 0), wanted);
  if (typeof wanted === "number") return Number(got ?? 0) === wanted;
  if (isDefault(wanted)) return isDefault(got);
  return String(got) === String(wanted);
}

const isRange = (value) => value !== null && typeof value === "object" && ("any" in value || "min" in value || "max" in value);
const isDefault = (value) => value === undefined || value === false || value === "" || Number(value) === 0;

function isNumber(got, wanted) {
  if (typeof wanted !== "object") return got === Number(wanted);
  return got >= (wanted.min ?? -Infinity) && got <= (wanted.max ?? Infinity);
}
