// Every scenario of the npm package `@openai/agents`: node openai_agents.mjs URL SPEECH_FOLDER

import { tool as functionTool } from "@openai/agents/realtime";
import { z } from "zod";
import { Assistant } from "./assistant.mjs";
import { play, silence, sleep, speak, speech } from "./stage.mjs";

const STORY = "tell me a story";
const HEARD_MS = 1500; // how long the person listens before they interrupt

/** A typed question that takes a tool: a JavaScript function runs, and its result is spoken. */
async function tool(trail) {
  const asked = [];
  const weather = functionTool({
    name: "get_weather",
    description: "Tell the weather in a city.",
    parameters: z.object({ city: z.string() }),
    execute: async ({ city }) => {
      asked.push(city);
      return `sunny and twenty one degrees in ${city}`;
    },
  });
  const assistant = await new Assistant(trail, { tools: [weather] }).connect();
  assistant.session.sendMessage("what is the weather in paris");
  await assistant.until("agent_end", 2);
  return { ...assistant.seen(), asked, results: assistant.toolResults };
}

/** A spoken question, with the client's own settings: the engine hears its end and answers. */
async function spoken(trail) {
  const assistant = await new Assistant(trail).connect();
  await assistant.until("session.updated");
  const question = Buffer.concat([silence(300), speech("question"), silence(1500)]);
  await speak(question, (audio) => assistant.session.sendAudio(audio));
  await assistant.until("agent_end");
  await assistant.until("conversation.item.retrieved"); // the client asks for what was understood
  return assistant.seen();
}

/** A reply talked over, with the client's own settings: the engine cancels, the client truncates. */
async function interrupted_by_voice(trail) {
  const assistant = await new Assistant(trail).connect();
  assistant.session.sendMessage(STORY);
  await assistant.until("audio");
  const over = Buffer.concat([silence(HEARD_MS), speech("question"), silence(1500)]);
  await speak(over, (audio) => assistant.session.sendAudio(audio));
  await assistant.until("conversation.item.truncated");
  await assistant.until("agent_end", 2);
  await assistant.until("conversation.item.retrieved", 2); // of the reply cut, and of what the person said
  return { ...assistant.seen(), ...assistant.cut() };
}

/** A reply ended by the client: it truncates and cancels, and the conversation goes on. */
async function interrupted_by_button(trail) {
  const turnDetection = { type: "server_vad", interruptResponse: false };
  const assistant = await new Assistant(trail, { config: { audio: { input: { turnDetection } } } }).connect();
  assistant.session.sendMessage(STORY);
  await assistant.until("audio");
  await sleep(HEARD_MS);
  assistant.session.interrupt();
  await assistant.until("conversation.item.retrieved");
  await assistant.until("agent_end");
  assistant.session.sendMessage("what is your name");
  await assistant.until("agent_end", 2);
  return { ...assistant.seen(), ...assistant.cut() };
}

await play([tool, spoken, interrupted_by_voice, interrupted_by_button]);
