/** Writes the lines of the captions into the page: as text nodes, so that nobody's words are taken for markup. */

const NAMES = { user: "You", assistant: "Parley", event: "" };
/** So near the end counts as reading along; who has scrolled up further is left alone. */
const NEAR_PX = 48;

export class CaptionsView {
  /**
   * @param {HTMLElement} list Where the lines go.
   * @param {HTMLElement} scroll What scrolls.
   * @param {HTMLElement} nothing Shown as long as there is no line.
   */
  constructor(list, scroll, nothing) {
    this.list = list;
    this.scroll = scroll;
    this.nothing = nothing;
    /** @type {Map<string, {item: HTMLLIElement, text: HTMLElement}>} */
    this.items = new Map();
    /** @type {Map<string, HTMLElement[]>} The pieces on the page that have not been heard yet. */
    this.ahead = new Map();
    this.follows = true;
    this.height = 0;
    scroll.addEventListener("scroll", () => {
      if (scroll.clientHeight === this.height) this.follows = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_PX;
    });
    // A smaller window hides the end of what is read, and that is nobody's wish.
    new ResizeObserver(() => {
      this.height = scroll.clientHeight;
      this.follow();
    }).observe(scroll);
  }

  /** Another conversation begins, which counts its replies anew: what was not heard of the last one never will be. */
  begin() {
    this.ahead.clear();
  }

  /**
   * Write one line anew, or for the first time; or take it away, if it is no line any more.
   * @param {import("./captions.js").Line} line
   * @param {import("./captions.js").Line[]} lines All of them: they say where it goes, and which have gone.
   */
  show(line, lines) {
    if (lines.includes(line)) this.write((this.items.get(line.key) ?? this.insert(line, lines)).text, line);
    this.forget(lines);
    this.nothing.hidden = lines.length > 0;
    this.follow();
  }

  /** @private */
  follow() {
    if (this.follows) this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  /**
   * Light the words that have been heard by now.
   * @param {{reply: number, position: number}} playhead
   */
  hear(playhead) {
    for (const [key, pieces] of this.ahead) {
      const left = pieces.filter((piece) => {
        const heard = Number(piece.dataset.reply) < playhead.reply
          || (Number(piece.dataset.reply) === playhead.reply && Number(piece.dataset.position) <= playhead.position);
        if (heard) piece.classList.remove("ahead");
        return !heard;
      });
      if (left.length) this.ahead.set(key, left);
      else this.ahead.delete(key);
    }
  }

  /** @private */
  insert(line, lines) {
    const item = document.createElement("li");
    item.className = `line ${line.who}`;
    if (NAMES[line.who]) item.append(element("span", "who", NAMES[line.who]));
    const text = element("p", "said");
    item.append(text);
    const next = lines[lines.indexOf(line) + 1];
    this.list.insertBefore(item, next ? (this.items.get(next.key)?.item ?? null) : null);
    const made = { item, text };
    this.items.set(line.key, made);
    return made;
  }

  /** @private */
  write(text, line) {
    if (!line.final) {
      const fresh = line.pieces.slice(text.childElementCount);
      const ahead = this.ahead.get(line.key) ?? [];
      for (const piece of fresh) {
        const span = element("span", line.who === "assistant" ? "ahead" : "", piece.text);
        span.dataset.reply = String(line.reply);
        span.dataset.position = String(piece.position);
        text.append(span);
        if (line.who === "assistant") ahead.push(span);
      }
      if (ahead.length) this.ahead.set(line.key, ahead);
      return;
    }
    this.ahead.delete(line.key);
    text.replaceChildren(line.heard);
    if (!line.interrupted) return;
    if (line.unheard) {
      const struck = element("del", "");
      struck.append(element("span", "unseen", "not heard: "), line.unheard);
      text.append(line.heard ? " " : "", struck);
    }
    text.append(" ", element("span", "cut", line.heard ? "(cut off)" : "(cut off before it was heard)"));
  }

  /** @private */
  forget(lines) {
    if (this.items.size <= lines.length) return;
    const stay = new Set(lines.map((line) => line.key));
    for (const [key, { item }] of this.items) {
      if (stay.has(key)) continue;
      item.remove();
      this.items.delete(key);
      this.ahead.delete(key);
    }
  }
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
