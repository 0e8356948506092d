/**
 * What was said, line by line: pieces come, then the whole line as it was heard. Without DOM.
 */

/**
 * @typedef {object} Piece
 * @property {string} text
 * @property {number} position Where in the reply it begins to be heard.
 */

/**
 * @typedef {object} Line
 * @property {string} key Unlike any other line's.
 * @property {"user"|"assistant"|"event"} who
 * @property {number} turn
 * @property {number} reply
 * @property {Piece[]} pieces What has come so far.
 * @property {boolean} final
 * @property {string} heard When final: the line as it was heard.
 * @property {string} unheard When cut off: what had come of it, and was not heard any more.
 * @property {boolean} interrupted
 */

/** So many lines are kept; then the oldest goes. */
export const MOST_LINES = 300;

export class Captions {
  constructor() {
    /** @type {Line[]} In the order in which they are read. */
    this.lines = [];
    /** @private Which conversation: turns and replies are counted anew in each. */
    this.conversation = 0;
    /** @private */
    this.events = 0;
  }

  /** Begin another conversation below what stands here; what was not finished stays as it is. */
  begin() {
    this.conversation += 1;
    for (const line of this.lines) line.final = true;
  }

  /**
   * Take a caption.
   * @param {import("../core/client.js").CaptionDetail} caption
   * @returns {Line | null} the line that it belongs to; null if it says nothing.
   */
  feed(caption) {
    if (!caption.text.trim() && !this.has(caption)) return null;
    const line = this.lineOf(caption);
    if (caption.final && caption.who === "user" && !caption.text.trim()) {
      this.lines.splice(this.lines.indexOf(line), 1); // it was no speech after all
      return line;
    }
    if (!caption.final) {
      if (!line.final) line.pieces.push({ text: caption.text, position: caption.position });
      return line;
    }
    line.final = true;
    line.heard = caption.text.trim();
    line.interrupted = caption.interrupted;
    line.unheard = caption.interrupted ? rest(line.pieces.map((piece) => piece.text).join(""), line.heard) : "";
    return line;
  }

  /**
   * Note what happened between two lines: that the connection was lost, say.
   * @param {string} text
   * @returns {Line}
   */
  note(text) {
    this.events += 1;
    const line = blank(`event-${this.events}`, "event");
    line.heard = text;
    line.final = true;
    this.add(line, this.lines.length);
    return line;
  }

  /** @private */
  key(caption) {
    const number = caption.who === "assistant" ? `reply-${caption.reply}` : `turn-${caption.turn}`;
    return `${this.conversation}-${caption.who}-${number}`;
  }

  /** @private */
  has(caption) {
    return this.lines.some((line) => line.key === this.key(caption));
  }

  /** @private */
  lineOf(caption) {
    const key = this.key(caption);
    const known = this.lines.findLast((line) => line.key === key);
    if (known) return known;
    const line = blank(key, caption.who);
    line.turn = caption.turn;
    line.reply = caption.reply;
    this.add(line, this.place(line));
    return line;
  }

  /**
   * A person's words may be written down when the answer to them sounds already: they go above it.
   * @private
   */
  place(line) {
    if (line.who !== "user") return this.lines.length;
    const prefix = `${this.conversation}-assistant-`;
    const answer = this.lines.findIndex((other) => other.key.startsWith(prefix) && other.turn >= line.turn);
    return answer < 0 ? this.lines.length : answer;
  }

  /** @private */
  add(line, at) {
    this.lines.splice(at, 0, line);
    if (this.lines.length > MOST_LINES) this.lines.shift();
  }
}

/** @returns {Line} */
function blank(key, who) {
  return { key, who, turn: 0, reply: 0, pieces: [], final: false, heard: "", unheard: "", interrupted: false };
}

/**
 * What of `all` comes after the words of `heard`; their spaces may differ.
 * @param {string} all
 * @param {string} heard
 */
export function rest(all, heard) {
  const words = heard.split(/\s+/).filter(Boolean);
  let at = 0;
  for (const word of words) {
    while (/\s/.test(all[at] ?? "")) at += 1;
    if (!all.startsWith(word, at)) break;
    at += word.length;
  }
  return all.slice(at).trim();
}
