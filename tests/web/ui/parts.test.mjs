/** The page's parts that need no page. */

import assert from "node:assert/strict";
import test from "node:test";

import { Captions, MOST_LINES, rest } from "../../../clients/web/ui/captions.js";
import { KEYS, meaning, whereIs } from "../../../clients/web/ui/keys.js";
import { Latencies, MOST_TURNS } from "../../../clients/web/ui/latency.js";
import { DEFAULTS, forClient, load, save } from "../../../clients/web/ui/settings.js";
import { Theme } from "../../../clients/web/ui/theme.js";
import { ofBrowser, ofError, ofNotice } from "../../../clients/web/ui/trouble.js";
import { whoseTurn } from "../../../clients/web/ui/turn.js";

const caption = (more) => ({ who: "assistant", text: "", final: false, reply: 1, position: 0, turn: 1, interrupted: false, ...more });
const scene = (more) => ({ session: "conversation", floor: "idle", sounding: false, ducked: false, cut: false, again: false, muted: false, pressed: false, hold: false, ...more });
const key = (name, more) => ({ key: name, ctrlKey: false, altKey: false, metaKey: false, repeat: false, ...more });
const nowhere = { writing: false, onControl: false, inDialog: false, singleKeys: true };
const storeOf = (text) => ({ kept: text, getItem() { return this.kept; }, setItem(_, value) { this.kept = value; } });

test("the words after the last heard one are the unheard ones, whatever the spaces", () => {
  assert.equal(rest("Once  upon a time", "Once upon"), "a time");
  assert.equal(rest(" Once upon", ""), "Once upon");
  assert.equal(rest("Once upon", "Once upon"), "");
  assert.equal(rest("Once upon", "Once there"), "upon");
});

test("a reply grows piece by piece; what was not heard of it stands apart when it was cut off", () => {
  const captions = new Captions();
  for (const text of ["Once", " upon", " a time"]) captions.feed(caption({ text }));
  const line = captions.feed(caption({ text: "Once upon", final: true, interrupted: true }));
  assert.deepEqual([line.heard, line.unheard, captions.lines.length], ["Once upon", "a time", 1]);
  assert.equal(captions.feed(caption({ text: " more" })).pieces.length, 3, "what comes after the end of a line is late");
});

test("a person's words that are written down late stand above their answer, and below the turn before", () => {
  const captions = new Captions();
  captions.feed(caption({ text: "one", final: true }));
  captions.feed(caption({ text: "two", reply: 2, turn: 2 }));
  captions.feed(caption({ who: "user", text: "and?", reply: 0, turn: 2, final: true }));
  assert.deepEqual(captions.lines.map((line) => line.who), ["assistant", "user", "assistant"]);
});

test("sound that was no speech after all leaves no line", () => {
  const captions = new Captions();
  assert.equal(captions.feed(caption({ who: "user", final: true })), null);
  captions.feed(caption({ who: "user", text: "mm" }));
  captions.feed(caption({ who: "user", final: true }));
  assert.equal(captions.lines.length, 0);
});

test("another conversation counts its replies anew, and old lines go when there are too many", () => {
  const captions = new Captions();
  captions.feed(caption({ text: "old" }));
  captions.begin();
  captions.feed(caption({ text: "new" }));
  assert.deepEqual(captions.lines.map((line) => line.pieces[0].text), ["old", "new"]);
  for (let n = 0; n < MOST_LINES; n += 1) captions.note("again");
  assert.equal(captions.lines.length, MOST_LINES);
});

test("the newest turns stand on one scale; a typed one without times is none", () => {
  const latencies = new Latencies();
  latencies.feed({ turn: 1, reply: 1, stages: [{ name: "vad.endpoint", ms: 0 }] });
  assert.deepEqual(latencies.rows(), []);
  for (let turn = 1; turn <= MOST_TURNS + 1; turn += 1) {
    latencies.feed({ turn, reply: turn, stages: [{ name: "vad.endpoint", ms: 100 }, { name: "model.first_audio", ms: turn * 100 }, { name: "of.tomorrow", ms: 9 }] });
  }
  const rows = latencies.rows();
  assert.deepEqual([rows.length, rows[0].turn, rows[0].ms], [MOST_TURNS, MOST_TURNS + 1, 700]);
  assert.equal(rows[0].bars.at(-1).from + rows[0].bars.at(-1).share, 1);
  assert.ok(Math.abs(rows[1].bars.at(-1).from + rows[1].bars.at(-1).share - 600 / 700) < 1e-9);
});

