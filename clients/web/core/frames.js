/**
 * Binary frames: the microphone on its way to the server, pieces of replies on their way back. docs/protocol.md has
 * them byte by byte. Numbers beyond 2^53 are BigInts, so that no digit is lost.
 */

const MICROPHONE = 1;
const REPLY = 2;
export const MICROPHONE_HEADER_BYTES = 24;
const REPLY_HEADER_BYTES = 16;
const ESTIMATED = 1;

/**
 * @typedef {object} MicFrame
 * @property {number} micOffset Samples of the microphone before this frame.
 * @property {Uint8Array} pcm PCM16, little-endian.
 * @property {number} reply What was audible when its first sample was captured; 0: nothing.
 * @property {number} position
 * @property {boolean} [estimated]
 */

/**
 * @typedef {object} Piece
 * @property {number} reply
 * @property {number|bigint} position Samples of the reply before this piece.
 * @property {Uint8Array} pcm In the encoding opened for `output`: PCM16, little-endian, or an Opus packet.
 */

/**
 * @param {MicFrame} frame
 * @returns {Uint8Array}
 */
export function encodeMicrophone({ micOffset, pcm, reply, position, estimated = false }) {
  const bytes = new Uint8Array(MICROPHONE_HEADER_BYTES + pcm.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, MICROPHONE);
  view.setUint8(1, estimated ? ESTIMATED : 0);
  view.setUint32(4, reply, true);
  view.setBigUint64(8, BigInt(micOffset), true);
  view.setBigUint64(16, BigInt(position), true);
  bytes.set(pcm, MICROPHONE_HEADER_BYTES);
  return bytes;
}

/**
 * @param {ArrayBuffer} buffer
 * @returns {Piece|null} null: it is none
 */
export function decodeReply(buffer) {
  if (buffer.byteLength < REPLY_HEADER_BYTES) return null;
  const view = new DataView(buffer);
  if (view.getUint8(0) !== REPLY || view.getUint8(1) || view.getUint16(2, true)) return null;
  const reply = view.getUint32(4, true);
  if (!reply) return null;
  return { reply, position: countOf(view.getBigUint64(8, true)), pcm: new Uint8Array(buffer, REPLY_HEADER_BYTES) };
}

/** @param {bigint} count @returns {number|bigint} a number, where that holds every digit */
export const countOf = (count) => (count <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(count) : count);

/**
 * PCM16 of samples of ±1, or of every `step`th of them.
 * @param {Float32Array} samples
 * @returns {Uint8Array} little-endian
 */
export function pcmOf(samples, step = 1) {
  const bytes = new Uint8Array(2 * Math.ceil(samples.length / step));
  const view = new DataView(bytes.buffer);
  for (let at = 0, from = 0; from < samples.length; at += 2, from += step) {
    const sample = Math.round(samples[from] * 32768);
    view.setInt16(at, sample > 32767 ? 32767 : sample < -32768 ? -32768 : sample, true);
  }
  return bytes;
}

/**
 * The samples of PCM16; half a sample at the end is none.
 * @param {Uint8Array} pcm
 * @returns {Int16Array}
 */
export function samplesOf(pcm) {
  const samples = new Int16Array(pcm.length >> 1);
  const view = new DataView(pcm.buffer, pcm.byteOffset, pcm.length);
  for (let at = 0; at < samples.length; at++) samples[at] = view.getInt16(2 * at, true);
  return samples;
}
