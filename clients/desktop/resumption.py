"""What a conversation needs to go on over another connection: who it is, how far it got, what has to be said again.

It watches what goes either way. No I/O.
"""

from __future__ import annotations

from typing import NamedTuple

from parley.v1 import audio_pb2
from parley.v1 import conversation_service_pb2 as wire

from .retention import Retention
from .sound import SAMPLE_BYTES

REPORTED_REPLIES = 3
"""The newest replies whose last playback report is said again: no more can have sounded while a connection was away."""


class Again(NamedTuple):
    """What is said again on a new connection: `urgent` at once, `in_order` as the microphone's clock has it."""

    urgent: list[wire.ConverseRequest]
    in_order: list[wire.ConverseRequest]


class Resumption:
    """One conversation's. Feed it every response with `came` and every request with `went`."""

    def __init__(self) -> None:
        self.retention = Retention()
        self.resume_s = 0
        """How long the server keeps a dropped session. 0: it does not."""
        self._token = ""
        self._next = audio_pb2.Playhead()
        self._seq = 0
        self._reports: dict[int, wire.ConverseRequest] = {}
        self._flushed: wire.ConverseRequest | None = None

    @property
    def is_offered(self) -> bool:
        """Whether the server takes a dropped session up again."""
        return bool(self._token) and self.resume_s > 0

    def came(self, response: wire.ConverseResponse) -> None:
        """Take note of what the server sent."""
        match response.WhichOneof("message"):
            case "opened":
                self._token, self.resume_s = response.opened.resume_token, response.opened.resume_s
            case "audio":
                piece = response.audio
                self._note_received(piece.reply, piece.position + len(piece.pcm) // SAMPLE_BYTES)
            case "reply_ended":
                self._note_received(response.reply_ended.reply, response.reply_ended.samples)
            case "duck":
                self._seq = max(self._seq, response.duck.seq)
            case "release":
                self._seq = max(self._seq, response.release.seq)
            case "flush":
                self._seq = max(self._seq, response.flush.seq)
            case "heard" if response.heard.received_offset:
                self.retention.heard(response.heard.received_offset)

    def went(self, request: wire.ConverseRequest) -> None:
        """Take note of what there is to be sent, whether or not a connection stands."""
        self.retention.keep(request)
        match request.WhichOneof("message"):
            case "playback":
                self._reports[request.playback.reply] = request
                for reply in sorted(self._reports)[:-REPORTED_REPLIES]:
                    del self._reports[reply]
            case "flushed":
                self._flushed = request

    def open(self, first: wire.Open) -> wire.Open:
        """Return the Open that takes the conversation up again; `first` was its first."""
        again = wire.Open()
        again.CopyFrom(first)
        again.resume, again.seq = self._token, self._seq
        again.next.CopyFrom(self._next)
        return again

    def again(self, opened: wire.Opened) -> Again:
        """Return what the server that answered with `opened` has to be told.

        No report and no answer to a flush is ever acknowledged, and to hear one twice does no harm: the last ones are
        said again.
        """
        reports = [self._reports[reply] for reply in sorted(self._reports)]
        flushed = [self._flushed] if self._flushed else []
        return Again(reports + flushed, self.retention.replay(opened.mic_offset))

    def _note_received(self, reply: int, end: int) -> None:
        if (reply, end) > (self._next.reply, self._next.position):
            self._next.reply, self._next.position = reply, end
