"""The people: when they strike, what they hear, and whom they ask."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.chaos.ear import Ear
from tests.chaos.journal import Asked, Journals
from tests.chaos.mic_code import Utterance
from tests.chaos.mind import track_of
from tests.chaos.moments import Cue, Moment
from tests.chaos.tool_server import ToolServer
from tests.chaos.wording import Heard
from tests.fakes.endpoint import Got
from tests.fakes.position_code import track_pcm

UTTERANCE = Utterance(3, 17, 2)


class Paper:
    """What is written to it is kept."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.data += data

    async def drain(self) -> None:
        """There is room."""


def played(sound: bytes, ear: Ear) -> None:
    """Play it in frames of 20 ms."""
    for at in range(0, len(sound), 960):
        ear.play(sound[at : at + 960].ljust(960, b"\0"))


async def test_an_ear_hears_a_sample_when_it_is_played() -> None:
    """However quiet it is; not long before, and not another's."""
    ear = Ear()
    second = ear.hears(Heard(UTTERANCE), 24_000)
    other = ear.hears(Heard(Utterance(3, 17, 3)), 24_000)
    loud = np.frombuffer(track_pcm(track_of(Heard(UTTERANCE)), 24_000), "<i2")
    quiet = (loud // 10).astype("<i2").tobytes()
    played(quiet[: 2 * 22_000], ear)
    assert not second.is_set()
    played(quiet[2 * 22_000 :], ear)
    assert second.is_set()
    assert not other.is_set()


async def test_a_speaker_that_runs_dry_at_the_last_moment_is_no_answer_lost() -> None:
    """The end is heard in two pieces, neither of which says where it stands."""
    ear = Ear()
    end = ear.hears(Heard(UTTERANCE), 24_000)
    sound = track_pcm(track_of(Heard(UTTERANCE)), 24_000)
    played(sound[: 2 * 23_960] + bytes(2000) + sound[2 * 23_960 :], ear)
    assert end.is_set()


def test_journals_are_read_as_they_grow(tmp_path: Path) -> None:
    """A line that is half written is read when it is whole; violations are kept apart; the order is that of time."""
    asked = Asked("model", 2.0, 3, 17, 2, 0, 0, False)
    line = json.dumps(vars(asked)) + "\n"
    (tmp_path / "model.jsonl").write_text(line[:20])
    (tmp_path / "model-2.jsonl").write_text(json.dumps({"violation": "model-2: no such event"}) + "\n")
    journals = Journals(tmp_path)
    assert journals.asked() == []
    (tmp_path / "model.jsonl").write_text(line)
    earlier = replace(asked, model="model-2", at_s=1.0, conversation=18)
    with (tmp_path / "model-2.jsonl").open("a") as file:
        file.write(json.dumps(vars(earlier)) + "\n")
    assert journals.asked() == [earlier, asked]
    assert journals.asked(17) == [asked]
    assert journals.violations() == ["model-2: no such event"]
    assert asked.heard == Heard(Utterance(3, 17, 2))


async def test_the_cue_waits_for_everybody_but_one() -> None:
    """Who is ready is not awaited any more; who was given up is not either."""
    cue = Cue({Moment.SPEAKING, Moment.TOOL, Moment.THINKING})
    others = asyncio.create_task(cue.all_ready(but=Moment.SPEAKING))
    everybody = asyncio.create_task(cue.all_ready())
    for moment in (Moment.TOOL, Moment.THINKING):
        await asyncio.sleep(0)
        assert not others.done()
        cue.ready(moment)
    await others
    assert not everybody.done()
    cue.ready(Moment.SPEAKING)
    await everybody


async def test_who_has_left_is_not_waited_for() -> None:
    """Neither as the one who interrupts, nor as the one whose riddle is thought about."""
    cue = Cue({Moment.INTERRUPTED, Moment.THINKING})
    cue.leave(Moment.INTERRUPTED)
    cue.leave(Moment.THINKING)
    await cue.all_ready()
    await cue.about_to_think.wait()
    await cue.interrupt()
    assert cue.go.is_set()


async def test_the_one_who_interrupts_is_waited_for_again() -> None:
    """Until they speak."""
    cue = Cue({Moment.INTERRUPTED})
    cue.ready(Moment.INTERRUPTED)
    interruption = asyncio.create_task(cue.interrupt())
    await cue.go.wait()
    assert not interruption.done()
    cue.ready(Moment.INTERRUPTED)
    await interruption


async def test_a_tool_is_run_once_for_each_key() -> None:
    """Whoever asks again with the key waits for the same errand, also after it is done."""
    tools = ToolServer(takes_s=0)
    body = json.dumps({"conversation": 17, "utterance": 4}).encode()

    async def ask(key: str) -> bytes:
        paper = Paper()
        headers = {"idempotency-key": key, "parley-session": "s"}
        await tools.serve(Got("POST", "/look_up", headers, body), paper)  # type: ignore[arg-type]
        return paper.data

    answers = [*await asyncio.gather(ask("a"), ask("a")), await ask("a"), await ask("b")]
    assert all(b"200" in answer for answer in answers)
    assert [(errand.utterance, errand.requests) for errand in tools.of("s")] == [(4, 3), (4, 1)]
    assert not tools.is_at_work_for("s")


async def test_a_request_without_a_key_is_none() -> None:
    """It is refused, and told of."""
    tools, paper = ToolServer(takes_s=0), Paper()
    await tools.serve(Got("POST", "/look_up", {"parley-session": "s"}, b"{}"), paper)  # type: ignore[arg-type]
    assert b"400" in paper.data
    assert tools.strangers == ["POST /look_up"]
