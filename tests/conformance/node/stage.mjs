// Where the scenarios of a client under Node.js are played, side by side, each with its own connection.
// Prints a line of JSON for each scenario when it ends: {scenario, facts} or {scenario, failure}.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const PATIENCE_MS = 40_000;
const RATE_HZ = 24_000;
const CHUNK_MS = 100;

const [url, folder, ...names] = process.argv.slice(2);

export { url };

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Recorded speech, PCM16LE mono at 24 kHz. */
export const speech = (name) => readFileSync(join(folder, `${name}.pcm`));

/** The same as a telephone line carries it, mu-law at 8 kHz. */
export const telephone = (name) => readFileSync(join(folder, `${name}.ulaw`));

export const silence = (ms) => Buffer.alloc(2 * Math.round((ms * RATE_HZ) / 1000));

/** A piece of audio as the client takes it. */
export const arrayBuffer = (audio) => audio.buffer.slice(audio.byteOffset, audio.byteOffset + audio.length);

/**
 * Gives audio at the pace of life, silence when nothing is said, until it is stopped. Interruptions are a matter of
 * time, and a turn ends by the silence after it, which a microphone gives on and on.
 */
export class Microphone {
  constructor(send) {
    this.send = send;
    this.said = Buffer.alloc(0);
    this.wanted = true;
    this.run();
  }

  /** Says something, PCM16LE mono at 24 kHz. */
  say(pcm) {
    this.said = Buffer.concat([this.said, pcm]);
  }

  stop() {
    this.wanted = false;
  }

  async run() {
    for (let due = Date.now(); this.wanted; due += CHUNK_MS) {
      const chunk = silence(CHUNK_MS);
      this.said.copy(chunk);
      this.said = this.said.subarray(chunk.length);
      this.send(arrayBuffer(chunk));
      await sleep(Math.max(0, due + CHUNK_MS - Date.now()));
    }
  }
}

/** The order in which kinds of events came, without repetitions and without those of two that take turns. */
export function runs(kinds) {
  const order = [];
  for (const kind of kinds) {
    if (!order.slice(-2).includes(kind)) order.push(kind);
  }
  return order;
}

/** Plays the scenarios that the command line names at the same time, and prints their lines. */
export async function play(scenarios) {
  await Promise.all(scenarios.filter((scenario) => names.includes(scenario.name)).map(playOne));
  process.exit(0); // whatever a client keeps alive must not keep the test waiting
}

async function playOne(scenario) {
  const late = sleep(PATIENCE_MS).then(() => {
    throw new Error(`not done after ${PATIENCE_MS} ms`);
  });
  const trail = { events: [], errors: [] };
  try {
    const facts = await Promise.race([scenario(trail), late]);
    console.log(JSON.stringify({ scenario: scenario.name, facts }));
  } catch (error) {
    const trace = JSON.stringify({ errors: trail.errors, events: runs(trail.events) });
    console.log(JSON.stringify({ scenario: scenario.name, failure: `${error.stack ?? error}\n${trace}` }));
  }
}
