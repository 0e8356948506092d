"""Two hundred turns, as in two hours of talk with the pauses left out: sessions that run out, connections that break.

Tools are called, the person cuts in, and in the end history and the model's memory are what was said and heard.
"""

from __future__ import annotations

import random
import time

import pytest

from parley.v1 import session_pb2 as session
from services.broker import model_line
from tests.fakes.realtime import ABORT, Call, Drop, FakeRealtime, Message, Reply, ReplyRequest
from tests.integration.broker_ring import MS, agent
from tests.integration.talk import Talk, talk_with, understood
from tests.integration.tools import Bench

TURNS = 200
SPEED = 240.0
"""The person listens so many times faster than people do."""

LIFETIME_S = 4.0
"""Of a connection: the hour that a real one has."""

MOMENTS = (
    Drop(after="response.output_audio.delta", nth=3),
    Drop(before="response.output_audio.delta", nth=2, half_a_frame=True),
    Drop(before="response.create", code=1012),
    Drop(after="response.created", code=1011),
    Drop(before="input_audio_buffer.committed", code=1013),
    Drop(after="input_audio_buffer.append", nth=4),
    Drop(before="response.done", code=1000),
    Drop(after="response.output_item.done", code=1001),
)
PER_WORD_S = 0.5


def answer_to(turn: int) -> list[str]:
    """All words of the answer to a turn, 6 to 14 s of them."""
    return [f"t{turn}w{n}" for n in range(random.Random(turn).randint(12, 28))]


class Teller:
    """A model with one answer to each turn. In the middle of some it calls tools; it goes on from what it remembers."""

    def __init__(self, dice: random.Random) -> None:
        self.tooled = {turn for turn in range(1, TURNS + 1) if dice.random() < 0.12}

    def __call__(self, request: ReplyRequest) -> Reply:
        """Give the next response."""
        turn, memory = int(request.user_text.split()[-1]), request.connection.memory
        since = memory[max(i for i, item in enumerate(memory) if item.role == "user") :]
        goes_on = "fault" in request.instructions or request.result is not None
        said = " ".join(item.text for item in since if item.role == "assistant").split() if goes_on else []
        words = answer_to(turn)[len(said) :]
        output: list[Message | Call] = [self._spoken(words)] if words else []
        if turn in self.tooled and not any(item.role == "call" for item in since) and len(words) > 6:
            calls = [Call("look", f'{{"at": "{turn}"}}'), Call("look", f'{{"at": "{-turn}"}}', pieces=3)]
            output = [self._spoken(words[:6]), *calls[: 1 + turn % 2]]
        return Reply(output=output, captions="aligned", speed=1500, think_ms=5, delta_ms=500)

    @staticmethod
    def _spoken(words: list[str]) -> Message:
        return Message(" ".join(words), len(words) * PER_WORD_S)


async def converse(talk: Talk, turn: int, dice: random.Random, interrupts: bool) -> bool:
    """Have one turn; return whether it was cut off by the next one."""
    await talk.say(pieces=20, interruption=talk.seq > 0 and interrupts)
    if dice.random() < 0.15 and turn < TURNS:
        enough = sum(talk.speaker.heard.values()) + dice.randint(200, 5000) * MS
        await talk.until(lambda: sum(talk.speaker.heard.values()) >= enough)
        await talk.interrupt()
        return True
    await talk.until(lambda: told(talk, turn) >= len(answer_to(turn)) and talk.speaker.is_quiet, 20)
    return False


def replies_of(talk: Talk, turn: int) -> list[int]:
    """The replies by which a turn was answered."""
    progress = (m.progress for m in talk.vad.log.messages[-400:] if m.HasField("progress"))
    return sorted({p.reply for p in progress if p.turn == turn and p.reply})


def told(talk: Talk, turn: int) -> int:
    """How many words of the answer to a turn were heard."""
    return sum(len(talk.heard_words(reply).split()) for reply in replies_of(talk, turn))


@pytest.mark.parametrize("seed", [7])
async def test_two_hours_of_talk(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost, repeated or remembered wrongly, whatever happened to the connection meanwhile."""
    monkeypatch.setattr(model_line, "PAUSES_S", tuple(pause / 20 for pause in model_line.PAUSES_S))
    dice, bench, teller = random.Random(seed), Bench(answer=lambda at: f"{at} o'clock"), Teller(random.Random(seed))
    fake = FakeRealtime(teller, transcribe=understood, lifetime_s=LIFETIME_S)
    began_s, cut_off, words = time.monotonic(), False, {}
    async with talk_with(fake, lambda url: agent(url, [bench.tool("look")]), speed=SPEED) as talk:
        interrupted = set()
        for turn in range(1, TURNS + 1):
            if dice.random() < 0.08:
                moment = dice.choice(MOMENTS)
                code = dice.choice((ABORT, 1001, moment.code))
                fake.faults.plans[:] = [
                    Drop(moment.before, moment.after, moment.nth, code, half_a_frame=moment.half_a_frame)
                ]
            cut_off = await converse(talk, turn, dice, cut_off)
            interrupted |= {turn} if cut_off else set()
            words[turn] = replies_of(talk, turn)
        items = await talk.assert_true()
        took_s = time.monotonic() - began_s
        for turn, replies in words.items():
            heard = [word for reply in replies for word in talk.heard_words(reply).split()]
            whole = answer_to(turn)
            assert heard == (whole[: len(heard)] if turn in interrupted else whole), f"turn {turn}: {heard}"
        calls = [
            item.tool for item in await talk.ring.store.history("s1") if item.role == session.HistoryItem.ROLE_TOOL
        ]
        done = [tool.call_id for tool in calls if tool.status == session.ToolCall.STATUS_DONE]
        assert sorted(done) == sorted(call.call_id for call in bench.calls)
        remembered = {item.call_id: item.text for item in fake.memory() if item.role == "output"}
        assert remembered == {tool.call_id: tool.output for tool in calls if tool.output}
        minutes = (sum(talk.speaker.heard.values()) / MS / 1000 + 2 * TURNS) / 60
        drops = sum(message.HasField("notice") for message in talk.vad.log.messages)
        rotations = len(fake.connections) - 1 - drops
        print(
            f"{TURNS} turns, {minutes:.0f} min of sound, {len(items)} items, {len(interrupted)} interruptions, "
            f"{len(bench.calls)} tool calls, {drops} lost connections, {rotations} replaced in time, in {took_s:.0f} s"
        )
        assert min(drops, rotations) >= 3
        assert len(interrupted) >= 15
        assert len(bench.calls) >= 15
