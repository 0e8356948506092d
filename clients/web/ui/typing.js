/**
 * The field of typed words. They leave it when a conversation has taken them: until one stands they wait in it, and it
 * says so; where none comes about they are there still.
 */

export class Typing {
  /**
   * @param {HTMLFormElement} form with its field, its button, and the line that says that the words wait
   * @param {object} does
   * @param {(text: string) => boolean} does.say whether the words were taken
   * @param {() => Promise<boolean>} does.begin a conversation, unless one is begun already; whether there is any
   */
  constructor(form, does) {
    this.field = form.querySelector("input");
    this.button = form.querySelector("button");
    this.note = form.querySelector("[role=status]");
    this.does = does;
    this.waits = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
  }

  /** The person has typed something, and wants it said. */
  async send() {
    if (this.waits || !this.field.value.trim() || this.say()) return;
    this.wait(true);
    if (!(await this.does.begin())) this.wait(false);
  }

  /** @param {"idle"|"connecting"|"conversation"|"resuming"|"ended"} session as the client has told last */
  state(session) {
    if (!this.waits || session === "connecting") return;
    this.wait(false);
    this.say();
  }

  /** @private @returns {boolean} whether the words were taken */
  say() {
    const isTaken = this.does.say(this.field.value.trim());
    if (isTaken) this.field.value = "";
    return isTaken;
  }

  /** @private What waits stays as it was sent: else half of the next sentence would go with it. */
  wait(waits) {
    this.waits = waits;
    this.field.readOnly = waits;
    this.button.textContent = waits ? "Waits …" : "Send";
    this.note.textContent = waits ? "It is sent as soon as the conversation stands." : "";
  }
}
