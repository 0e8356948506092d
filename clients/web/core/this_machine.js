/** Whether an address is one of this very machine: no network is needed to reach it, and nothing is lost on the way. */

const THIS_MACHINE = /^wss?:\/\/(localhost|127\.|\[::1\])/;

/** @param {string} address of a WebSocket */
export const isThisMachine = (address) => THIS_MACHINE.test(address);
