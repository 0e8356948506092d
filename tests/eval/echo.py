"""Echo: the assistant's own speech in the microphone. Does the ear take it for the person, or miss the person in it?

What leaks is speech from the folder, of other speakers than the clip's, through a room, at a level under that of the
person's speech. Nothing cancels it here: it stands for what a device's own echo cancelling leaves over. The person has
spoken a turn before, as people do before an assistant answers, so the ear knows how loud they are; and it goes on
listening after it was wrong, as it does in a conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from services.common.audio import MIC_HZ
from tests.eval import confidence
from tests.eval.audio import Sound, active_rms, generator, pcm, read, reverberate, room_tone
from tests.eval.folder import Folder, OverlapClip
from tests.eval.listener import FRAME_BYTES, Listener, Models
from tests.eval.overlap import LEAD_S, TAIL_S, Heard, interrupts, judge
from tests.eval.scene import Setting, staged

PIECE_S: Final = 30.0
MINUTES: Final = 10
"""How much echo alone is heard."""
_ROOM_S: Final = 0.3
_ROOM_T60_S: Final = 0.15
_GAP_S: Final = 0.2
PERSON_S: Final = 2.0
QUIET_S: Final = 2.0
"""Before and after a person's turn: the longest pause that ends one, and more."""

Figures = dict[str, Any]


@dataclass(frozen=True)
class Leak:
    """What leaks, and how loud."""

    setting: Setting
    voices: tuple[tuple[str, str], ...]
    """(path, group) of the speech that stands for the assistant's."""
    rooms: tuple[str, ...]
    """Room impulse responses."""
    person_rms: float
    """Level of a person's speech."""
    echo_db: float
    """Level of the echo against the person's."""

    def sound(self, name: str, seconds: float, but: str = "", person_rms: float | None = None) -> Sound:
        """Return so much of the assistant's speech as it arrives at the microphone, without one group's."""
        random = generator(self.setting.seed, "echo", name)
        voices = [path for path, group in self.voices if group != but] or [path for path, _ in self.voices]
        parts: list[Sound] = []
        missing = int(seconds * MIC_HZ)
        while missing > 0:
            voice = _voice(self.setting.root / voices[int(random.integers(len(voices)))])
            parts += [voice, np.zeros(int(_GAP_S * MIC_HZ))]
            missing -= len(voice) + len(parts[-1])
        dry = np.concatenate(parts)[: int(seconds * MIC_HZ)]
        wet = reverberate(dry, self._room(random))
        rms = (person_rms or self.person_rms) * 10 ** (self.echo_db / 20)
        return wet * (rms / max(active_rms(wet), 1e-9))

    def person(self, name: str) -> Sound:
        """Return a few seconds of some person's speech, at a person's level."""
        random = generator(self.setting.seed, "person", name)
        path, _ = self.voices[int(random.integers(len(self.voices)))]
        voice = _voice(self.setting.root / path)
        speaks = int(np.argmax(np.abs(voice) > 1.0))
        return voice[speaks : speaks + int(PERSON_S * MIC_HZ)] * self.person_rms

    def _room(self, random: np.random.Generator) -> Sound:
        """Return the way from the loudspeaker to the microphone: the beginning of a room's response."""
        samples = np.arange(int(_ROOM_S * MIC_HZ))
        if not self.rooms:
            decay = 10.0 ** (-3.0 * samples / (_ROOM_T60_S * MIC_HZ))
            return np.asarray(random.standard_normal(len(samples)) * decay * 0.3 + (samples == 0))
        room = read(self.setting.root / self.rooms[int(random.integers(len(self.rooms)))])
        direct = int(np.argmax(np.abs(room)))
        room = room[direct : direct + len(samples)]
        return np.asarray(room * np.linspace(1.0, 0.0, len(room)))


@lru_cache(maxsize=256)
def _voice(path: Path) -> Sound:
    """Return speech at a level of 1: an assistant speaks evenly."""
    sound = read(path)
    return sound / max(active_rms(sound), 1e-9)


def voices(folder: Folder) -> tuple[tuple[str, str], ...]:
    """Return (path, group) of what can stand for the assistant: turns, and phrases that go on."""
    turns = [(clip.path, clip.group) for clip in folder.turns]
    phrases = [(clip.path, clip.group) for clip in folder.overlap if clip.expect == "yield" and clip.kind == "phrase"]
    others = [(clip.path, clip.group) for clip in folder.overlap if clip.expect == "yield"]
    return tuple(dict.fromkeys(turns + phrases)) or tuple(others)


