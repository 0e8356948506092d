/** The WebSockets under a conversation: one that is dialled, one that stands. */
import { Dialler } from "./dialler.js";

/** What may wait in the browser before more is kept back here, where what is urgent can overtake it: half a second. */
const LARGEST_WAITING_BYTES = 16_000;

export class Sockets {
  /**
   * @param {object} told
   * @param {(call: number) => void} told.connected
   * @param {(call: number, data: string|ArrayBuffer) => void} told.came
   * @param {(call: number) => void} told.broke
   * @param {Dialler} [dialler]
   */
  constructor(told, dialler = new Dialler()) {
    this._told = told;
    this._dialler = dialler;
    /** Of the calls that don't stand yet: what gives them up. @type {Map<number, () => void>} */
    this._dialled = new Map();
    /** @type {Map<number, WebSocket>} */
    this._sockets = new Map();
  }

  dial(call, address) {
    const failed = () => {
      this._dialled.delete(call);
      this._told.broke(call);
    };
    this._dialled.set(call, this._dialler.dial(address, (socket) => this._stands(call, socket), failed));
  }

  /** Whether a connection takes more just now. */
  isReady(call) {
    const socket = this._sockets.get(call);
    return socket?.readyState === WebSocket.OPEN && socket.bufferedAmount < LARGEST_WAITING_BYTES;
  }

  send(call, data) {
    const socket = this._sockets.get(call);
    if (socket?.readyState === WebSocket.OPEN) socket.send(data);
  }

  /** Let a connection go; nothing is heard of it any more. */
  drop(call) {
    this._dialled.get(call)?.();
    this._dialled.delete(call);
    this._sockets.get(call)?.close();
    this._sockets.delete(call);
  }

  _stands(call, socket) {
    const isOurs = () => this._sockets.get(call) === socket;
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => isOurs() && this._told.came(call, data);
    socket.onclose = () => {
      if (!isOurs()) return;
      this._sockets.delete(call);
      this._told.broke(call);
    };
    this._dialled.delete(call);
    this._sockets.set(call, socket);
    this._told.connected(call);
  }
}
