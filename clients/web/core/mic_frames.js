/** The microphone's frames on their way: where one ends, what is left of it, and which may go as one. */
import { speakerFromMic } from "./sound.js";

/** @typedef {import("./frames.js").MicFrame} MicFrame */

/** @param {MicFrame} frame */
export const samplesIn = (frame) => frame.pcm.length >> 1;

/** The offset of the sample after it. @param {MicFrame} frame */
export const endOf = (frame) => frame.micOffset + samplesIn(frame);

/** A frame without its samples before `micOffset`. @param {MicFrame} frame @returns {MicFrame} */
export function restOf(frame, micOffset) {
  const known = micOffset - frame.micOffset;
  if (known <= 0) return frame;
  const position = frame.reply ? frame.position + speakerFromMic(known) : 0;
  return { micOffset, pcm: frame.pcm.subarray(2 * known), reply: frame.reply, position };
}

/** Whether the second goes on where the first ends, its playhead, too: then the first one's stamp tells of both. */
export function goAsOne(first, second) {
  if (second.micOffset !== endOf(first) || second.reply !== first.reply) return false;
  return !first.reply || second.position - first.position === speakerFromMic(samplesIn(first));
}

/** Frames that go as one, as one. @param {MicFrame[]} frames @returns {MicFrame} */
export function joined(frames) {
  if (frames.length === 1) return frames[0];
  const pcm = new Uint8Array(frames.reduce((sum, frame) => sum + frame.pcm.length, 0));
  let at = 0;
  for (const frame of frames) {
    pcm.set(frame.pcm, at);
    at += frame.pcm.length;
  }
  return { ...frames[0], pcm };
}
