/** Reads what a client sends, as a server would, into protobuf's JSON mapping (the sound as bytes). */

export function readClientFrame(data) {
  if (typeof data === "string") return JSON.parse(data);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (view.getUint8(0) !== 1 || view.getUint8(1) > 1 || view.getUint16(2, true)) throw new Error("no microphone frame");
  const playhead = { reply: String(view.getUint32(4, true)), position: String(view.getBigUint64(16, true)) };
  return { audio: { micOffset: String(view.getBigUint64(8, true)), pcm: data.subarray(24), playhead } };
}