test("whose turn it is", () => {
  const cases = [
    [{ session: "idle" }, "nobody"],
    [{ session: "connecting" }, "waiting"],
    [{ session: "resuming", sounding: true }, "waiting"],
    [{}, "you"],
    [{ floor: "thinking" }, "thinking"],
    [{ sounding: true, floor: "idle" }, "parley"],
    [{ sounding: true, ducked: true }, "both"],
    [{ ducked: true }, "you"],
    [{ cut: true, muted: true }, "you"],
    [{ muted: true }, "nobody"],
    [{ typed: true, muted: true }, "you"],
    [{ session: "ended", sounding: true }, "nobody"],
  ];
  for (const [more, turn] of cases) assert.equal(whoseTurn(scene(more)).turn, turn, JSON.stringify(more));
});

test("without a microphone nothing is said of one: the person types, and stops Parley by the key", () => {
  assert.match(whoseTurn(scene({ typed: true })).hint, /^Type/);
  assert.match(whoseTurn(scene({ typed: true, sounding: true, muted: true })).hint, /Stop/);
  assert.doesNotMatch(whoseTurn(scene({ typed: true, muted: true })).label, /muted/);
});

test("a key means something only where nobody types; Esc stops Parley from everywhere but a window", () => {
  assert.equal(meaning(key("M"), nowhere), "mute");
  assert.equal(meaning(key("m"), { ...nowhere, writing: true }), "");
  assert.equal(meaning(key("m"), { ...nowhere, singleKeys: false }), "");
  assert.equal(meaning(key("m", { ctrlKey: true }), nowhere), "");
  assert.equal(meaning(key("m", { repeat: true }), nowhere), "");
  assert.equal(meaning(key(" "), { ...nowhere, onControl: true }), "");
  assert.equal(meaning(key("Escape"), { ...nowhere, writing: true, singleKeys: false }), "interrupt");
  assert.equal(meaning(key("Escape"), { ...nowhere, inDialog: true }), "");
  assert.equal(new Set(KEYS.flatMap(({ keys }) => keys)).size, KEYS.length);
});

test("the button of a window that was closed just now still has the focus, and keeps no key from its meaning", () => {
  const button = (isOpen) => ({ matches: (names) => names.startsWith("button"), closest: (name) => (name === "dialog" || !isOpen ? {} : null) });
  assert.deepEqual(whereIs(button(true)), { writing: false, onControl: true, inDialog: true });
  assert.deepEqual(whereIs(button(false)), { writing: false, onControl: false, inDialog: false });
  assert.equal(meaning(key("s"), { ...whereIs(button(false)), singleKeys: true }), "settings");
});

test("settings: what is broken or unknown falls back; a token is kept only if told so", () => {
  assert.deepEqual(load(null), DEFAULTS);
  assert.deepEqual(load(storeOf("no JSON")), DEFAULTS);
  assert.deepEqual(load(storeOf('{"echo":"loud","hold":"yes","agent":7,"theme":"dark","other":1}')), { ...DEFAULTS, theme: "dark" });
  const store = storeOf(null);
  save(store, { ...DEFAULTS, agent: "patient", token: "secret" }, "agent");
  save(store, { ...DEFAULTS, token: "secret" }, "token");
  assert.deepEqual([load(store).agent, load(store).token], ["patient", ""]);
  save(store, { ...DEFAULTS, token: "secret", rememberToken: true }, "rememberToken");
  assert.deepEqual([load(store).agent, load(store).token], ["patient", "secret"]);
  assert.equal(save({ getItem: () => null, setItem() { throw new Error("full"); } }, DEFAULTS, "agent"), false);
  assert.equal(save(null, DEFAULTS, "agent"), false);
  assert.equal(forClient({ ...DEFAULTS, agent: " patient " }).agent, "patient");
});

