"""Speaker: the ring's replies become the client's, and the client's positions become the ring's."""

from __future__ import annotations

from parley.v1 import audio_pb2 as audio
from services.common.audio import REPLY_HZ
from services.common.resampler import Resampler
from services.ingress.codec import encoder_for
from services.ingress.formats import REPLY_FORMAT, Format


class Speaker:
    """Converts replies from PCM16 at 24 kHz to the client's format, and positions both ways.

    PCM16 at 24 kHz passes untouched. Each reply has a resampler and an encoder of its own; its end brings out what they
    hold (docs/formats.md has the figures).

    A client's position counts the samples it has decoded and played. With Opus those begin with what our encoder puts
    before the first (2.5 ms), so `to_ring` subtracts it and `to_client` adds it: the client itself need know nothing.
    """

    def __init__(self, chosen: Format = REPLY_FORMAT) -> None:
        """Raises FormatFault for Opus on a server without libopus."""
        self._format = chosen
        self._untouched = chosen == REPLY_FORMAT
        self._lookahead = encoder_for(chosen).lookahead_samples
        self._rendering: _Rendering | None = None

    def feed(self, piece: audio.ReplyAudio) -> list[audio.ReplyAudio]:
        """Take a piece at 24 kHz; return what the client can have of it by now, with Opus one message a packet."""
        if self._untouched:
            return [piece]
        if self._rendering is None or piece.reply != self._rendering.reply:
            self._rendering = _Rendering(self._format, piece.reply, piece.position)
        return self._rendering.feed(piece.pcm)

    def end(self, ended: audio.ReplyEnded) -> list[audio.ReplyAudio | audio.ReplyEnded]:
        """Take the end of a reply; return what was still held of it, then the end.

        Its `samples` are the client's to play: the last Opus packet may hold some more, of silence.
        """
        if self._untouched:
            return [ended]
        samples = self.to_client(ended.samples) if ended.samples else 0
        rendering, self._rendering = self._rendering, None
        rest = rendering.finish() if rendering is not None and ended.reply == rendering.reply else []
        return [*rest, audio.ReplyEnded(reply=ended.reply, samples=samples)]

    def forget(self) -> None:
        """Drop what is held: the reply is dead."""
        self._rendering = None

    def to_client(self, position: int) -> int:
        """Return the client's position at which a sample of the ring's reply is heard."""
        return (position + self._lookahead) * self._format.rate_hz // REPLY_HZ

    def to_ring(self, position: int) -> int:
        """Return the ring's position for one of the client."""
        return max(position * REPLY_HZ // self._format.rate_hz - self._lookahead, 0)


class _Rendering:
    """One reply on its way into the client's format."""

    def __init__(self, chosen: Format, reply: int, start: int) -> None:
        self.reply = reply
        self._rate_hz = chosen.rate_hz
        self._encoder = encoder_for(chosen)
        coded_hz = self._encoder.rate_hz
        self._resampler = None if coded_hz == REPLY_HZ else Resampler(REPLY_HZ, coded_hz, start)
        self._position = start if self._resampler is None else self._resampler.position
        """The next message's, in samples that the encoder takes."""

    def feed(self, pcm: bytes) -> list[audio.ReplyAudio]:
        """Take samples at 24 kHz; return messages."""
        given = pcm if self._resampler is None else self._resampler.feed(pcm)
        return [self._message(*message) for message in self._encoder.feed(given)]

    def finish(self) -> list[audio.ReplyAudio]:
        """Return the messages with what is still held."""
        given = b"" if self._resampler is None else self._resampler.finish()
        return [self._message(*message) for message in self._encoder.feed(given) + self._encoder.finish()]

    def _message(self, samples: int, coded: bytes) -> audio.ReplyAudio:
        position = self._position * self._rate_hz // self._encoder.rate_hz
        self._position += samples
        return audio.ReplyAudio(reply=self.reply, position=position, pcm=coded)
