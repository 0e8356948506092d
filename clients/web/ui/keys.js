/** The keys: what each does, as the help lists them, and which press means what. */

/** @type {{keys: string[], does: string, action: string}[]} */
export const KEYS = [
  { keys: ["Space"], does: "talk: begin a conversation; with “hold to talk”, speak while it is down", action: "talk" },
  { keys: ["Esc"], does: "stop Parley", action: "interrupt" },
  { keys: ["M"], does: "mute, or open the microphone", action: "mute" },
  { keys: ["T"], does: "type", action: "type" },
  { keys: ["E"], does: "end the conversation", action: "hangUp" },
  { keys: ["S"], does: "settings", action: "settings" },
  { keys: ["D"], does: "dark or light", action: "theme" },
  { keys: ["?"], does: "this list", action: "help" },
];

const BY_KEY = new Map(KEYS.flatMap(({ keys, action }) => keys.map((key) => [{ Space: " ", Esc: "Escape" }[key] ?? key.toLowerCase(), action])));

/**
 * Say what a key means where it was pressed; "" if nothing.
 * @param {{key: string, ctrlKey: boolean, altKey: boolean, metaKey: boolean, repeat: boolean}} press
 * @param {{writing: boolean, onControl: boolean, inDialog: boolean, singleKeys: boolean}} where `writing`: in a field of
 *   text; `onControl`: on something that has a use for Space itself.
 */
export function meaning(press, where) {
  if (press.ctrlKey || press.altKey || press.metaKey || where.inDialog) return "";
  const action = BY_KEY.get(press.key.length === 1 ? press.key.toLowerCase() : press.key) ?? "";
  if (action === "interrupt") return action;
  if (where.writing || !where.singleKeys) return "";
  if (action === "talk") return where.onControl ? "" : action;
  return press.repeat ? "" : action;
}

/**
 * Say where a key was pressed. A window that was closed just now may still have the focus, until the page is drawn again.
 * @param {Element | null} focused
 */
export function whereIs(focused) {
  const target = focused?.closest("dialog:not([open])") ? null : focused;
  const writing = target?.matches("input:not([type=checkbox], [type=radio]), textarea, select") ?? false;
  const onControl = target?.matches("button, a[href], summary, input, select, textarea") ?? false;
  return { writing, onControl, inDialog: Boolean(target?.closest("dialog")) };
}

/** @param {HTMLElement} list */
export function listKeys(list) {
  for (const { keys, does } of KEYS) {
    const term = document.createElement("dt");
    for (const key of keys) {
      const cap = document.createElement("kbd");
      cap.textContent = key;
      term.append(cap);
    }
    const words = document.createElement("dd");
    words.textContent = does;
    list.append(term, words);
  }
}
