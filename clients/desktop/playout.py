"""What the speaker shall play, sample by sample: the replies in order, ducked, flushed, and accounted for.

No I/O and no clock: time is the number of samples that the device has asked for. A sample counts as played when it has
left the speaker, which is `latency_samples` after the device took it.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from .fader import LOCAL_DUCK_DB, By, Fader
from .flush_answers import FlushAnswers
from .happenings import Dry, FirstSample, Happening, LastSample, Silent
from .playhead import NOWHERE, STALL_MS, Playhead, PlayheadLog
from .reply_buffer import ReplyBuffer
from .sound import SPEAKER_HZ, Samples, pcm_of, samples_of, speaker_samples
from .start_threshold import StartThreshold

FADE_MS = 5
"""A flushed reply fades out over this time: an instant cut clicks, a longer fade is heard as more speech."""
LARGEST_BUFFER_SAMPLES = 120 * SPEAKER_HZ
"""More audio than this ahead of the speaker is refused; a server keeps a lead of some hundred milliseconds."""


class Playout:
    """Holds the replies received, and yields what the speaker shall play.

    `prebuffer_ms`: a reply (and what follows a stall) begins once so much of it is there, or all of it. After underruns
    it is more for a while, up to 200 ms; 0 is never more. Where a server sends a lead at once, 20 ms are plenty.
    """

    def __init__(self, prebuffer_ms: float = 0) -> None:
        self.latency_samples = 0
        """Samples the device has taken that can't be heard yet; set by the owner before each `pull`."""
        self.handed = 0
        """Samples given to the device so far."""
        self.played = 0
        """Samples that have left the speaker so far. It never goes back, even when the latency grows."""
        self.underruns = 0
        self.gap_samples = 0
        """Silence in the middle of replies that underruns have cost, all told."""
        self.paused = False
        """Set while there is no speaker: replies stand still then, and nothing of them counts as heard."""
        self.dropped_samples = 0
        """Samples that came too late: of replies flushed or over, twice, or beyond the largest buffer."""
        self.floor = 0
        """No reply at or below this one is played (again)."""
        self.threshold = StartThreshold(prebuffer_ms)
        """How much of a reply must be there, as things are, before it begins."""
        self._seq = self._over = self._moved_at = 0
        self._flushed_seq: int | None = None
        self._replies: deque[ReplyBuffer] = deque()
        self._log = PlayheadLog()
        self._fader = Fader()
        self._happenings: deque[Happening] = deque()
        self._silent = 0, NOWHERE
        self._answers = FlushAnswers()

    # What the server sends

    def receive(self, reply: int, position: int, pcm: bytes) -> None:
        """Take a piece of a reply. Of a reply that is flushed, over or overtaken by a higher one, it is dropped."""
        samples, kept = samples_of(pcm), 0
        if (buffer := self._buffer(reply)) and self.buffered_samples + len(samples) <= LARGEST_BUFFER_SAMPLES:
            if buffer.dry:
                buffer.came_at = self.handed
            kept = buffer.insert(position, samples)
        self.dropped_samples += len(samples) - kept

    def ended(self, reply: int) -> None:
        """Note that no audio of the reply follows."""
        if buffer := self._buffer(reply):
            buffer.ended = True
            self._finish_what_is_over()

    def duck(self, seq: int, gain_db: float) -> None:
        """Lower the output within 20 ms, for 800 ms at most; ignored when `seq` is not a new one."""
        if self._is_new(seq):
            self._fader.duck(gain_db)

    def release(self, seq: int) -> None:
        """Undo the duck within 20 ms; ignored when `seq` is not a new one."""
        if self._is_new(seq):
            self._fader.release()

    def duck_here(self) -> None:
        """Lower the output by 20 dB, without waiting for the server's word; undone as its ducks are."""
        self._fader.duck(LOCAL_DUCK_DB, By.HERE)

    def let_go_of_duck(self) -> None:
        """Undo the duck within 20 ms, whoever would have said so: the connection it came over is gone."""
        self._fader.release()

    def flush(self, seq: int, floor: int) -> None:
        """Silence the output: 5 ms of fade, and nothing that is buffered or at or below `floor` is played after it.

        Always answered with one `Silent`. With an old `seq` it changes nothing; the last one may come again with a
        higher floor, and is answered as before when nothing of a reply below that was left.
        """
        if self._is_new(seq):
            self._flushed_seq = seq
            self._cut(max(floor, self.newest, self._log.last.reply))
        elif seq == self._flushed_seq and floor > self.floor:
            self._cut(floor)
        at, playhead = self._silent if seq == self._flushed_seq else (self.played, self.playhead())
        self._answers.put(Silent(max(at, self.played), playhead, seq), self.handed)

    # What the device asks for

    def pull(self, samples: int) -> bytes:
        """Return the next samples for the device, exactly that many.

        What it took before counts as played from now on, but for the last `latency_samples`.
        """
        if self.handed - self.latency_samples > self.played:
            self.played, self._moved_at = self.handed - self.latency_samples, self.handed
        block, filled = np.zeros(samples, np.int16), 0
        while filled < samples and not self.paused and (reply := self._ready(self.handed + filled)):
            filled += self._render(reply, block, filled)
        self.handed += samples
        self._finish_what_is_over()
        return pcm_of(self._fader.apply(block))

    def happenings(self) -> list[Happening]:
        """Return what has happened at the speaker since the last call, in order."""
        told: list[Happening] = []
        while self._happenings and self._happenings[0].at <= self.played:
            told.append(self._happenings.popleft())
        told += self._answers.due(self.handed, self.latency_samples)
        return sorted(told, key=lambda happening: happening.at)

    # What can be known about it

    def playhead(self) -> Playhead:
        """Return the reply played last (or being played) and how much of it has left the speaker."""
        return self._log.at(self.played)

    def audible(self, samples_ago: int = 0) -> Playhead:
        """Return the playhead so many samples ago; nowhere when none was audible then, or the speaker stands still."""
        stands = self.handed - self._moved_at >= speaker_samples(STALL_MS)
        return NOWHERE if stands else self._log.audible_at(self.played - samples_ago)

    @property
    def underway(self) -> bool:
        """Whether a reply is being played, is buffered, or is awaited to go on."""
        return bool(self._replies) or self.played < self._log.end

    @property
    def newest(self) -> int:
        """The newest reply of those; 0: there is none."""
        return self._replies[-1].reply if self._replies else self._log.last.reply if self.underway else 0

    @property
    def ducked(self) -> bool:
        """Whether the output is lowered and no verdict has come yet."""
        return self._fader.ducked

    @property
    def buffered_samples(self) -> int:
        """Samples received that the device has not asked for yet."""
        return sum(reply.buffered for reply in self._replies)

    @property
    def unplayed_samples(self) -> int:
        """Samples received that have not left the speaker yet."""
        return self.buffered_samples + max(0, self._log.end - self.played)

    def _is_new(self, seq: int) -> bool:
        new = seq > self._seq
        self._seq = max(self._seq, seq)
        return new

    def _buffer(self, reply: int) -> ReplyBuffer | None:
        """Return the buffer of a reply that may still be heard, a new one for a higher reply than any before."""
        if reply <= max(self.floor, self._over):
            return None
        if not self._replies or reply > self._replies[-1].reply:
            for lower in self._replies:
                lower.ended = True
            self._replies.append(ReplyBuffer(reply))
            self._finish_what_is_over()
        return next((buffer for buffer in self._replies if buffer.reply == reply), None)

    def _ready(self, at: int) -> ReplyBuffer | None:
        """Return the reply whose samples stand at `at`; none when all is dry or a beginning is still being gathered."""
        self._finish_what_is_over(at)
        if not self._replies:
            return None
        reply = self._replies[0]
        if reply.dry:
            reply.running = False
        elif not reply.running and (
            reply.ended or self.threshold.allows(reply.buffered, at - reply.came_at, again=reply.started)
        ):
            self._begin(reply, at)
        return reply if reply.running else None

    def _begin(self, reply: ReplyBuffer, at: int) -> None:
        """Let a reply sound, for the first time or after it ran dry."""
        reply.running = True
        here = Playhead(reply.reply, reply.position or 0)
        if reply.started:
            late = at - self._log.end
            self.underruns += 1
            self.gap_samples += late
            self.threshold.stalled(late)
            self._happenings.append(Dry(at, here))
        else:
            self._happenings.append(FirstSample(at, here))

    def _render(self, reply: ReplyBuffer, block: Samples, filled: int) -> int:
        """Write the next samples of a reply into the block from `filled` on; return how many."""
        begin = filled
        for position, piece in reply.take(len(block) - filled):
            block[filled : filled + len(piece)] = piece
            self._log.append(self.handed + filled, reply.reply, position, len(piece))
            filled += len(piece)
        self.threshold.played(filled - begin)
        return filled - begin

    def _finish_what_is_over(self, at: int | None = None) -> None:
        """Take leave of replies that have ended and are dry."""
        while self._replies and self._replies[0].ended and self._replies[0].dry:
            reply = self._replies.popleft()
            self._over = reply.reply
            if reply.started:
                self._log.over()
            if reply.reply > self.floor:
                when = self._log.end if reply.started else self.handed if at is None else at
                self._happenings.append(LastSample(when, Playhead(reply.reply, reply.position or 0)))

    def _cut(self, floor: int) -> None:
        """Drop every reply up to `floor`; of the one that sounds, a fade of 5 ms is left to be played."""
        self.floor = max(self.floor, floor)
        dead = [reply for reply in self._replies if reply.reply <= self.floor]
        self._replies = deque(reply for reply in self._replies if reply.reply > self.floor)
        self.dropped_samples += sum(reply.buffered for reply in dead)
        end, playhead = self._log.end, self._log.last
        if dead and dead[0].running:
            dead[0].fade_out(speaker_samples(FADE_MS), self._fader.gain)
            self.dropped_samples -= dead[0].buffered
            self._replies.appendleft(dead[0])
            end, playhead = self.handed + dead[0].buffered, Playhead(dead[0].reply, dead[0].end)
        if dead or not self._replies:
            self._silent = end, playhead
            self._fader.reset()
            self._log.over()
