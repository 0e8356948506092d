"""The process that speaks with a Piper voice: the only place of this project that loads piper-tts.

piper-tts is GPL-3.0. As with espeak-ng, it is loaded here, in a process of its own that knows nothing of the rest.

Messages: `{do: "load", model}`, answered by `{id}`; and `{do: "say", text, speed, speaker}`, answered by
`{id, rate_hz}` with PCM16LE mono as payload. What can't be done is answered by `{id, error}`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from services.engine.worker import Header, claim_stdio, encode, read_message


class Piper:
    """A loaded voice."""

    def __init__(self, model: str) -> None:
        self._library: Any = import_module("piper")
        self._voice: Any = self._library.PiperVoice.load(model)

    def say(self, text: str, speed: float, speaker: int | None) -> tuple[bytes, int]:
        """Synthesise: PCM16LE mono, and its rate in Hz."""
        config = self._voice.config
        manner = self._library.SynthesisConfig(speaker_id=speaker, length_scale=config.length_scale / speed)
        pcm = b"".join(_mono(chunk) for chunk in self._voice.synthesize(text, syn_config=manner))
        return pcm, int(config.sample_rate)


def _mono(chunk: Any) -> bytes:
    samples = np.frombuffer(chunk.audio_int16_bytes, dtype="<i2")
    return bytes(samples.reshape(-1, chunk.sample_channels).mean(axis=1).astype("<i2").tobytes())


def main() -> None:
    """Answer questions until stdin closes."""
    questions, answers = claim_stdio()
    piper: Piper | None = None
    while message := read_message(questions):
        question, _ = message
        answer: Header = {"id": question["id"]}
        pcm = b""
        try:
            if question["do"] == "load":
                piper = Piper(question["model"])
            elif piper is not None:
                pcm, answer["rate_hz"] = piper.say(question["text"], question["speed"], question["speaker"])
        except Exception as error:  # noqa: BLE001 - this process's boundary: whatever the library raises is told
            answer["error"] = f"{type(error).__name__}: {error}"
        answers.write(encode(answer, pcm))
        answers.flush()


if __name__ == "__main__":
    main()
