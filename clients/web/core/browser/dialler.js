/**
 * Connects to a server over a network that may be away: what was sent into it is gone, so it is tried anew.
 *
 * An attempt takes the place of the one before. Beside it it would be of no use: browsers make one WebSocket at a time to
 * a server (RFC 6455, 4.1), so the second would wait for the first.
 */
import { isThisMachine } from "../this_machine.js";

const SUBPROTOCOL = "parley.v1";
/** A first packet that is lost is sent again by the machine after 1, 3 and 7 s: too late for a network that is back. */
const ANEW_MS = 500;
/** A network may be only slow: an attempt is given so many times what the last one took that came to stand. */
const SLOWER = 2;
/**
 * Of attempts that fail browsers take note, and make a page wait that has many: Chromium from about 14 on, for seconds,
 * and forgets them after some minutes. So from then on the calls are made that the conversation asks for, and no more.
 */
const MOST_ANEW = 8;
/** Where the browser says that there is no network, an attempt waits so long for it, until it was found to be wrong; one to this machine not at all. */
const OFFLINE_MS = 1500;

/**
 * @typedef {object} Surroundings What a browser has; tests have their own.
 * @property {(address: string) => WebSocket} make throws at what is no address
 * @property {() => number} now in milliseconds
 * @property {(ms: number, act: () => void) => () => void} after returns what calls it off
 * @property {() => boolean} isOffline
 * @property {(act: () => void) => () => void} onceOnline likewise
 */

/** @type {Surroundings} */
const BROWSER = {
  make: (address) => new WebSocket(address, [SUBPROTOCOL]),
  now: () => performance.now(),
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
  isOffline: () => navigator.onLine === false,
  onceOnline(act) {
    addEventListener("online", act, { once: true });
    return () => removeEventListener("online", act);
  },
};

export class Dialler {
  /** @param {Surroundings} [surroundings] */
  constructor(surroundings = BROWSER) {
    this._around = surroundings;
    /** What the last attempt took that came to stand; before the first nobody knows what is long here. */
    this._tookMs = Infinity;
    this._anew = 0;
    /** The browser does not see the network that there is: one came to stand while it said that there is none. */
    this._isBlind = false;
  }

  /**
   * Connect to a server; once one of the two is called, that was the last of it.
   * @param {string} address
   * @param {(socket: WebSocket) => void} stands
   * @param {() => void} failed
   * @returns {() => void} gives it up
   */
  dial(address, stands, failed) {
    const attempts = new Attempts(this._around, address, {
      patienceMs: () => (this._anew < MOST_ANEW ? Math.max(ANEW_MS, SLOWER * this._tookMs) : Infinity),
      anew: () => this._anew++,
      seesNone: () => !this._isBlind && this._around.isOffline() && !isThisMachine(address),
      stands: (socket, tookMs) => {
        Object.assign(this, { _tookMs: tookMs, _anew: 0 });
        this._isBlind ||= this._around.isOffline() && !isThisMachine(address);
        stands(socket);
      },
      failed,
    });
    return () => attempts.end();
  }
}

/** The attempts at one connection. */
class Attempts {
  constructor(around, address, told) {
    this._around = around;
    this._address = address;
    this._told = told;
    /** @type {WebSocket|null} */
    this._socket = null;
    this._callOff = () => {};
    this._unlisten = around.onceOnline(() => this._try());
    if (told.seesNone()) this._callOff = around.after(OFFLINE_MS, () => this._try());
    else this._try();
  }

  /** Wait for nothing more. */
  end() {
    this._unlisten();
    this._letGo()?.close();
  }

  _try() {
    this._letGo()?.close();
    const { _around: around, _told: told } = this;
    const beganMs = around.now();
    let socket;
    try {
      socket = around.make(this._address);
    } catch {
      this._callOff = around.after(0, () => this._fail()); // no address of a WebSocket
      return;
    }
    this._socket = socket;
    socket.onclose = () => this._fail();
    socket.onopen = () => {
      this._letGo();
      this._unlisten();
      told.stands(socket, around.now() - beganMs);
    };
    const patienceMs = told.patienceMs();
    if (patienceMs === Infinity) return;
    this._callOff = around.after(patienceMs, () => {
      told.anew();
      this._try();
    });
  }

  _fail() {
    this._letGo();
    this._unlisten();
    this._told.failed();
  }

  /** @returns {WebSocket|null} the attempt that was underway, of which nothing is heard any more */
  _letGo() {
    this._callOff();
    const socket = this._socket;
    this._socket = null;
    if (socket) socket.onopen = socket.onclose = null;
    return socket;
  }
}
