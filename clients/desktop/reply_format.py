"""How replies come: PCM16 as it is, or Opus, a twelfth of the bytes, where a network lies in between.

PCM16 at 24 kHz is 48 kB a second, about all that TCP carries where one packet in twenty is lost; Opus is 4. What comes
so small may also come further ahead: nothing urgent waits long behind it.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from parley.v1 import audio_pb2
from parley.v1 import conversation_service_pb2 as wire

from .connection_failures import Cause, ConnectionFailed
from .failures import UsageError
from .grpc_transport import SCHEME
from .sound import SPEAKER_HZ

try:
    import opuslib_next as opus
    from opuslib_next.exceptions import OpusError
except (ImportError, OSError, RuntimeError):  # the wheel is missing, or carries no library for this machine
    opus, OpusError = None, ValueError

REPLY_FORMATS: Final = ("auto", "pcm16", "opus")
PCM16_BUFFER_MS: Final = 400
"""A reply comes so far ahead of its time: it begins at its first piece, and still rides out what TCP makes of 150 ms of
jitter and one lost packet in twenty, if that is all it carries. docs/sound.md has the figures."""
OPUS_BUFFER_MS: Final = 2000
"""The same, the most that a server gives."""
_LONGEST_PACKET_SAMPLES: Final = 120 * SPEAKER_HZ // 1000


def ask_for(open_: wire.Open, reply_format: str, servers: str) -> None:
    """Say in `open_` how replies shall come. Raises UsageError where it can only be Opus and there is none."""
    ask_for_pcm16(open_)
    if _wants_opus(reply_format, servers):
        open_.output.encoding, open_.output.rate_hz = audio_pb2.AudioFormat.ENCODING_OPUS, SPEAKER_HZ
        open_.client_buffer_ms = OPUS_BUFFER_MS


def ask_for_pcm16(open_: wire.Open) -> None:
    """Have replies come as they are."""
    open_.ClearField("output")
    open_.client_buffer_ms = PCM16_BUFFER_MS


def is_opus(open_: wire.Open) -> bool:
    """Whether replies shall come as Opus."""
    return open_.output.encoding == audio_pb2.AudioFormat.ENCODING_OPUS


def _wants_opus(reply_format: str, servers: str) -> bool:
    if reply_format == "opus" and opus is None:
        raise UsageError("Opus is not installed here: `pip install opuslib-next-bundled`, or --reply-format pcm16.")
    if reply_format == "auto":
        return opus is not None and not all(_is_here(address.strip()) for address in servers.split(","))
    return reply_format == "opus"


def _is_here(address: str) -> bool:
    try:
        host = urlsplit(address if "://" in address else f"{SCHEME}{address}").hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # a name
        return False


class Replies:
    """Makes PCM16 of what comes by one connection, in the format that its server has `opened` it with."""

    def __init__(self, opened: wire.Opened) -> None:
        self._is_opus = opened.output.encoding == audio_pb2.AudioFormat.ENCODING_OPUS
        self._decoder: Any = None
        self._reply = 0

    def decode(self, response: wire.ConverseResponse) -> wire.ConverseResponse:
        """Return the same, any sound in it as PCM16. Raises ConnectionFailed for what is no packet."""
        if not self._is_opus or not response.HasField("audio"):
            return response
        if opus is None:
            raise ConnectionFailed(Cause.UNREADABLE, "replies as Opus, which nobody here has asked for")
        if response.audio.reply != self._reply:  # its server begins a new encoder
            self._decoder, self._reply = opus.Decoder(SPEAKER_HZ, 1), response.audio.reply
        try:
            if not response.audio.pcm:
                raise ValueError  # the decoder would take it for a loss, and guess
            response.audio.pcm = self._decoder.decode(response.audio.pcm, _LONGEST_PACKET_SAMPLES)
        except (OpusError, ValueError):
            raise ConnectionFailed(Cause.UNREADABLE, "a piece of a reply that is no Opus packet") from None
        return response