def stops(folder: Folder) -> list[OverlapClip]:
    """Return what must not be missed: the clips of kind stop; where there are none, all that is to be yielded to."""
    wanted = [clip for clip in folder.overlap if clip.expect == "yield"]
    return [clip for clip in wanted if clip.kind == "stop"] or wanted


def level(models: Models, setting: Setting, clip: OverlapClip) -> float:
    """Return the RMS of a clip while its person speaks. Raises AudioError."""
    del models
    return active_rms(read(setting.root / clip.path))


@dataclass
class Alone:
    """What came of a piece of echo without a person."""

    seconds: float
    cancels: int
    ducks: int


def meet(listener: Listener, speech: Sound, room: Sound) -> None:
    """Let a person speak a turn, and wait until it has ended. `room` is some of the room's sound."""
    quiet = np.resize(room, int(QUIET_S * MIC_HZ))
    heard = pcm(np.concatenate([quiet, speech, quiet]))
    for start in range(0, len(heard), FRAME_BYTES):
        listener.hear(heard[start : start + FRAME_BYTES])


def alone(models: Models, leak: Leak, number: int, room: str) -> Alone:
    """Hear nothing but echo, in the room of some clip. After a cancel a new reply begins. Raises AudioError."""
    echo = leak.sound(f"alone {number}", PIECE_S)
    random = generator(leak.setting.seed, "echo room", str(number))
    tone = room_tone(read(leak.setting.root / room), int((LEAD_S + PIECE_S) * MIC_HZ), random)
    found = Alone(PIECE_S, 0, 0)
    listener = Listener(models)
    meet(listener, leak.person(str(number)), tone)
    for reply in range(1, int(PIECE_S) * 2):
        before_ms = listener.now_ms
        kinds = [kind for kind, _, _ in interrupts(listener, pcm(tone[: len(echo)] + echo), reply)]
        found.ducks += kinds.count("duck")
        if "cancel" not in kinds:
            break
        found.cancels += 1
        echo = echo[max(int((listener.now_ms - before_ms) * MIC_HZ / 1000), MIC_HZ // 2) :]
        if len(echo) < MIC_HZ:
            break
        meet(listener, np.zeros(0), tone)
    return found


def with_person(models: Models, leak: Leak, clip: OverlapClip) -> Heard:
    """Hear a person in the echo; before it they said the same while nobody else spoke. Raises AudioError."""
    scene = staged(leak.setting, clip.path, LEAD_S, TAIL_S)
    speech = read(leak.setting.root / clip.path)
    echo = leak.sound(clip.path, len(scene) / MIC_HZ + 1, clip.group, active_rms(speech))
    listener = Listener(models)
    meet(listener, speech, scene[: int(LEAD_S * MIC_HZ)])
    return judge(models, clip, scene + echo[: len(scene)], listener)


def figures(pieces: Sequence[Alone], heard: Sequence[Heard], seed: int) -> Figures:
    """Return the figures of one level of echo."""
    minutes = sum(piece.seconds for piece in pieces) / 60
    names = [str(number) for number in range(len(pieces))]
    counted = confidence.weights(names, seed)
    length = counted @ np.array([piece.seconds / 60 for piece in pieces])
    cancels = np.array([piece.cancels for piece in pieces], dtype=np.float64)
    ci = confidence.interval(counted @ cancels / length)
    if not cancels.any():
        ci = [0.0, round(3.0 / minutes, 4)]  # the rule of three: Hanley and Lippman-Hand, 1983
    missed = confidence.share([not one.yielded for one in heard], [one.clip.group for one in heard], seed)
    return {
        "minutes": round(minutes, 2),
        "false_cancels_per_minute": round(float(cancels.sum()) / minutes, 4),
        "false_cancels_per_minute_ci": ci,
        "ducks_per_minute": round(sum(piece.ducks for piece in pieces) / minutes, 4),
        "stops": len(heard),
        "missed_stops": missed["value"],
        "missed_stops_ci": missed["ci"],
        "false_starts": sum(one.false_start for one in heard),
    }
