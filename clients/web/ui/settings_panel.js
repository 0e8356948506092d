/** The window of settings: shows what is chosen, and tells at once what is chosen anew. */

import { ParleyClient } from "../core/client.js";

/** The agents that come with Parley; any other's name can be typed. */
const AGENTS = ["default", "patient", "reception"];

export class SettingsPanel {
  /**
   * @param {Document} page
   * @param {import("./settings.js").Settings} settings Changed in place.
   * @param {(name: string) => void} changed Told the name of what has changed.
   */
  constructor(page, settings, changed) {
    this.page = page;
    this.settings = settings;
    this.changed = changed;
    this.dialog = page.getElementById("settings");
    page.getElementById("agents").append(...AGENTS.map((name) => new Option(name, name)));
    this.text("agent", "agent");
    this.text("token", "token");
    this.select("input-device", "inputDevice");
    this.select("output-device", "outputDevice");
    this.select("loopback", "loopback");
    this.check("local-duck", "localDuck");
    this.check("shortcuts", "shortcuts");
    this.check("remember-token", "rememberToken");
    this.radios("echo", "echo", (value) => value, (value) => value);
    this.radios("hold", "hold", (value) => value === "on", (value) => (value ? "on" : "off"));
    navigator.mediaDevices?.addEventListener("devicechange", () => this.listDevices());
  }

  /** Show the window, the devices as they are now. */
  async open() {
    this.refresh();
    if (!this.dialog.open) this.dialog.showModal();
    await this.listDevices();
  }

  /** Show what is chosen. */
  refresh() {
    for (const show of this.shows ?? []) show();
  }

  /** Fill the lists of devices. One that was chosen and is not there stays chosen, and is said not to be there. */
  async listDevices() {
    const { inputs, outputs } = await devices();
    this.fill("input-device", inputs, this.settings.inputDevice, "Microphone");
    this.fill("output-device", outputs, this.settings.outputDevice, "Speaker");
    const choosable = canChooseSpeaker();
    this.page.getElementById("output-device").disabled = !choosable;
    this.page.getElementById("output-note").hidden = choosable;
  }

  /** @private */
  fill(id, found, chosen, word) {
    const list = this.page.getElementById(id);
    const named = found.filter(({ deviceId }) => deviceId && deviceId !== "default");
    const options = [new Option("the system's", ""), ...named.map(({ label, deviceId }, n) => new Option(label || `${word} ${n + 1}`, deviceId))];
    if (chosen && !named.some(({ deviceId }) => deviceId === chosen)) options.push(new Option("the one chosen before (not there now)", chosen));
    list.replaceChildren(...options);
    list.value = chosen;
  }

  /** @private */
  put(name, value) {
    this.settings[name] = value;
    this.changed(name);
  }

  /** @private */
  bind(show) {
    (this.shows ??= []).push(show);
    show();
  }

  /** @private */
  text(id, name) {
    const field = this.page.getElementById(id);
    field.addEventListener("change", () => this.put(name, field.value.trim()));
    this.bind(() => { field.value = this.settings[name]; });
  }

  /** @private */
  select(id, name) {
    const list = this.page.getElementById(id);
    list.addEventListener("change", () => this.put(name, list.value));
    this.bind(() => { list.value = this.settings[name]; });
  }

  /** @private */
  check(id, name) {
    const box = this.page.getElementById(id);
    box.addEventListener("change", () => this.put(name, box.checked));
    this.bind(() => { box.checked = this.settings[name]; });
  }

  /** @private */
  radios(group, name, read, write) {
    const buttons = [...this.dialog.querySelectorAll(`input[name="${group}"]`)];
    for (const button of buttons) button.addEventListener("change", () => this.put(name, read(button.value)));
    this.bind(() => { for (const button of buttons) button.checked = button.value === write(this.settings[name]); });
  }
}

async function devices() {
  try {
    return await ParleyClient.devices();
  } catch {
    return { inputs: [], outputs: [] }; // a page that may not ask: over plain http, say
  }
}

function canChooseSpeaker() {
  return "setSinkId" in (globalThis.AudioContext?.prototype ?? {}) || "setSinkId" in HTMLMediaElement.prototype;
}
