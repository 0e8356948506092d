/**
 * Whose turn it is, in a word, a line and a hint: from what the client tells to what a person reads. Without DOM.
 */

/**
 * @typedef {object} Scene
 * @property {"idle"|"connecting"|"conversation"|"resuming"|"ended"} session
 * @property {"idle"|"listening"|"thinking"|"speaking"|"bargeIn"} floor
 * @property {boolean} sounding Whether a reply leaves the speaker.
 * @property {boolean} ducked Whether it is lowered.
 * @property {boolean} cut Whether one was cut off a moment ago.
 * @property {boolean} again Whether the connection has just come back.
 * @property {boolean} muted
 * @property {boolean} pressed Whether the talk key is down.
 * @property {boolean} typed Whether there is no microphone, because the person types.
 * @property {boolean} hold Whether turns end when the talk key is let go.
 */

/**
 * @typedef {object} Turn
 * @property {"nobody"|"waiting"|"you"|"thinking"|"parley"|"both"} turn
 * @property {string} label
 * @property {string} hint
 */

/**
 * Say whose turn it is.
 * @param {Scene} scene
 * @returns {Turn}
 */
export function whoseTurn(scene) {
  switch (scene.session) {
    case "idle":
      return { turn: "nobody", label: "Ready when you are", hint: scene.hold ? "Press Talk, then hold it while you speak." : "Press Talk and speak." };
    case "ended":
      return { turn: "nobody", label: "The conversation is over", hint: "Press Talk for a new one." };
    case "connecting":
      return { turn: "waiting", label: "Connecting …", hint: "" };
    case "resuming":
      return { turn: "waiting", label: "Connection lost: resuming …", hint: "Go on if you like: what you say is kept." };
    default:
      return inConversation(scene);
  }
}

/**
 * @param {Scene} scene
 * @returns {Turn}
 */
function inConversation(scene) {
  if (scene.cut) return { turn: "you", label: "Stopped: go on", hint: "Parley remembers only what you heard." };
  if (scene.again && !scene.sounding) return { turn: "you", label: "Connected again", hint: "The conversation goes on." };
  if (scene.sounding && scene.ducked) return { turn: "both", label: "I hear you", hint: "Parley has lowered its voice." };
  if (scene.sounding) {
    return { turn: "parley", label: "Parley is speaking", hint: interruptHint(scene) };
  }
  if (scene.floor === "thinking") return { turn: "thinking", label: "Thinking …", hint: "" };
  if (scene.typed) return { turn: "you", label: "Your turn", hint: "Type: this conversation goes without a microphone." };
  if (scene.muted) return { turn: "nobody", label: "You are muted", hint: "Nobody hears you until you open the microphone." };
  if (scene.hold && !scene.pressed) return { turn: "you", label: "Your turn", hint: "Hold the button while you speak." };
  if (scene.hold) return { turn: "you", label: "Listening", hint: "Let go when you have finished." };
  if (scene.floor === "listening" || scene.floor === "bargeIn") return { turn: "you", label: "Listening", hint: "" };
  return { turn: "you", label: "Your turn", hint: "Speak, or type." };
}

/** @param {Scene} scene */
function interruptHint({ typed, muted }) {
  if (typed) return "Press Stop to interrupt.";
  return muted ? "You are muted." : "Interrupt whenever you like.";
}
