// A session of `@openai/agents`, set up as its documentation says, and what it and the engine said to each other.

import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } from "@openai/agents/realtime";
import { runs, url } from "./stage.mjs";

export class Assistant {
  /** `trail` collects the types of the engine's events and all the client complained about. */
  constructor(trail, { tools = [], config = {} } = {}) {
    const agent = new RealtimeAgent({ name: "Parley", instructions: "Answer briefly.", tools });
    // Without a model's name of its own the client asks for OpenAI's, as whoever only swaps the URL does.
    const transport = new OpenAIRealtimeWebSocket({ url: `${url}?model=parley-embedded` });
    this.session = new RealtimeSession(agent, { transport, config });
    this.kinds = []; // of the session's own events
    this.raw = []; // the engine's events, as the client passes them on
    this.errors = trail.errors;
    this.toolResults = [];
    this.audioBytes = 0;
    this.sleepers = [];
    for (const kind of ["agent_start", "agent_end", "audio_start", "audio_stopped", "audio_interrupted"]) {
      this.session.on(kind, () => this.note(kind));
    }
    for (const kind of ["history_updated", "history_added", "agent_tool_start"]) {
      this.session.on(kind, () => this.note(kind));
    }
    this.session.on("audio", (event) => {
      this.audioBytes += event.data.byteLength;
      this.note("audio");
    });
    this.session.on("agent_tool_end", (_context, _agent, _tool, result) => {
      this.toolResults.push(result);
      this.note("agent_tool_end");
    });
    this.session.on("error", (error) => {
      this.errors.push(JSON.stringify(error.error?.error ?? String(error.error?.stack ?? error.error)));
      this.note("error");
    });
    this.session.on("transport_event", (event) => {
      this.raw.push(event);
      trail.events.push(event.type);
      this.wake();
    });
  }

  async connect() {
    await this.session.connect({ apiKey: "k" });
    return this;
  }

  note(kind) {
    this.kinds.push(kind);
    this.wake();
  }

  wake() {
    const sleepers = this.sleepers;
    this.sleepers = [];
    sleepers.forEach((resolve) => resolve());
  }

  /** The engine's events of a type. */
  of(type) {
    return this.raw.filter((event) => event.type === type);
  }

  count(kind) {
    return this.kinds.filter((each) => each === kind).length + this.of(kind).length;
  }

  /** Waits for an event of the session, or of the engine, to have come so many times. */
  async until(kind, times = 1) {
    while (this.count(kind) < times) {
      await new Promise((resolve) => this.sleepers.push(resolve));
    }
  }

  /** Waits for a reply that was begun when so many outputs of tools were known: the client may ask for one before. */
  async untilAnswered(outputs) {
    while (!this.isAnswered(outputs)) {
      await new Promise((resolve) => this.sleepers.push(resolve));
    }
  }

  isAnswered(outputs) {
    let known = 0;
    let begun = false;
    for (const { type, item } of this.raw) {
      if (type === "conversation.item.added" && item.type === "function_call_output") known += 1;
      if (type === "response.created") begun = known >= outputs;
      if (type === "response.done" && begun) return true;
    }
    return false;
  }

  /** What there is to say about any conversation. */
  seen() {
    const { input } = this.of("session.updated").at(-1).session.audio;
    return {
      kinds: runs(this.kinds),
      errors: this.errors,
      history: this.session.history.map(short),
      audio_s: this.audioBytes / 48_000,
      turn_detection: input.turn_detection,
    };
  }

  /** What became of the reply that was interrupted. */
  cut() {
    const { item_id: item, audio_end_ms: endMs } = this.of("conversation.item.truncated")[0];
    const { status, status_details: details } = this.of("response.done")[0].response;
    return { cut: item, end_ms: endMs, status, details, said: this.said(item), heard: this.said(item, endMs) };
  }

  /** The words of a reply whose audio begins before a position, by the order of its events. */
  said(item, endMs = Infinity) {
    let text = "";
    let samples = 0;
    for (const event of this.raw.filter((each) => each.item_id === item)) {
      if (event.type === "response.output_audio_transcript.delta" && samples < endMs * 24) text += event.delta;
      if (event.type === "response.output_audio.delta") samples += Buffer.from(event.delta, "base64").length / 2;
    }
    return text;
  }
}

function short(item) {
  if (item.type === "function_call") {
    return { type: item.type, name: item.name, output: item.output, status: item.status };
  }
  const text = item.content.map((part) => part.text ?? part.transcript ?? "").join(" ");
  return { id: item.itemId, type: item.type, role: item.role, text };
}
