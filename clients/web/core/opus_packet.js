/** How long an Opus packet lasts, which it says in its first byte or two (RFC 6716, 3.1 and 3.2). */
import { speakerSamples } from "./sound.js";

const SILK_MS = [10, 20, 40, 60];
const HYBRID_MS = [10, 20];
const CELT_MS = [2.5, 5, 10, 20];
const LONGEST_MS = 120;

/** @param {Uint8Array} packet @returns {number} samples at the speaker's rate; 0: it is no packet */
export function packetSamples(packet) {
  if (!packet.length) return 0;
  const frames = frameCount(packet);
  const ms = frames * frameMs(packet[0] >> 3);
  return ms <= LONGEST_MS ? speakerSamples(ms) : 0;
}

/** The length of its frames by its configuration: three modes, each with its own lengths. */
function frameMs(config) {
  if (config < 12) return SILK_MS[config & 3];
  return config < 16 ? HYBRID_MS[config & 1] : CELT_MS[config & 3];
}

/** One frame, two alike or unlike, or as many as the second byte says. */
function frameCount(packet) {
  const code = packet[0] & 3;
  if (code < 3) return code ? 2 : 1;
  return packet.length > 1 ? packet[1] & 0x3f : 0;
}
