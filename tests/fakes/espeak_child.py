"""One sentence through libespeak-ng, in a process of its own (the library is GPL-3.0 and keeps global state).

    python espeak_child.py VOICE WORDS_PER_MINUTE TEXT > pcm

Standard output is 4 bytes of sample rate (little endian), then PCM16LE mono. Text in [[brackets]] is phonemes.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

import espeakng_loader

# From espeak-ng's speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_PARAMETER_RATE = 1
_CHARS_UTF8 = 1
_PHONEMES = 0x100

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def synthesise(text: str, voice: str, rate_wpm: int) -> tuple[int, bytes]:
    """Give the sample rate and the audio of `text`. Raises ValueError for an unknown voice."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = str(espeakng_loader.get_data_path()).encode()
    rate_hz = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data, _DONT_EXIT)
    if rate_hz <= 0:
        raise OSError(f"espeak-ng found no voices in {data.decode()}")
    pcm = bytearray()

    def collect(samples: Any, count: int, _events: object) -> int:
        if samples and count > 0:
            pcm.extend(ctypes.string_at(samples, 2 * count))
        return 0

    callback = _Callback(collect)  # kept until the end: the library holds only its address
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise ValueError(f"no such espeak voice: {voice!r} (try en-us, en-us+f3, en-us+m3)")
    library.espeak_SetParameter(_PARAMETER_RATE, rate_wpm, 0)
    encoded = text.encode() + b"\0"
    flags = _CHARS_UTF8 | _PHONEMES
    library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded)), 0, 0, 0, flags, None, None)
    library.espeak_Synchronize()
    return rate_hz, bytes(pcm)


def main() -> None:
    """Speak as the command line says; the reason of a failure goes to standard error."""
    voice, rate_wpm, text = sys.argv[1:]
    output = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints must not get into the audio
    try:
        rate_hz, pcm = synthesise(text, voice, int(rate_wpm))
    except (ValueError, OSError) as error:
        sys.exit(str(error))
    with os.fdopen(output, "wb") as out:
        out.write(rate_hz.to_bytes(4, "little") + pcm)


if __name__ == "__main__":
    main()
