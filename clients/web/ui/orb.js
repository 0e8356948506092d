/**
 * The picture of whose turn it is: a ring, which is the person, around a disc, which is Parley. Whoever has the floor is
 * lit and moves with their voice; a disc that is lowered becomes a thin circle; one that is cut off breaks.
 *
 * For who wants less motion nothing moves by itself: the ring and the disc change their size with the voices, in steps.
 */

const QUIET_DB = -58;
const LOUD_DB = -12;
const CALM_MS = 250;
/** Thirty pictures a second are enough, and a telephone's battery lasts longer. */
const FRAME_MS = 30;
const CUT_MS = 450;
const POINTS = 96;
const FULL = Math.PI * 2;

/** How loud, from 0 to 1. */
export function loudness(db) {
  return Math.min(1, Math.max(0, (db - QUIET_DB) / (LOUD_DB - QUIET_DB)));
}

export class Orb {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.turn = "nobody";
    this.muted = false;
    this.level = { mic: 0, speaker: 0 };
    this.shown = { mic: 0, speaker: 0, disc: 0.3 };
    this.cutAt = -Infinity;
    this.drawnAt = 0;
    this.frame = 0;
    this.recolour();
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.still.addEventListener("change", () => this.wake());
  }

  /** Take the colours of the page's present theme. */
  recolour() {
    const style = getComputedStyle(this.canvas);
    this.colour = Object.fromEntries(["you", "parley", "think", "edge", "line"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    this.wake();
  }

  /**
   * @param {string} turn Whose turn it is, as `whoseTurn` says.
   * @param {boolean} muted
   */
  show(turn, muted) {
    this.turn = turn;
    this.muted = muted;
    this.wake();
  }

  /** @param {{micDb: number, speakerDb: number}} levels */
  hear({ micDb, speakerDb }) {
    this.level = { mic: this.muted ? 0 : loudness(micDb), speaker: loudness(speakerDb) };
    this.wake();
  }

  /** The reply was cut off. */
  cut() {
    this.cutAt = performance.now();
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
    if (this.still.matches && since < CALM_MS && this.drawnTurn === this.turn) {
      setTimeout(() => this.wake(), CALM_MS - since);
      return;
    }
    if (since < FRAME_MS) {
      this.wake();
      return;
    }
    this.ease();
    this.drawnAt = now;
    this.drawnTurn = this.turn;
    this.draw(now);
    const rests = this.turn === "nobody" && this.shown.mic < 0.01 && this.shown.speaker < 0.01;
    if (!this.still.matches && !rests) this.wake();
  }

  /** @private Go a part of the way to what is so: quickly up, slowly down. */
  ease() {
    const disc = { parley: 0.42, both: 0.24, thinking: 0.3, nobody: 0.3 }[this.turn] ?? 0.26;
    if (this.still.matches) {
      const step = (value) => Math.round(value * 4) / 4;
      this.shown = { mic: step(this.level.mic), speaker: step(this.level.speaker), disc };
      return;
    }
    for (const name of ["mic", "speaker"]) {
      const to = this.level[name];
      this.shown[name] += (to - this.shown[name]) * (to > this.shown[name] ? 0.5 : 0.12);
    }
    this.shown.disc += (disc - this.shown.disc) * 0.25;
  }

  /** @private */
  resize() {
    const scale = Math.min(devicePixelRatio || 1, 3);
    this.canvas.width = Math.round(this.canvas.clientWidth * scale);
    this.canvas.height = Math.round(this.canvas.clientHeight * scale);
    this.drawnTurn = "";
    this.wake();
  }

  /** @private */
  draw(now) {
    const { pen, canvas, turn } = this;
    const half = canvas.width / 2;
    if (!half) return;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.setTransform(half, 0, 0, half, half, canvas.height / 2);
    const t = this.still.matches ? 0 : now / 1000;
    this.ring(t, turn === "you" || turn === "both");
    this.disc(t, now);
    if (turn === "thinking" || turn === "waiting") this.dots(t);
    if (this.muted) this.bar();
    pen.globalAlpha = 1;
  }

  /** @private The person. */
  ring(t, lit) {
    const { pen, shown } = this;
    pen.strokeStyle = lit ? this.colour.you : this.colour.edge;
    pen.lineWidth = lit ? 0.05 + shown.mic * 0.03 : 0.025;
    pen.globalAlpha = lit ? 1 : 0.6;
    pen.setLineDash(this.turn === "waiting" || this.muted ? [0.08, 0.1] : []);
    pen.lineDashOffset = this.turn === "waiting" ? -t * 0.2 : 0;
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
  disc(t, now) {
    const { pen, shown } = this;
    const speaking = this.turn === "parley";
    const broken = Math.max(0, 1 - (now - this.cutAt) / CUT_MS);
    const colour = this.turn === "thinking" || this.turn === "waiting" ? this.colour.think : this.colour.parley;
    this.blob(shown.disc + (speaking ? shown.speaker * 0.16 : 0), speaking ? 0.004 + shown.speaker * 0.01 : 0.002, t * 2.1, 6);
    if (this.turn === "both") {
      pen.globalAlpha = 1;
      pen.lineWidth = 0.035;
      pen.strokeStyle = colour;
      pen.stroke();
      return;
    }
    pen.fillStyle = colour;
    pen.globalAlpha = speaking ? 1 : this.turn === "thinking" ? 0.35 : 0.28;
    pen.fill();
    if (broken && !this.still.matches) {
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
