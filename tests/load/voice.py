"""Voice: what people say in the load, in frames of 20 ms, and exactly where each utterance ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.fakes import speech

HZ: Final = 16_000
FRAME_SAMPLES: Final = 320
FRAME_BYTES: Final = 640
_ROOM_LEVEL: Final = 12.0
"""Root mean square of the room tone, of 32768: a quiet room, -69 dBFS. A microphone never gives exact zeros."""

_ROOM_FRAMES: Final = 500

_TURNS: Final = (
    ("Could you tell me when the next train to the coast leaves this afternoon?", "en-us"),
    ("I would like to know how long it takes to boil an egg.", "en-us+f3"),
    ("Please read me the first three lines of the poem from yesterday.", "en-us+m3"),
    ("What is the weather going to be like in the mountains on Sunday morning?", "en-us+f2"),
    ("Remind me to call my sister after dinner tonight.", "en-us+m1"),
    ("How many people live in the town where the river meets the sea?", "en-us+f4"),
    ("Can you explain why leaves turn red in autumn?", "en-us"),
    ("Tell me a short story about a lighthouse and a cat.", "en-us+m2"),
)
_BARGE_INS: Final = (
    ("Stop!", "en-us"),
    ("No, wait a moment, please.", "en-us+f3"),
    ("Stop!", "en-us+m3"),
    ("Hey, that is not what I meant.", "en-us+m1"),
)


_REQUESTS: Final = (
    ("What time is it?", "en-us"),
    ("Can you tell me the time, please?", "en-us+f3"),
    ("What is your name?", "en-us+m3"),
    ("What is seven times eight?", "en-us+f2"),
    ("Tell me a story.", "en-us+m1"),
    ("What day is it today?", "en-us+f4"),
    ("Count to twenty.", "en-us"),
    ("Thank you very much.", "en-us+f3"),
    ("How are you doing?", "en-us+m3"),
    ("How much is twelve plus nine?", "en-us+f2"),
    ("What can I ask you?", "en-us+m1"),
    ("I would like to hear a story, please.", "en-us+f4"),
)
"""What the engine's embedded parts understand."""


@dataclass(frozen=True)
class Utterance:
    """Whole frames of microphone audio; `end` is the sample after the last sound."""

    frames: Sequence[bytes]
    end: int


@dataclass(frozen=True)
class Voice:
    """Everything that can be said, and the room tone in between. `name` says where it comes from."""

    name: str
    turns: Sequence[Utterance]
    barge_ins: Sequence[Utterance]
    room: Sequence[bytes]


def synthetic_voice() -> Voice:
    """Return the voice of the load by default: eight sentences and four interruptions by a synthesiser."""
    turns = [utterance(np.frombuffer(speech.say(text, name, 190), "<i2")) for text, name in _TURNS]
    barge_ins = [utterance(np.frombuffer(speech.say(text, name, 190), "<i2")) for text, name in _BARGE_INS]
    return Voice("synthetic (espeak-ng)", turns, barge_ins, room_tone())


def synthetic_requests() -> Voice:
    """Return the phrases that the engine understands, by a synthesiser. Its melody says little of where a turn ends."""
    turns = [utterance(np.frombuffer(speech.say(text, name, 190), "<i2")) for text, name in _REQUESTS]
    return Voice("synthetic phrases that the engine understands (espeak-ng)", turns, (), room_tone())


def utterance(sound: NDArray[np.int16], end: int | None = None) -> Utterance:
    """Make an utterance of PCM16 at 16 kHz. Without `end` it ends with the last sound louder than 1 % of its peak."""
    if end is None:
        audible = np.flatnonzero(
            np.abs(sound.astype(np.int32)) > max(1, int(np.max(np.abs(sound.astype(np.int32)))) // 100)
        )
        end = int(audible[-1]) + 1 if len(audible) else len(sound)
    whole = np.zeros(-(-len(sound) // FRAME_SAMPLES) * FRAME_SAMPLES)
    whole[: len(sound)] = sound
    return Utterance(_frames(whole + _noise(len(whole), seed=len(sound))), end)


def room_tone() -> list[bytes]:
    """Return ten seconds of a quiet room."""
    return _frames(_noise(_ROOM_FRAMES * FRAME_SAMPLES, seed=7))


def _noise(samples: int, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal(samples) * _ROOM_LEVEL


def _frames(sound: NDArray[np.float64]) -> list[bytes]:
    pcm = np.clip(np.rint(sound), -32768, 32767).astype("<i2").tobytes()
    return [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES)]
