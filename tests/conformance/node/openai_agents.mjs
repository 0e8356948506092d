// Every scenario of the npm package `@openai/agents`: node openai_agents.mjs URL SPEECH SCENARIO…

import { tool as functionTool } from "@openai/agents/realtime";
import { z } from "zod";
import { Assistant } from "./assistant.mjs";
import { arrayBuffer, Microphone, play, silence, sleep, speech, telephone as telephoneSpeech } from "./stage.mjs";

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
  const microphone = new Microphone((audio) => assistant.session.sendAudio(audio));
  microphone.say(Buffer.concat([silence(300), speech("question")]));
  await assistant.until("agent_end");
  await assistant.until("conversation.item.retrieved"); // the client asks for what was understood
  microphone.stop();
  return assistant.seen();
}

/** A spoken question in the format of a telephone line, both ways. */
async function telephone(trail) {
  const format = { type: "audio/pcmu" };
  const assistant = await new Assistant(trail, { config: { audio: { input: { format }, output: { format } } } }).connect();
  await assistant.until("session.updated");
  const quiet = Buffer.alloc(4000, 0xff); // half a second of mu-law
  const audio = Buffer.concat([quiet, telephoneSpeech("question"), ...Array(10).fill(quiet)]);
  assistant.session.sendAudio(arrayBuffer(audio));
  await assistant.until("agent_end");
  await assistant.until("conversation.item.retrieved");
  return { ...assistant.seen(), audio_s: assistant.audioBytes / 8000 };
}

/** A question that takes two tools at once: both run, and one reply tells of both. */
async function two_tools(trail) {
  const asked = [];
  const weather = functionTool({
    name: "get_weather",
    description: "Tell the weather in a city.",
    parameters: z.object({ city: z.string() }),
    execute: async ({ city }) => {
      asked.push(city);
      return `sunny in ${city}`;
    },
  });
  const assistant = await new Assistant(trail, { tools: [weather] }).connect();
  assistant.session.sendMessage("compare the weather in paris and in rome");
  await assistant.untilAnswered(2);
  return { ...assistant.seen(), asked };
}

/** History edited by the client: a question is taken back, another is put before the rest. */
async function edited(trail) {
  const assistant = await new Assistant(trail).connect();
  assistant.session.sendMessage("what is two plus three");
  await assistant.until("agent_end");
  const content = [{ type: "input_text", text: "my name is odile" }];
  const first = { itemId: "item_of_the_client", type: "message", role: "user", status: "completed", content };
  assistant.session.updateHistory((history) => [first, ...history.filter((item) => item.role !== "user")]);
  await assistant.until("conversation.item.deleted");
  await assistant.until("conversation.item.added", 3);
  return assistant.seen();
}

/** A reply talked over, with the client's own settings: the engine cancels, the client truncates. */
async function interrupted_by_voice(trail) {
  const assistant = await new Assistant(trail).connect();
  assistant.session.sendMessage(STORY);
  await assistant.until("audio");
  await talkOver(assistant);
  return { ...assistant.seen(), ...assistant.cut() };
}

/** A reply that was made and is still being played is talked over: there is nothing to cancel, but to truncate. */
async function interrupted_while_playing(trail) {
  const assistant = await new Assistant(trail).connect();
  assistant.session.sendMessage("count to twenty");
  await assistant.until("agent_end");
  await talkOver(assistant);
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

/** Listens for a while, asks something else, and hears its answer. */
async function talkOver(assistant) {
  const microphone = new Microphone((audio) => assistant.session.sendAudio(audio));
  microphone.say(Buffer.concat([silence(HEARD_MS), speech("question")]));
  await assistant.until("conversation.item.truncated");
  await assistant.until("agent_end", 2);
  await assistant.until("conversation.item.retrieved", 2); // of the reply cut, and of what the person said
  microphone.stop();
}

await play([
  tool,
  spoken,
  telephone,
  two_tools,
  edited,
  interrupted_by_voice,
  interrupted_while_playing,
  interrupted_by_button,
]);
