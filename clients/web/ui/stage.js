/** The stage: what is known of the conversation at this moment, and the words and the picture that show it. */

import { whoseTurn } from "./turn.js";

/** So long it is said that a reply was cut off, and that the connection is back. */
const CUT_MS = 1400;
const AGAIN_MS = 2500;

/** What is said aloud to those who hear the page: what they could not hear in the conversation itself. */
const ALOUD = new Set(["connecting", "resuming", "ended"]);

export class Stage {
  /**
   * @param {Document} page
   * @param {import("./orb.js").Orb} orb
   * @param {import("./settings.js").Settings} settings
   */
  constructor(page, orb, settings) {
    this.page = page;
    this.orb = orb;
    this.settings = settings;
    this.label = page.getElementById("turn");
    this.hint = page.getElementById("hint");
    this.aloud = page.getElementById("aloud");
    /** @type {import("./turn.js").Scene} */
    this.scene = { session: "idle", floor: "idle", sounding: false, ducked: false, cut: false, again: false, muted: false, pressed: false, typed: false, hold: false };
    this.timers = {};
  }

  /** @param {import("../core/client.js").StateDetail} state */
  state({ session, floor, muted, pressed }) {
    const { scene } = this;
    const before = { ...scene };
    Object.assign(scene, { session, floor, muted, pressed });
    if (session === "ended" || session === "connecting") Object.assign(scene, { sounding: false, ducked: false, cut: false, again: false });
    if (session === "ended") this.orb.hush();
    if (session === "resuming") scene.cut = false;
    if (before.session === "resuming" && session === "conversation") this.for("again", AGAIN_MS);
    this.show();
    if (before.session !== session) this.say(ALOUD.has(session) || before.session === "resuming" || before.session === "connecting");
    else if (before.muted !== muted) this.aloud.textContent = muted ? "Muted" : "The microphone is open";
  }

  /** @param {boolean} sounding Whether a reply begins, or was played to its end. */
  sound(sounding) {
    Object.assign(this.scene, { sounding, cut: false });
    this.show();
  }

  /** @param {boolean} ducked */
  duck(ducked) {
    this.scene.ducked = ducked;
    this.show();
  }

  /** The reply was cut off, if one sounded. */
  flush() {
    if (this.scene.sounding) {
      this.for("cut", CUT_MS);
      this.orb.cut();
    }
    Object.assign(this.scene, { sounding: false, ducked: false });
    this.show();
  }

  /** @param {import("../core/client.js").QualityDetail} quality */
  quality(quality) {
    const gaps = quality.playedMs ? (quality.gapMs / quality.playedMs) * 100 : 0;
    this.page.getElementById("quality").textContent =
      `Now: ${quality.startMs} ms are gathered before a reply starts; it ran dry ${times(quality.underruns)} (${gaps.toFixed(1)} % of the time); `
      + `the sound takes ${Math.round(quality.outputLatencyMs)} ms to your ear and ${Math.round(quality.inputLatencyMs)} ms from your mouth`
      + `${quality.loopback ? ", through a loopback connection" : ""}; resumed ${times(quality.resumed)}.`;
  }

  /** Show all of it. */
  show() {
    this.scene.hold = this.settings.hold;
    const { turn, label, hint } = whoseTurn(this.scene);
    this.page.documentElement.dataset.turn = turn;
    put(this.label, label);
    put(this.hint, hint);
    const agent = this.settings.agent;
    put(this.page.getElementById("with"), agent ? `with ${agent}` : "");
    this.orb.show(turn, this.scene.muted);
  }

  /** @private */
  say(worth) {
    if (worth) this.aloud.textContent = this.label.textContent;
  }

  /** @private Let something be so for a while. */
  for(name, ms) {
    clearTimeout(this.timers[name]);
    this.scene[name] = true;
    this.timers[name] = setTimeout(() => {
      this.scene[name] = false;
      this.show();
    }, ms);
  }
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function times(n) {
  return { 0: "never", 1: "once", 2: "twice" }[n] ?? `${n} times`;
}
