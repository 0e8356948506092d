/** What went wrong, in words that say what to do. Without DOM. */

/**
 * @typedef {object} Trouble
 * @property {string} title
 * @property {string} text
 * @property {("again"|"typed"|"settings"|"token"|"anew")[]} actions What the person can do here: call again, begin a
 *   conversation without a microphone, look into the settings, give a token, begin a new conversation.
 * @property {boolean} mild Whether the conversation goes on.
 * @property {boolean} passes Whether it is over when the call is: a first call is made again and again by itself.
 */

/** Each code's title and what can be done; the text is the sentence that came with it, if `PLAIN` has none. */
const KNOWN = {
  CODE_MICROPHONE: ["Parley can't hear you", ["again", "typed", "settings"]],
  CODE_BROWSER: ["This page can't use sound here", []],
  CODE_LOST: ["The connection is lost", ["anew"]],
  CODE_UNREACHABLE: ["Parley can't be reached", ["again"]],
  CODE_FULL: ["All lines are busy", ["again"]],
  CODE_UNAVAILABLE: ["Parley is not ready", ["again"]],
  CODE_STORE: ["Parley is not ready", ["again"]],
  CODE_MODEL: ["The model does not answer", ["again"]],
  CODE_UNAUTHENTICATED: ["This server asks for a token", ["token"]],
  CODE_VERSION: ["This page and the server don't fit together", ["again"]],
  CODE_SUPERSEDED: ["The conversation goes on elsewhere", ["anew"]],
  CODE_RESUME: ["The conversation could not be taken up again", ["anew"]],
  CODE_LIMIT: ["A limit of the server was reached", ["anew"]],
  CODE_PROTOCOL: ["The server refuses this", ["settings", "again"]],
  CODE_FORMAT: ["The server does not take this sound", ["again"]],
  CODE_INTERNAL: ["Something broke at the server", ["again"]],
};

/** Where the server's sentence is for who makes a client: what it means for who uses one. */
const PLAIN = {
  CODE_VERSION: "Reload the page: the server may have given out a newer one. If that is no help, tell who runs the server.",
  CODE_SUPERSEDED: "It was taken over by another window or device.",
  CODE_RESUME: "The server has let it go meanwhile. What was said stands above; a new one knows nothing of it.",
  CODE_FORMAT: "Try again; if that is no help, tell who runs the server.",
};

/** Said of a microphone that is not there. */
const TYPED = " Or type instead, and hear the answers.";

/**
 * Say what an error of the client's means.
 * @param {import("../core/client.js").ErrorDetail} error
 * @returns {Trouble}
 */
export function ofError({ code, message }) {
  const [title, actions] = KNOWN[code] ?? ["Something went wrong", ["again"]];
  const text = PLAIN[code] || sentence(message) || "The server does not say why.";
  return { title, text: actions.includes("typed") ? text + TYPED : text, actions, mild: false, passes: false };
}

/**
 * Say what a notice means: the conversation goes on, or is still called for. Then its code is an error's.
 * @param {import("../core/client.js").NoticeDetail} notice
 * @returns {Trouble}
 */
export function ofNotice({ code, message }) {
  const isOfSound = code === "CODE_MICROPHONE" || code.startsWith("CODE_ECHO");
  const title = code.startsWith("CODE_ECHO") ? "There may be echo" : (KNOWN[code]?.[0] ?? "By the way");
  return { title, text: sentence(message), actions: isOfSound ? ["settings"] : [], mild: true, passes: code in KNOWN && !isOfSound };
}

/**
 * Say beforehand why talking can't work in this browser; null if it can.
 * @param {{isSecureContext: boolean, location: {protocol: string, host: string}, mediaDevices: unknown, worklet: boolean, socket: boolean}} browser
 * @returns {Trouble | null}
 */
export function ofBrowser({ isSecureContext, location, mediaDevices, worklet, socket }) {
  if (!isSecureContext) {
    return {
      title: "Not a secure page",
      text: `Browsers give a microphone only to pages that came by https, or from this very machine. Open https://${location.host}/`
        + " if the server has TLS (docs/tls.md), or http://localhost on the server's own machine.",
      actions: [],
      mild: false,
      passes: false,
    };
  }
  if (!mediaDevices || !worklet || !socket) {
    return {
      title: "This browser is too old",
      text: "It has no AudioWorklet, no microphone for pages, or no WebSocket. Chrome, Edge, Firefox and Safari of the last years have all three.",
      actions: [],
      mild: false,
      passes: false,
    };
  }
  return null;
}

/** Begin with a capital, end with a stop: servers' sentences do neither. */
export function sentence(text) {
  const words = text.trim();
  if (!words) return "";
  return words[0].toUpperCase() + words.slice(1) + (/[.!?…]$/.test(words) ? "" : ".");
}
