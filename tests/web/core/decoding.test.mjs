/** What is for the speaker goes through a decoder in order; a decoder that is of no use is noticed. */
import assert from "node:assert/strict";
import test from "node:test";
import { Decoding } from "../../../clients/web/core/decoding.js";
import { samplesOf } from "../../../clients/web/core/frames.js";

/** A packet of 20 ms: 480 samples of the speaker. Its second byte is what the fake decoder makes of it. */
const packet = (value) => Uint8Array.of(0xfc, value);
const PACKET = 480;

/** A decoding with decoders that a test plays. */
class Stage {
  decoders = [];
  told = [];
  gaveUp = [];

  constructor() {
    this.decoding = new Decoding({
      decoder: (told) => this.make(told),
      speaker: (commands) => this.told.push(...commands),
      giveUp: (why, from) => this.gaveUp.push({ why, from }),
    });
    this.take({ do: "begin", encoding: "opus" });
    this.told.length = 0;
  }

  make(told) {
    const decoder = { told, packets: [], isFinishing: false, isClosed: false };
    decoder.decode = (data, timestampUs, durationUs) => decoder.packets.push({ value: data[1], timestampUs, durationUs });
    decoder.finish = () => (decoder.isFinishing = true);
    decoder.close = () => (decoder.isClosed = true);
    this.decoders.push(decoder);
    return decoder;
  }

  take(...commands) {
    this.decoding.take(commands);
  }

  /** Pieces of a reply, one for each value. */
  pieces(reply, position, ...values) {
    this.take(...values.map((value, n) => ({ do: "audio", reply, position: position + n * PACKET, pcm: packet(value) })));
  }

  /** Let a decoder give what it was given first, at a rate. */
  give(at, count = 1, hz = 48_000) {
    const { told, packets } = this.decoders[at];
    for (const { value, timestampUs } of packets.splice(0, count)) {
      const samples = new Float32Array((PACKET * hz) / 24_000);
      for (let n = 0; n < samples.length; n++) samples[n] = n % (hz / 24_000) ? 1 : value / 256;
      told.decoded(timestampUs, samples, hz);
    }
  }

  /** What the speaker was told, in short; of a piece its first sample, and that all are alike. */
  get heard() {
    return this.told.map((command) => {
      if (command.do !== "audio") return command.do;
      const samples = samplesOf(command.pcm);
      assert.equal(samples.length, PACKET);
      assert.ok(samples.every((sample) => sample === samples[0]));
      return [command.reply, command.position, samples[0] / 128];
    });
  }
}

test("PCM16 passes at once", () => {
  const stage = new Stage();
  stage.take({ do: "letGo", encoding: "pcm16" }, { do: "audio", reply: 1, position: 0, pcm: new Uint8Array(960) }, { do: "replyEnded", reply: 1 });
  assert.deepEqual(stage.told.map((command) => command.do), ["letGo", "audio", "replyEnded"]);
  assert.deepEqual(stage.decoders, []);
});

test("a piece comes out with its reply and position, from a decoder of 48 kHz and one of 24 kHz; the end waits for all", () => {
  for (const hz of [24_000, 48_000]) {
    const stage = new Stage();
    stage.pieces(1, 0, 10, 20);
    stage.take({ do: "replyEnded", reply: 1 });
    assert.deepEqual(stage.heard, []);
    const { packets } = stage.decoders[0];
    assert.deepEqual(packets.map(({ timestampUs, durationUs }) => [timestampUs, durationUs]), [[0, 20_000], [20_000, 20_000]]);
    assert.ok(stage.decoders[0].isFinishing, "what it holds back has to come out");
    stage.give(0, 2, hz);
    assert.deepEqual(stage.heard, [[1, 0, 10], [1, 480, 20]]);
    stage.decoders[0].told.finished();
    assert.deepEqual(stage.heard.at(-1), "replyEnded");
  }
});

test("what must not wait passes at once; a reply that is flushed keeps nobody waiting, and its end does no harm", () => {
  const stage = new Stage();
  stage.pieces(1, 0, 10, 20);
  stage.take({ do: "duck" }, { do: "mute" }, { do: "release" }, { do: "replyEnded", reply: 1 }, { do: "flush", floor: 1 });
  assert.deepEqual(stage.heard, ["duck", "mute", "release", "flush", "replyEnded"]);
  assert.ok(stage.decoders[0].isClosed);
  stage.give(0);
  stage.pieces(2, 0, 30);
  stage.give(1);
  assert.deepEqual(stage.heard.slice(5), [[2, 0, 30]]);
});

test("a new reply begins a new decoder, and does not overtake the one before", () => {
  const stage = new Stage();
  stage.pieces(1, 0, 10);
  stage.take({ do: "replyEnded", reply: 1 });
  stage.pieces(2, 0, 20);
  assert.equal(stage.decoders.length, 2);
  assert.notEqual(stage.decoders[0].packets[0].timestampUs, stage.decoders[1].packets[0].timestampUs);
  stage.give(1);
  assert.deepEqual(stage.heard, []);
  stage.give(0);
  stage.decoders[0].told.finished();
  assert.deepEqual(stage.heard, [[1, 0, 10], "replyEnded", [2, 0, 20]]);
});

