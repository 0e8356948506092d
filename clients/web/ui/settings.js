/** What the person has chosen, kept in this browser. Without DOM, but for the store that it is given. */

/**
 * @typedef {object} Settings
 * @property {string} agent
 * @property {string} inputDevice
 * @property {string} outputDevice
 * @property {"device"|"headphones"|"server"} echo
 * @property {"auto"|"on"|"off"} loopback
 * @property {boolean} localDuck
 * @property {boolean} hold Whether turns end when the talk key is let go.
 * @property {boolean} shortcuts
 * @property {"auto"|"light"|"dark"} theme
 * @property {string} token
 * @property {boolean} rememberToken
 */

/** @type {Settings} */
export const DEFAULTS = Object.freeze({
  agent: "",
  inputDevice: "",
  outputDevice: "",
  echo: "device",
  loopback: "auto",
  localDuck: true,
  hold: false,
  shortcuts: true,
  theme: "auto",
  token: "",
  rememberToken: false,
});

const KEY = "parley.settings";
const TOKEN = ["token", "rememberToken"];
const CHOICES = { echo: ["device", "headphones", "server"], loopback: ["auto", "on", "off"], theme: ["auto", "light", "dark"] };

/**
 * Read what is kept; what is not as it should be is as if it had never been chosen.
 * @param {Pick<Storage, "getItem"> | null} store
 * @returns {Settings}
 */
export function load(store) {
  let kept = {};
  try {
    kept = JSON.parse(store?.getItem(KEY) ?? "{}") ?? {};
  } catch {
    // Somebody else's writing, or a browser that keeps nothing: the defaults do.
  }
  const settings = { ...DEFAULTS };
  for (const [name, fallback] of Object.entries(DEFAULTS)) {
    const value = kept[name];
    if (typeof value === typeof fallback && (!(name in CHOICES) || CHOICES[name].includes(value))) settings[name] = value;
  }
  return settings;
}

/**
 * Keep what was chosen just now; of everything else what another window may have kept meanwhile stands. The token is kept
 * only where the person has asked for that.
 * @param {Pick<Storage, "getItem" | "setItem"> | null} store
 * @param {Settings} settings
 * @param {keyof Settings} name Which of them; the token and whether it is kept go together.
 * @returns {boolean} whether it is kept.
 */
export function save(store, settings, name) {
  const kept = load(store);
  for (const chosen of TOKEN.includes(name) ? TOKEN : [name]) kept[chosen] = settings[chosen];
  if (!kept.rememberToken) kept.token = "";
  try {
    store?.setItem(KEY, JSON.stringify(kept));
    return store !== null;
  } catch {
    return false;
  }
}

/**
 * What the client is told of them.
 * @param {Settings} settings
 * @returns {import("../core/client.js").ClientOptions}
 */
export function forClient({ agent, inputDevice, outputDevice, echo, loopback, localDuck, token }) {
  return { agent: agent.trim(), inputDevice, outputDevice, echo, loopback, localDuck, token: token.trim() };
}

/** This browser's store, or null where it lets nothing be kept. */
export function browserStore() {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}
