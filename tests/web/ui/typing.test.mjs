/** Typed words: they wait for the conversation, and are never lost. */
import assert from "node:assert/strict";
import test from "node:test";
import { Typing } from "../../../clients/web/ui/typing.js";

/** A form, and the page around it: `session` is what its client tells, `said` what it has taken. */
function page(begin = async () => true) {
  const parts = { input: { value: "", readOnly: false }, button: {}, "[role=status]": {} };
  const form = { querySelector: (name) => parts[name], addEventListener: (_, act) => (form.submit = () => act({ preventDefault() {} })) };
  const it = { said: [], begun: 0, session: "idle", field: parts.input, button: parts.button, note: parts["[role=status]"] };
  const isOn = () => it.session === "conversation" || it.session === "resuming";
  const say = (text) => isOn() && Boolean(it.said.push(text));
  const typing = new Typing(form, { say, begin: () => (it.begun++, begin(it)) });
  it.becomes = (session) => {
    it.session = session;
    typing.state(session);
  };
  it.type = async (text) => {
    it.field.value = text;
    form.submit();
    await Promise.resolve();
  };
  return it;
}

test("in a conversation they go at once, and no other is begun", async () => {
  const it = page();
  it.becomes("conversation");
  await it.type(" Hello ");
  assert.deepEqual([it.said, it.field.value, it.begun, it.field.readOnly], [["Hello"], "", 0, false]);
});

test("without one they begin it, wait in the field, which says so, and go when it stands, once", async () => {
  const it = page();
  await it.type("Hello");
  it.becomes("connecting");
  await it.type("Hello");
  assert.deepEqual([it.said, it.field.value, it.begun, it.field.readOnly], [[], "Hello", 1, true]);
  assert.match(`${it.button.textContent} ${it.note.textContent}`, /Waits … It is sent as soon/);
  it.becomes("conversation");
  it.becomes("conversation");
  assert.deepEqual([it.said, it.field.value, it.field.readOnly, it.button.textContent, it.note.textContent], [["Hello"], "", false, "Send", ""]);
});

test("what is typed while it connects waits likewise", async () => {
  const it = page();
  it.becomes("connecting");
  await it.type("Hello");
  assert.equal(it.field.readOnly, true);
  it.becomes("conversation");
  assert.deepEqual(it.said, ["Hello"]);
});

test("where none comes about they stand there still, and are not sent by the next one by themselves", async () => {
  const failing = page(async (it) => {
    it.becomes("connecting");
    it.becomes("ended");
    return false;
  });
  const refused = page(async () => false);
  for (const it of [failing, refused]) {
    await it.type("Hello");
    assert.deepEqual([it.said, it.field.value, it.field.readOnly], [[], "Hello", false]);
    it.becomes("conversation");
    assert.deepEqual(it.said, []);
  }
});
