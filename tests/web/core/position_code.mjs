/** The sound of scenes: a reply's samples that tell where they stand, and a person's voice. tests/vectors/README.md. */

const PERIOD = 20000;
/** 31 · INVERSE ≡ 1 (mod 20000). */
const INVERSE = (() => {
  for (let n = 1; ; n += 2) if ((31 * n) % PERIOD === 1) return n;
})();

export const sampleAt = (reply, position) => 1000 + ((reply * 7919 + position * 31) % PERIOD);

/** PCM16 of `samples` samples from `position` on. */
export function pcmOf(reply, position, samples) {
  const pcm = new Int16Array(samples);
  for (let at = 0; at < samples; at++) pcm[at] = sampleAt(reply, position + at);
  return new Uint8Array(pcm.buffer);
}

export const speechAt = (n, hz) => {
  const tone = (f) => Math.sin((2 * Math.PI * f * n) / hz);
  return Math.round(8000 * tone(150) + 4000 * tone(300) + 2000 * tone(600)) / 32768;
};

/**
 * At which gain a run of output plays a reply, and from which position (modulo 20000) on.
 * @param {number[]} values samples of ±1, all of one gain
 * @returns {{gain: number, position: number}}
 */
export function locate(reply, values) {
  const steps = values.slice(1).map((value, at) => value - values[at]);
  const step = steps.sort((one, other) => one - other)[steps.length >> 1];
  const gain = (step * 32768) / 31;
  const code = Math.round((values[0] * 32768) / gain) - 1000;
  const position = ((((code - reply * 7919) % PERIOD) + PERIOD) * INVERSE) % PERIOD;
  return { gain, position };
}
