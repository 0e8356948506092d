/** The conformance frames, read and written by the web client's core. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { decodeReply, encodeMicrophone } from "../../../clients/web/core/frames.js";
import { decode, encode } from "../../../clients/web/core/messages.js";

const FRAMES = new URL("../../vectors/frames/", import.meta.url);

for (const file of readdirSync(FRAMES).filter((name) => name.endsWith(".json")).sort()) {
  for (const vector of JSON.parse(readFileSync(new URL(file, FRAMES)))) {
    if (vector.from === "server") test(`${file}: ${vector.name}: ${vector.why}`, () => reads(vector));
    else if (vector.canonical) test(`${file}: ${vector.name}: ${vector.why}`, () => writes(vector));
  }
}

function reads({ binary, text, textHex, valid, means }) {
  const got = binary === undefined ? readText(text, textHex) : readBinary(binary);
  if (valid) assert.deepEqual(got, whole(means));
  else assert.equal(got, null);
}

function readText(text, hex) {
  try {
    const words = text ?? new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(hex, "hex"));
    const message = decode(words);
    if (!message) return null;
    const { kind, ...fields } = message;
    return kind ? whole({ [kind]: fields }) : {};
  } catch (error) {
    if (error instanceof TypeError) return null; // what is no UTF-8 never reaches a page
    throw error;
  }
}

function readBinary(hex) {
  const piece = decodeReply(Uint8Array.from(Buffer.from(hex, "hex")).buffer);
  if (!piece) return null;
  return { audio: plain({ ...piece, pcm: Buffer.from(piece.pcm).toString("base64") }) };
}

function writes({ binary, text, means }) {
  if (binary === undefined) {
    const [[kind, fields]] = Object.entries(means);
    assert.deepEqual(JSON.parse(encode(kind, fields)), JSON.parse(text));
    return;
  }
  const { micOffset = 0, pcm = "", playhead = {} } = means.audio;
  const { reply = 0, position = 0, estimated } = playhead;
  const frame = { micOffset: BigInt(micOffset), pcm: Buffer.from(pcm, "base64"), reply: Number(reply), estimated };
  const bytes = encodeMicrophone({ ...frame, position: BigInt(position) });
  assert.equal(Buffer.from(bytes).toString("hex"), binary);
}

/** A message of either direction: its name stays, however little it says. */
const whole = (message) => Object.fromEntries(Object.entries(message).map(([kind, fields]) => [kind, plain(fields)]));

/** A message with what is at its default left out and its numbers written as words, however it was written. */
function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return typeof value === "string" ? value : String(value);
  const fields = Object.entries(value).filter(([, each]) => !isDefault(each));
  return Object.fromEntries(fields.map(([name, each]) => [name, plain(each)]).filter(([, each]) => !isEmpty(each)));
}

const isDefault = (value) => value === 0 || value === "0" || value === "" || value === false || isUnspecified(value);
const isUnspecified = (value) => typeof value === "string" && value.endsWith("_UNSPECIFIED");
/** An empty message within one is as good as none, but for the one that is meant. */
const isEmpty = (value) => typeof value === "object" && (value.length ?? Object.keys(value).length) === 0;
