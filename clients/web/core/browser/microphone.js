/** The person's microphone, as the browser gives it. */

/** Between the air and the page, where the browser does not tell. */
const USUAL_LATENCY_S = 0.02;

/** Why there is no microphone, in words for the person. */
export class NoMicrophone extends Error {}

const WHY = {
  NotAllowedError: "The browser does not let this page use the microphone: allow it in the address bar, and try again.",
  SecurityError: "The browser does not let this page use the microphone: allow it in the address bar, and try again.",
  NotFoundError: "There is no microphone: plug one in, and try again.",
  OverconstrainedError: "The microphone that was chosen is not there: choose another in the settings.",
  NotReadableError: "The microphone can't be used: another program may hold it.",
};

/**
 * @param {import("../client.js").ClientOptions} options
 * @returns {Promise<MediaStream>}
 * @throws {NoMicrophone}
 */
export async function openMicrophone(options) {
  const { inputDevice, echo = "device" } = options;
  const mayShape = echo !== "server"; // its canceller needs the echo as it is
  const { noiseSuppression = mayShape, autoGainControl = mayShape } = options;
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new NoMicrophone("Browsers give a microphone only to pages that come over HTTPS or from this machine.");
  }
  const audio = {
    // "all": the page's own sound as well as a call's; browsers that don't know the word take it for yes.
    echoCancellation: echo === "device" ? { ideal: "all" } : false,
    noiseSuppression,
    autoGainControl,
    channelCount: { ideal: 1 },
    ...(inputDevice ? { deviceId: { exact: inputDevice } } : {}),
  };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new NoMicrophone(WHY[error.name] ?? `The microphone can't be used: ${error.message || error.name}.`);
  }
}

/** @param {MediaStreamTrack|null} track @returns {number} seconds from the air to the page */
export function latencyOf(track) {
  const told = track?.getSettings?.().latency;
  return Number.isFinite(told) && told > 0 && told < 1 ? told : USUAL_LATENCY_S;
}
