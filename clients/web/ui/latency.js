/** Where the time of a turn went: the stages with their words, on one scale. Without DOM. */

/** What each stage of a turn's report is called here, in the order of the ring. */
export const STAGES = [
  { name: "vad.endpoint", word: "sure that you have finished" },
  { name: "broker.commit", word: "handed over" },
  { name: "model.first_audio", word: "the model" },
  { name: "egress.first_frame", word: "sent" },
  { name: "client.first_sample", word: "on its way to your ear" },
];

/** So many turns are shown. */
export const MOST_TURNS = 5;

/**
 * @typedef {object} Bar
 * @property {number} stage Which of STAGES.
 * @property {number} ms
 * @property {number} from Where it begins, as a share of the longest turn shown, 0 to 1.
 * @property {number} share How long it is, likewise.
 */

/**
 * @typedef {object} Row
 * @property {number} turn
 * @property {number} ms All stages together.
 * @property {Bar[]} bars
 */

export class Latencies {
  constructor() {
    /** @private @type {{turn: number, stages: {stage: number, ms: number}[]}[]} The newest first. */
    this.turns = [];
  }

  /** @param {import("../core/client.js").TurnReportDetail} report */
  feed(report) {
    const stages = STAGES.map(({ name }, stage) => ({
      stage,
      ms: report.stages.filter((part) => part.name === name).reduce((sum, part) => sum + Math.max(0, part.ms), 0),
    }));
    if (stages.every(({ ms }) => ms === 0)) return;
    this.turns = [{ turn: report.turn, stages }, ...this.turns].slice(0, MOST_TURNS);
  }

  /** @returns {Row[]} the newest first. */
  rows() {
    const longest = Math.max(...this.turns.map(total), 1);
    return this.turns.map((turn) => {
      let from = 0;
      const bars = turn.stages.map(({ stage, ms }) => {
        const bar = { stage, ms, from: from / longest, share: ms / longest };
        from += ms;
        return bar;
      });
      return { turn: turn.turn, ms: total(turn), bars: bars.filter((bar) => bar.ms > 0) };
    });
  }
}

function total(turn) {
  return turn.stages.reduce((sum, { ms }) => sum + ms, 0);
}
