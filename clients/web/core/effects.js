/** What a session wants done, in order: it does nothing itself. */

/**
 * @typedef {object} Effect
 * @property {"dial"|"send"|"drop"|"speaker"|"event"} do
 * @property {number} [call] which connection
 * @property {string} [address] to dial
 * @property {string} [data] to send over a connection that no conversation stands on yet
 * @property {object} [command] for the `Duplex`
 * @property {string} [type] of an event
 * @property {object} [detail]
 */

export class Effects {
  constructor() {
    /** @type {Effect[]} */
    this._effects = [];
  }

  /** @returns {Effect[]} */
  take() {
    const effects = this._effects;
    if (effects.length) this._effects = [];
    return effects;
  }

  /** @param {number} call @param {string} address */
  dial(call, address) {
    this._effects.push({ do: "dial", call, address });
  }

  /** @param {number} call @param {string} data */
  send(call, data) {
    this._effects.push({ do: "send", call, data });
  }

  /** @param {number} call */
  drop(call) {
    this._effects.push({ do: "drop", call });
  }

  /** @param {object} command */
  speaker(command) {
    this._effects.push({ do: "speaker", command });
  }

  /** @param {string} type @param {object} detail */
  event(type, detail) {
    this._effects.push({ do: "event", type, detail });
  }
}