test("so does a resumed connection, a hole, and PCM16 after Opus waits for what is in the decoder", () => {
  const stage = new Stage();
  stage.pieces(1, 0, 10);
  stage.take({ do: "letGo", encoding: "opus" });
  stage.pieces(1, 420, 20);
  stage.pieces(1, 4800, 30);
  assert.equal(stage.decoders.length, 3);
  stage.take({ do: "letGo", encoding: "pcm16" });
  stage.take({ do: "audio", reply: 1, position: 5280, pcm: new Uint8Array(2 * PACKET) });
  for (const at of [0, 1, 2]) {
    stage.give(at);
    stage.decoders[at].told.finished();
  }
  assert.deepEqual(stage.heard, ["letGo", "letGo", [1, 0, 10], [1, 420, 20], [1, 4800, 30], [1, 5280, 0]]);
});

test("times that a decoder rounds, and packets that it joins, stand where they belong", () => {
  const stage = new Stage();
  stage.pieces(1, 0, 10, 10, 20);
  const [first, , third] = stage.decoders[0].packets;
  stage.decoders[0].told.decoded(first.timestampUs + 1, new Float32Array(4 * PACKET), 48_000);
  stage.decoders[0].told.decoded(third.timestampUs - 1, new Float32Array(2 * PACKET), 48_000);
  assert.deepEqual(stage.told.map(({ position, pcm }) => [position, pcm.length / 2]), [[0, 2 * PACKET], [2 * PACKET, PACKET]]);
});

test("an error begins a new decoder; the third of a conversation is the last, and the rest is wanted again", () => {
  const stage = new Stage();
  for (const n of [0, 1, 2]) {
    stage.pieces(1, 2 * n * PACKET, 10, 20);
    stage.give(n);
    stage.decoders[n].told.failed("no");
    assert.ok(stage.decoders[n].isClosed);
  }
  assert.deepEqual(stage.heard, [[1, 0, 10], [1, 960, 10], [1, 1920, 10]]);
  assert.deepEqual(stage.gaveUp, [{ why: "no", from: { reply: 1, position: 2400 } }]);
  stage.pieces(1, 2880, 30);
  assert.equal(stage.decoders.length, 3, "nothing is decoded any more");
});

test("one that never gave anything is the last at once; an end that waits for it is not told, for the reply comes again", () => {
  const stage = new Stage();
  stage.pieces(1, 0, 10);
  stage.take({ do: "replyEnded", reply: 1 });
  stage.pieces(2, 0, 20);
  stage.decoders[0].told.failed("no such codec");
  assert.deepEqual(stage.gaveUp, [{ why: "no such codec", from: { reply: 1, position: 0 } }]);
  assert.deepEqual([stage.heard, stage.decoders.map(({ isClosed }) => isClosed)], [[], [true, true]]);
  stage.take({ do: "letGo", encoding: "pcm16" }, { do: "audio", reply: 1, position: 0, pcm: new Uint8Array(2 * PACKET) });
  assert.deepEqual(stage.heard, ["letGo", [1, 0, 0]]);
});

test("one that is taken away while it has nothing to do is no failure", () => {
  const stage = new Stage();
  for (let n = 0; n < 5; n++) {
    stage.pieces(1, n * PACKET, 10);
    stage.give(n);
    stage.decoders[n].told.failed("reclaimed");
  }
  assert.deepEqual([stage.heard.length, stage.gaveUp], [5, []]);
});

test("one that gives nothing has stalled after two seconds; one that holds a little back has not", () => {
  const stage = new Stage();
  stage.pieces(1, 0, ...Array(10).fill(10));
  for (let n = 0; n < 100; n++) stage.decoding.tick();
  assert.deepEqual(stage.gaveUp, []);
  stage.pieces(1, 10 * PACKET, 10);
  for (let n = 0; n < 39; n++) stage.decoding.tick();
  assert.deepEqual(stage.gaveUp, []);
  stage.decoding.tick();
  assert.deepEqual(stage.gaveUp, [{ why: "the decoder has stalled", from: { reply: 1, position: 0 } }]);
});

test("a rate that can't be played, and a time that was never given, are failures", () => {
  for (const [timestampUs, hz] of [[0, 44_100], [5_000_000, 48_000]]) {
    const stage = new Stage();
    stage.pieces(1, 0, 10);
    stage.decoders[0].told.decoded(timestampUs, new Float32Array(960), hz);
    assert.deepEqual([stage.heard.length, stage.gaveUp.length], [0, 1]);
  }
});

test("what waits has a bound", () => {
  const stage = new Stage();
  for (let n = 0; n < 7000; n++) stage.pieces(1, n * PACKET, 10);
  assert.equal(stage.decoders.reduce((sum, { packets }) => sum + packets.length, 0), 6000);
});
