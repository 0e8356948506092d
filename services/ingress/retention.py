"""Retention: what goes to vad, in its order, kept until vad has decided upon it, and given again to who takes over."""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass
from typing import Final

from parley.v1 import audio_pb2 as audio
from parley.v1 import vad_service_pb2 as vad
from services.common.audio import MIC_HZ, REPLY_HZ, SAMPLE_BYTES, pcm_samples, silence
from services.ingress.hands import Hands

MAX_RETAINED_S: Final = 70
"""A turn of 60 s with its pre-roll, and some. 2.2 MB."""

MAX_RETAINED: Final = 8_000
"""Messages: 70 s in frames of 20 ms are 3,500."""

MAX_TEXT: Final = 1 << 18
"""Characters of what was typed and announced."""

_GAP_MS: Final = 1_000
_SAMPLES_A_MS: Final = MIC_HZ // 1000


@dataclass(slots=True)
class _Kept:
    request: vad.ListenRequest
    start: int
    end: int
    """The samples it stands for; of what has no sound both are its place among them."""


class Retention:
    """Keeps requests from the last acknowledged sample on. Policy when full: the oldest go, their samples are counted.

    What the hands had done by then is kept beyond that.
    """

    def __init__(self) -> None:
        self.dropped_samples = 0
        self._kept: deque[_Kept] = deque()
        self._samples = 0
        self._text = 0
        self._clock = 0
        self._hands = Hands()
        """As they were before the oldest that is kept."""

    def __len__(self) -> int:
        return self._samples

    @property
    def clock(self) -> int:
        """The sample that comes next."""
        return self._clock

    @property
    def begins(self) -> int:
        """The first sample that is kept; of what was before, a vad is told that it was silence."""
        return self._kept[0].start if self._kept else self._clock

    def begin_at(self, mic_offset: int) -> None:
        """Have the microphone's clock begin in its middle: what was before is somewhere else, or nowhere."""
        self._clock = mic_offset

    def keep(self, request: vad.ListenRequest, hear_from: int = 0) -> list[vad.ListenRequest]:
        """Keep what comes next: sound, a gap, or what happens between two samples.

        Return what of it a vad is given that hears from a sample on: mostly the very same.
        """
        kind = request.WhichOneof("message")
        start, samples = self._clock, 0
        if kind == "audio":  # fifty times a second for each session
            frame = request.audio
            start, samples = frame.mic_offset, pcm_samples(frame.pcm)
        elif kind == "gap":
            start, samples = request.gap.mic_offset, request.gap.ms * _SAMPLES_A_MS
        self._clock = end = start + samples
        self._samples += samples
        if samples:
            if not (kind == "gap" and self._lengthens(request.gap, end)):
                self._kept.append(_Kept(request, start, end))
        else:
            self._text += _characters(request)
            self._kept.append(_Kept(request, start, end))
        while self._samples > MAX_RETAINED_S * MIC_HZ or len(self._kept) > MAX_RETAINED or self._text > MAX_TEXT:
            oldest = self._pop()
            self.dropped_samples += oldest.end - oldest.start
        if start >= hear_from:
            return [request]
        return _from(_Kept(request, start, end), hear_from) if end > hear_from else []

    def heard(self, mic_offset: int) -> None:
        """Let go of what vad need not hear again: whatever ended before `mic_offset`."""
        while self._kept and _is_over(self._kept[0], mic_offset):
            self._pop()

    def forget_announcements(self) -> None:
        """They have been taken back."""
        for kept in [kept for kept in self._kept if kept.request.HasField("announcement")]:
            self._text -= _characters(kept.request)
            self._kept.remove(kept)

    def replay(self, hear_from: int) -> list[vad.ListenRequest]:
        """Return what a vad that begins at `hear_from` has to be told, in order and without a hole.

        First the state of the hands, and announcements: they may have waited for the floor in the vad that is lost, and
        the broker knows by their names those that were said. Then everything from that sample on. What is not kept any
        more is a gap.
        """
        hands = copy.copy(self._hands)
        waiting: list[vad.ListenRequest] = []
        later: list[vad.ListenRequest] = []
        begun = False
        for kept in self._kept:
            if kept.end < hear_from or (kept.end == hear_from and kept.start < kept.end):
                hands.see(kept.request)
                if kept.request.HasField("announcement"):
                    waiting.append(kept.request)
                continue
            if not begun:
                begun = True
                later += _gap(hear_from, max(kept.start, hear_from))
            later += _from(kept, hear_from)
        if not begun:
            later += _gap(hear_from, max(self._clock, hear_from))
        return [*hands.told(), *waiting, *later]

    def _lengthens(self, gap: audio.Gap, end: int) -> bool:
        """A gap that follows a short one lengthens it: somebody may be silent for hours, a tenth of a second each."""
        if not (self._kept and 0 < self._kept[-1].request.gap.ms < _GAP_MS):
            return False
        last = self._kept[-1]
        # A new message: the old one may still wait to be sent.
        longer = audio.Gap(mic_offset=last.start, ms=last.request.gap.ms + gap.ms)
        last.request, last.end = vad.ListenRequest(gap=longer), end
        return True

    def _pop(self) -> _Kept:
        oldest = self._kept.popleft()
        if oldest.end > oldest.start:
            self._samples -= oldest.end - oldest.start
        else:
            self._text -= _characters(oldest.request)
            self._hands.see(oldest.request)
        return oldest


def _is_over(kept: _Kept, mic_offset: int) -> bool:
    """Say whether all of it lies before a sample. What happens just before the sample may not have been seen yet."""
    return kept.end <= mic_offset if kept.end > kept.start else kept.end < mic_offset


def _characters(request: vad.ListenRequest) -> int:
    match request.WhichOneof("message"):
        case "say":
            return len(request.say.text)
        case "announcement":
            return len(request.announcement.text)
    return 0


def _from(kept: _Kept, hear_from: int) -> list[vad.ListenRequest]:
    """Return what is left of it from a sample on."""
    skipped = hear_from - kept.start
    if skipped <= 0:
        return [kept.request]
    if kept.request.HasField("gap"):
        return _gap(hear_from, kept.end)
    whole = kept.request.audio
    frame = audio.AudioFrame(mic_offset=hear_from, pcm=whole.pcm[skipped * SAMPLE_BYTES :], playhead=whole.playhead)
    if whole.playhead.reply:
        frame.playhead.position += skipped * REPLY_HZ // MIC_HZ
    if whole.HasField("echo"):
        frame.echo.CopyFrom(whole.echo)
    return [vad.ListenRequest(audio=frame)]


def _gap(start: int, end: int) -> list[vad.ListenRequest]:
    """Return the silence between two samples: a gap is whole milliseconds, what is over is a frame."""
    ms, over = divmod(end - start, _SAMPLES_A_MS)
    requests = []
    if over:
        requests.append(vad.ListenRequest(audio=audio.AudioFrame(mic_offset=start, pcm=silence(over))))
    if ms:
        requests.append(vad.ListenRequest(gap=audio.Gap(mic_offset=start + over, ms=ms)))
    return requests
