"""Measures echo cancelling in ingress on recordings and prints it as Markdown: `python scripts/measure_echo.py DATA`.

DATA is a folder with `manifests/overlap.csv`, `turns.csv` and `noise.csv`. Read and natural speech of turns.csv is the
assistant, in replies of 3 to 20 s; its echo is that of a room of noise.csv, some dB below a person at -23 dB of full
scale; people of overlap.csv interrupt every 4.5 s. Playheads are wrong by a fixed time and jitter by 3 ms; how long a
reply takes from the server to the speaker varies by 30 ms either way.
docs/echo.md keeps the tables.
"""

from __future__ import annotations

import csv
import sys
import time
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "protos" / "gen")]

from parley.v1 import audio_pb2 as audio  # noqa: E402
from parley.v1 import session_pb2  # noqa: E402
from services.vad.content.listener import ContentListener, ContentModel  # noqa: E402
from services.vad.silero import Silero, SileroModel  # noqa: E402
from services.vad.turn_taking import TurnTaking  # noqa: E402
from tests.fakes.flac import read_flac  # noqa: E402
from tests.unit.ingress.echo.living_room import FRAME, LivingRoom, power_db  # noqa: E402

HZ = 16_000
VOICES = ("librispeech", "jfk", "silero", "ami")
INTERRUPTING = ("stop", "hey", "phrase", "name")
REPLIES_S = (3, 6, 3, 8, 4, 10, 5, 12, 20, 20)
LEARNING = 2
"""Replies after which the canceller is settled."""
HELD_UP_MS = {number: number * 37 % 61 - 30 for number in range(1, len(REPLIES_S) + 1)}
LATE_MS = (-200, -100, 0, 100, 200)
LEVELS_DB = (-5, -15, -30)
PERSON_DB = -23.0

Floats = NDArray[np.float64]
Interrupt = session_pb2.Interrupt


class Models(NamedTuple):
    """What vad hears with."""

    voice: SileroModel
    content: ContentModel

    def core(self) -> TurnTaking:
        """Return a decision core as production makes it."""
        return TurnTaking("s", 1, Silero(self.voice), ContentListener(self.content))


class Person(NamedTuple):
    """What interrupts: when each word begins and ends, and the whole of it."""

    words: list[tuple[int, int]]
    wave: Floats


def manifest(data: Path, name: str) -> list[dict[str, str]]:
    """Return a manifest's rows."""
    with (data / "manifests" / f"{name}.csv").open(encoding="utf-8") as rows:
        return list(csv.DictReader(rows))


@lru_cache(maxsize=1000)
def clip(data: Path, path: str) -> Floats:
    """Return a recording, full scale 1."""
    wave: Floats = read_flac(data / path)[1] / 32_768.0
    return wave


def levelled(wave: Floats) -> Floats:
    """Return speech whose frames above -45 dB have the person's level on average."""
    frames = wave[: len(wave) // FRAME * FRAME].reshape(-1, FRAME)
    loud = frames[10 * np.log10(np.mean(frames**2, axis=1) + 1e-12) > -45]
    raised: Floats = wave * 10 ** ((PERSON_DB - power_db(loud if len(loud) else frames)) / 20)
    return raised


def replies(data: Path) -> list[tuple[int, Floats]]:
    """Return the assistant's replies, 1.5 s apart, each with its place on the clock."""
    rows = [row for row in manifest(data, "turns") if row["source"] in VOICES]
    speech = np.concatenate([levelled(clip(data, row["path"])) for row in rows])
    speech = np.resize(speech, sum(REPLIES_S) * HZ)
    placed, start, at = [], HZ, 0
    for seconds in REPLIES_S:
        placed.append((start, speech[at : at + seconds * HZ].clip(-1, 1)))
        at += seconds * HZ
        start += int((seconds + 1.5) * HZ)
    return placed


def interruptions(data: Path, said: list[tuple[int, Floats]]) -> Person:
    """Let people interrupt the settled replies, every 4.5 s."""
    rng = np.random.default_rng(1)
    pool = [row for row in manifest(data, "overlap") if row["kind"] in INTERRUPTING]
    wave = np.zeros(said[-1][0] + len(said[-1][1]) + HZ)
    words = []
    for start, reply in said[LEARNING:]:
        for begin in range(start + int(1.5 * HZ), start + len(reply) - int(2.5 * HZ), int(4.5 * HZ)):
            row = pool[rng.integers(len(pool))]
            onset, end = (int(float(row[name]) * HZ) for name in ("onset_s", "end_s"))
            word = levelled(clip(data, row["path"]))[onset:end][: 2 * HZ]
            wave[begin : begin + len(word)] += word
            words.append((begin, begin + len(word)))
    return Person(words, wave)


def in_room(response: Floats, level_db: float, wave: Floats) -> Floats:
    """Return the echo of a sound; `response` has an energy of 1."""
    size = 1 << (len(wave) + len(response)).bit_length()
    echo = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(response, size), size)[: len(wave)]
    heard: Floats = echo * 10 ** (level_db / 20)
    return heard


def jittering(playhead: audio.Playhead, clock: int) -> audio.Playhead:
    """Return a stamp that is up to 3 ms off."""
    if playhead.reply:
        playhead.position = max(playhead.position + (clock * 7_919) % 145 - 72, 0)
    return playhead


