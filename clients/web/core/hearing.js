/** What the server tells a person: words, whose turn it is, where the time went. Nothing is told twice. */

const KNOWN_CAPTIONS = 500;
const FLOORS = { LISTENING: "listening", THINKING: "thinking", SPEAKING: "speaking", BARGE_IN: "bargeIn" };
const STATE = "CONVERSATION_STATE_";
const WHO = { WHO_USER: "user", WHO_ASSISTANT: "assistant" };

export class Hearing {
  /** @param {(type: string, detail: object) => void} tell */
  constructor(tell) {
    this.floor = "idle";
    this.turn = 0;
    this._tell = tell;
    this._hasResumed = false;
    this._cutTo = 0;
    /** @type {string[]} */
    this._known = [];
  }

  /** After a resumption some captions are told again. */
  resumed() {
    this._hasResumed = true;
  }

  /** Replies up to `floor` are silenced: of what is still on its way only the last word of each counts. */
  flushed(floor) {
    this._cutTo = Math.max(this._cutTo, floor);
  }

  over() {
    this.floor = "idle";
    this.turn = 0;
  }

  /**
   * @param {import("./messages.js").Message} message
   * @returns {boolean} whether the floor has changed
   */
  hear({ kind, ...fields }) {
    switch (kind) {
      case "caption":
        this._caption(fields);
        break;
      case "state":
        this.floor = FLOORS[fields.state.slice(STATE.length)] ?? "idle";
        this.turn = fields.turn;
        return true;
      case "turnReport":
      case "notice":
        this._tell(kind, fields);
        break;
    }
    return false;
  }

  _caption(caption) {
    const who = WHO[caption.who];
    const isLate = who === "assistant" && !caption.final && caption.reply <= this._cutTo;
    if (!who || isLate || (this._hasResumed && this._isKnown(caption, who))) return;
    this._remember(caption, who);
    this._tell("caption", { ...caption, who });
  }

  /** The person's lines before their end are told anew each time, and may be alike. */
  _isKnown(caption, who) {
    return (caption.final || who === "assistant") && this._known.includes(JSON.stringify(caption));
  }

  _remember(caption, who) {
    if (!caption.final && who !== "assistant") return;
    this._known.push(JSON.stringify(caption));
    if (this._known.length > KNOWN_CAPTIONS) this._known.shift();
  }
}
