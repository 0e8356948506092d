/** One conversation of the page: a session, the connections that it asks for, and the clock that it goes by. */
import { OpusDecoder } from "./browser/opus.js";
import { Sockets } from "./browser/sockets.js";
import { Decoding } from "./decoding.js";
import { Session } from "./session.js";

/** How often the session is asked what is due. */
const TICK_MS = 50;

/**
 * @typedef {object} Told Whom a conversation tells.
 * @property {(commands: object[]) => void} speaker what the audio thread is to do
 * @property {(type: string, detail: object) => void} event what the page may want to know
 * @property {() => void} undecodable this browser can't decode Opus, whatever it says
 * @property {(code: string) => void} over it has ended; why. What is left to be done of it, it does by itself
 */

export class Conversation {
  /**
   * @param {object} options
   * @param {string[]} options.addresses where to call
   * @param {object} options.open the fields of the first message, as the `Session` takes them
   * @param {import("./output.js").Encoding} options.encoding how replies shall come
   * @param {boolean} options.isMuted
   * @param {Told} told
   */
  constructor(options, told) {
    this._session = new Session({ ...options, random: Math.random });
    this._told = told;
    this._isOver = false;
    this._timer = 0;
    this._decoding = new Decoding({
      decoder: (heard) => new OpusDecoder(heard),
      speaker: (commands) => told.speaker(commands),
      giveUp: (why, from) => {
        told.undecodable();
        this.run((session) => session.giveUpOpus(why, from));
      },
    });
    this._sockets = new Sockets({
      connected: (call) => this.run((session, nowMs) => session.connected(call, nowMs)),
      came: (call, data) => this.run((session, nowMs) => session.came(call, data, nowMs)),
      broke: (call) => this.run((session, nowMs) => session.broke(call, nowMs)),
    });
  }

  /** The server's name for it, for its logs. */
  get id() {
    return this._session.id;
  }

  /** How good its connection is. */
  get quality() {
    return this._session.quality;
  }

  begin() {
    this._timer = setInterval(() => {
      this._decoding.tick();
      this.run((session, nowMs) => session.tick(nowMs));
    }, TICK_MS);
    this.run((session, nowMs) => session.begin(nowMs));
  }

  /** The person hangs up: the last word goes out, and the server has a while to close. */
  hangUp() {
    this.run((session, nowMs) => session.hangUp(nowMs));
    this._send(() => true);
    this._finish();
  }

  /** Take what the audio thread tells. @param {import("./duplex.js").Output[]} outputs */
  hear(outputs) {
    this.run((session, nowMs) => {
      for (const output of outputs) session.hear(output);
      session.tick(nowMs);
    });
  }

  /** Let the session do something, and carry out what comes of it. @param {(session: Session, nowMs: number) => void} act */
  run(act) {
    if (this._session.isDone) return;
    act(this._session, performance.now());
    for (let effects; (effects = this._session.take()).length; ) {
      const commands = [];
      for (const effect of effects) this._carryOut(effect, commands);
      if (commands.length) this._decoding.take(commands);
    }
    this._send(() => this._sockets.isReady(this._session.line));
    if (!this._session.isDone) return;
    clearInterval(this._timer);
    this._finish();
  }

  _carryOut({ do: what, call, address, data, command, type, detail }, commands) {
    if (what === "dial") this._sockets.dial(call, address);
    else if (what === "send") this._sockets.send(call, data);
    else if (what === "drop") this._sockets.drop(call);
    else if (what === "speaker") commands.push(command);
    else this._told.event(type, detail);
  }

  /** Send what waits, as long as the connection is to have more. */
  _send(hasRoom) {
    while (hasRoom()) {
      const sent = this._session.next();
      if (!sent) return;
      this._sockets.send(sent.call, sent.data);
    }
  }

  /** Tell that it is over, once. */
  _finish() {
    if (this._isOver) return;
    this._isOver = true;
    this._decoding.finish();
    this._told.over(this._session.code);
  }
}