test("a token that was taken back in one window is not kept again by what is chosen in another", () => {
  const store = storeOf(null);
  const [here, there] = [1, 2].map(() => ({ ...DEFAULTS, token: "secret", rememberToken: true }));
  save(store, here, "token");
  save(store, Object.assign(here, { rememberToken: false }), "rememberToken");
  save(store, Object.assign(there, { theme: "dark" }), "theme");
  assert.deepEqual([load(store).theme, load(store).token, load(store).rememberToken], ["dark", "", false]);
});

test("colours are kept when the person chooses them, not when they are shown or the system changes its own", () => {
  const system = {};
  globalThis.matchMedia = () => ({ addEventListener: (_, act) => Object.assign(system, { changes: act }) });
  globalThis.document = { documentElement: { dataset: {} } };
  const button = { addEventListener: (_, act) => Object.assign(button, { press: act }), querySelector: () => ({ setAttribute() {} }), setAttribute() {} };
  const told = [];
  const theme = new Theme(button, { ...DEFAULTS }, { shown: () => told.push("shown"), chosen: () => told.push("chosen") });
  theme.show();
  system.changes();
  button.press();
  assert.deepEqual([told, document.documentElement.dataset.theme], [["shown", "shown", "shown", "chosen"], "dark"]);
});

test("what a server says to who makes clients reaches nobody who uses one", () => {
  const words = {
    CODE_RESUME: "that session can't be resumed: it is over, or was never here; open a new one without `resume`.",
    CODE_VERSION: "open names no protocol version; this server speaks 1 to 2.",
    CODE_FORMAT: "output: encoding 9 is not known here; use one of ENCODING_PCM16.",
    CODE_SUPERSEDED: "a higher lease owns the session.",
  };
  for (const [code, message] of Object.entries(words)) {
    const { text } = ofError({ code, message });
    assert.doesNotMatch(text, /`|ENCODING|protocol|lease|session/, code);
    assert.match(text, /^[A-Z].*\.$/, code);
  }
});

test("a first call that fails is told by its name, and has passed when the call is over; other notices stay", () => {
  const { title, text, passes, mild } = ofNotice({ code: "CODE_UNREACHABLE", message: "The server can't be reached. Calling again." });
  assert.deepEqual([title, text, passes, mild], ["Parley can't be reached", "The server can't be reached. Calling again.", true, true]);
  assert.equal(ofNotice({ code: "CODE_FULL", message: "x" }).title, "All lines are busy");
  for (const code of ["CODE_MICROPHONE", "CODE_ECHO_UNSTAMPED", "CODE_MODEL_RECONNECTING"]) assert.equal(ofNotice({ code, message: "x" }).passes, false);
  assert.equal(ofNotice({ code: "CODE_MODEL_RECONNECTING", message: "x" }).title, "By the way");
  assert.equal(ofError({ code: "CODE_UNREACHABLE", message: "x" }).passes, false);
});

test("trouble says what to do, also for codes of tomorrow; a browser that can't is told of before anything else", () => {
  assert.deepEqual(ofError({ code: "CODE_UNAUTHENTICATED", message: "the token has expired" }).actions, ["token"]);
  assert.equal(ofError({ code: "CODE_NEW", message: "something" }).text, "Something.");
  assert.equal(ofError({ code: "", message: "" }).text, "The server does not say why.");
  assert.equal(ofNotice({ code: "CODE_ECHO_UNSTAMPED", message: "x" }).actions[0], "settings");
  const microphone = ofError({ code: "CODE_MICROPHONE", message: "There is no microphone: plug one in, and try again." });
  assert.deepEqual(microphone.actions, ["again", "typed", "settings"]);
  assert.equal(microphone.text, "There is no microphone: plug one in, and try again. Or type instead, and hear the answers.");
  const able = { isSecureContext: true, location: { protocol: "https:", host: "a.example" }, mediaDevices: {}, worklet: true, socket: true };
  assert.equal(ofBrowser(able), null);
  assert.match(ofBrowser({ ...able, isSecureContext: false }).text, /https:\/\/a\.example\//);
  assert.equal(ofBrowser({ ...able, worklet: false }).title, "This browser is too old");
});
