"""Playout: whole replies in, timely pieces out. The core of egress: no I/O, and time is an argument.

A reply is sent no more than the lead ahead of its schedule. So a cancel never has more than the lead to undo at the
client, and the network may be late by as much as the lead.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as conversation
from parley.v1 import egress_service_pb2 as wire
from parley.v1 import session_pb2
from services.common import names
from services.common.gate import Gate
from services.common.lead import agreed_lead_ms
from services.egress.reply import ReplyBuffer
from services.egress.schedule import Schedule

Event = audio.ReplyAudio | audio.ReplyEnded | conversation.Caption | conversation.TurnReport


class Playout:
    """Plays replies one after another. Feed it what the broker and the client say; `poll` yields what is due.

    Nothing of a reply at or below the floor comes out, and nothing at all while the gate is shut; what is held
    while it is shut is judged when it opens, so a living reply loses no sample.
    """

    def __init__(self, lead_ms: int = 0) -> None:
        self.gate = Gate()
        self.counters: Counter[str] = Counter()
        self.set_lead(lead_ms)
        self._replies: dict[int, ReplyBuffer] = {}
        self._current: ReplyBuffer | None = None
        self._schedule = Schedule(0.0, 0, self.lead_ms)
        self._urgent: list[Event] = []

    def set_lead(self, lead_ms: int) -> None:
        """Take the lead that the client asked for, within bounds; 0 asks for the default."""
        self.lead_ms = agreed_lead_ms(lead_ms)

    @property
    def held_samples(self) -> int:
        """Samples given and not yet sent."""
        return sum(reply.end - reply.sent for reply in self._replies.values())

    # What the broker says.

    def begin(self, started: wire.ReplyStarted) -> None:
        """Expect a reply."""
        if self._is_wanted(started.reply):
            self._reply(started.reply).begin(started)

    def feed(self, piece: audio.ReplyAudio, now_s: float) -> None:
        """Take samples of a reply. Raises what ReplyBuffer.append raises."""
        if self._is_wanted(piece.reply):
            reply = self._reply(piece.reply)
            if reply.first_received_s is None:
                reply.first_received_s = now_s
            reply.append(piece.position, piece.pcm)

    def end(self, ended: audio.ReplyEnded) -> None:
        """Note that a reply has been given whole."""
        if self._is_wanted(ended.reply):
            self._reply(ended.reply).is_complete = True

    def caption(self, caption: conversation.Caption) -> None:
        """Take words: a person's go out at once, a reply's when they are heard, a dead reply's last line at once."""
        if caption.who == conversation.Caption.WHO_USER:
            self._urgent.append(caption)
        elif not self.gate.is_dead(caption.reply):
            self._reply(caption.reply).captions.append(caption)
        elif caption.final:
            self._urgent.append(caption)

    def shut(self, interrupt: session_pb2.Interrupt) -> None:
        """Take a cancel from the topic: emit nothing of any reply until it has come in band."""
        self.gate.shut(interrupt.seq)

    def interrupt(self, interrupt: session_pb2.Interrupt) -> None:
        """Take a cancel in band: forget what is at or below its floor, let the rest live."""
        self.gate.open(interrupt.seq, interrupt.floor)
        for number in [n for n in self._replies if self.gate.is_dead(n)]:
            self.counters["samples_cancelled"] += self._replies[number].end - self._replies[number].sent
            self._forget(number)

    # What the client says.

    def played(self, playback: audio.Playback, now_s: float) -> None:
        """Take a playback report: let go of what was played; report the turn when its first sample was heard."""
        reply = self._replies.get(playback.reply)
        if reply is None:
            return
        reply.forget_before(playback.position)
        if reply.first_sent_s is not None and not reply.is_reported:
            reply.is_reported = True
            reply.stage(names.CLIENT_FIRST_SAMPLE, now_s - reply.first_sent_s)
            self._urgent.append(conversation.TurnReport(turn=reply.turn, reply=reply.number, stages=reply.stages))
        if playback.ended and reply.is_sent:
            self._urgent += reply.captions
            self._forget(reply.number)

    def resume_at(self, playhead: audio.Playhead) -> None:
        """Go on from the next sample that a new ingress wants."""
        if (reply := self._replies.get(playhead.reply)) is not None:
            reply.rewind(playhead.position)
            self._current = None

    # What is due.

    def poll(self, now_s: float) -> Iterator[Event]:
        """Yield what is due at `now_s` (monotonic seconds), in order."""
        urgent, self._urgent = self._urgent, []
        yield from urgent
        while not self.gate.is_shut and self._begin_next(now_s):
            reply = self._current
            assert reply is not None
            yield from self._due_audio(reply, now_s)
            yield from self._due_captions(reply, now_s)
            if not reply.is_end_told or self._schedule.heard(now_s) < reply.end:
                return
            self._current = None

    def due_s(self) -> float:
        """Return the earliest time at which `poll` may have something to do; -inf: now, inf: not by time alone."""
        if self._urgent:
            return -math.inf
        if self.gate.is_shut:
            return math.inf
        reply = self._current
        if reply is None:
            return math.inf if self._next() is None else -math.inf
        schedule = self._schedule
        # When all has been sent: its last sample is heard, and the next reply may begin; or the model is too slow.
        due_s = schedule.due_s(reply.sent, reply.end) if reply.sent < reply.end else schedule.heard_s(reply.end)
        return min(due_s, schedule.heard_s(reply.captions[0].position)) if reply.captions else due_s

    @property
    def is_idle(self) -> bool:
        """True when nothing will become due by time alone."""
        return self.due_s() == math.inf

    def _next(self) -> ReplyBuffer | None:
        waiting = (n for n, r in self._replies.items() if not r.is_end_told and (r.end > r.sent or r.is_complete))
        number = min(waiting, default=None)
        return None if number is None else self._replies[number]

    def _begin_next(self, now_s: float) -> bool:
        if self._current is None and (reply := self._next()) is not None:
            self._current = reply
            self._schedule = Schedule(now_s, reply.sent, self.lead_ms)
        return self._current is not None

    def _due_audio(self, reply: ReplyBuffer, now_s: float) -> Iterator[Event]:
        if ready := self._schedule.sendable(now_s, reply.sent, reply.end):
            if reply.first_sent_s is None:
                reply.first_sent_s = now_s
                reply.stage(names.EGRESS_FIRST_FRAME, now_s - (reply.first_received_s or now_s))
            position, pcm = reply.take(ready)
            yield audio.ReplyAudio(reply=reply.number, position=position, pcm=pcm)
        if reply.is_sent and not reply.is_end_told:
            reply.is_end_told = True
            yield audio.ReplyEnded(reply=reply.number, samples=reply.end)
        elif reply.sent == reply.end and not reply.is_complete:
            self._schedule.note_dry(now_s, reply.sent)

    def _due_captions(self, reply: ReplyBuffer, now_s: float) -> Iterator[Event]:
        heard = self._schedule.heard(now_s)
        while reply.captions and reply.captions[0].position <= heard:
            yield reply.captions.popleft()

    # Bookkeeping.

    def _is_wanted(self, reply: int) -> bool:
        if self.gate.is_dead(reply):
            self.counters["messages_of_dead_replies"] += 1
        return not self.gate.is_dead(reply)

    def _reply(self, number: int) -> ReplyBuffer:
        if number not in self._replies:
            self._replies[number] = ReplyBuffer(number)
        return self._replies[number]

    def _forget(self, number: int) -> None:
        if self._current is self._replies.pop(number, None):
            self._current = None
