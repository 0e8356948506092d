"""The conversation that `make run` holds: what the person says and when, and what must come of it.

Pure data and pure checks. `performance.py` carries it out; a check is given the speeches of its scene and returns
what went wrong, in plain words: nothing, when all went well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from local.timeline import ASSISTANT, PERSON, Speech, letters

SILENT_WITHIN_MS: Final = 1_000.0
"""From the onset of "Stop!" to the last sample heard. The goal is 410 ms; a laptop that is busy gets some more."""
GOES_ON_MS: Final = 1_500.0
"""How long a reply that survives an "mm-hmm" has to be heard after it, at least."""
AFTER_STOP_MS: Final = 2_800.0
"""Silence kept after "Stop!": Parley listens for 2.5 s, and must not answer a bare stop."""

SAME_WORDS: Final = 0.7
"""How alike what was said and what was understood have to be, from 0 to 1: "please" may be lost, the sense may not."""
PROMPTLY: Final = 1.0
"""Nobody drawls a "Stop!". Said slower, the synthesiser's lies near the bar: where the ear's windows begin decides."""
BRIEFLY: Final = 1.4
"""The synthesiser draws an "mm-hmm" out to 0.6 s at its normal speed; people take some 0.4 s."""

# What the person does


@dataclass(frozen=True)
class Say:
    """Say these words, at `speed` times 175 words a minute."""

    words: str
    speed: float = 0.9


@dataclass(frozen=True)
class AwaitReply:
    """Keep silent until a new reply is heard; it is a fault when none comes in time."""

    patience_s: float = 15.0


@dataclass(frozen=True)
class KeepSilent:
    """Keep silent so long."""

    ms: float


@dataclass(frozen=True)
class HearOut:
    """Keep silent until the reply is over, of itself or cut off, and so long that another one would have begun."""

    patience_s: float = 60.0
    pause_ms: float = 700.0


@dataclass(frozen=True)
class AwaitHangup:
    """Wait until Parley hangs up; it is a fault of the ring's own engine when it doesn't in time."""

    patience_s: float = 5.0


Move = Say | AwaitReply | KeepSilent | HearOut | AwaitHangup


@dataclass(frozen=True)
class Scene:
    """A part of the conversation. `check(speeches, exact)` returns what went wrong.

    `exact` is true when the model is the ring's own engine, whose answers are known.
    """

    title: str
    moves: Sequence[Move]
    check: Callable[[Sequence[Speech], bool], list[str]]


# What must come of it

_A_TIME: Final = re.compile(r"\d|o'clock|past|half|quarter|noon|midnight|\b(one|two|three|four|five|six|seven)\b", re.I)


def _person(speeches: Sequence[Speech]) -> list[Speech]:
    return [speech for speech in speeches if speech.who == PERSON]


def _replies(speeches: Sequence[Speech]) -> list[Speech]:
    return [speech for speech in speeches if speech.who == ASSISTANT]


def _misheard(speeches: Sequence[Speech], exact: bool) -> list[str]:
    """Tell when the engine took the scene's first line for something else; other models may write it as they like."""
    first = _person(speeches)[0]
    if not exact or not first.understood or SequenceMatcher(None, *_plain(first)).ratio() >= SAME_WORDS:
        return []
    return [f"“{first.words}” was understood as “{first.understood}”"]


def _plain(speech: Speech) -> tuple[str, str]:
    return letters(speech.words), letters(speech.understood)


def check_answer(speeches: Sequence[Speech], exact: bool) -> list[str]:
    """A question is answered, to the end, and with what was asked for."""
    replies = _replies(speeches)
    if not replies:
        return ["the question was not answered"]
    failures = _misheard(speeches, exact)
    if any(reply.cut for reply in replies):
        failures.append("the answer was cut off although nobody interrupted it")
    words = " ".join(reply.words for reply in replies)
    if not words:
        failures.append("the answer came without captions")
    elif exact and not _A_TIME.search(words):
        failures.append(f"the answer to “What time is it?” names no time: “{words}”")
    return failures


def check_stop(speeches: Sequence[Speech], exact: bool) -> list[str]:
    """A long reply falls silent when it is told to stop, and a bare "stop" is not answered."""
    _, stop = _person(speeches)
    heard = [reply for reply in _replies(speeches) if reply.overlaps(stop)]
    later = [reply for reply in _replies(speeches) if reply.start_ms >= stop.start_ms]
    if not heard:
        return ["the story was over before “Stop!” was said, so nothing was cut off"]
    failures = _misheard(speeches, exact)
    if not heard[-1].cut:
        failures.append("the story went on although the person said “Stop!”")
    elif (took_ms := heard[-1].end_ms - stop.start_ms) > SILENT_WITHIN_MS:
        failures.append(
            f"the story fell silent {took_ms:,.0f} ms after “Stop!” began; {SILENT_WITHIN_MS:,.0f} ms is late"
        )
    if later:
        failures.append(f"a bare “Stop!” was answered: “{later[0].words}”")
    return failures


def check_backchannel(speeches: Sequence[Speech], exact: bool) -> list[str]:
    """A long reply goes on through an "mm-hmm", at full level, and the "mm-hmm" is not answered."""
    _, hum = _person(speeches)
    heard = [reply for reply in _replies(speeches) if reply.overlaps(hum)]
    later = [reply for reply in _replies(speeches) if reply.start_ms >= hum.start_ms]
    if not heard:
        return ["the answer was over before “Mm-hmm.” was said, so nothing was proved"]
    failures = _misheard(speeches, exact)
    if heard[-1].cut:
        failures.append("an “Mm-hmm.” cut the answer off")
    elif heard[-1].end_ms - hum.end_ms < GOES_ON_MS:
        failures.append("the answer was over right after the “Mm-hmm.”, so nothing was proved")
    if later:
        failures.append(f"an “Mm-hmm.” was answered: “{later[0].words}”")
    return failures


def check_goodbye(speeches: Sequence[Speech], exact: bool) -> list[str]:
    """A goodbye is answered, to the end; then Parley hangs up."""
    replies = _replies(speeches)
    if not replies:
        return ["the goodbye was not answered"]
    failures = _misheard(speeches, exact)
    return [*failures, "the goodbye was cut off although nobody interrupted it"] if replies[-1].cut else failures


SCENES: Final = (
    Scene(
        "A question is answered",
        (Say("What time is it?"), AwaitReply(), HearOut()),
        check_answer,
    ),
    Scene(
        "“Stop!” cuts a long answer off at once",
        (Say("Tell me a story."), AwaitReply(), KeepSilent(3_500), Say("Stop!", PROMPTLY), KeepSilent(AFTER_STOP_MS)),
        check_stop,
    ),
    Scene(
        "“Mm-hmm.” does not",
        (Say("Count to thirty."), AwaitReply(), KeepSilent(3_000), Say("Mm-hmm.", BRIEFLY), HearOut()),
        check_backchannel,
    ),
    Scene(
        "Goodbye",
        (Say("See you later!"), AwaitReply(), HearOut(), AwaitHangup()),
        check_goodbye,
    ),
)
