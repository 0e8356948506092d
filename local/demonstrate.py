"""Holds the demonstration conversation with a ring, shows it, and keeps it: `await demonstrate(ring, folder, tell)`."""

from __future__ import annotations

import os
import sys
import wave
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import soxr

from clients.desktop.conversation import Conversation
from clients.desktop.headless import HeadlessDevice
from clients.desktop.sound import MIC_HZ, SPEAKER_HZ, pcm_of, samples_of
from local.demonstration import SCENES, Say, Scene
from local.performance import Performance, SceneReport
from local.picture import UNICODE, draw, style_for
from local.ring import Ring
from services.engine.voices.espeak import EspeakVoice

PERSON_VOICE: Final = "en-us"
QUESTION_FILE: Final = "question.wav"


async def demonstrate(ring: Ring, folder: Path, tell: Callable[[str], None]) -> bool:
    """Hold the conversation through the client's own path; write `conversation.wav` and `.txt`; True if all went well.

    Raises ClientError when the ring does not open the conversation, PartError when the lines can't be spoken.
    """
    voice = await speak_lines(SCENES)
    keep_question(voice, folder)
    device = HeadlessDevice()
    async with Conversation(ring.ingress, device, token=os.environ.get("PARLEY_TOKEN", "")) as conversation:
        performance = Performance(conversation, device, voice, tell)
        reports = await performance.run(SCENES, exact=ring.uses_engine)
    speeches = performance.speeches()
    tell("\n" + draw(speeches, style_for(sys.stdout.encoding)))
    recording, transcript = folder / "conversation.wav", folder / "conversation.txt"
    device.write_stereo(recording)
    transcript.write_text(draw(speeches, UNICODE), encoding="utf-8")
    tell(f"recording   {recording}  (you left, Parley right)\ntranscript  {transcript}\n")
    tell(verdict(reports))
    return not any(report.failures for report in reports)


async def speak_lines(scenes: Sequence[Scene]) -> dict[str, bytes]:
    """Synthesise the person's lines: words → PCM16 at 16 kHz."""
    lines = [move for scene in scenes for move in scene.moves if isinstance(move, Say)]
    async with EspeakVoice() as voice:
        said = [await voice.say(line.words, voice=PERSON_VOICE, speed=line.speed) for line in lines]
    return {line.words: _for_microphone(utterance.pcm) for line, utterance in zip(lines, said, strict=True)}


def _for_microphone(pcm: bytes) -> bytes:
    heard = soxr.resample(samples_of(pcm), SPEAKER_HZ, MIC_HZ)
    return pcm_of(heard.astype(np.int16))


def keep_question(voice: Mapping[str, bytes], folder: Path) -> None:
    """Leave the first line as a WAV file: something to try the headless client with."""
    with wave.open(str(folder / QUESTION_FILE), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(MIC_HZ)
        file.writeframes(next(iter(voice.values())))


def verdict(reports: Sequence[SceneReport]) -> str:
    """Return a line per scene, and one per failed expectation."""
    lines = []
    for report in reports:
        lines.append(f"{'failed' if report.failures else 'ok':<8}{report.title}")
        lines += [f"        - {failure}" for failure in report.failures]
    return "\n".join(lines)
