/** Draws where the time of the last turns went: a bar for each, and the same in words for who hears the page. */

import { STAGES } from "./latency.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 1000;

export class LatencyView {
  /** @param {Document} page */
  constructor(page) {
    this.box = page.getElementById("latency");
    this.sum = page.getElementById("latency-sum");
    this.body = page.getElementById("turns");
    this.box.open = matchMedia("(min-width: 56rem)").matches;
    page.getElementById("stage-key").append(...STAGES.map(({ word }, stage) => {
      const item = document.createElement("li");
      const patch = picture("0 0 10 10");
      patch.append(block(stage, 0, 10));
      item.append(patch, word);
      return item;
    }));
  }

  /** @param {import("./latency.js").Row[]} rows */
  show(rows) {
    if (!rows.length) return;
    this.box.hidden = false;
    this.sum.textContent = `Answered ${Math.round(rows[0].ms)} ms after your last word`;
    this.body.replaceChildren(...rows.map((row) => {
      const line = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = `Turn ${row.turn}`;
      const bars = document.createElement("td");
      const drawn = picture(`0 0 ${WIDTH} 10`);
      drawn.append(...row.bars.map((bar) => block(bar.stage, bar.from * WIDTH, Math.max(bar.share * WIDTH, 2))));
      const words = document.createElement("span");
      words.className = "unseen";
      words.textContent = row.bars.map((bar) => `${STAGES[bar.stage].word}: ${bar.ms.toFixed(bar.ms < 10 ? 1 : 0)} ms`).join(", ");
      bars.append(drawn, words);
      bars.title = words.textContent;
      const all = document.createElement("td");
      all.textContent = `${Math.round(row.ms)} ms`;
      line.append(head, bars, all);
      return line;
    }));
  }
}

function picture(viewBox) {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("viewBox", viewBox);
  made.setAttribute("preserveAspectRatio", "none");
  made.setAttribute("aria-hidden", "true");
  return made;
}

function block(stage, x, width) {
  const made = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x, y: 0, width, height: 10, class: `stage-${stage}` })) {
    made.setAttribute(name, String(value));
  }
  return made;
}
