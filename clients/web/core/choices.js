/**
 * What a page has chosen, as the sound, the audio thread and the server have to be told. `echo` is who cancels it in this
 * conversation: a server hears that once, so what is chosen meanwhile counts from the next one on.
 */

/** @typedef {import("./types.js").ClientOptions} ClientOptions */
/** @typedef {"device"|"server"|"headphones"} Echo */

const ECHO = { device: "ECHO_DEVICE", server: "ECHO_SERVER", headphones: "ECHO_HEADPHONES" };

/**
 * For microphone and speaker. `?loopback=1` or `0` in the page's address goes before what is set.
 * @param {ClientOptions} options
 * @param {Echo} echo
 * @returns {ClientOptions}
 */
export function forSound(options, echo) {
  const asked = { 0: "off", 1: "on" }[new URLSearchParams(globalThis.location?.search).get("loopback")];
  return { ...options, echo, ...(asked ? { loopback: asked } : {}) };
}

/**
 * For the audio thread: a microphone that is full of echo would find the reply itself, and lower it.
 * @param {ClientOptions} options
 * @param {Echo} echo
 */
export function localDuck({ localDuck: isWanted = true }, echo) {
  return { do: "localDuck", isOn: echo !== "server" && isWanted };
}

/**
 * For the server: the fields of the first message. Where there is no microphone there is no echo in it.
 * @param {ClientOptions} options
 * @param {Echo} echo
 */
export function forServer({ token, agent, microphone = true }, echo) {
  return { ...(agent ? { agent } : {}), ...(token ? { token } : {}), echo: ECHO[microphone ? echo : "headphones"] };
}

/**
 * The addresses as the person wrote them; none: the server that the page came from.
 * @param {ClientOptions} options
 * @returns {string[]}
 */
export function addressesIn({ url = "" }) {
  const given = url.split(",").map((address) => address.trim()).filter(Boolean);
  if (given.length) return given;
  const { protocol, host } = globalThis.location;
  return [`${protocol === "https:" ? "wss" : "ws"}://${host}/v1/converse`];
}
