/** The conformance scenes, played by the web client's core in virtual time. */
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { check } from "./expectations.mjs";
import { play } from "./scene_player.mjs";

const SCENES = new URL("../../vectors/scenes/", import.meta.url);
const HAS = new Set(["localDuck", "keepsCalling", "adaptivePlayout", "twoAddresses"]);
const SEEDS = [1];

for (const file of readdirSync(SCENES).filter((name) => name.endsWith(".json")).sort()) {
  const scene = JSON.parse(readFileSync(new URL(file, SCENES)));
  const lacks = (scene.needs ?? []).filter((need) => !HAS.has(need));
  test(`${scene.name}: ${scene.why}`, { skip: lacks.length ? `the web client has no ${lacks}` : false }, () => {
    for (const seed of SEEDS) check(scene, play(scene, seed));
  });
}
