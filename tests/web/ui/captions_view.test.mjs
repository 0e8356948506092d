/** Words on the page: lit when the speaker plays them, and only by their own conversation's. */
import assert from "node:assert/strict";
import test from "node:test";
import { Captions } from "../../../clients/web/ui/captions.js";
import { CaptionsView } from "../../../clients/web/ui/captions_view.js";

/** As much of an element as the view needs. */
class Element {
  children = [];
  dataset = {};
  className = "";
  textContent = "";
  classList = { remove: (name) => (this.className = this.className.replace(name, "")) };

  get childElementCount() {
    return this.children.length;
  }

  append(...children) {
    this.children.push(...children);
  }

  insertBefore(child) {
    this.children.push(child);
  }

  addEventListener() {}
}

Object.assign(globalThis, { document: { createElement: () => new Element() }, ResizeObserver: class { observe() {} } });

const caption = (text, position) => ({ who: "assistant", text, final: false, reply: 1, position, turn: 1, interrupted: false });

test("what a conversation left unheard is not lit by the next one, whose replies have the same numbers", () => {
  const captions = new Captions();
  const list = new Element();
  const view = new CaptionsView(list, new Element(), new Element());
  const say = (text, position) => view.show(captions.feed(caption(text, position)), captions.lines);
  const grey = (at) => list.children[at].children.at(-1).children.filter(({ className }) => className === "ahead").map(({ textContent }) => textContent);
  say("Once", 0);
  say(" upon", 9000);
  view.hear({ reply: 1, position: 10 });
  assert.deepEqual(grey(0), [" upon"]);
  captions.begin();
  view.begin();
  say("Hello", 0);
  view.hear({ reply: 1, position: 10_000 });
  assert.deepEqual([grey(0), grey(1)], [[" upon"], []]);
});
