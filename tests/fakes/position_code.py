"""A reply whose every sample says where it stands, and the decoder that reads a recording of it.

A *track* is an endless pseudo-random signal named by a number. The signs of any 64 consecutive samples name the
track and the position in it, whatever the gain; so a recording of what left the loudspeaker tells, to the sample,
what was played, what was skipped or repeated, and how loud. The magnitudes vary a little around `AMPLITUDE`, also
by rule: they decide who owns the samples at the seam of two runs, where a sign alone fits both one time in two.

24 kHz PCM16LE mono. Resampled, mixed or lossily coded audio cannot be decoded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 24_000
AMPLITUDE = 8_000
"""Middle of the magnitudes 6 000 … 10 080; ducked by 20 dB the smallest is still 600 steps."""
WINDOW_SAMPLES = 64
"""Signs that identify a place: among 300 s of tracks, a chance hit has odds of 10⁻¹³ per window."""
_BLOCK_SAMPLES = 1 << 16
_SEAM_SAMPLES = 24
"""How far signs alone may run past a seam: chance goes on for 24 samples once in 16 million seams."""
_STRANGER_COST = 0.02
"""Log-gain step beyond which a sample next to unknown sound is not believed to be the run's own."""

Samples = NDArray[np.int16]
Words = NDArray[np.uint64]


def track_pcm(track: int, samples: int, start: int = 0) -> bytes:
    """Give `samples` samples of a track from position `start` on, as PCM16LE at 24 kHz.

    Prefix-stable: a position always has the same value, however long the piece asked for.
    Raises ValueError for a negative track, length or start.
    """
    if min(track, samples, start) < 0:
        raise ValueError(f"track, samples and start must not be negative: {track}, {samples}, {start}")
    return _track(track, samples, start).tobytes()


@dataclass(frozen=True, slots=True)
class Run:
    """One stretch of a recording that plays consecutive positions of one track."""

    track: int
    start_position: int
    samples: int
    at_sample: int
    gain_db: float
    """Median level against the track as written: 0.0 as it is, −20.0 when ducked by 20 dB."""

    @property
    def end_position(self) -> int:
        """Position after the last one played."""
        return self.start_position + self.samples

    @property
    def end_sample(self) -> int:
        """Sample of the recording after the run's last."""
        return self.at_sample + self.samples


class Runs(list[Run]):
    """The runs of a recording in order, with the count of audible samples that belong to none of them."""

    unknown_samples: int = 0


