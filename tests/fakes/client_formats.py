"""The client's half of every format: 16 kHz microphone audio into any input format, any output format into 24 kHz.

Opus goes through the wheel's own classes and G.711 through tables that are built here from the standard's decision
values, so that what ingress does is held against another hand's work. Only the resampler is ingress' own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np
import opuslib_next
from numpy.typing import NDArray

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as wire
from services.common.resampler import Resampler
from services.ingress.formats import MULAW, OPUS, PCM16, Format

MIC_HZ: Final = 16_000
SPEAKER_HZ: Final = 24_000


@lru_cache(maxsize=2)
def levels_of(chosen: Format) -> NDArray[np.int64]:
    """Return the 256 levels of a law as 16-bit values, by the formulas of ITU-T G.191."""
    levels = []
    for byte in range(256):
        if chosen.encoding == MULAW:
            code = ~byte & 0xFF
            size = ((2 * (code & 15) + 33) * 2 ** (code >> 4 & 7) - 33) * 4
            levels.append(-size if code & 0x80 else size)
        else:
            code = byte ^ 0x55
            chord, step = code >> 4 & 7, code & 15
            size = (2 * step + 1) * 8 if chord == 0 else (2 * step + 33) * 2 ** (chord - 1) * 8
            levels.append(size if code & 0x80 else -size)
    return np.array(levels)


class MicrophoneCoder:
    """Writes a microphone's 16 kHz audio in the client's format."""

    def __init__(self, chosen: Format, packet_ms: int = 20) -> None:
        self.format = chosen
        self._resampler = None
        if chosen.encoding == OPUS:
            self._encoder = opuslib_next.Encoder(MIC_HZ, 1, "voip")
            self._packet_samples = packet_ms * MIC_HZ // 1000
            self._waiting = b""
        else:
            self._levels = np.zeros(0) if chosen.encoding == PCM16 else levels_of(chosen)
            self._resampler = None if chosen.rate_hz == MIC_HZ else Resampler(MIC_HZ, chosen.rate_hz)
        self._offset = 0

    def feed(self, pcm: bytes) -> list[tuple[int, bytes]]:
        """Take samples; return (mic_offset in the client's clock, coded) of each message there is."""
        if self.format.encoding == OPUS:
            return list(self._packets(pcm))
        given = pcm if self._resampler is None else self._resampler.feed(pcm)
        at, self._offset = self._offset, self._offset + len(given) // 2
        return [(at, self._coded(given))] if given else []

    def _packets(self, pcm: bytes) -> Iterator[tuple[int, bytes]]:
        self._waiting += pcm
        size = self._packet_samples * 2
        while len(self._waiting) >= size:
            packet = self._encoder.encode(self._waiting[:size], self._packet_samples)
            self._waiting = self._waiting[size:]
            yield self._offset * self.format.rate_hz // MIC_HZ, packet
            self._offset += self._packet_samples

    def _coded(self, pcm: bytes) -> bytes:
        if self.format.encoding == PCM16:
            return pcm
        order = np.argsort(self._levels, kind="stable")
        edges = (self._levels[order][1:] + self._levels[order][:-1]) / 2
        nearest = np.searchsorted(edges, np.frombuffer(pcm, "<i2"))
        return order[nearest].astype(np.uint8).tobytes()


class SpeakerCoder:
    """Reads one reply's audio in the client's format and gives it at 24 kHz, with positions at 24 kHz."""

    def __init__(self, chosen: Format, position: int) -> None:
        self.format = chosen
        self._decoder = opuslib_next.Decoder(chosen.rate_hz, 1) if chosen.encoding == OPUS else None
        self._resampler = Resampler(chosen.rate_hz, SPEAKER_HZ, position) if chosen.rate_hz != SPEAKER_HZ else None
        self.position = position if self._resampler is None else self._resampler.position
        """Position at 24 kHz of the next sample."""

    def feed(self, coded: bytes) -> tuple[int, bytes]:
        """Take a message; return the position and the samples that it makes known."""
        pcm = self._decoded(coded)
        return self._given(pcm if self._resampler is None else self._resampler.feed(pcm))

    def finish(self) -> tuple[int, bytes]:
        """Return what is still held."""
        return self._given(b"" if self._resampler is None else self._resampler.finish())

    def _decoded(self, coded: bytes) -> bytes:
        if self._decoder is not None:
            return bytes(self._decoder.decode(coded, self.format.rate_hz * 120 // 1000))
        if self.format.encoding == PCM16:
            return coded
        return levels_of(self.format)[np.frombuffer(coded, np.uint8)].astype("<i2").tobytes()

    def _given(self, pcm: bytes) -> tuple[int, bytes]:
        at, self.position = self.position, self.position + len(pcm) // 2
        return at, pcm


class ClientFormats:
    """Translates between a client that knows 16 kHz in and 24 kHz out, and a server that was told other formats."""

    def __init__(self, mic: Format, speaker: Format, packet_ms: int = 20) -> None:
        self._mic = MicrophoneCoder(mic, packet_ms)
        self._speaker_format = speaker
        self._speaker: SpeakerCoder | None = None
        self._reply = 0
        self._stamps: list[tuple[int, audio.Playhead]] = []

    def requests(self, request: wire.ConverseRequest) -> list[wire.ConverseRequest]:
        """Return what goes over the wire for a request of the client."""
        translated = wire.ConverseRequest()
        translated.CopyFrom(request)
        match request.WhichOneof("message"):
            case "open":
                for wanted, ours in (
                    (translated.open.input, self._mic.format),
                    (translated.open.output, self._speaker_format),
                ):
                    wanted.encoding, wanted.rate_hz = ours.encoding, ours.rate_hz
            case "audio":
                return self._audio(request.audio)
            case "playback":
                self._translate(translated.playback)
            case "flushed":
                self._translate(translated.flushed)
        return [translated]

    def responses(self, response: wire.ConverseResponse) -> list[wire.ConverseResponse]:
        """Return what the client is told for a response of the wire."""
        match response.WhichOneof("message"):
            case "opened":
                response.opened.ClearField("output")  # what it gets is what it knows
            case "audio":
                if self._speaker is None or response.audio.reply != self._reply:
                    self._reply = response.audio.reply
                    self._speaker = SpeakerCoder(self._speaker_format, response.audio.position)
                return self._played(*self._speaker.feed(response.audio.pcm))
            case "reply_ended":
                ended = response.reply_ended
                rest = []
                if self._speaker is not None and ended.reply == self._reply:
                    rest = self._played(*self._speaker.finish())
                    self._speaker = None
                ended.samples = ended.samples * SPEAKER_HZ // self._speaker_format.rate_hz
                return [*rest, response]
            case "caption":
                response.caption.position = response.caption.position * SPEAKER_HZ // self._speaker_format.rate_hz
        return [response]

    def _audio(self, frame: audio.AudioFrame) -> list[wire.ConverseRequest]:
        self._stamps.append((frame.mic_offset, frame.playhead))
        requests = []
        for offset, coded in self._mic.feed(frame.pcm):
            stamp = self._stamp(offset * MIC_HZ // self._mic.format.rate_hz)
            made = audio.AudioFrame(mic_offset=offset, pcm=coded, playhead=stamp)
            requests.append(wire.ConverseRequest(audio=made))
        return requests

    def _stamp(self, mic_offset: int) -> audio.Playhead:
        """Return the playhead of a moment: of the frame that held it, moved by how far into the frame it was."""
        while len(self._stamps) > 1 and self._stamps[1][0] <= mic_offset:
            self._stamps.pop(0)
        at, head = self._stamps[0]
        position = max(head.position + (mic_offset - at) * SPEAKER_HZ // MIC_HZ, 0) if head.reply else 0
        return audio.Playhead(reply=head.reply, position=self._to_wire(position))

    def _played(self, position: int, pcm: bytes) -> list[wire.ConverseResponse]:
        piece = audio.ReplyAudio(reply=self._reply, position=position, pcm=pcm)
        return [wire.ConverseResponse(audio=piece)] if pcm else []

    def _translate(self, report: audio.Playback | audio.Flushed) -> None:
        report.position = self._to_wire(report.position)
        report.mic_offset = report.mic_offset * self._mic.format.rate_hz // MIC_HZ

    def _to_wire(self, position: int) -> int:
        return position * self._speaker_format.rate_hz // SPEAKER_HZ
