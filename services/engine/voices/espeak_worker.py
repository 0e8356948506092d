"""The process that synthesises: the only place of this project that loads libespeak-ng.

espeak-ng is GPL-3.0. It is loaded here, in a process of its own that knows nothing of the rest, and is
spoken to over a pipe; the rest of the project is Apache-2.0 and runs against any other voice that speaks
the same messages.

Question: `{id, text, voice, wpm, pitch}`. Answer: `{id, rate_hz, words: [[text_position, start_ms], …]}`
with PCM16LE mono as payload, or `{id, error}`. `text_position` counts characters from 0, `start_ms` audio
from its start.
"""

from __future__ import annotations

import ctypes
from typing import Any

import espeakng_loader

from services.engine.worker import claim_stdio, encode, read_message

# From espeak-ng's speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_EVENT_WORD = 1
_CHARS_UTF8 = 1
_PARAMETER_RATE = 1
_PARAMETER_PITCH = 3
_POSITION_CHARACTER = 1
_BUFFER_MS = 0

# A voice is found by the name of its file; the British one is in the file "en".
_FILES = {"en-gb": "en"}


class _EventId(ctypes.Union):
    _fields_ = [
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    ]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """libespeak-ng, synthesising into memory. One per process: the library keeps its state in globals."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        self.rate_hz = self._library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER_MS, data, 0)
        if self.rate_hz <= 0:
            raise OSError(f"espeak-ng found no voices in {data.decode()}: install espeakng-loader again")
        self._pcm = bytearray()
        self._words: list[tuple[int, int]] = []
        self._callback = _Callback(self._collect)  # kept: the library holds only its address
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._pcm += ctypes.string_at(samples, count * 2)
        index = 0
        while events[index].type:
            event = events[index]
            if event.type == _EVENT_WORD:
                self._words.append((event.text_position - 1, event.audio_position))
            index += 1
        return 0

    def say(self, text: str, voice: str, wpm: int, pitch: int) -> tuple[bytes, list[tuple[int, int]]]:
        """Synthesise `text`: PCM16LE mono at `rate_hz`, and (text position, start ms) of each word.

        `voice` is an espeak voice with an optional variant ("en-gb+m3"), `pitch` 0 to 100 (50 is normal).
        Raises ValueError for an unknown voice.
        """
        language, plus, variant = voice.partition("+")
        name = _FILES.get(language, language) + plus + variant
        if self._library.espeak_SetVoiceByName(name.encode()) != 0:
            raise ValueError(f"no such espeak voice: {voice!r} (try en-us, en-gb+m3, en-us+f3)")
        self._library.espeak_SetParameter(_PARAMETER_RATE, wpm, 0)
        self._library.espeak_SetParameter(_PARAMETER_PITCH, pitch, 0)
        self._pcm, self._words = bytearray(), []
        data = text.replace("\0", " ").encode()
        size = ctypes.c_size_t(len(data) + 1)
        self._library.espeak_Synth(data, size, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
        self._library.espeak_Synchronize()
        return bytes(self._pcm), self._words


def main() -> None:
    """Answer questions until stdin closes."""
    questions, answers = claim_stdio()
    espeak = Espeak()
    while message := read_message(questions):
        question, _ = message
        try:
            pcm, words = espeak.say(question["text"], question["voice"], question["wpm"], question["pitch"])
            answer = encode({"id": question["id"], "rate_hz": espeak.rate_hz, "words": words}, pcm)
        except ValueError as error:
            answer = encode({"id": question["id"], "error": str(error)})
        answers.write(answer)
        answers.flush()


if __name__ == "__main__":
    main()