class PositionDecoder:
    """Reads recordings in which any of the given tracks may play.

    `tracks` maps a track number to its length in samples; nothing beyond that length is recognised.
    """

    def __init__(self, tracks: Mapping[int, int]) -> None:
        self._tracks = {number: _track(number, length) for number, length in tracks.items()}
        self._numbers = np.array(list(self._tracks) or [0], dtype=np.int64)
        codes = [_windows(pcm > 0) for pcm in self._tracks.values()]
        owners = [np.full(len(code), row, dtype=np.int32) for row, code in enumerate(codes)]
        places = [np.arange(len(code), dtype=np.int32) for code in codes]
        code = np.concatenate([*codes, np.empty(0, np.uint64)])
        order = np.argsort(code)
        self._codes = code[order]
        self._owners = np.concatenate([*owners, np.empty(0, np.int32)])[order]
        self._places = np.concatenate([*places, np.empty(0, np.int32)])[order]

    def decode(self, pcm: bytes) -> Runs:
        """Find every run of at least 64 samples, in the order of the recording.

        Silence (samples of exactly zero) ends a run and is left out. Edges next to silence are exact; edges
        next to another run or to unknown sound are settled by the magnitudes.
        """
        sound = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2")
        spans = self._spans(sound)
        for left, right in pairwise(spans):
            _settle_contact(sound, left, right)
        _settle_strangers(sound, spans)
        runs = Runs(span.run(sound) for span in spans if span.end > span.begin)
        runs.unknown_samples = int(np.count_nonzero(sound)) - sum(run.samples for run in runs)
        return runs

    def gains_db(self, pcm: bytes, run: Run, hop_samples: int = 120) -> NDArray[np.float64]:
        """Follow the level of a run: its median gain in dB for each `hop_samples` (5 ms) of it, at least one."""
        sound = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2")[run.at_sample : run.end_sample]
        ratio = _ratio(sound, self._tracks[run.track][run.start_position : run.end_position])
        hops = np.array_split(ratio, max(1, len(ratio) // hop_samples))
        return np.array([20 * math.log10(float(np.median(hop))) for hop in hops])

    def _spans(self, sound: Samples) -> list[_Span]:
        codes = _windows(sound > 0)
        starts = np.flatnonzero(_windows(sound != 0) == np.uint64(2**64 - 1))
        spans: list[_Span] = []
        cursor = 0
        while (hit := self._next_hit(codes, starts, cursor)) is not None:
            span = self._extend(sound, *hit, floor=spans[-1].begin + WINDOW_SAMPLES if spans else 0)
            spans.append(span)
            cursor = max(span.end - _SEAM_SAMPLES, hit[0] + 1)
        return spans

    def _next_hit(self, codes: Words, starts: NDArray[np.intp], cursor: int) -> tuple[int, int, int] | None:
        """Look the windows up in growing batches: one is enough inside known audio, noise needs many."""
        at, batch = int(np.searchsorted(starts, cursor)), 32
        while at < len(starts) and len(self._codes):
            windows = starts[at : at + batch]
            wanted = codes[windows]
            rows = np.minimum(np.searchsorted(self._codes, wanted), len(self._codes) - 1)
            hits = np.flatnonzero(self._codes[rows] == wanted)
            if len(hits):
                row = rows[hits[0]]
                number = int(self._numbers[self._owners[row]])
                return int(windows[hits[0]]), number, int(self._places[row])
            at, batch = at + batch, min(batch * 2, 1 << 16)
        return None

    def _extend(self, sound: Samples, at: int, number: int, place: int, floor: int) -> _Span:
        track = self._tracks[number]
        forward = _agreement(sound[at:], track[place:])
        back = min(at - floor, place)
        backward = _agreement(sound[at - back : at][::-1], track[place - back : place][::-1])
        return _Span(number, track, at - backward, at + forward, place - at)


@dataclass(slots=True)
class _Span:
    """A run still being measured: `end` is exclusive, and position = sample + `shift`."""

    number: int
    track: Samples
    begin: int
    end: int
    shift: int

    def ratio(self, sound: Samples, begin: int, end: int) -> NDArray[np.float64]:
        return _ratio(sound[begin:end], self.track[begin + self.shift : end + self.shift])

    def costs(self, sound: Samples, begin: int, end: int, near_end: bool) -> NDArray[np.float64]:
        """How badly each sample fits the gain that the span has just inside its contested edge."""
        core = max(self.begin, begin - 8), begin
        if not near_end:
            core = end, min(self.end, end + 8)
        gain = np.median(self.ratio(sound, *core)) if core[1] > core[0] else 1.0
        return np.asarray(np.abs(np.log(self.ratio(sound, begin, end) / gain)))

    def run(self, sound: Samples) -> Run:
        level = float(np.median(self.ratio(sound, self.begin, self.end)))
        place = self.begin + self.shift
        return Run(self.number, place, self.end - self.begin, self.begin, 20 * math.log10(level))


def _settle_contact(sound: Samples, left: _Span, right: _Span) -> None:
    """Divide the samples that two neighbours both claim, so that their gains step as little as possible."""
    begin, end = right.begin, left.end
    if begin >= end:
        return
    seam = _seam(left.costs(sound, begin, end, near_end=True), right.costs(sound, begin, end, near_end=False))
    left.end = right.begin = begin + seam


def _settle_strangers(sound: Samples, spans: list[_Span]) -> None:
    """Take back, at edges next to audible sound of no track, the samples whose signs agree by chance."""
    begins = {span.begin for span in spans}
    ends = {span.end for span in spans}
    for span in spans:
        if span.end < len(sound) and sound[span.end] and span.end not in begins:
            edge = max(span.begin, span.end - _SEAM_SAMPLES)
            costs = span.costs(sound, edge, span.end, near_end=True)
            span.end = edge + _seam(costs, np.full(len(costs), _STRANGER_COST))
        if span.begin > 0 and sound[span.begin - 1] and span.begin not in ends:
            edge = min(span.end, span.begin + _SEAM_SAMPLES)
            costs = span.costs(sound, span.begin, edge, near_end=False)
            span.begin += _seam(np.full(len(costs), _STRANGER_COST), costs)


def _seam(left: NDArray[np.float64], right: NDArray[np.float64]) -> int:
    """Give the number of samples for the left side that makes the total cost least."""
    totals = np.concatenate(([0.0], np.cumsum(left))) + np.concatenate((np.cumsum(right[::-1])[::-1], [0.0]))
    return int(np.argmin(totals))


def _agreement(sound: Samples, track: Samples) -> int:
    """Count the leading samples that are audible and have the track's signs."""
    limit, done, step = min(len(sound), len(track)), 0, 256
    while done < limit:
        stop = min(done + step, limit)
        heard = sound[done:stop]
        wrong = ((heard > 0) != (track[done:stop] > 0)) | (heard == 0)
        if wrong.any():
            return done + int(np.argmax(wrong))
        done, step = stop, step * 4
    return limit


def _ratio(sound: Samples, track: Samples) -> NDArray[np.float64]:
    return np.asarray(np.abs(sound.astype(np.float64)) / np.abs(track.astype(np.float64)))


def _windows(bits: NDArray[np.bool_]) -> Words:
    """Pack the 64 bits from each place on into one word (by doubling); empty if there are fewer than 64."""
    words = bits.astype(np.uint64)
    for width in (1, 2, 4, 8, 16, 32):
        words = words[:-width] | words[width:] << np.uint64(width)
    return words


def _track(track: int, samples: int, start: int = 0) -> Samples:
    first, last = start // _BLOCK_SAMPLES, max(start + samples - 1, start) // _BLOCK_SAMPLES
    blocks = [_block(track, index) for index in range(first, last + 1)]
    offset = start - first * _BLOCK_SAMPLES
    return np.concatenate(blocks)[offset : offset + samples]


@lru_cache(maxsize=512)  # 128 kB each; 300 s of tracks are about 110
def _block(track: int, index: int) -> Samples:
    """Draw one block from its own seed, which makes any position reachable without those before it."""
    draw = np.frombuffer(np.random.default_rng([track, index]).bytes(2 * _BLOCK_SAMPLES), dtype="<u2")
    magnitude = (AMPLITUDE - 2_000 + 16 * (draw & 0xFF)).astype(np.int16)
    return np.where(draw & 0x8000, magnitude, -magnitude).astype("<i2")
