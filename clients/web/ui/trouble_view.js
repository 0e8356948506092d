/** Shows what went wrong, with buttons for what can be done about it. */

const WORDS = { again: "Try again", typed: "Type instead", anew: "New conversation", settings: "Settings", token: "Use this token" };

export class TroubleView {
  /**
   * @param {HTMLElement} box
   * @param {(action: string, token: string, remember: boolean) => void} act
   */
  constructor(box, act) {
    this.box = box;
    this.act = act;
    this.passes = false;
  }

  /** @param {import("./trouble.js").Trouble} trouble */
  show(trouble) {
    this.passes = trouble.passes;
    this.box.classList.toggle("mild", trouble.mild);
    const head = document.createElement("p");
    const title = document.createElement("strong");
    title.textContent = `${trouble.title}. `;
    head.append(title, trouble.text);
    const actions = document.createElement("div");
    actions.className = "actions";
    const field = trouble.actions.includes("token") ? tokenField() : null;
    const give = (action) => this.act(action, field?.input.value.trim() ?? "", field?.remember.checked ?? false);
    actions.append(...trouble.actions.map((action) => button(WORDS[action], () => give(action))), button("Close", () => this.act("close", "", false)));
    this.box.replaceChildren(head, ...(field ? [field.label, field.input, field.choice] : []), actions);
    if (!field) return;
    field.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") give("token");
    });
    field.input.focus();
  }

  clear() {
    this.passes = false;
    this.box.replaceChildren();
  }

  /** The call was answered, or given up: what was told of it has passed. */
  called() {
    if (this.passes) this.clear();
  }
}

function tokenField() {
  const label = document.createElement("label");
  label.htmlFor = "asked-token";
  label.textContent = "Token";
  const input = document.createElement("input");
  Object.assign(input, { id: "asked-token", type: "password", maxLength: 4096, autocomplete: "off", spellcheck: false });
  const choice = document.createElement("label");
  choice.className = "choice";
  const remember = document.createElement("input");
  remember.type = "checkbox";
  choice.append(remember, " Keep it in this browser");
  return { label, input, choice, remember };
}

function button(word, press) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = word;
  made.addEventListener("click", press);
  return made;
}
