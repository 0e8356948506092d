"""The process that recognises with a Whisper model: the only place that loads faster-whisper.

Messages: `{do: "load", model, device, compute_type}`, answered by `{id}`; and `{do: "hear", language, prompt}` with
PCM16LE mono at 24 kHz, answered by `{id, text}`. What can't be done is answered by `{id, error}`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import soxr

from services.engine.worker import Header, claim_stdio, encode, read_message

_IN_HZ, _OUT_HZ = 24_000, 16_000
_BEAM = 1  # greedy: a person waits for the answer


class Whisper:
    """A loaded model."""

    def __init__(self, model: str, device: str, compute_type: str) -> None:
        library: Any = import_module("faster_whisper")  # it takes seconds
        self._model: Any = library.WhisperModel(model, device=device, compute_type=compute_type)

    def hear(self, pcm: bytes, language: str, prompt: str) -> str:
        """What was said. `language` empty lets the model find out, which takes it longer."""
        samples = np.frombuffer(pcm, dtype=np.int16).astype(np.float32) / 32768
        audio = soxr.resample(samples, _IN_HZ, _OUT_HZ, quality="HQ")
        # Each turn stands for itself, and its silence is cut out: both keep the model from inventing words.
        segments, _ = self._model.transcribe(
            audio,
            language=language or None,
            initial_prompt=prompt or None,
            beam_size=_BEAM,
            condition_on_previous_text=False,
            vad_filter=True,
        )
        return " ".join(segment.text.strip() for segment in segments).strip()


def main() -> None:
    """Recognise until stdin closes."""
    messages, answers = claim_stdio()
    whisper: Whisper | None = None
    while message := read_message(messages):
        header, payload = message
        answer: Header = {"id": header["id"]}
        try:
            if header["do"] == "load":
                whisper = Whisper(header["model"], header["device"], header["compute_type"])
            elif whisper is not None:
                answer["text"] = whisper.hear(payload, header["language"], header["prompt"])
        except Exception as error:  # noqa: BLE001 - this process's boundary: whatever the library raises is told
            answer["error"] = f"{type(error).__name__}: {error}"
        answers.write(encode(answer))
        answers.flush()


if __name__ == "__main__":
    main()
