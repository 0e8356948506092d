"""Items: the entries of a conversation, and what was heard of each."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from services.engine.protocol.fields import Fields
from services.engine.protocol.formats import SAMPLES_PER_MS, Encoder


@dataclass(slots=True)
class Part:
    """One part of a message: `kind` is input_text, input_audio, output_text or output_audio.

    `text` is what was typed, transcribed, or (by the assistant) said and not truncated away. Audio is PCM16LE mono at
    24 kHz; of the assistant's, `word_starts` holds each word with the sample it begins at.
    """

    kind: str
    text: str = ""
    samples: int = 0
    pcm: bytearray | None = None
    transcribed: bool = True
    word_starts: list[tuple[str, int]] = field(default_factory=list)

    @property
    def is_audio(self) -> bool:
        """Whether it was spoken."""
        return self.kind.endswith("audio")

    @property
    def duration_ms(self) -> int:
        """Length of its audio, in whole milliseconds."""
        return self.samples // SAMPLES_PER_MS

    def as_dict(self, audio_format: Fields | None) -> dict[str, Any]:
        """The part as the protocol writes it, with its audio in a format if one is given."""
        if not self.is_audio:
            return {"type": self.kind, "text": self.text}
        part: dict[str, Any] = {"type": self.kind, "transcript": self.text if self.transcribed else None}
        if audio_format is not None and self.pcm is not None:
            encoder = Encoder(audio_format)
            part["audio"] = base64.b64encode(encoder.feed(bytes(self.pcm)) + encoder.finish()).decode()
        return part

    def truncate(self, audio_end_ms: int) -> None:
        """Forget what lies after `audio_end_ms`: the audio, and the words that had not begun by then."""
        self.samples = audio_end_ms * SAMPLES_PER_MS
        if self.pcm is not None:
            del self.pcm[self.samples * 2 :]
        self.word_starts = [(word, start) for word, start in self.word_starts if start < self.samples]
        self.text = "".join(word for word, _ in self.word_starts).strip()


@dataclass(slots=True)
class Item:
    """A message, a function call or a call's output: the latter two have their fields in `call`."""

    id: str
    kind: str = "message"
    role: str = ""
    parts: list[Part] = field(default_factory=list)
    status: str = "completed"
    call: dict[str, str] = field(default_factory=dict)
    is_silence: bool = False
    """The person's, and nothing was said: the wait for speech was over."""

    @property
    def text(self) -> str:
        """All that was typed, transcribed or said in it."""
        return " ".join(part.text for part in self.parts if part.text)

    def as_dict(self, audio_format: Fields | None = None) -> dict[str, Any]:
        """The item as the protocol writes it; its audio, in a format, only for `conversation.item.retrieved`."""
        base = {"id": self.id, "object": "realtime.item", "type": self.kind, "status": self.status}
        if self.kind != "message":
            return {**base, **self.call}
        return {**base, "role": self.role, "content": [part.as_dict(audio_format) for part in self.parts]}
