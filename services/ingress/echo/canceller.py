"""EchoCanceller: takes out of the microphone what the speaker puts into it, with the playhead as its guide. No I/O.

The reference of a frame is what the track says left the speaker a little *after* it: AEC3 finds an echo that comes
after its reference, but none that comes before. So the reference runs `MARGIN` ahead, which lets playheads be late by
so much. If they are later still, or much too early, the delay finder hears it and the reference is moved.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from parley.v1 import audio_pb2 as audio
from services.common.audio import MIC_HZ, REPLY_HZ, ms_of, pcm_samples
from services.ingress.echo.aec3 import BLOCK, LATENCY, Aec3, installed
from services.ingress.echo.beginnings import Beginnings
from services.ingress.echo.delay import DelayFinder
from services.ingress.echo.ducking import Ducking
from services.ingress.echo.history import History
from services.ingress.echo.levels import LevelMeter
from services.ingress.echo.reference import Reference
from services.ingress.echo.track import Track
from services.ingress.echo.watch import Say, Watch
from services.ingress.microphone import earlier

_MS: Final = MIC_HZ // 1000

MARGIN: Final = 40 * _MS
"""How far the reference runs ahead: stamps jitter by a block of the sound card. Less than the smallest lead, 60 ms, of
which that much must have been sent already."""

_LEAST_DELAY: Final = 8 * _MS
_MOST_DELAY: Final = 100 * _MS
"""An echo within these needs no moving of the reference. AEC3 reaches further, but takes seconds to find it there."""

_WORKS_DB: Final = 12.0
"""Who takes so much away has found the echo: the delay finder need not look, and nothing is moved."""

_LACKED: Final = 500 * _MS
"""A reference that runs beyond what was sent for so long was moved too far."""

EARLIEST: Final = -400 * _MS
LATEST: Final = 400 * _MS
"""How far the reference may be moved: what it is read from goes half a second back."""

TAIL: Final = 2_000 * _MS
"""A room still answers when nothing is played any more. After that the microphone passes untouched."""

WARM_UP: Final = 100 * _MS
"""What AEC3 hears once more before it goes to work again: its filters have stood still, its output is old."""

_LONGEST: Final = 200 * _MS
"""A hole in the microphone that was bridged comes as one frame of up to 10 s; it is taken in pieces."""

_REWOUND: Final = 510 * _MS // BLOCK * BLOCK

Samples = NDArray[np.int16]


class EchoCanceller:
    """One session's microphone and speaker.

    Feed it what goes to the client (`play`, `end`, `duck`, `release`) and each microphone frame; it returns frames with
    the same clock, 8 ms later, and how much echo they may hold. Where nothing is audible they are untouched.
    Without the wheel every frame passes as it is, and says that it may be echo.
    """

    def __init__(self, say: Say) -> None:
        self.advance = MARGIN
        """Samples by which the reference runs ahead of the playheads."""
        self.reference = Reference()
        self._track = Track()
        self._beginnings = Beginnings()
        self._ducking = Ducking()
        self._finder = DelayFinder()
        self._meter = LevelMeter()
        self._watch = Watch(say)
        self._aec = Aec3() if installed() else None
        self._out_of_reach = False
        self._located = False
        self._lacks_since: int | None = None
        self._pending = np.zeros(0, np.int16)
        self._fed = 0
        self._given = 0
        self._skip = LATENCY
        self._past = History(_REWOUND + LATENCY)
        self._awake_until = 0
        self._is_awake = False

    # What goes to the client.

    def play(self, piece: audio.ReplyAudio) -> None:
        """Note a piece of a reply, at 24 kHz, that the client is sent."""
        if self._aec is not None:
            self.reference.play(piece)
            self._watch.given(ms_of(pcm_samples(piece.pcm), REPLY_HZ))
            start = self._beginnings.sent(piece.reply, self._fed, into_silence=not self._track.audible)
            if start is not None and self._located and self.advance > MARGIN:
                self._track.expect(piece.reply, start)

    def end(self, reply: int) -> None:
        """Note that no audio of a reply follows."""
        self.reference.end(reply)

    def duck(self, gain_db: float) -> None:
        """Note that the client lowers its output."""
        self._ducking.duck(gain_db)

    def release(self) -> None:
        """Note that it does so no more: after a verdict, or because all was flushed."""
        self._ducking.release()
        self._track.expect_nothing()
        self._beginnings.forget()

    # What comes from it.

    def feed(self, frame: audio.AudioFrame) -> list[audio.AudioFrame]:
        """Take a frame at 16 kHz, whose playhead counts at 24; return what is known by now."""
        if self._aec is None:
            if frame.playhead.reply:
                self._watch.missing()
                frame.echo.CopyFrom(audio.EchoState(cancelled=False, residual_db=0.0))
            return [frame]
        if frame.mic_offset != self._fed + len(self._pending):
            self._begin_at(frame.mic_offset)
        self._track.stamp(frame.mic_offset, frame.playhead)
        if self._track.began is not None:
            self._beginnings.began(frame.playhead.reply, self._track.began)
        near = np.frombuffer(frame.pcm, "<i2")
        if len(self._pending):
            near = np.concatenate((self._pending, near))
        whole = len(near) // BLOCK * BLOCK
        self._pending = near[whole:]
        return [
            given
            for start in range(0, whole, _LONGEST)
            for given in self._frames(*self._process(self._aec, near[start : min(start + _LONGEST, whole)]), frame)
        ]

    def flush(self) -> list[audio.AudioFrame]:
        """Return what is held back: the microphone's clock is about to jump over a gap."""
        held = self._fed + len(self._pending) - self._given
        if self._aec is None or held <= 0:
            return []
        near = np.concatenate((self._pending, np.zeros(LATENCY + BLOCK, np.int16)))
        clean, _ = self._process(self._aec, near[: len(near) // BLOCK * BLOCK])
        rest = clean[self._skip :][:held]
        flushed = audio.AudioFrame(mic_offset=self._given, pcm=rest.tobytes())
        self._begin_at(self._given + len(rest))
        return [flushed]

    def _begin_at(self, clock: int) -> None:
        self._pending = np.zeros(0, np.int16)
        self._fed = self._given = clock
        self._skip = LATENCY

    def _frames(self, clean: Samples, state: audio.EchoState | None, frame: audio.AudioFrame) -> list[audio.AudioFrame]:
        """Return the canceller's output as a frame whose place and playhead are those of its first sample."""
        skipped = min(self._skip, len(clean))
        self._skip -= skipped
        clean = clean[skipped:]
        if not len(clean):
            return []
        heard = audio.AudioFrame(
            mic_offset=self._given,
            pcm=clean.tobytes(),
            playhead=_playhead(frame, self._given),
            echo=state,
        )
        self._given += len(clean)
        return [heard]

    def _process(self, aec: Aec3, near: Samples) -> tuple[Samples, audio.EchoState | None]:
        """Return [n] of the microphone, `LATENCY` late, freed of echo, and how well."""
        far = self._far(self._fed, len(near), present=True)
        count = len(near)
        if far.any():
            self._awake_until = self._fed + TAIL
        elif not self._track.reply:
            self._watch.unstamped(ms_of(count, MIC_HZ))
        was_awake, self._is_awake = self._is_awake, self._fed < self._awake_until
        if self._is_awake:
            self._rewind(aec, was_awake)
        self._past.add(near)
        self._fed += count
        late = self._past.last(count, LATENCY)  # what comes out if nothing is done
        if not self._is_awake:
            return late, None
        clean = aec.process(near, far)
        levels = self._meter.measure(late, clean, far)
        self._watch_delay(aec, near, far, was_awake)
        if self._out_of_reach:
            return late, audio.EchoState(cancelled=False, residual_db=0.0)
        if self._track.audible:
            self._watch.heard(levels, ms_of(count, MIC_HZ))
        return clean, audio.EchoState(cancelled=True, residual_db=levels.residual)

    def _far(self, clock: int, samples: int, *, present: bool = False) -> Samples:
        """Return the reference for [samples] of the microphone from `clock` on."""
        pieces = [
            self.reference.read(stretch.reply, stretch.position, stretch.samples)
            for stretch in self._track.stretches(clock + self.advance, samples)
        ]
        far = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        if present:
            gains = self._ducking.gains(samples)
            if gains is not None:
                far = (far * gains).astype(np.int16)
            if self._track.audible:
                self._follow_speaker(clock, samples)
        return far

    def _follow_speaker(self, clock: int, samples: int) -> None:
        """Let go of what has been heard; take the reference back where it runs beyond what was sent."""
        heard = self._track.position(clock)
        self.reference.forget_before(self._track.reply, heard + min(self.advance, 0))
        lacking = self.reference.lacking(self._track.reply, heard + self.advance + samples)
        if not lacking:
            self._lacks_since = None
        elif self._lacks_since is None:
            self._lacks_since = clock
        elif clock - self._lacks_since > _LACKED:
            self._lacks_since = None
            self.advance = max(self.advance - lacking, MARGIN)
            self._finder.restart()

    def _rewind(self, aec: Aec3, was_awake: bool) -> None:
        """Let AEC3 hear what came just before once more, now that it is known what was played.

        A reply is known to be audible only when the first stamp says so. By then the reference, which runs ahead, has
        missed its beginning. And AEC3 has heard nothing at all while nothing was played.
        """
        missed = 0 if self._track.began is None else self._fed - (self._track.began - self.advance)
        self._hear_again(aec, max(missed, 0 if was_awake else WARM_UP))

    def _hear_again(self, aec: Aec3, samples: int) -> None:
        samples = min(-(-samples // BLOCK) * BLOCK, _REWOUND)
        if samples > 0:
            aec.process(self._past.last(samples), self._far(self._fed - samples, samples))

    def _watch_delay(self, aec: Aec3, near: Samples, far: Samples, was_awake: bool) -> None:
        """Move the reference when its echo is found where AEC3 does not reach."""
        if not was_awake:
            self._finder.pause()
        works = self._located and self._meter.typical_reduction_db > _WORKS_DB
        delay = self._finder.feed(near, far, look=not works)
        if delay is None:
            return
        if _LEAST_DELAY <= delay <= _MOST_DELAY:
            self._located, self._out_of_reach = True, False
            return
        self._located = False
        advance = self.advance + MARGIN - delay
        self._out_of_reach = not EARLIEST <= advance <= LATEST
        if self._out_of_reach:
            self._watch.misaligned(delay - self.advance)
            return
        self.advance = advance
        self._finder.restart()
        aec.reset()  # it would look for the echo in its old place for seconds
        self._hear_again(aec, _REWOUND)


def _playhead(frame: audio.AudioFrame, clock: int) -> audio.Playhead:
    """Return the playhead at a moment shortly before a frame, or within it."""
    if clock <= frame.mic_offset or not frame.playhead.reply:
        return earlier(frame.playhead, frame.mic_offset - clock)
    position = frame.playhead.position + (clock - frame.mic_offset) * REPLY_HZ // MIC_HZ
    return audio.Playhead(reply=frame.playhead.reply, position=position, estimated=frame.playhead.estimated)
