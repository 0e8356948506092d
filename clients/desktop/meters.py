"""What the sound is like just now: read-only figures for whoever shows them. `Levels` of the device, `Quality` of all.

Ask for them as often as you draw (`device.levels`, `conversation.quality`): each answer is a picture that stands still.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .sound import FRAME_MS, samples_of

SILENCE_DB = -96.0
"""What a meter shows of digital silence: less than the smallest sample of 16 bits."""
FALL_DB_PER_S = 40.0
"""How fast a meter falls: slow enough for the eye, fast enough to see syllables."""


@dataclass(frozen=True, slots=True)
class Levels:
    """How loud it is, in dB of full scale (0 at most, `SILENCE_DB` at least), falling by 40 dB a second."""

    mic_db: float = SILENCE_DB
    """The microphone as it is."""
    clean_db: float = SILENCE_DB
    """What is sent: the microphone after echo cancelling, the same where none is at work."""
    speaker_db: float = SILENCE_DB
    """What the speaker is given, duck included."""


@dataclass(frozen=True, slots=True)
class EchoState:
    """How the speaker is kept out of the microphone, and how well."""

    way: str = "headphones"
    """"headphones", "device" (cancelled here), "server" (left to the server), or "off" (switched off)."""
    erle_db: float | None = None
    """Echo return loss enhancement: how much quieter the canceller makes the echo. None: it has not been heard yet."""
    delay_ms: float | None = None
    """How long after its reference the echo is heard, as far as it was found."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How well the conversation's sound flows."""

    echo: EchoState = EchoState()
    buffer_ms: int = 0
    """What has been received and not been heard yet."""
    start_ms: int = 20
    """The playout buffer's threshold: how much must be there before a reply begins. 20 to 200; grows with jitter."""
    underruns: int = 0
    """Times a reply had to wait for the network."""
    gap_ms: int = 0
    """How long it waited, all told."""
    dropped_ms: int = 0
    """Of replies: what came too late, twice, or beyond the largest buffer."""
    dropped_mic_frames: int = 0
    """Frames of 20 ms that never reached a server, or that this machine was too busy to take."""
    dropped_speaker_frames: int = 0
    """Frames of 20 ms that a speaker was too slow to take. Replies wait for it, so there should be none."""
    starved_calls: int = 0
    """Times the sound card wanted more than there was: this machine is too busy."""
    output_latency_ms: int = 0
    input_latency_ms: int = 0
    ducked: bool = False
    """Whether the output is lowered just now, by the server's word or at once by the local detector."""
    microphone: str = ""
    speaker: str = ""
    """The devices in use, by name; empty: none, or not a sound card."""
    trouble: str = ""
    """One line about the sound card that the person should read, "The microphone is gone…" say; empty: all is well."""


class Meter:
    """Follows the level of frames of PCM16: up at once, down slowly."""

    def __init__(self) -> None:
        self.db = SILENCE_DB

    def feed(self, pcm: bytes, frame_ms: float = FRAME_MS) -> None:
        """Take the next frame."""
        self.db = max(level_db(pcm), self.db - FALL_DB_PER_S * frame_ms / 1000, SILENCE_DB)


def level_db(pcm: bytes) -> float:
    """Return the root mean square of PCM16LE in dB of full scale; `SILENCE_DB` for silence or nothing."""
    samples = samples_of(pcm).astype(np.float64)
    power = float(np.mean(np.square(samples))) if len(samples) else 0.0
    return max(SILENCE_DB, 10.0 * float(np.log10(power / 32768.0**2))) if power else SILENCE_DB
