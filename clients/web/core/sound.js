/** What the client's sound is made of: rates, frames, and the ways from one clock to the other. */

export const MIC_HZ = 16000;
export const SPEAKER_HZ = 24000;
export const FRAME_MS = 20;
export const MIC_FRAME_SAMPLES = (MIC_HZ * FRAME_MS) / 1000;
export const SPEAKER_FRAME_SAMPLES = (SPEAKER_HZ * FRAME_MS) / 1000;

/** @param {number} ms @returns {number} samples of the speaker */
export const speakerSamples = (ms) => Math.round((ms * SPEAKER_HZ) / 1000);

/** @param {number} samples of the speaker @returns {number} whole milliseconds */
export const speakerMs = (samples) => Math.floor((samples * 1000) / SPEAKER_HZ);

/** @param {number} samples of the speaker @returns {number} samples of the microphone in the same time */
export const micFromSpeaker = (samples) => Math.round((samples * MIC_HZ) / SPEAKER_HZ);

/** @param {number} samples of the microphone @returns {number} samples of the speaker in the same time */
export const speakerFromMic = (samples) => Math.round((samples * SPEAKER_HZ) / MIC_HZ);
