/** The page: hands the client's events to what shows them, and what the person does to the client. */

import { ParleyClient } from "../core/client.js";
import { Captions } from "./captions.js";
import { CaptionsView } from "./captions_view.js";
import { Latencies } from "./latency.js";
import { LatencyView } from "./latency_view.js";
import { listKeys, meaning, whereIs } from "./keys.js";
import { Orb } from "./orb.js";
import { SettingsPanel } from "./settings_panel.js";
import { browserStore, forClient, load, save } from "./settings.js";
import { Stage } from "./stage.js";
import { TalkButton } from "./talk_button.js";
import { Theme } from "./theme.js";
import { Typing } from "./typing.js";
import { TroubleView } from "./trouble_view.js";
import { ofBrowser, ofError, ofNotice, sentence } from "./trouble.js";

const at = (id) => document.getElementById(id);
const store = browserStore();
const settings = load(store);
if (new URLSearchParams(location.search).get("debug") === "1") (await import("./debug.js")).begin();
const client = new ParleyClient(forClient(settings));

const orb = new Orb(at("orb"));
const stage = new Stage(document, orb, settings);
const captions = new Captions();
const words = new CaptionsView(at("captions"), at("scroll"), at("nothing"));
const latencies = new Latencies();
const latencyView = new LatencyView(document);
const trouble = new TroubleView(at("trouble"), remedy);
const theme = new Theme(at("theme"), settings, { shown: () => orb.recolour(), chosen: () => save(store, settings, "theme") });
const panel = new SettingsPanel(document, settings, changed);
const typing = new Typing(at("typing"), { say: (text) => client.say(text), begin });
const talk = new TalkButton(at("talk"), { begin: speak, end: () => client.hangUp(), press });
/** Whether the talk key was used in this conversation: then turns end by it, to the conversation's end. */
let keyed = false;

// What the client tells

client.addEventListener("state", ({ detail }) => {
  const before = stage.scene.session;
  stage.state(detail);
  if (detail.session === "ended" || detail.session === "connecting") keyed = false;
  if (detail.session !== "connecting") trouble.called();
  if (detail.session === "resuming" && before !== "resuming") note(detail.why ? `Connection lost: ${detail.why}` : "Connection lost");
  if (detail.session === "conversation" && before === "resuming") note("Connected again: the conversation went on.");
  if (detail.session === "ended" && ["conversation", "resuming"].includes(before) && detail.why) {
    note(at("trouble").childElementCount ? "The conversation ended here" : detail.why);
  }
  showButtons();
  typing.state(detail.session);
});
client.addEventListener("caption", ({ detail }) => {
  const line = captions.feed(detail);
  if (line) words.show(line, captions.lines);
});
client.addEventListener("duck", ({ detail }) => stage.duck(detail.ducked));
client.addEventListener("flush", () => stage.flush());
client.addEventListener("replyStarted", () => stage.sound(true));
client.addEventListener("replyPlayed", () => stage.sound(false));
client.addEventListener("level", ({ detail }) => {
  orb.hear(detail);
  words.hear(client.playhead);
});
client.addEventListener("turnReport", ({ detail }) => {
  latencies.feed(detail);
  latencyView.show(latencies.rows());
});
client.addEventListener("notice", ({ detail }) => trouble.show(ofNotice(detail)));
client.addEventListener("error", ({ detail }) => trouble.show(ofError(detail)));
client.addEventListener("quality", ({ detail }) => stage.quality(detail));

// What the person does

function speak() {
  stage.scene.typed = false;
  return begin();
}

/** @returns {Promise<boolean>} whether there is a conversation, or one is begun already */
async function begin() {
  if (stage.scene.session === "connecting") return true;
  const refusal = ofBrowser({ isSecureContext, location, mediaDevices: navigator.mediaDevices, worklet: "AudioWorkletNode" in globalThis, socket: "WebSocket" in globalThis });
  if (refusal) {
    trouble.show(refusal);
    return false;
  }
  trouble.clear();
  captions.begin();
  words.begin();
  await client.set({ ...forClient(settings), microphone: !stage.scene.typed });
  await client.connect();
  return goes();
}

function press(down) {
  keyed ||= down;
  client.press(down);
}

function goes() {
  return ["conversation", "resuming"].includes(stage.scene.session);
}

function showButtons() {
  const { session, muted, typed } = stage.scene;
  const holds = !typed && (settings.hold || keyed);
  talk.show(goes() ? (holds ? "hold" : "end") : session === "connecting" ? "wait" : "begin");
  at("hang-up").hidden = !(goes() && holds);
  at("hang-up").parentElement.classList.toggle("four", goes() && holds);
  const stop = at("interrupt");
  if (!goes() && document.activeElement === stop) at("talk").focus();
  stop.disabled = !goes();
  at("mute").disabled = goes() && typed;
  at("mute").setAttribute("aria-pressed", String(muted));
  at("mute").querySelector("span").textContent = muted ? "Muted" : "Mute";
}

function toggleMute() {
  if (!at("mute").disabled) client.setMuted(!stage.scene.muted);
}

function note(text) {
  words.show(captions.note(sentence(text)), captions.lines);
}

/** Settings have changed: keep them, and tell whom it concerns. */
function changed(name) {
  if (!save(store, settings, name)) at("quality").textContent = "This browser keeps nothing: the settings are for this visit.";
  if (name === "shortcuts") return;
  void client.set(forClient(settings));
  stage.show();
  showButtons();
}

/** The person has chosen what to do about a trouble. */
function remedy(action, token, remember) {
  if (action === "settings") return panel.open();
  if (action === "token") {
    if (!token) return undefined;
    Object.assign(settings, { token, rememberToken: remember });
    save(store, settings, "token");
  }
  if (action === "typed") stage.scene.typed = true;
  trouble.clear();
  at(action === "typed" ? "typed" : "talk").focus();
  return action === "close" ? undefined : begin();
}

function help() {
  if (!at("help").open) at("help").showModal();
}

const DOES = {
  talk: () => (talk.mode === "hold" ? talk.hold(true) : talk.mode === "begin" && speak()),
  interrupt: () => goes() && client.interrupt(),
  mute: toggleMute,
  type: () => at("typed").focus(),
  hangUp: () => client.hangUp(),
  settings: () => panel.open(),
  theme: () => theme.next(),
  help,
};

addEventListener("keydown", (event) => {
  const action = meaning(event, { ...whereIs(document.activeElement), singleKeys: settings.shortcuts });
  if (!action || event.defaultPrevented) return;
  event.preventDefault();
  if (!event.repeat) DOES[action]();
});
addEventListener("keyup", (event) => event.key === " " && talk.hold(false));
at("mute").addEventListener("click", toggleMute);
at("interrupt").addEventListener("click", () => client.interrupt());
at("hang-up").addEventListener("click", () => client.hangUp());
at("open-settings").addEventListener("click", () => panel.open());
at("open-help").addEventListener("click", help);
addEventListener("pagehide", () => client.hangUp());

listKeys(at("keys"));
theme.show();
stage.show();
showButtons();
globalThis.parleyDebug?.watch(client);
