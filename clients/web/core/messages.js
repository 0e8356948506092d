/**
 * Text frames: one JSON object, protobuf's JSON mapping of ConverseRequest and ConverseResponse (docs/protocol.md).
 * Whatever is read has every field that is listed here, at its default where it was left out.
 */
import { countOf } from "./frames.js";

/** @typedef {{kind: string, [field: string]: any}} Message `kind` is the field's name: "flush", "replyEnded"… */

const names = (prefix, ...rest) => ["UNSPECIFIED", ...rest].map((name) => `${prefix}_${name}`);

const ENCODING = names("ENCODING", "PCM16", "MULAW", "ALAW", "OPUS");
const STATE = names("CONVERSATION_STATE", "IDLE", "LISTENING", "THINKING", "SPEAKING", "BARGE_IN");
const WHO = names("WHO", "USER", "ASSISTANT");
const ERROR = names(
  ...["CODE", "PROTOCOL", "VERSION", "FORMAT", "FULL", "UNAVAILABLE", "MODEL", "STORE", "SUPERSEDED", "RESUME", "LIMIT"],
  ...["INTERNAL", "UNAUTHENTICATED"],
);
const CLOSED = names(
  ...["CODE", "CLIENT", "SILENCE", "GOODBYE", "ASSISTANT", "BUDGET", "TIME", "OPERATOR", "DRAINING", "FAULT"],
);
const NOTICE = names(
  ...["CODE", "ECHO_MISALIGNED", "ECHO_UNREDUCED", "ECHO_UNSTAMPED", "ECHO_CANCELLER_MISSING", "MODEL_RECONNECTING"],
);

const LIMITS = {
  maxFrameMs: "u32",
  maxSessionS: "u32",
  maxMessageBytes: "u32",
  maxMessagesPerS: "u32",
  maxAheadMs: "u32",
  maxIdleS: "u32",
};
const FORMAT = { encoding: ENCODING, rateHz: "u32" };

/** What a server may say but for audio: each message's fields and their kinds. An array is an enum, its names in order. */
const FROM_SERVER = {
  opened: {
    session: "text",
    resumeToken: "text",
    limits: LIMITS,
    leadMs: "u32",
    protocol: "u32",
    input: FORMAT,
    output: FORMAT,
    micOffset: "u64",
    resumed: "bool",
    resumeS: "u32",
  },
  replyEnded: { reply: "u64", samples: "u64" },
  duck: { seq: "u64", gainDb: "float" },
  release: { seq: "u64" },
  flush: { seq: "u64", floor: "u64" },
  caption: {
    who: WHO,
    text: "text",
    final: "bool",
    reply: "u64",
    position: "u64",
    turn: "u64",
    interrupted: "bool",
  },
  state: { state: STATE, turn: "u64" },
  turnReport: { turn: "u64", reply: "u64", stages: { each: { name: "text", ms: "float" } } },
  error: { code: ERROR, message: "text", retryable: "bool" },
  draining: { seconds: "u32" },
  notice: { code: NOTICE, message: "text" },
  closed: { reason: "text", code: CLOSED },
  heartbeat: { beat: "u64" },
  heard: { micOffset: "u64", receivedOffset: "u64" },
};

/** Numbers that go as strings, of what a client says. */
const LONG = new Set(["reply", "position", "micOffset", "seq", "beat"]);
const LARGEST_FLOAT = 3.4028235677973366e38;
const LARGEST_COUNT = { u32: 0xffffffffn, u64: 0xffffffffffffffffn };

class Unreadable extends Error {}

/**
 * @param {string} text
 * @returns {Message|null} null: nothing that a server may say. `kind` "": something that a newer server may say.
 */
export function decode(text) {
  try {
    const frame = JSON.parse(text);
    if (!isObject(frame)) return null;
    const said = Object.entries(frame)
      .map(([name, value]) => [camel(name), value])
      .filter(([name, value]) => Object.hasOwn(FROM_SERVER, name) && value !== null);
    if (said.length > 1) return null;
    return said.length ? { ...read(FROM_SERVER[said[0][0]], said[0][1]), kind: said[0][0] } : { kind: "" };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof Unreadable) return null;
    throw error;
  }
}

/**
 * @param {string} kind What is said: "open", "playback"…
 * @param {object} [fields]
 * @returns {string} with fields at their default left out
 */
export function encode(kind, fields = {}) {
  return JSON.stringify({ [kind]: written(fields) });
}

function written(fields) {
  const out = {};
  for (const [name, value] of Object.entries(fields)) {
    if (isObject(value)) {
      out[name] = written(value);
    } else if (LONG.has(name) && value) {
      out[name] = String(value);
    } else if (value || value === 0n) {
      if (value !== 0n) out[name] = value;
    }
  }
  return out;
}

function read(shape, value) {
  if (!isObject(value)) throw new Unreadable();
  const fields = {};
  for (const [name, kind] of Object.entries(shape)) fields[name] = byDefault(kind);
  for (const [given, got] of Object.entries(value)) {
    const name = camel(given);
    if (Object.hasOwn(shape, name) && got !== null) fields[name] = field(shape[name], got);
  }
  return fields;
}

function byDefault(kind) {
  if (Array.isArray(kind)) return kind[0];
  if (isObject(kind)) return kind.each ? [] : read(kind, {});
  return { text: "", bool: false }[kind] ?? 0;
}

function field(kind, got) {
  if (Array.isArray(kind)) return chosen(kind, got);
  if (isObject(kind)) {
    if (!kind.each) return read(kind, got);
    if (!Array.isArray(got)) throw new Unreadable();
    return got.map((each) => read(kind.each, each));
  }
  switch (kind) {
    case "text":
      if (typeof got !== "string" || !isWellFormed(got)) throw new Unreadable();
      return got;
    case "bool":
      if (typeof got !== "boolean") throw new Unreadable();
      return got;
    case "float":
      return fraction(got);
    default:
      return count(got, LARGEST_COUNT[kind]);
  }
}

function chosen(kind, got) {
  if (typeof got === "string") return kind.includes(got) ? got : kind[0];
  if (!Number.isInteger(got)) throw new Unreadable();
  return kind[got] ?? kind[0];
}

function fraction(got) {
  const number = typeof got === "string" && got.trim() === got && got ? Number(got) : got;
  if (typeof number !== "number" || Number.isNaN(number) || Math.abs(number) > LARGEST_FLOAT) throw new Unreadable();
  return number;
}

function count(got, largest) {
  const isCount = typeof got === "string" ? /^[0-9]+$/.test(got) : Number.isInteger(got) && got >= 0;
  if (!isCount) throw new Unreadable();
  const number = BigInt(got);
  if (number > largest) throw new Unreadable();
  return countOf(number);
}

/** Whether every surrogate has its other half: a text that has not was never UTF-8. */
function isWellFormed(text) {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** The protos' spelling of a name is read as well. */
const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