def untouched(scene: LivingRoom) -> list[audio.AudioFrame]:
    """Return the microphone's frames as the client sends them."""
    pcm = np.rint(scene.microphone * 32_768).clip(-32_768, 32_767).astype("<i2")
    return [
        audio.AudioFrame(mic_offset=at, pcm=pcm[at : at + FRAME].tobytes(), playhead=scene.playhead(at))
        for at in range(0, len(pcm), FRAME)
    ]


def cancels(models: Models, frames: list[audio.AudioFrame]) -> list[int]:
    """Return when vad interrupts the assistant; after each time it starts anew a second later."""
    core, asleep_until, found = models.core(), 0, []
    for frame in frames:
        if frame.mic_offset < asleep_until:
            continue
        events = core.feed(frame)
        if any(isinstance(event, Interrupt) and event.kind == Interrupt.KIND_CANCEL for event in events):
            found.append(frame.mic_offset)
            core, asleep_until = models.core(), frame.mic_offset + HZ
    return found


def scored(found: list[int], person: Person, minutes: float, since: int) -> tuple[float, float]:
    """Return the share of words that were yielded to, and false cancels a minute."""
    found = [clock for clock in found if clock >= since]
    near = [(begin + 1_600, end + 9_600) for begin, end in person.words]
    yielded = sum(any(begin <= clock <= end for clock in found) for begin, end in near)
    false = sum(not any(begin <= clock <= end for begin, end in near) for clock in found)
    return yielded / max(len(near), 1), false / minutes


def loss_db(scene: LivingRoom, person: Person) -> float:
    """Return by how much the median loud frame of the person is quieter than it was said."""
    said, left = (
        np.concatenate([wave[begin:end][: (end - begin) // FRAME * FRAME] for begin, end in person.words])
        for wave in (person.wave, scene.clean)
    )
    pairs = zip(said.reshape(-1, FRAME), left.reshape(-1, FRAME), strict=True)
    return float(np.median([power_db(a) - power_db(b) for a, b in pairs if power_db(a) > -35]))


def reduced_db(scene: LivingRoom, first_ms: int, last_ms: int) -> float:
    """Return by how much the echo is lower, over these milliseconds of each settled reply."""
    spans = [(start + first_ms * 16, start + min(last_ms * 16, len(wave))) for start, wave in scene.replies[LEARNING:]]
    echo, left = (np.concatenate([wave[begin:end] for begin, end in spans]) for wave in (scene.echo, scene.clean))
    return power_db(echo) - power_db(left)


def main() -> None:
    """Print the tables."""
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "manifests" / "noise.csv").exists():
        sys.exit("measure_echo.py DATA: a folder with manifests/overlap.csv, turns.csv and noise.csv")
    data = Path(sys.argv[1])
    said, models = replies(data), Models(SileroModel(), ContentModel())
    seconds = (said[-1][0] + len(said[-1][1])) / HZ + 1
    person = interruptions(data, said)
    nobody = Person([], np.zeros(0))
    since = said[LEARNING][0] - HZ // 2
    minutes = sum(REPLIES_S[LEARNING:]) / 60
    print(
        "| room | echo | playheads late by | taken away | first 400 ms | person loses | yielded, before → after "
        "| false cancels a minute, before → after | CPU ms/s |\n|---|---|---|---|---|---|---|---|---|"
    )
    for row in [row for row in manifest(data, "noise") if row["kind"] == "rir"][:2]:
        response = clip(data, row["path"])
        response = response[max(int(np.argmax(np.abs(response))) - 16, 0) :]
        response = response / np.sqrt(np.sum(response**2))
        for level_db in LEVELS_DB:
            for late_ms in LATE_MS:
                room = partial(in_room, response, level_db)
                scene = partial(LivingRoom, stamp=jittering, held_up_ms=HELD_UP_MS, room=room)
                alone = scene(said, seconds, late_ms)
                began = time.process_time()
                alone.run()
                cpu = (time.process_time() - began) / seconds * 1000
                talk = scene(said, seconds, late_ms, person.wave).run()
                judged = [
                    cancels(models, frames) for frames in (untouched(alone), alone.frames, untouched(talk), talk.frames)
                ]
                false = [scored(found, nobody, minutes, since)[1] for found in judged[:2]]
                yielded = [scored(found, person, minutes, since)[0] for found in judged[2:]]
                trouble = ", ".join(kind for kind, _ in alone.said + talk.said)
                cells = [
                    Path(row["path"]).stem,
                    f"{level_db} dB",
                    f"{late_ms} ms",
                    f"{reduced_db(alone, 400, 10**9):.0f} dB",
                    f"{reduced_db(alone, 0, 400):.0f} dB",
                    f"{loss_db(talk, person):.1f} dB",
                    f"{yielded[0]:.2f} → {yielded[1]:.2f}",
                    f"{false[0]:.1f} → {false[1]:.1f}",
                    f"{cpu:.1f} {trouble}",
                ]
                print("|", " | ".join(cells), "|", flush=True)
    clean = LivingRoom(said, seconds, 0, person.wave, room=lambda wave: wave * 0)
    found = cancels(models, untouched(clean))
    print(f"\nWithout any echo: {scored(found, person, minutes, since)[0]:.2f} of {len(person.words)} yielded to.")


if __name__ == "__main__":
    main()
