"""Playout: whole replies in, timely pieces out. The core of egress: no I/O, and time is an argument.

A reply is sent no more than the lead ahead of its schedule. So a cancel never has more than the lead to undo at the
client, and the network may be late by as much as the lead.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as conversation
from parley.v1 import egress_service_pb2 as wire
from parley.v1 import session_pb2
from services.common import names
from services.common.audio import REPLY_HZ, samples_of
from services.common.gate import Gate
from services.common.lead import agreed_lead_ms
from services.egress.replies import Replies
from services.egress.reply import ReplyBuffer
from services.egress.schedule import Schedule

_URGENT: Final = 500
"""What waits for nobody's time, while there is no listener; the oldest goes first."""

Event = audio.ReplyAudio | audio.ReplyEnded | conversation.Caption | conversation.TurnReport


class Playout:
    """Plays replies one after another. Feed it what the broker and the client say; `poll` yields what is due.

    Nothing of a reply at or below the floor comes out, and nothing at all while the gate is shut; what is held
    while it is shut is judged when it opens, so a living reply loses no sample.

    Nothing is due while nobody polls, and nothing is forgotten: when a listener is away, time stands still here.
    """

    def __init__(self, lead_ms: int = 0) -> None:
        self.gate = Gate()
        self.counters: Counter[str] = Counter()
        self.set_lead(lead_ms)
        self._replies = Replies()
        self._silent: wire.Played | None = None
        self._current: ReplyBuffer | None = None
        self._schedule = Schedule(0.0, 0, self.lead_ms)
        self._urgent: deque[Event] = deque(maxlen=_URGENT)

    def set_lead(self, lead_ms: int) -> None:
        """Take the lead that the client asked for, within bounds; 0 asks for the default."""
        self.lead_ms = agreed_lead_ms(lead_ms)

    @property
    def held_samples(self) -> int:
        """Samples given and not yet sent."""
        return sum(reply.unsent for reply in self._replies)

    # What the broker says.

    def join_broker(self) -> wire.Held:
        """Another broker speaks, or the same one by another stream: return what it must know. It may repeat itself."""
        self._replies.expect_again()
        return wire.Held(
            replies=[reply.held() for reply in self._replies.known()],
            silent=self._silent,
            seq=self.gate.settled_seq,
            floor=self.gate.floor,
            newest_reply=max(self._replies.newest, self.gate.floor),
        )

    def begin(self, started: wire.ReplyStarted) -> None:
        """Expect a reply."""
        if (reply := self._wanted(started.reply)) is not None:
            reply.begin(started)

    def feed(self, piece: audio.ReplyAudio, now_s: float) -> None:
        """Take samples of a reply. Raises what ReplyBuffer.append raises."""
        if (reply := self._wanted(piece.reply)) is not None:
            if reply.first_received_s is None:
                reply.first_received_s = now_s
            reply.append(piece.position, piece.pcm)

    def end(self, ended: audio.ReplyEnded) -> None:
        """Note that a reply has been given whole."""
        if (reply := self._wanted(ended.reply)) is not None:
            reply.is_complete = True

    def caption(self, caption: conversation.Caption) -> None:
        """Take words: a person's go out at once, a reply's when they are heard, a dead reply's last line at once.

        What has been given before is passed over.
        """
        if caption.who == conversation.Caption.WHO_USER:
            self._urgent.append(caption)
        elif (over := self._replies.over(caption.reply)) is not None:
            if over.is_dead and caption.final and over.words.add(caption):
                self._urgent.append(caption)
        elif not self.gate.is_dead(caption.reply):
            self._replies.make(caption.reply).words.add(caption)
        elif caption.final:
            self._urgent.append(caption)

    def shut(self, interrupt: session_pb2.Interrupt) -> None:
        """Take a cancel from the topic: emit nothing of any reply until it has come in band."""
        if not self.gate.shut(interrupt.seq) and interrupt.seq > self.gate.seq:
            self.counters["cancels_fenced_off"] += 1

    def interrupt(self, interrupt: session_pb2.Interrupt) -> None:
        """Take a cancel in band: forget what is at or below its floor, let the rest live."""
        self.gate.open(interrupt.seq, interrupt.floor)
        for reply in [reply for reply in self._replies if self.gate.is_dead(reply.number)]:
            self.counters["samples_cancelled"] += reply.unsent
            reply.is_dead = True
            self._retire(reply)

    def lift(self) -> None:
        """Wait no longer for the floor of a cancel of which nobody but its own vad, now replaced, knew."""
        if self.gate.lift():
            self.counters["cancels_lifted"] += 1

    # What the client says.

    def join_listener(self, wanted: audio.Playhead) -> None:
        """A listener comes, the first or one that takes over: go on from the next sample that it wants."""
        self._replies.go_on_from(wanted, samples_of(self.lead_ms, REPLY_HZ))
        self._current = None

    def played(self, playback: audio.Playback, now_s: float) -> None:
        """Take a playback report: let go of what was played; report the turn when its first sample was heard.

        Replies are played one after another: when a later one sounds, those before it were heard whole.
        """
        reply = self._replies.get(playback.reply)
        if reply is None:
            return
        for earlier in [each for each in self._replies if each.number < reply.number and each.is_sent]:
            self._note_ended(earlier)
        reply.note_played(playback.position)
        if reply.first_sent_s is not None and not reply.is_reported:
            reply.is_reported = True
            reply.stage(names.CLIENT_FIRST_SAMPLE, now_s - reply.first_sent_s)
            self._urgent.append(conversation.TurnReport(turn=reply.turn, reply=reply.number, stages=reply.stages))
        if playback.ended and reply.is_sent:
            self._note_ended(reply)

    def silent(self, flushed: wire.Played) -> None:
        """Take a client's answer to a flush: this much was heard of what was cut off."""
        self._silent = flushed
        reply = self._replies.get(flushed.reply) or self._replies.over(flushed.reply)
        if reply is not None:
            reply.note_played(flushed.position)

    def _note_ended(self, reply: ReplyBuffer) -> None:
        reply.is_ended = True
        reply.played = reply.end
        self._urgent += reply.words.say(math.inf, reply.end)
        self._retire(reply)

    # What is due.

    def poll(self, now_s: float) -> Iterator[Event]:
        """Yield what is due at `now_s` (monotonic seconds), in order."""
        while self._urgent:
            yield self._urgent.popleft()
        while not self.gate.is_shut and self._begin_next(now_s):
            reply = self._current
            assert reply is not None
            yield from self._due_audio(reply, now_s)
            yield from reply.words.say(self._schedule.heard(now_s), reply.sent)
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
            return math.inf if self._replies.next() is None else -math.inf
        schedule = self._schedule
        # When all has been sent: its last sample is heard, and the next reply may begin; or the model is too slow.
        due_s = schedule.due_s(reply.sent, reply.end) if reply.sent < reply.end else schedule.heard_s(reply.end)
        return due_s if (caption := reply.words.next) is None else min(due_s, schedule.heard_s(caption.position))

    @property
    def is_idle(self) -> bool:
        """True when nothing will become due by time alone."""
        return self.due_s() == math.inf

    def _begin_next(self, now_s: float) -> bool:
        if self._current is None and (reply := self._replies.next()) is not None:
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

    # Bookkeeping.

    def _wanted(self, number: int) -> ReplyBuffer | None:
        """Return a reply of which the broker gives something; None when it is over, here."""
        if self.gate.is_dead(number):
            self.counters["messages_of_dead_replies"] += 1
            return None
        if self._replies.over(number) is not None:
            self.counters["messages_of_ended_replies"] += 1
            return None
        reply = self._replies.make(number)
        reply.adopt()
        self._replies.close_orphans(before=number)
        return reply

    def _retire(self, reply: ReplyBuffer) -> None:
        self._replies.retire(reply)
        if self._current is reply:
            self._current = None
