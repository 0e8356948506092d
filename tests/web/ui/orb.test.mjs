/** The picture: it moves while something does, and then it rests. In virtual time, on a canvas that nobody sees. */
import assert from "node:assert/strict";
import test from "node:test";
import { Orb } from "../../../clients/web/ui/orb.js";
import { loudness } from "../../../clients/web/ui/orb_motion.js";

const REFRESH_MS = 1000 / 60;
const SILENT = { micDb: -90, speakerDb: -90 };

/** A page's clocks, and an orb on it; `run` counts the pictures that the browser was asked for, and those drawn. */
class Page {
  constructor(isStill = false) {
    this.nowMs = 0;
    this.due = [];
    this.drawn = 0;
    const pen = new Proxy({}, { get: (_, name) => (name === "clearRect" ? () => this.drawn++ : () => {}), set: () => true });
    const canvas = { getContext: () => pen, clientWidth: 100, clientHeight: 100, width: 100, height: 100 };
    Object.assign(globalThis, {
      requestAnimationFrame: (act) => this.after(REFRESH_MS, () => (this.asked++, act(this.nowMs))),
      setTimeout: (act, ms) => this.after(ms, act),
      matchMedia: () => ({ matches: isStill, addEventListener() {} }),
      getComputedStyle: () => ({ getPropertyValue: () => "" }),
      ResizeObserver: class { observe() {} },
    });
    this.orb = new Orb(canvas);
  }

  after(ms, act) {
    return this.due.push({ atMs: this.nowMs + ms, act });
  }

  /** Let time pass, with a level each 50 ms. */
  run(ms, levels = () => SILENT) {
    Object.assign(this, { asked: 0, drawn: 0 });
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs; ) {
      this.orb.hear(levels(this.nowMs));
      this.nowMs += 50;
      for (let next; (next = this.due.filter(({ atMs }) => atMs <= this.nowMs).sort((one, other) => one.atMs - other.atMs)[0]); ) {
        this.due.splice(this.due.indexOf(next), 1);
        const endMs = this.nowMs;
        this.nowMs = next.atMs;
        next.act();
        this.nowMs = endMs;
      }
    }
    return this;
  }
}

const voice = (nowMs) => ({ micDb: -30 + 10 * Math.sin(nowMs / 200), speakerDb: -90 });

for (const isStill of [false, true]) {
  test(`whoever has the floor, in silence it rests; a voice moves it again${isStill ? "; with less motion likewise" : ""}`, () => {
    const page = new Page(isStill);
    for (const turn of ["nobody", "you", "parley", "both"]) {
      page.orb.show(turn, false);
      assert.ok(page.run(2000).drawn > 0, "what has changed is drawn");
      assert.equal(page.run(5000).asked, 0, turn);
      assert.equal(page.due.length, 0);
      assert.ok(page.run(2000, voice).drawn > 3);
      page.run(3000);
      assert.equal(page.run(5000).asked, 0, turn);
    }
  });
}

test("while it thinks or waits it moves by itself, thirty times a second at most; with less motion it stands", () => {
  for (const turn of ["thinking", "waiting"]) {
    const [moving, still] = [false, true].map((isStill) => {
      const page = new Page(isStill);
      page.orb.show(turn, false);
      page.run(1000);
      return page.run(3000).drawn;
    });
    assert.ok(moving > 60 && moving <= 100, `${moving}`);
    assert.equal(still, 0);
  }
});

test("with less motion a voice is drawn four times a second at most, and a change of turn at once", () => {
  const page = new Page(true);
  page.orb.show("you", false);
  page.run(1000);
  const { drawn } = page.run(5000, voice);
  assert.ok(drawn > 0 && drawn <= 21, `${drawn}`);
  assert.ok(page.asked <= 2 * 21 + 100, "and asked for no more often than a level comes");
  page.orb.show("both", false);
  assert.equal(page.run(50).drawn, 1);
});

test("a reply that is cut off breaks the disc, and then it rests", () => {
  const page = new Page();
  page.orb.show("you", false);
  page.run(2000);
  page.orb.cut();
  assert.ok(page.run(400).drawn > 5);
  page.run(600);
  assert.equal(page.run(3000).asked, 0);
});

test("a conversation that ends in the middle of a word leaves nothing that moves", () => {
  const page = new Page();
  page.orb.show("you", false);
  page.run(1000, voice);
  page.orb.show("nobody", false);
  page.orb.hush();
  page.run(3000, () => ({ micDb: -Infinity, speakerDb: -Infinity }));
  assert.equal(page.due.length, 0);
});

test("loudness goes from silence to the loudest", () => {
  assert.deepEqual([loudness(-90), loudness(-12), loudness(0)], [0, 1, 1]);
  assert.ok(loudness(-35) > 0.4 && loudness(-35) < 0.6);
});
