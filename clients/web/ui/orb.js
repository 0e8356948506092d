/**
 * The picture of whose turn it is: a ring, which is the person, around a disc, which is Parley. Whoever has the floor is
 * lit and moves with their voice; a disc that is lowered becomes a thin circle; one that is cut off breaks.
 *
 * For who wants less motion nothing moves by itself: the ring and the disc change their size with the voices, in steps.
 */

import { OrbMotion } from "./orb_motion.js";

const CALM_MS = 250;
/** Thirty pictures a second are enough, and a telephone's battery lasts longer. */
const FRAME_MS = 30;
const POINTS = 96;
const FULL = Math.PI * 2;

export class Orb {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.motion = new OrbMotion();
    this.drawnAt = 0;
    /** The turn that was drawn; "": what was drawn counts no more. */
    this.drawnTurn = "";
    this.frame = 0;
    this.timer = 0;
    this.recolour();
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.still.addEventListener("change", () => this.redraw());
  }

  /** Take the colours of the page's present theme. */
  recolour() {
    const style = getComputedStyle(this.canvas);
    this.colour = Object.fromEntries(["you", "parley", "think", "edge", "line"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    this.redraw();
  }

  /**
   * @param {string} turn Whose turn it is, as `whoseTurn` says.
   * @param {boolean} muted
   */
  show(turn, muted) {
    const { motion } = this;
    if (turn === motion.turn && muted === motion.isMuted) return;
    Object.assign(motion, { turn, isMuted: muted });
    this.redraw();
  }

  /** @param {{micDb: number, speakerDb: number}} levels */
  hear(levels) {
    this.motion.hear(levels);
    if (!this.motion.rests(this.still.matches)) this.wake();
  }

  /** Nobody is heard any more, and nobody will say so. */
  hush() {
    this.hear({ micDb: -Infinity, speakerDb: -Infinity });
  }

  /** The reply was cut off. */
  cut() {
    this.motion.cut();
    this.wake();
  }

  /** @private Draw anew, whether or not anything moves. */
  redraw() {
    this.drawnTurn = "";
    this.wake();
  }

  /** @private Draw soon, unless that is about to happen anyway. */
  wake() {
    if (!this.frame) this.frame = requestAnimationFrame((now) => this.tick(now));
  }

  /** @private */
  tick(now) {
    this.frame = 0;
    const since = now - this.drawnAt;
    const isCalm = this.still.matches;
    if (isCalm && since < CALM_MS && this.drawnTurn) {
      this.timer ||= setTimeout(() => {
        this.timer = 0;
        this.wake();
      }, CALM_MS - since);
      return;
    }
    if (since < FRAME_MS) {
      this.wake();
      return;
    }
    this.motion.step(since, isCalm);
    this.drawnAt = now;
    this.drawnTurn = this.motion.turn;
    this.draw();
    if (!this.motion.rests(isCalm)) this.wake();
  }

  /** @private */
  resize() {
    const scale = Math.min(devicePixelRatio || 1, 3);
    this.canvas.width = Math.round(this.canvas.clientWidth * scale);
    this.canvas.height = Math.round(this.canvas.clientHeight * scale);
    this.redraw();
  }

  /** @private */
  draw() {
    const { pen, canvas, motion } = this;
    const { turn } = motion;
    const half = canvas.width / 2;
    if (!half) return;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.setTransform(half, 0, 0, half, half, canvas.height / 2);
    const t = this.still.matches ? 0 : motion.clockMs / 1000;
    this.ring(t, turn === "you" || turn === "both");
    this.disc(t);
    if (turn === "thinking" || turn === "waiting") this.dots(t);
    if (motion.isMuted) this.bar();
    pen.globalAlpha = 1;
  }

  /** @private The person. */
  ring(t, lit) {
    const { pen } = this;
    const { shown, turn, isMuted } = this.motion;
    pen.strokeStyle = lit ? this.colour.you : this.colour.edge;
    pen.lineWidth = lit ? 0.05 + shown.mic * 0.03 : 0.025;
    pen.globalAlpha = lit ? 1 : 0.6;
    pen.setLineDash(turn === "waiting" || isMuted ? [0.08, 0.1] : []);
    pen.lineDashOffset = turn === "waiting" ? -t * 0.2 : 0;
    this.blob(0.7 + shown.mic * 0.14, 0.003 + shown.mic * 0.007, t * 1.3, 9);
    pen.stroke();
    if (lit) {
      pen.globalAlpha = 0.1 + shown.mic * 0.16;
      pen.fillStyle = this.colour.you;
      pen.fill();
    }
    pen.setLineDash([]);
  }

  /** @private Parley. */
  disc(t) {
    const { pen } = this;
    const { shown, turn, broken } = this.motion;
    const speaking = turn === "parley";
    const colour = turn === "thinking" || turn === "waiting" ? this.colour.think : this.colour.parley;
    this.blob(shown.disc + (speaking ? shown.speaker * 0.16 : 0), speaking ? 0.004 + shown.speaker * 0.01 : 0.002, t * 2.1, 6);
    if (turn === "both") {
      pen.globalAlpha = 1;
      pen.lineWidth = 0.035;
      pen.strokeStyle = colour;
      pen.stroke();
      return;
    }
    pen.fillStyle = colour;
    pen.globalAlpha = speaking ? 1 : turn === "thinking" ? 0.35 : 0.28;
    pen.fill();
    if (broken) {
      pen.globalAlpha = broken;
      pen.lineWidth = 0.03;
      pen.strokeStyle = this.colour.parley;
      pen.setLineDash([0.05, 0.06 + (1 - broken) * 0.2]);
      pen.beginPath();
      pen.arc(0, 0, 0.42 + (1 - broken) * 0.16, 0, FULL);
      pen.stroke();
      pen.setLineDash([]);
    }
  }

  /** @private Work is done, or a connection made. */
  dots(t) {
    const { pen } = this;
    pen.fillStyle = this.colour.think;
    for (let n = 0; n < 3; n += 1) {
      const beat = this.still.matches ? 0.7 : 0.5 + 0.5 * Math.sin(t * 5 - n * 0.9);
      pen.globalAlpha = 0.35 + 0.65 * beat;
      pen.beginPath();
      pen.arc((n - 1) * 0.17, 0, 0.05, 0, FULL);
      pen.fill();
    }
  }

  /** @private Nobody hears the person. */
  bar() {
    const { pen } = this;
    pen.globalAlpha = 1;
    pen.strokeStyle = this.colour.think;
    pen.lineWidth = 0.045;
    pen.lineCap = "round";
    pen.beginPath();
    pen.moveTo(-0.52, 0.52);
    pen.lineTo(0.52, -0.52);
    pen.stroke();
    pen.lineCap = "butt";
  }

  /** @private A circle that is not quite one. */
  blob(radius, swing, phase, waves) {
    const { pen } = this;
    const moving = this.still.matches ? 0 : swing;
    pen.beginPath();
    for (let n = 0; n <= POINTS; n += 1) {
      const angle = (n / POINTS) * FULL;
      const r = radius + moving * (Math.sin(angle * waves + phase) + 0.6 * Math.sin(angle * (waves - 2) - phase * 1.4));
      pen.lineTo(Math.cos(angle) * r, Math.sin(angle) * r);
    }
    pen.closePath();
  }
}
