"""Audio formats: what a client sends and is sent, and the PCM16LE mono at 24 kHz that everything inside is.

G.711 is at 8 kHz. Its resampler must hear up to 3.1 ms beyond what it gives, so what has been fed is a little more than
what has come out until `finish`.
"""

from __future__ import annotations

from typing import Any, Final

from services.common.resampler import Resampler
from services.engine.protocol.errors import wrong_value
from services.engine.protocol.fields import Fields, choice_at, needed, object_at, only
from services.engine.protocol.g711 import A_LAW, MU_LAW

RATE_HZ: Final = 24_000
SAMPLES_PER_MS: Final = RATE_HZ // 1000
PCM: Final[dict[str, Any]] = {"type": "audio/pcm", "rate": RATE_HZ}

_TELEPHONE_HZ: Final = 8_000
_LAWS: Final = {"audio/pcmu": MU_LAW, "audio/pcma": A_LAW}


def format_at(value: object, path: str) -> Fields:
    """A format of the Realtime API, whole. Raises ClientError for another."""
    fields = object_at(value, path)
    kind = choice_at(needed(fields, "type", path), f"{path}.type", ("audio/pcm", *_LAWS))
    if kind in _LAWS:
        only(fields, ("type",), path)
        return {"type": kind}
    only(fields, ("type", "rate"), path)
    if fields.get("rate", RATE_HZ) not in (RATE_HZ, None):
        raise wrong_value(f"{path}.rate", f"PCM is at {RATE_HZ} Hz only")
    return dict(PCM)


class Decoder:
    """From a client's format to PCM at 24 kHz, in a stream."""

    def __init__(self, audio_format: Fields) -> None:
        self._law = _LAWS.get(audio_format["type"])
        self._resampler = Resampler(_TELEPHONE_HZ, RATE_HZ)

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of the client's."""
        return 1 if self._law else 2

    def feed(self, audio: bytes) -> bytes:
        """Take whole samples; return what they make."""
        return audio if self._law is None else self._resampler.feed(self._law.decode(audio))

    def finish(self) -> bytes:
        """What was held back; the next sample begins a new stream."""
        if self._law is None:
            return b""
        rest, self._resampler = self._resampler.finish(), Resampler(_TELEPHONE_HZ, RATE_HZ)
        return rest


class Encoder:
    """From PCM at 24 kHz to a client's format, in a stream."""

    def __init__(self, audio_format: Fields) -> None:
        self._law = _LAWS.get(audio_format["type"])
        self._resampler = Resampler(RATE_HZ, _TELEPHONE_HZ)

    def feed(self, pcm: bytes) -> bytes:
        """Take samples; return what can be sent of them by now."""
        return pcm if self._law is None else self._law.encode(self._resampler.feed(pcm))

    def finish(self) -> bytes:
        """What was held back; the stream has ended."""
        return b"" if self._law is None else self._law.encode(self._resampler.finish())
