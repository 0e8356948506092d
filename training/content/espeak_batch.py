"""Speaks many sentences through libespeak-ng, in a process of its own (the library is GPL-3.0 and keeps global state).

    python espeak_batch.py < lines

Each line of standard input is JSON: [path, voice, words per minute, pitch 0–100, text]; the audio goes to `path` as a
16-bit WAV. What cannot be said is named on standard error and left out.
"""

from __future__ import annotations

import ctypes
import json
import sys
import wave
from typing import Any

import espeakng_loader

# From espeak-ng's speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_RATE, _PITCH = 1, 3
_CHARS_UTF8 = 1
_PHONEMES = 0x100

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def main() -> None:
    """Speak each line of standard input."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate_hz = library.espeak_Initialize(
        _AUDIO_OUTPUT_SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), _DONT_EXIT
    )
    pcm = bytearray()

    def collect(samples: Any, count: int, _events: object) -> int:
        if samples and count > 0:
            pcm.extend(ctypes.string_at(samples, 2 * count))
        return 0

    callback = _Callback(collect)  # kept until the end: the library holds only its address
    library.espeak_SetSynthCallback(callback)
    for line in sys.stdin:
        path, voice, words_per_minute, pitch, text = json.loads(line)
        pcm.clear()
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            print(f"no such voice: {voice}", file=sys.stderr)
            continue
        library.espeak_SetParameter(_RATE, words_per_minute, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        encoded = text.encode() + b"\0"
        library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded)), 0, 0, 0, _CHARS_UTF8 | _PHONEMES, None, None)
        library.espeak_Synchronize()
        with wave.open(path, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate_hz)
            file.writeframes(bytes(pcm))


if __name__ == "__main__":
    main()
