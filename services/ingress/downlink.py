"""Downlink: what egress gives, on its way to the client: nothing twice, nothing dead, whoever the egress is."""

from __future__ import annotations

from collections import Counter
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import stream_pb2
from services.common.audio import SAMPLE_BYTES, pcm_samples
from services.common.errors import LimitFault
from services.common.gate import Gate
from services.common.outbox import Outbox
from services.ingress.echo.canceller import EchoCanceller
from services.ingress.speaker import Speaker

_TO_CLIENT: Final = 200


class Downlink:
    """One session's, and what its client reports of its speaker on the way back.

    Audio that the client does not read in time is dropped, oldest first. `next` is where a client that resumes goes on.
    """

    def __init__(self, speaker: Speaker, gate: Gate, max_at_once: int, echo: EchoCanceller | None) -> None:
        self.to_client: Outbox[client.ConverseResponse] = Outbox(_TO_CLIENT, drop_oldest=True)
        self.outbox: Outbox[egress.AttachRequest] = Outbox(max_at_once, max_control=max_at_once)
        self.counters: Counter[str] = Counter()
        self.next = audio.Playhead()
        """The sample that follows what the client was given last, in the ring's samples."""
        self.is_stuck = False
        self._speaker = speaker
        self._gate = gate
        self._echo = echo
        self._max_at_once = max_at_once
        self._ended = 0
        """The highest reply whose end was told."""
        self._playback: audio.Playback | None = None
        self._silent: audio.Flushed | None = None

    @property
    def playing(self) -> int:
        """The reply that the client was given last; 0: none yet."""
        return self.next.reply

    def dial(self, opened: egress.AttachOpen, fence: int) -> Outbox[egress.AttachRequest]:
        """Fetch from another egress, from `next` on. Returns what its stream is to be given."""
        self.is_stuck = False
        self.outbox = Outbox(self._max_at_once, max_control=self._max_at_once)
        opened.next.CopyFrom(self.next)
        self.outbox.control(egress.AttachRequest(open=opened))
        if fence:
            self.fence(fence)
        # The last one may have died with them.
        if self._playback is not None:
            self._report(egress.AttachRequest(playback=self._playback))
        if self._silent is not None and self._silent.seq >= self._gate.seq:
            self._report(egress.AttachRequest(flushed=self._silent))
        return self.outbox

    def fence(self, seq: int) -> None:
        """Tell egress which verdicts are void if they come late."""
        self._report(egress.AttachRequest(fence=egress.Fence(seq=seq)))

    # To the client.

    def play(self, piece: audio.ReplyAudio) -> None:
        """Give a piece of a reply, without what the client has already."""
        if not self._gate.passes(piece.reply):
            self.counters["dead_samples_stopped"] += pcm_samples(piece.pcm)
            return
        if piece.reply < self.next.reply or not (rest := self._rest(piece)).pcm:
            return
        end = rest.position + pcm_samples(rest.pcm)
        self.next = audio.Playhead(reply=rest.reply, position=end)
        if self._echo:
            self._echo.play(rest)
        for converted in self._speaker.feed(rest):
            self.to_client.audio(client.ConverseResponse(audio=converted))

    def end(self, ended: audio.ReplyEnded) -> None:
        """Tell that no audio of a reply follows, once."""
        if not self._gate.passes(ended.reply) or ended.reply <= self._ended:
            return
        self._ended = ended.reply
        if self._echo:
            self._echo.end(ended.reply)
        for message in self._speaker.end(ended):
            if isinstance(message, audio.ReplyAudio):
                self.to_client.audio(client.ConverseResponse(audio=message))
            else:
                self.to_client.audio(client.ConverseResponse(reply_ended=message))

    def show(self, caption: client.Caption) -> None:
        """Tell words, unless they are of the dead and were not heard."""
        if caption.who == client.Caption.WHO_ASSISTANT and not caption.final and not self._gate.passes(caption.reply):
            return
        caption.position = self._speaker.to_client(caption.position)
        self.to_client.caption(client.ConverseResponse(caption=caption))

    def flush(self) -> None:
        """Drop what waits: the client is told to be silent."""
        self.to_client.clear_audio()
        self._speaker.forget()
        if self._echo:
            self._echo.release()

    def _rest(self, piece: audio.ReplyAudio) -> audio.ReplyAudio:
        """Return what the client has not been given of a piece: who takes over begins a little before the end."""
        known = self.next.position - piece.position
        if piece.reply != self.next.reply or known == 0:
            return piece
        if known < 0:
            self.counters["reply_samples_missing"] -= known
            self._speaker.forget()  # it goes on beyond the hole, and must not put the sound into it
            return piece
        self.counters["samples_not_repeated"] += min(known, pcm_samples(piece.pcm))
        return audio.ReplyAudio(reply=piece.reply, position=self.next.position, pcm=piece.pcm[known * SAMPLE_BYTES :])

    # From the client.

    def played(self, report: audio.Playback) -> None:
        """Tell egress what the speaker has done."""
        self._playback = report
        self._report(egress.AttachRequest(playback=report))

    def silent(self, flushed: audio.Flushed) -> None:
        """Tell egress that the client has fallen silent."""
        self._silent = flushed
        self._report(egress.AttachRequest(flushed=flushed))

    def _report(self, request: egress.AttachRequest) -> None:
        try:
            self.outbox.control(request)
        except LimitFault:  # not the client's fault, and another egress may read
            self.is_stuck = True

    def close(self, end: stream_pb2.StreamEnd) -> None:
        """Say the last word to egress."""
        self.outbox.close(egress.AttachRequest(end=end))
