/**
 * In which encoding replies come: what is asked of the server, when, and how many samples a piece of each holds.
 *
 * PCM16 is 48 kB a second, about what TCP carries where one packet in twenty is lost; Opus is a twelfth of that. On the
 * server's own machine nothing is lost, and PCM16 passes untouched.
 */
import { packetSamples } from "./opus_packet.js";
import { SPEAKER_HZ } from "./sound.js";
import { isThisMachine } from "./this_machine.js";

/** @typedef {"pcm16"|"opus"} Encoding */

/** How far ahead of the speaker audio shall come: a reply starts at its first piece, and rides out what TCP makes of losses. */
const CLIENT_BUFFER_MS = 400;
/** The most that a server sends ahead: of Opus that is 8 kB, which a bad network carries at once, too. */
const OPUS_CLIENT_BUFFER_MS = 2000;
const ASKED = {
  pcm16: { clientBufferMs: CLIENT_BUFFER_MS },
  // Positions count the speaker's samples, whatever rate a decoder gives.
  opus: { clientBufferMs: OPUS_CLIENT_BUFFER_MS, output: { encoding: "ENCODING_OPUS", rateHz: SPEAKER_HZ } },
};

/** The fields of `open` that ask for it. @param {Encoding} encoding */
export const asking = (encoding) => ASKED[encoding];

/** What a server has chosen to send. @param {import("./messages.js").Message} opened @returns {Encoding} */
export const encodingOf = ({ output }) => (output?.encoding === "ENCODING_OPUS" ? "opus" : "pcm16");

/**
 * The samples of a piece of a reply, at the speaker's rate; half a one is none.
 * @param {Encoding} encoding
 * @param {Uint8Array} piece
 */
export const samplesIn = (encoding, piece) => (encoding === "opus" ? packetSamples(piece) : piece.length >> 1);

/**
 * What to ask for. `?output=` in the page's address goes before what is set.
 * @param {import("./types.js").ClientOptions} options
 * @param {string[]} addresses of which one will be called; where they are mixed the server counts as far away
 * @param {() => Promise<boolean>} canDecode whether the browser decodes Opus
 * @returns {Promise<Encoding>}
 */
export async function encodingFor({ output = "auto" }, addresses, canDecode) {
  const asked = new URLSearchParams(globalThis.location?.search).get("output");
  const wanted = ["pcm16", "opus"].includes(asked) ? asked : output;
  if (wanted === "pcm16" || (wanted === "auto" && addresses.every(isThisMachine))) return "pcm16";
  return (await canDecode()) ? "opus" : "pcm16";
}
