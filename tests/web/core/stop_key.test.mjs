/** The stop key is pressed again until the server heeds it, and never at what comes after. */
import assert from "node:assert/strict";
import test from "node:test";
import { Session } from "../../../clients/web/core/session.js";
import { pcmOf } from "./position_code.mjs";

const TICK_MS = 50;
const OPENED = { session: "s", resumeToken: "t", protocol: 1, resumeS: 30 };

/** A conversation that stands, its server alive unless the connection is broken. */
class Scene {
  constructor() {
    this.session = new Session({ addresses: ["ws://one"], open: {}, random: () => 0.5 });
    this.nowMs = 0;
    this.call = 1;
    this.session.begin(0);
    this.opens({});
  }

  opens(more) {
    this.session.connected(this.call, this.nowMs);
    this.say({ opened: { ...OPENED, ...more } });
  }

  say(message) {
    this.session.came(this.call, JSON.stringify(message), this.nowMs);
  }

  reply(reply, position = 0) {
    const frame = new Uint8Array(16 + 960);
    const view = new DataView(frame.buffer);
    view.setUint8(0, 2);
    view.setUint32(4, reply, true);
    view.setBigUint64(8, BigInt(position), true);
    frame.set(pcmOf(reply, position, 480), 16);
    this.session.came(this.call, frame.buffer, this.nowMs);
  }

  played(reply) {
    this.session.hear({ kind: "event", type: "replyPlayed", detail: { reply, position: 480 } });
  }

  /** Let time pass. @returns {number} how often the stop key was sent, what was sent before counted */
  run(ms) {
    let times = 0;
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs; ) {
      for (let sent; (sent = this.session.next()); ) times += "interrupt" in JSON.parse(sent.data);
      this.nowMs += TICK_MS;
      if (this.session.line) this.say({ heartbeat: { beat: "1" } });
      this.session.tick(this.nowMs);
    }
    return times;
  }

  /** The connection is lost, and a server called again. */
  breaks() {
    this.session.take();
    this.session.broke(this.call, this.nowMs);
    for (let call; !call; this.run(TICK_MS)) {
      call = this.session.take().find((effect) => effect.do === "dial")?.call;
      this.call = call ?? this.call;
    }
  }
}

test("while the very reply sounds it is pressed each half second, until a flush comes; one told again answers nothing", () => {
  const scene = new Scene();
  scene.say({ flush: { seq: "1", floor: "0" } });
  scene.reply(1);
  scene.session.interrupt();
  assert.equal(scene.run(1200), 3);
  scene.say({ flush: { seq: "1", floor: "0" } });
  assert.equal(scene.run(600), 1);
  scene.say({ flush: { seq: "2", floor: "1" } });
  assert.equal(scene.run(3000), 0);
});

test("what comes after is not stopped: the next reply, one that begins later than the press, the answer to typed words", () => {
  const next = new Scene();
  next.reply(1);
  next.session.interrupt();
  next.played(1);
  next.reply(2);
  const later = new Scene();
  later.session.interrupt();
  later.run(100);
  later.reply(1);
  const typed = new Scene();
  typed.reply(1);
  typed.session.interrupt();
  typed.session.say("And now?");
  assert.deepEqual([next.run(2000), later.run(2000), typed.run(2000)], [1, 0, 1]);
});

test("another connection is told of a press that found no answer, however long it took, and once", () => {
  const scene = new Scene();
  scene.reply(1);
  scene.session.interrupt();
  scene.run(TICK_MS);
  scene.breaks();
  scene.session.interrupt();
  scene.session.interrupt();
  assert.equal(scene.run(1900), 0);
  scene.opens({ resumed: true });
  assert.equal(scene.run(TICK_MS), 1);
  scene.say({ flush: { seq: "1", floor: "1" } });
  scene.breaks();
  scene.opens({ resumed: true });
  assert.equal(scene.run(2000), 0);
});

test("a press that found nothing to stop is forgotten", () => {
  const scene = new Scene();
  scene.session.interrupt();
  assert.equal(scene.run(3100), 1);
  scene.breaks();
  scene.opens({ resumed: true });
  assert.equal(scene.run(TICK_MS), 0);
});
