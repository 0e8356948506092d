"""A conversation recorded for a bug report: one zip file with what was heard and played, what happened, and no secrets.

Nothing is kept before somebody has agreed to it, and nothing leaves the machine: the file is for the person to send.
"""

from __future__ import annotations

import dataclasses
import io
import json
import platform
import sys
import wave
import zipfile
from collections import deque
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from .events import Event
from .failures import cannot_write
from .meters import Levels, Quality
from .options import Options
from .recording import Recording
from .sound import FRAME_MS, MIC_HZ, SPEAKER_FRAME_SAMPLES, SPEAKER_HZ, Samples, samples_of

LONGEST_S = 300.0
"""So much sound is kept, the last of it: 29 MB a zip, before compression."""
MOST_EVENTS = 20_000
SECRET_FIELDS = {"resume_token"}
PACKAGES = ("parley", "grpcio", "websockets", "numpy", "soxr", "textual", "sounddevice", "PyAudio", "pywebrtc-audio")

CONSENT = """\
Record this conversation for a bug report?

From now until you stop, this is kept:
 - the sound: your microphone and everybody it hears, and Parley's voice
 - the words of both sides, and what the client did when
 - your settings without tokens, and the versions of programs

It is kept on this machine, of the sound the last five minutes, and written to a file when \
you stop. It is sent to nobody. Tell the others in the room before you agree."""

README = """\
A conversation with Parley, recorded for a bug report with the agreement of the person who spoke.

conversation.wav  stereo, 24 kHz: what was sent of the person left, what the speaker played right
mic.wav           the microphone as it was; this one and the next two begin together, at 16 kHz
reference.wav     what the echo canceller was told that the speaker plays; silence where none is at work
clean.wav         what was left of the microphone after echo cancelling, and was sent
events.jsonl      what happened, in order: "at" has the machine's monotonic clock, the microphone's samples (16 kHz) and
                  the speaker's samples (24 kHz)
settings.json     what was set, without tokens
versions.json     programs and system

The conversation's records at the server are under the session's name in events.jsonl.
"""


class BugReport:
    """Collects from the moment it is made. Give it every event, and to the sound card as its `tracks`."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self.delay_samples = SPEAKER_FRAME_SAMPLES
        """24 kHz samples by which what the speaker was given is heard later than the person's frame."""
        self.dropped_frames = 0
        """Frames of sound that were too long ago."""
        most = round(longest_s * 1000 / FRAME_MS)
        self._sound: deque[tuple[bytes, bytes, bytes]] = deque(maxlen=most)
        self._voices: deque[tuple[bytes, bytes]] = deque(maxlen=most)
        self._person = b""
        self._lines: deque[str] = deque(maxlen=MOST_EVENTS)

    def add(self, mic: bytes, reference: bytes, clean: bytes) -> None:
        """Take 20 ms of sound, all three of one instant."""
        self.dropped_frames += len(self._sound) == self._sound.maxlen
        self._sound.append((mic, reference, clean))

    def heard(self, pcm: bytes) -> None:
        """Take 20 ms of what was sent of the person, at 16 kHz. What the speaker was given in them follows."""
        self._person = pcm

    def played(self, pcm: bytes) -> None:
        """Take the 20 ms that the speaker was given then, at 24 kHz."""
        self._voices.append((self._person, pcm))

    def feed(self, event: Event) -> None:
        """Take an event."""
        self._lines.append(line_of(event))

    def note(self, levels: Levels, quality: Quality, now_s: float) -> None:
        """Take the figures of this moment, once a second or so."""
        figures = {"type": "Figures", "monotonic_s": round(now_s, 3)}
        figures |= {"levels": dataclasses.asdict(levels), "quality": dataclasses.asdict(quality)}
        self._lines.append(json.dumps(figures, ensure_ascii=False))

    def write(self, path: Path, options: Options, voices: Recording | None = None) -> None:
        """Write the zip file; `voices` where they were recorded otherwise. Raises UsageError."""
        try:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
                for name, content in self._files(options, voices or self._recording()).items():
                    zipped.writestr(name, content)
        except OSError as problem:
            raise cannot_write(path, problem) from problem

    def _recording(self) -> Recording:
        recording = Recording()
        recording.delay_samples = self.delay_samples
        for person, assistant in self._voices:
            recording.heard(person)
            recording.played(assistant)
        return recording

    def _files(self, options: Options, voices: Recording) -> dict[str, bytes | str]:
        files: dict[str, bytes | str] = {"README.txt": README}
        files["conversation.wav"] = wav_of(voices.stereo(), SPEAKER_HZ)
        if self._sound:
            mic, reference, clean = (samples_of(b"".join(part)) for part in zip(*self._sound, strict=True))
            files |= {"mic.wav": wav_of(mic), "reference.wav": wav_of(reference), "clean.wav": wav_of(clean)}
        files["events.jsonl"] = "".join(f"{line}\n" for line in self._lines)
        files["settings.json"] = json.dumps(settings_of(options), indent=1)
        files["versions.json"] = json.dumps({**versions(), "dropped_frames": self.dropped_frames}, indent=1)
        return files


def line_of(event: Event) -> str:
    """Return an event as a line of JSON, without secrets."""
    fields = {name: value for name, value in dataclasses.asdict(event).items() if name not in SECRET_FIELDS}
    fields["at"] = event.at._asdict()
    return json.dumps({"type": type(event).__name__, **fields}, ensure_ascii=False)


def settings_of(options: Options) -> Mapping[str, object]:
    """Return the options without the token; no secret stands in an address, `settings.addresses` sees to that."""
    fields = {name: value for name, value in dataclasses.asdict(options).items() if name != "token"}
    fields["has_token"] = bool(options.token)
    return {name: [str(part) for part in value] if name == "say" else _plain(value) for name, value in fields.items()}


def versions() -> dict[str, str]:
    """Return which programs these are, as far as they are here."""
    found = {"python": sys.version.split()[0], "system": platform.platform(), "machine": platform.machine()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def wav_of(samples: Samples, rate_hz: int = MIC_HZ) -> bytes:
    """Return a WAV file of samples [n] or [n, channels]."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return out.getvalue()


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


class VoiceTap(Recording):
    """A sound card's recording that tells a bug report, while one is wanted, and else is kept only if it shall be."""

    def __init__(self, *, keep: bool) -> None:
        super().__init__()
        self.report: BugReport | None = None
        self._keep = keep

    def heard(self, pcm: bytes) -> None:
        """Take what was sent of the person."""
        if self._keep:
            super().heard(pcm)
        if self.report:
            self.report.delay_samples = self.delay_samples
            self.report.heard(pcm)

    def played(self, pcm: bytes) -> None:
        """Take what the speaker was given."""
        if self._keep:
            super().played(pcm)
        if self.report:
            self.report.played(pcm)
