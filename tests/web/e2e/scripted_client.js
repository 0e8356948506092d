/** Stands in for core/client.js where a test is about the page alone: it tells what the test has it tell. */

export class ParleyClient extends EventTarget {
  constructor(options = {}) {
    super();
    this.options = options;
    this.playhead = { reply: 0, position: 0 };
    this.calls = [];
    this.state = { session: "idle", floor: "idle", turn: 0, why: "", code: "", muted: false, pressed: false };
    this.quality = {};
    globalThis.scripted = this;
  }

  tell(name, detail = {}) {
    if (name === "state") detail = this.state = { ...this.state, ...detail };
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  async connect() {
    this.calls.push(["connect"]);
    this.tell("state", { session: "connecting" });
    if (globalThis.fails) {
      this.tell("error", globalThis.fails);
      this.tell("state", { session: "ended", why: globalThis.fails.message, code: globalThis.fails.code });
    } else if (!globalThis.waits) this.tell("state", { session: "conversation" });
  }

  hangUp() {
    this.calls.push(["hangUp"]);
    if (["idle", "ended"].includes(this.state.session)) return;
    this.tell("state", { session: "ended", floor: "idle", why: "You hung up.", code: "CODE_CLIENT" });
  }

  setMuted(muted) {
    this.calls.push(["setMuted", muted]);
    this.tell("state", { muted });
  }

  press(pressed) {
    this.calls.push(["press", pressed]);
    this.tell("state", { pressed });
  }

  interrupt() {
    this.calls.push(["interrupt"]);
  }

  say(text) {
    const isOn = ["conversation", "resuming"].includes(this.state.session);
    if (isOn) this.calls.push(["say", text]);
    return isOn;
  }

  async set(options) {
    this.calls.push(["set", options]);
    Object.assign(this.options, options);
  }

  static async devices() {
    const one = (deviceId, label) => ({ deviceId, label });
    return { inputs: [one("default", "Default"), one("m1", "Desk microphone")], outputs: [one("s1", "Loudspeakers")] };
  }
}
