/** The client as a page has it: from its methods to what goes over the wire, and from there to its events. */
import assert from "node:assert/strict";
import test from "node:test";
import { ParleyClient } from "../../../clients/web/core/client.js";
import { browser, install, refusal, stream } from "./fake_browser.mjs";

install();

const OPENED = { session: "s", resumeToken: "t", protocol: 1, resumeS: 30 };
const PATIENCE_MS = 60_000;

/** Wait until something is so. */
async function until(isSo) {
  for (const begun = performance.now(); !isSo(); ) {
    assert.ok(performance.now() - begun < PATIENCE_MS, `never: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A client whose conversation stands; `told` is what it has told of each kind. */
async function begun(options = {}) {
  browser.sockets.length = 0;
  const client = new ParleyClient(options);
  const told = { state: [], notice: [], error: [], caption: [] };
  for (const [name, details] of Object.entries(told)) client.addEventListener(name, ({ detail }) => details.push(detail));
  const connected = client.connect();
  await until(() => browser.sockets.length);
  const [socket] = browser.sockets;
  socket.open();
  socket.say({ opened: OPENED });
  await connected;
  assert.equal(client.state.session, "conversation");
  return { client, socket, told };
}

const kinds = (socket) => socket.sent.map((message) => Object.keys(message)[0]).filter((kind) => kind !== "heartbeat");

test("a conversation: what the person does goes to the server that the page came from, its words come back", async () => {
  const { client, socket, told } = await begun({ agent: "patient", token: "secret", echo: "server" });
  assert.equal(socket.address, "wss://parley.test/v1/converse");
  const { open } = socket.sent[0];
  assert.deepEqual([open.agent, open.token, open.echo], ["patient", "secret", "ECHO_SERVER"]);
  client.say(" Hello ");
  client.setMuted(true);
  client.press(true);
  client.interrupt();
  assert.deepEqual(kinds(socket).sort(), ["interrupt", "mute", "open", "pushToTalk", "say"]);
  socket.say({ caption: { who: "WHO_ASSISTANT", text: "Hi", reply: "1", turn: "1" } });
  socket.say({ state: { state: "CONVERSATION_STATE_SPEAKING", turn: "1" } });
  assert.deepEqual(told.caption.map(({ who, text }) => [who, text]), [["assistant", "Hi"]]);
  assert.deepEqual([client.state.floor, client.state.muted, client.state.pressed], ["speaking", true, true]);
  assert.equal(client.sessionId, "s");
  client.hangUp();
  assert.equal(kinds(socket).at(-1), "end");
  assert.deepEqual([client.state.session, client.state.code], ["ended", "CODE_CLIENT"]);
  assert.equal(socket.isClosed, false, "the server closes it, so that the last word arrives");
  socket.say({ caption: { who: "WHO_ASSISTANT", text: "Bye", reply: "2", turn: "2" } });
  assert.equal(told.caption.length, 1, "it is over");
  socket.say({ closed: { code: "CODE_CLIENT" } });
  assert.equal(socket.isClosed, true);
  await until(() => browser.contexts.every(({ state }) => state === "closed"));
});

test("a server that does not close when the person has hung up is left after a while; meanwhile another conversation goes on", async () => {
  const { client, socket } = await begun();
  client.hangUp();
  const again = client.connect();
  await until(() => browser.sockets.length === 2);
  browser.sockets[1].open();
  browser.sockets[1].say({ opened: OPENED });
  await again;
  assert.equal(socket.isClosed, false);
  await until(() => {
    browser.sockets[1].say({ heartbeat: { beat: "1" } });
    return socket.isClosed;
  });
  assert.deepEqual([client.state.session, browser.sockets[1].isClosed], ["conversation", false]);
  client.hangUp();
  browser.sockets[1].hangUp();
});

test("one that breaks is taken up again over another connection; a second conversation hears nothing of the first", async () => {
  const { client, socket } = await begun();
  socket.hangUp();
  assert.equal(client.state.session, "resuming");
  await until(() => browser.sockets.length === 2);
  const again = browser.sockets[1];
  again.open();
  assert.equal(again.sent[0].open.resume, "t");
  again.say({ opened: { ...OPENED, resumed: true } });
  assert.deepEqual([client.state.session, client.quality.resumed], ["conversation", 1]);
  client.hangUp();
  const second = client.connect();
  await until(() => browser.sockets.length === 3);
  again.hangUp();
  assert.equal(client.state.session, "connecting");
  client.hangUp();
  await second;
  assert.ok(browser.sockets[2].isClosed);
});

test("typed words are taken by a conversation, be its connection away or not; before and after it nobody takes them", async () => {
  browser.sockets.length = 0;
  const client = new ParleyClient();
  assert.equal(client.say("early"), false);
  const connected = client.connect();
  await until(() => browser.sockets.length);
  const [socket] = browser.sockets;
  assert.equal(client.say("while it rings"), false);
  socket.open();
  socket.say({ opened: OPENED });
  await connected;
  assert.deepEqual([client.say("Hello"), client.say(" ")], [true, false]);
  socket.hangUp();
  assert.equal(client.say("while it is away"), true);
  client.hangUp();
  assert.equal(client.say("late"), false);
  assert.deepEqual(socket.sent.filter(({ say }) => say).map(({ say }) => say.text), ["Hello"]);
});

test("an error of the server's ends it, is told, and lets go of the microphone", async () => {
  const microphone = stream();
  browser.microphone = async () => microphone;
  const { client, socket, told } = await begun();
  socket.say({ error: { code: "CODE_INTERNAL", message: "a fault." } });
  assert.deepEqual(told.error, [{ code: "CODE_INTERNAL", message: "a fault." }]);
  assert.deepEqual([client.state.session, client.state.why, socket.isClosed], ["ended", "a fault.", true]);
  assert.ok(microphone.track.isStopped);
});

test("who hangs up while the browser still asks for the microphone leaves none open", async () => {
  const microphone = stream();
  let allow;
  browser.microphone = () => new Promise((resolve) => {
    allow = () => resolve(microphone);
  });
  const client = new ParleyClient();
  const connected = client.connect();
  await until(() => allow);
  client.hangUp();
  assert.equal(client.state.session, "ended");
  allow();
  await connected;
  assert.ok(microphone.track.isStopped);
  assert.equal(browser.contexts.at(-1).state, "closed");
});

test("nor does who hangs up while another microphone is opened", async () => {
  browser.microphone = async () => stream();
  const { client } = await begun();
  const other = stream();
  let allow;
  browser.microphone = () => new Promise((resolve) => {
    allow = () => resolve(other);
  });
  const changed = client.set({ inputDevice: "other" });
  client.hangUp();
  allow();
  await changed;
  assert.ok(other.track.isStopped);
});

test("who cancels the echo is said once: it stays so until the next conversation, over another microphone too", async () => {
  browser.microphone = async () => stream();
  const { client, socket } = await begun({ echo: "server" });
  const asShaped = () => ["echoCancellation", "noiseSuppression", "autoGainControl"].map((name) => browser.wanted[name]);
  assert.deepEqual(asShaped(), [false, false, false], "the server's canceller needs the echo as it is");
  const isDucking = () => browser.posted["parley-playout"].flat().findLast((command) => command.do === "localDuck").isOn;
  assert.equal(isDucking(), false, "with the echo in it the microphone would find the reply itself");
  const { asked } = browser;
  await client.set({ echo: "device" });
  assert.equal(browser.asked, asked);
  await client.set({ inputDevice: "other" });
  assert.deepEqual([browser.asked, ...asShaped()], [asked + 1, false, false, false]);
  assert.equal(socket.sent[0].open.echo, "ECHO_SERVER");
  client.hangUp();
  const again = client.connect();
  await until(() => browser.sockets.length === 2);
  assert.deepEqual(asShaped(), [{ ideal: "all" }, true, true]);
  browser.sockets[1].open();
  assert.equal(browser.sockets[1].sent[0].open.echo, "ECHO_DEVICE");
  assert.equal(isDucking(), true);
  client.hangUp();
  await again;
});

test("without a microphone the person is told; the next conversation may be typed, and asks for none", async () => {
  browser.microphone = async () => {
    throw refusal("NotAllowedError");
  };
  const client = new ParleyClient();
  const errors = [];
  client.addEventListener("error", ({ detail }) => errors.push(detail.code));
  await client.connect();
  assert.deepEqual([errors, client.state.session, client.state.code], [["CODE_MICROPHONE"], "ended", "CODE_MICROPHONE"]);
  const { asked } = browser;
  const typed = await begun({ microphone: false, echo: "server" });
  assert.equal(typed.socket.sent[0].open.echo, "ECHO_HEADPHONES");
  await typed.client.set({ inputDevice: "other" });
  typed.client.say("Hello");
  assert.equal(kinds(typed.socket).at(-1), "say");
  assert.deepEqual([browser.asked, typed.told.notice], [asked, []]);
  typed.client.hangUp();
});

test("where the browser says that it decodes Opus, and does not, the conversation goes on as PCM16, the page's next one too", async () => {
  globalThis.AudioDecoder = class {
    static isConfigSupported = async () => ({ supported: true });
    state = "configured";
    configure() {}
    decode() {
      throw new Error("no");
    }
    close() {}
  };
  globalThis.EncodedAudioChunk = class {};
  const output = { encoding: "ENCODING_OPUS", rateHz: 24_000 };
  browser.sockets.length = 0;
  const client = new ParleyClient({ microphone: false });
  const told = [];
  client.addEventListener("output", ({ detail }) => told.push(detail));
  const connected = client.connect();
  await until(() => browser.sockets.length);
  const [socket] = browser.sockets;
  socket.open();
  assert.deepEqual(socket.sent[0].open.output, output);
  socket.say({ opened: { ...OPENED, output } });
  await connected;
  const packet = new Uint8Array(20);
  packet.set([2, 0, 0, 0, 1]);
  packet[16] = 0xfc;
  socket.onmessage({ data: packet.buffer });
  await until(() => browser.sockets.length === 2);
  const again = browser.sockets[1];
  again.open();
  assert.deepEqual([again.sent[0].open.resume, again.sent[0].open.output, again.sent[0].open.next], ["t", undefined, { reply: "1" }]);
  again.say({ opened: { ...OPENED, resumed: true } });
  const pcm = new Uint8Array(18);
  pcm.set([2, 0, 0, 0, 1]);
  again.onmessage({ data: pcm.buffer });
  const commands = browser.posted["parley-playout"].flat().map((command) => command.do);
  assert.deepEqual(commands.filter((what) => ["begin", "letGo", "audio"].includes(what)), ["begin", "letGo", "audio"]);
  assert.deepEqual(told.map(({ encoding, why }) => [encoding, why]), [["opus", ""], ["pcm16", "no"], ["pcm16", ""]]);
  client.hangUp();
  const second = client.connect();
  await until(() => browser.sockets.length === 3);
  browser.sockets[2].open();
  assert.equal(browser.sockets[2].sent[0].open.output, undefined);
  client.hangUp();
  await second;
  delete globalThis.AudioDecoder;
});
