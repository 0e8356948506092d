/** A network in virtual time, and the browser's sockets over it: packets into one that is away are lost. */

/** When a machine sends its first packet again that nobody answered. */
const SENT_AGAIN_MS = [0, 1000, 3000, 7000];
/** From a first packet to a connection that stands. */
const HANDSHAKE_MS = 60;

export class Network {
  constructor() {
    this.nowMs = 0;
    this.isUp = true;
    this.isOffline = false;
    /** Every attempt: `{address, sinceMs, isClosed, isOpen}`. */
    this.sockets = [];
    /** @type {{atMs: number, act: () => void}[]} */
    this._due = [];
    this._online = [];
  }

  /** What a Dialler sees of it. */
  get surroundings() {
    return {
      make: (address) => this._make(address),
      now: () => this.nowMs,
      after: (ms, act) => this.after(ms, act),
      isOffline: () => this.isOffline,
      onceOnline: (act) => {
        this._online.push(act);
        return () => {
          this._online = this._online.filter((other) => other !== act);
        };
      },
    };
  }

  after(ms, act) {
    const one = { atMs: this.nowMs + ms, act };
    this._due.push(one);
    return () => {
      this._due = this._due.filter((other) => other !== one);
    };
  }

  /** Let time pass. */
  run(ms) {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const next = this._due.filter(({ atMs }) => atMs <= untilMs).sort((one, other) => one.atMs - other.atMs)[0];
      if (!next) break;
      this._due.splice(this._due.indexOf(next), 1);
      this.nowMs = next.atMs;
      next.act();
    }
    this.nowMs = untilMs;
  }

  /** The browser notices that there is one again. */
  online() {
    this.isOffline = false;
    for (const act of this._online.splice(0)) act();
  }

  /** What of the attempts goes on. */
  get underway() {
    return this.sockets.filter(({ isClosed, isOpen }) => !isClosed && !isOpen).length;
  }

  _make(address) {
    if (!address.startsWith("ws")) throw new SyntaxError("no address");
    const socket = { address, sinceMs: this.nowMs, readyState: 0, isClosed: false, isOpen: false, sent: [] };
    socket.close = () => {
      socket.isClosed = true;
    };
    socket.send = (data) => socket.sent.push(data);
    for (const ms of SENT_AGAIN_MS) {
      this.after(ms, () => {
        if (this.isUp && !socket.isClosed) this.after(HANDSHAKE_MS, () => this._open(socket));
      });
    }
    this.sockets.push(socket);
    return socket;
  }

  _open(socket) {
    if (socket.isClosed || socket.isOpen) return;
    Object.assign(socket, { isOpen: true, readyState: 1 });
    socket.onopen?.();
  }
}
