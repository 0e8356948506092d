"""Every scenario of the Python `openai-agents`: `python -m tests.conformance.clients.openai_agents URL SPEECH …`."""

from __future__ import annotations

import asyncio
from typing import Any

from agents import function_tool  # type: ignore[import-not-found]  # of the clients' own environment
from agents.realtime import RealtimeAgent  # type: ignore[import-not-found]

from tests.conformance.clients.assistant import Assistant
from tests.conformance.clients.stage import Facts, Microphone, Stage, play, runs, seconds, silence

STORY = "tell me a story"
LONG_REPLY = "count to twenty"
TELEPHONE_SILENCE = b"\xff" * 4000
"""Half a second of mu-law."""
_HEARD_S = 1.5
"""How long the person listens before they interrupt."""


async def tool(stage: Stage) -> Facts:
    """A typed question that takes a tool: a Python function runs, and its result is spoken."""
    asked: list[str] = []

    def get_weather(city: str) -> str:
        """Tell the weather in a city."""
        asked.append(city)
        return f"sunny and twenty one degrees in {city}"

    agent: Any = RealtimeAgent(name="Parley", instructions="Answer briefly.", tools=[function_tool(get_weather)])
    async with Assistant(stage, agent) as assistant:
        await assistant.session.send_message("what is the weather in paris")
        await assistant.until("agent_end", times=2)
        return {
            **_seen(assistant),
            "asked": asked,
            "results": assistant.tool_results,
            "audio_s": seconds(assistant.audio),
        }


async def spoken(stage: Stage) -> Facts:
    """A spoken question, with the SDK's own settings: the engine hears its end and answers."""
    async with Assistant(stage, RealtimeAgent(name="Parley", instructions="Answer briefly.")) as assistant:
        await assistant.until("session.updated")
        async with Microphone(assistant.session.send_audio) as microphone:
            await microphone.say(silence(0.3) + stage.speech("question"))
            await assistant.until("agent_end")
            await assistant.until("conversation.item.input_audio_transcription.completed")
        return {**_seen(assistant), "audio_s": seconds(assistant.audio)}


async def telephone(stage: Stage) -> Facts:
    """A spoken question in the format of a telephone line, both ways."""
    line: Any = {"input_audio_format": "g711_ulaw", "output_audio_format": "g711_ulaw"}
    async with Assistant(stage, RealtimeAgent(name="Parley", instructions="Answer briefly."), **line) as assistant:
        await assistant.until("session.updated")
        await assistant.session.send_audio(TELEPHONE_SILENCE + stage.telephone("question") + 10 * TELEPHONE_SILENCE)
        await assistant.until("agent_end")
        await assistant.until("conversation.item.input_audio_transcription.completed")
        return {**_seen(assistant), "audio_s": len(assistant.audio) / 8000}


async def two_tools(stage: Stage) -> Facts:
    """A question that takes two tools at once: both run, and one reply tells of both."""
    asked: list[str] = []

    async def get_weather(city: str) -> str:
        """Tell the weather in a city."""
        asked.append(city)
        return f"sunny in {city}"

    agent: Any = RealtimeAgent(name="Parley", instructions="Answer briefly.", tools=[function_tool(get_weather)])
    async with Assistant(stage, agent) as assistant:
        await assistant.session.send_message("compare the weather in paris and in rome")
        await assistant.until_answered(outputs=2)
        return {**_seen(assistant), "asked": asked}


async def interrupted_by_voice(stage: Stage) -> Facts:
    """A reply talked over, with the SDK's own settings: the engine cancels, the SDK truncates, the next is answered."""
    async with Assistant(stage, RealtimeAgent(name="Parley", instructions="Answer briefly.")) as assistant:
        await assistant.session.send_message(STORY)
        await assistant.until("audio")
        await _talk_over(stage, assistant)
        return {**_seen(assistant), **_cut(assistant)}


async def interrupted_while_playing(stage: Stage) -> Facts:
    """A reply that was made and is still being played is talked over: there is nothing to cancel, but to truncate."""
    async with Assistant(stage, RealtimeAgent(name="Parley", instructions="Answer briefly.")) as assistant:
        await assistant.session.send_message(LONG_REPLY)
        await assistant.until("agent_end")
        await _talk_over(stage, assistant)
        return {**_seen(assistant), **_cut(assistant)}


async def interrupted_by_button(stage: Stage) -> Facts:
    """A reply ended by the client: the SDK truncates and cancels, and the conversation goes on."""
    detection: Any = {"type": "server_vad", "interrupt_response": False}
    agent: Any = RealtimeAgent(name="Parley", instructions="Answer briefly.")
    async with Assistant(stage, agent, turn_detection=detection) as assistant:
        await assistant.session.send_message(STORY)
        await assistant.until("audio")
        await asyncio.sleep(_HEARD_S)
        await assistant.session.interrupt()
        await assistant.until("conversation.item.retrieved")
        await assistant.until("agent_end")
        await assistant.session.send_message("what is your name")
        await assistant.until("agent_end", times=2)
        return {**_seen(assistant), **_cut(assistant)}


async def _talk_over(stage: Stage, assistant: Assistant) -> None:
    """Listen for a while, ask something else, and hear its answer."""
    async with Microphone(assistant.session.send_audio) as microphone:
        await microphone.say(silence(_HEARD_S) + stage.speech("question"))
        await assistant.until("conversation.item.retrieved")
        await assistant.until("agent_end", times=2)
        await assistant.until("conversation.item.input_audio_transcription.completed")


def _seen(assistant: Assistant) -> Facts:
    return {
        "kinds": runs(assistant.kinds),
        "errors": assistant.errors,
        "history": assistant.history(),
        "turn_detection": assistant.of("session.updated")[-1]["session"]["audio"]["input"]["turn_detection"],
    }


def _cut(assistant: Assistant) -> Facts:
    """What became of the reply that was interrupted."""
    cut = assistant.of("conversation.item.truncated")[0]
    done = assistant.of("response.done")[0]["response"]
    return {
        "cut": cut["item_id"],
        "end_ms": cut["audio_end_ms"],
        "status": done["status"],
        "details": done["status_details"],
        "said": assistant.said(cut["item_id"]),
        "heard": assistant.said_until(cut["item_id"], cut["audio_end_ms"]),
    }


if __name__ == "__main__":
    play(tool, spoken, telephone, two_tools, interrupted_by_voice, interrupted_while_playing, interrupted_by_button)
