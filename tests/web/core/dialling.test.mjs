/** Connections over a network that goes away and comes back: what was lost in it is not waited for. */
import assert from "node:assert/strict";
import test from "node:test";
import { Dialler } from "../../../clients/web/core/browser/dialler.js";
import { Sockets } from "../../../clients/web/core/browser/sockets.js";
import { Session } from "../../../clients/web/core/session.js";
import { Network } from "./network.mjs";

globalThis.WebSocket ??= { OPEN: 1 };

const TICK_MS = 50;
const OPENED = { session: "s", resumeToken: "t", protocol: 1, resumeS: 30 };

/** A conversation over the network, as the client makes one. It stands a second after the beginning. */
function conversation(network) {
  const session = new Session({ addresses: ["ws://one"], open: {}, random: () => 0.99 });
  const run = (act) => {
    act();
    for (const { do: what, call, address, data } of session.take()) {
      if (what === "dial") sockets.dial(call, address);
      if (what === "send") {
        sockets.send(call, data);
        const answer = JSON.stringify({ opened: { ...OPENED, resumed: "resume" in JSON.parse(data).open } });
        network.after(TICK_MS, () => run(() => session.came(call, answer, network.nowMs)));
      }
      if (what === "drop") sockets.drop(call);
    }
  };
  const told = (name) => (call) => run(() => session[name](call, network.nowMs));
  const sockets = new Sockets({ connected: told("connected"), broke: told("broke") }, new Dialler(network.surroundings));
  const tick = () => {
    run(() => session.tick(network.nowMs));
    if (network.isUp && session.line) run(() => session.came(session.line, '{"heartbeat":{"beat":"1"}}', network.nowMs));
    network.after(TICK_MS, tick);
  };
  run(() => session.begin(network.nowMs));
  tick();
  network.run(1000);
  assert.equal(session.state, "conversation");
  return session;
}

function dial(network, dialler = new Dialler(network.surroundings)) {
  const told = [];
  const giveUp = dialler.dial("ws://one", (socket) => told.push(socket), () => told.push("failed"));
  return { told, giveUp, dialler };
}

test("the conversation goes on within a second of the network's return; a little more after a long time away", () => {
  for (let awayMs = 1600; awayMs < 28_000; awayMs += 90) {
    const network = new Network();
    const session = conversation(network);
    network.isUp = false;
    network.run(awayMs);
    assert.equal(session.state, "resuming");
    network.isUp = true;
    const backMs = network.nowMs;
    while (session.state === "resuming") network.run(10);
    assert.equal(session.state, "conversation");
    // Later on browsers are asked for less, and the machine's own second packet is what comes through.
    const withinMs = awayMs < 5000 ? 750 : 1250;
    assert.ok(network.nowMs - backMs <= withinMs, `after ${awayMs} ms away it took ${network.nowMs - backMs} ms`);
    assert.equal(network.underway, 0);
  }
});

test("few attempts fail in half a minute: browsers take note of them", () => {
  const network = new Network();
  conversation(network);
  network.isUp = false;
  const before = network.sockets.length;
  network.run(30_000);
  assert.ok(network.sockets.length - before <= 24, `${network.sockets.length - before} attempts`);
});

test("an attempt that takes the place of another closes it, and is the only one that is heard of", () => {
  const network = new Network();
  const { told, dialler } = dial(network);
  network.run(100);
  assert.equal(told.length, 1);
  network.isUp = false;
  const again = dial(network, dialler);
  network.run(400);
  network.isUp = true;
  network.run(400);
  const [, lost, taken] = network.sockets;
  assert.deepEqual(again.told, [taken]);
  assert.deepEqual([lost.isClosed, lost.onopen, lost.onclose], [true, null, null]);
  network.run(10_000);
  assert.deepEqual([again.told.length, network.sockets.length], [1, 3]);
});

test("a slow server is waited for: nobody knows at first what is long, and later twice the last time is", () => {
  const network = new Network();
  network.isUp = false;
  const { told, dialler } = dial(network);
  network.run(900);
  network.isUp = true;
  network.run(200);
  assert.deepEqual([told.length, network.sockets.length], [1, 1]);
  network.isUp = false;
  dial(network, dialler);
  network.run(2 * 1060 - 10);
  assert.equal(network.sockets.length, 2);
  network.run(20);
  assert.equal(network.sockets.length, 3);
});

test("without a network the browser is asked seldom, and at once when it says that there is one", () => {
  const network = new Network();
  Object.assign(network, { isUp: false, isOffline: true });
  const { told } = dial(network);
  network.run(1000);
  assert.equal(network.sockets.length, 0);
  network.isUp = true;
  network.online();
  network.run(60);
  assert.equal(told.length, 1);
});

test("one that has been wrong about it is not believed again", () => {
  const network = new Network();
  network.isOffline = true;
  const { told, dialler } = dial(network);
  network.run(1600);
  assert.equal(told.length, 1);
  network.isUp = false;
  const again = dial(network, dialler);
  network.run(1000);
  network.isUp = true;
  network.run(700);
  assert.equal(again.told.length, 1);
});

test("one that is wrong about it is asked all the same", () => {
  const network = new Network();
  network.isOffline = true;
  const { told } = dial(network);
  new Dialler(network.surroundings).dial("ws://127.0.0.1:7780", (socket) => told.push(socket), assert.fail);
  network.run(100);
  assert.deepEqual(told.map(({ address }) => address), ["ws://127.0.0.1:7780"], "for this machine none is needed");
  network.run(1500);
  assert.equal(told.length, 2);
});

test("a refusal is told once, also of what is no address; who has given up hears nothing", () => {
  const network = new Network();
  const refused = dial(network);
  network.sockets[0].onclose();
  network.sockets[0].close();
  const noAddress = [];
  new Dialler(network.surroundings).dial("one", assert.fail, () => noAddress.push("failed"));
  const { told, giveUp } = dial(network);
  giveUp();
  network.run(10_000);
  assert.deepEqual([refused.told, noAddress, told], [["failed"], ["failed"], []]);
});
