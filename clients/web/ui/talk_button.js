/**
 * The big button. It begins a conversation; in one it ends it, or, with "hold to talk", it is the talk key: a finger, a
 * mouse or a key on it counts until it is let go, wherever that happens.
 */

export class TalkButton {
  /**
   * @param {HTMLButtonElement} button
   * @param {{begin: () => void, end: () => void, press: (down: boolean) => void}} does
   */
  constructor(button, does) {
    this.button = button;
    this.word = button.querySelector("span");
    this.does = does;
    /** @type {"begin"|"wait"|"end"|"hold"} */
    this.mode = "begin";
    this.down = false;
    button.addEventListener("click", () => this.click());
    button.addEventListener("pointerdown", (event) => this.pointerDown(event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(name, () => this.hold(false));
    button.addEventListener("keydown", (event) => this.key(event, true));
    button.addEventListener("keyup", (event) => this.key(event, false));
    button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press of a finger is one, too
    // Who goes elsewhere with the key down has let go of it: the page would never hear of it.
    addEventListener("blur", () => this.hold(false));
    document.addEventListener("visibilitychange", () => document.hidden && this.hold(false));
  }

  /** @param {"begin"|"wait"|"end"|"hold"} mode */
  show(mode) {
    if (mode !== "hold") this.hold(false);
    this.mode = mode;
    this.word.textContent = { begin: "Talk", wait: "Cancel", end: "Hang up", hold: this.down ? "Let go when done" : "Hold to talk" }[mode];
    this.button.classList.toggle("ends", mode === "end" || mode === "wait");
    this.button.classList.toggle("holds", mode === "hold");
    this.button.classList.toggle("held", this.down);
    if (mode === "hold") this.button.setAttribute("aria-pressed", String(this.down));
    else this.button.removeAttribute("aria-pressed");
  }

  /** Press or let go of the talk key, as Space does from anywhere. */
  hold(down) {
    if (this.mode !== "hold" || down === this.down) return;
    this.down = down;
    this.does.press(down);
    this.show(this.mode);
  }

  /** @private */
  click() {
    if (this.mode === "begin") this.does.begin();
    else if (this.mode !== "hold") this.does.end();
  }

  /** @private */
  pointerDown(event) {
    if (this.mode !== "hold" || event.button !== 0) return;
    event.preventDefault();
    this.button.focus({ preventScroll: true });
    this.button.setPointerCapture(event.pointerId);
    this.hold(true);
  }

  /** @private */
  key(event, down) {
    if (this.mode !== "hold" || (event.key !== " " && event.key !== "Enter")) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) this.hold(down);
  }
}
