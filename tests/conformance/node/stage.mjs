// Where the scenarios of a client under Node.js are played, side by side, each with its own connection.
// Prints a line of JSON for each scenario when it ends: {scenario, facts} or {scenario, failure}.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const PATIENCE_MS = 40_000;
const RATE_HZ = 24_000;
const CHUNK_MS = 100;

const [url, folder] = process.argv.slice(2);

export { url };

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Recorded speech, PCM16LE mono at 24 kHz. */
export const speech = (name) => readFileSync(join(folder, `${name}.pcm`));

export const silence = (ms) => Buffer.alloc(2 * Math.round((ms * RATE_HZ) / 1000));

/** Gives audio to `send` as a microphone does, at the pace of life: interruptions are a matter of time. */
export async function speak(pcm, send) {
  const size = (2 * CHUNK_MS * RATE_HZ) / 1000;
  let due = Date.now();
  for (let begin = 0; begin < pcm.length; begin += size) {
    const chunk = pcm.subarray(begin, begin + size);
    send(chunk.buffer.slice(chunk.byteOffset, chunk.byteOffset + chunk.length));
    due += CHUNK_MS;
    await sleep(Math.max(0, due - Date.now()));
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

/** Plays all scenarios at the same time and prints their lines. */
export async function play(scenarios) {
  await Promise.all(scenarios.map(playOne));
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
