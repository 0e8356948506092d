"""Score: what a conversation has suffered, in figures. No I/O; what a take says is all there is to know.

gap         The longest time in which the person heard nothing that they should have heard: silence inside an answer, or
            the wait for its first sample, beyond what the same line waits for when nothing happens. Answers from the
            fault on count. One that was never heard to its end counts as `NEVER_S`.
words lost, Words that the person has said whole and that stand in no turn of the final history; that stand there more
repeated    than once.
samples     Of each answer, by its positions: heard twice; not heard although something after it was, or all of it
            should have been. The answer to half an utterance is another one: what is heard of it, before all was
            answered, is premature.
duplicated  Tool calls beyond one for each utterance that wants one, each with an Idempotency-Key of its own.
stale       Samples of answers that had sounded before a flush, heard after the speaker had fallen silent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.chaos import lines
from tests.chaos.lines import LINES
from tests.chaos.mic_code import Utterance
from tests.chaos.mind import WORD_SAMPLES, answer_samples, track_of
from tests.chaos.person import PATIENCE_S, Spoken
from tests.chaos.takes import Cell, Take
from tests.chaos.wording import Heard, WordSaid, said_in, words_of
from tests.fakes.position_code import Run

MIC_HZ: Final = 16_000
SPEAKER_HZ: Final = 24_000
FADE_SAMPLES: Final = 120
"""A flushed answer fades out over 5 ms, in which its level tells no position."""
NEVER_S: Final = PATIENCE_S
Waits = Mapping[int, float]
"""How long each line waits for its answer when nothing happens, in seconds."""


@dataclass(frozen=True)
class Score:
    """What one conversation has suffered."""

    cell: Cell
    victim: str
    session: str
    was_in_moment: bool
    continued: bool
    why_not: str
    gaps_s: tuple[float, ...]
    """One for each answer from the fault on."""
    words_lost: tuple[str, ...]
    words_repeated: tuple[str, ...]
    repeated_samples: int
    """Of answers that nobody but the first model has spoken."""
    repeated_by_model: int
    """Of answers that a model was asked to go on with, or to begin anew of which only a word had sounded."""
    skipped_samples: int
    skipped_by_model: int
    premature_samples: int
    """Of answers to half an utterance."""
    calls: int
    """Tool calls, each with its own Idempotency-Key."""
    calls_duplicated: int
    calls_asked_again: int
    """Requests beyond the first under the same key: as it should be."""
    stale_samples: int
    reconnected: tuple[str, ...]
    """Why the client has made its connection anew, each time."""
    dropped_frames: int
    """Frames of the microphone that the client gave up: what was in them can't be anything but lost."""
    worst_lag_ms: float

    @property
    def gap_s(self) -> float:
        """The longest gap."""
        return max(self.gaps_s, default=0.0)


def score(take: Take, undisturbed: Waits) -> Score:
    """Score a take, against how long people wait when nothing happens."""
    answers = [Played.of(take, spoken) for spoken in take.spoken]
    unheard = [
        f"utterance {heard.number} was not answered whole: {heard.heard_in_words} were heard"
        for heard in answers
        if not (heard.is_whole or heard.is_cut)
    ]
    said = Counter(word for text in take.remembered for word in said_in(text))
    going_on = {True: [a for a in answers if a.by_model], False: [a for a in answers if not a.by_model]}
    keys = Counter(take.looked_up)
    return Score(
        cell=take.cell,
        victim=take.victim,
        session=take.session,
        was_in_moment=take.was_in_moment,
        continued=not (take.why_not or unheard),
        why_not=take.why_not or next(iter(unheard), ""),
        gaps_s=tuple(gap_of(heard, undisturbed) for heard in answers if heard.ends_after(take.struck_at)),
        words_lost=tuple(word_text(word) for word in words_lost(take)),
        words_repeated=tuple(word_text(word) for word, count in said.items() if count > 1),
        repeated_samples=sum(heard.repeated for heard in going_on[False]),
        repeated_by_model=sum(heard.repeated for heard in going_on[True]),
        skipped_samples=sum(heard.skipped for heard in going_on[False]),
        skipped_by_model=sum(heard.skipped for heard in going_on[True]),
        premature_samples=sum(run.samples for run in take.runs) - sum(run.samples for a in answers for run in a.runs),
        calls=len(take.looked_up),
        calls_duplicated=sum(count - 1 for count in keys.values()) + sum(not _calls(take, number) for number in keys),
        calls_asked_again=take.requests - len(take.looked_up),
        stale_samples=stale_samples(take.runs, take.silenced),
        reconnected=tuple(take.reconnected),
        dropped_frames=take.dropped_frames,
        worst_lag_ms=take.worst_lag_ms,
    )


def words_lost(take: Take) -> list[WordSaid]:
    """Return what the person has said whole, and what is not remembered."""
    said = {word for text in take.remembered for word in said_in(text)}
    expected = [word for spoken in take.spoken if _was_said(take, spoken) for word in _words(spoken.utterance)]
    return [word for word in expected if word not in said]


@dataclass(frozen=True)
class Played:
    """What was heard of the answer to one utterance."""

    number: int
    line: int
    asked_at: int
    """Where the utterance ends, on the microphone's clock."""
    runs: tuple[Run, ...]
    """In the order in which they were heard."""
    samples: int
    """How long the answer is."""
    is_cut: bool
    """The person has cut it off."""
    by_model: bool
    """A model was asked to go on with it, or to begin anew since it broke off within its first word."""

    @classmethod
    def of(cls, take: Take, spoken: Spoken) -> Played:
        """Find what a take has of an answer."""
        utterance = spoken.utterance
        runs = _answer(take, utterance)
        objections = {other.utterance.number for other in take.spoken if other.utterance.line == lines.OBJECTION}
        return cls(
            utterance.number,
            utterance.line,
            spoken.end,
            runs,
            answer_samples(utterance),
            utterance.number + 1 in objections,
            utterance in take.continued_by_model or (utterance in take.begun_anew and _breaks_off_at_once(runs)),
        )

    @property
    def covered(self) -> int:
        """Samples that were heard, each counted once."""
        total = end = 0
        for run in sorted(self.runs, key=lambda run: run.start_position):
            total += max(0, run.end_position - max(run.start_position, end))
            end = max(end, run.end_position)
        return total

    @property
    def is_whole(self) -> bool:
        """Whether it was heard to its end, but for 40 ms: how well all of it was, the counts say.

        Where it broke off in its last word, there is nothing more that a model could go on with.
        """
        return self._heard_to >= self.samples - (WORD_SAMPLES if self.by_model else SPEAKER_HZ // 25)

    @property
    def _heard_to(self) -> int:
        return max((run.end_position for run in self.runs), default=0)

    @property
    def heard_in_words(self) -> str:
        """Say how much of it was heard."""
        return f"{self._heard_to / SPEAKER_HZ:.2f} of {self.samples / SPEAKER_HZ:g} s"

    @property
    def repeated(self) -> int:
        """Samples that were heard again, as often as they were."""
        return sum(run.samples for run in self.runs) - self.covered

    @property
    def skipped(self) -> int:
        """Samples that were not heard, up to its end; of one that was cut off, up to where it was heard."""
        end = self._heard_to
        return (end if self.is_cut else self.samples) - self.covered

    @property
    def wait_s(self) -> float | None:
        """From the end of the utterance to the first sample; None: there was none."""
        return self.runs[0].at_sample / SPEAKER_HZ - self.asked_at / MIC_HZ if self.runs else None

    @property
    def silence_s(self) -> float:
        """The longest silence inside it."""
        pairs = zip(self.runs, self.runs[1:], strict=False)
        return max((after.at_sample - before.end_sample for before, after in pairs), default=0) / SPEAKER_HZ

    def ends_after(self, mic_offset: int) -> bool:
        """Say whether some of it was to be heard after a moment on the microphone's clock."""
        if self.is_cut or not self.runs:
            return not self.is_cut
        return self.runs[-1].end_sample / SPEAKER_HZ > mic_offset / MIC_HZ


def _answer(take: Take, utterance: Utterance) -> tuple[Run, ...]:
    """Find what was heard of the answer to an utterance; where all of it was never answered, to the most of it."""
    halves = sorted((half for half in take.half_heard if half.utterance == utterance), reverse=True)
    found: tuple[Run, ...] = ()
    for heard in (Heard(utterance), *halves):
        found = found or tuple(run for run in take.runs if run.track == track_of(heard))
    return found


def _breaks_off_at_once(runs: Sequence[Run]) -> bool:
    """Say whether no more than a word was heard before an answer began again: there was nothing to go on from."""
    begun = [run for run in runs[1:] if run.start_position == 0]
    before = [run.end_position for run in runs if begun and run.at_sample < begun[-1].at_sample]
    return bool(before) and max(before) <= WORD_SAMPLES


def gap_of(heard: Played, undisturbed: Waits) -> float:
    """Return the longest time in which nothing was heard of an answer although something should have been."""
    if not heard.is_whole or heard.wait_s is None:
        return NEVER_S
    return max(0.0, heard.wait_s - undisturbed.get(heard.line, heard.wait_s), heard.silence_s)


def waits(takes: Iterable[Take]) -> dict[int, float]:
    """Return how long each line waits for its answer: the median over conversations in which nothing happened."""
    found: dict[int, list[float]] = {}
    for take in takes:
        for spoken in take.spoken:
            if (wait_s := Played.of(take, spoken).wait_s) is not None:
                found.setdefault(spoken.utterance.line, []).append(wait_s)
    return {line: median(several) for line, several in sorted(found.items())}


def stale_samples(runs: Sequence[Run], silenced: Sequence[int]) -> int:
    """Count what was heard of answers after the speaker had fallen silent of which something was heard before."""
    stale: set[tuple[int, int]] = set()
    for moment in silenced:
        dead = {run.track for run in runs if run.at_sample < moment}
        stale |= {
            (max(run.at_sample, moment + FADE_SAMPLES), run.end_sample)
            for run in runs
            if run.track in dead and run.end_sample > moment + FADE_SAMPLES
        }
    total = end = 0
    for begin, until in sorted(stale):
        total += max(0, until - max(begin, end))
        end = max(end, until)
    return total


def word_text(word: WordSaid) -> str:
    """Return a word for people, with the number of its utterance."""
    return f"{words_of(word.utterance.line)[word.place]} ({word.utterance.number}.{word.place + 1})"


def _words(utterance: Utterance) -> list[WordSaid]:
    return [WordSaid(utterance, index) for index in range(len(words_of(utterance.line)))]


def _was_said(take: Take, spoken: Spoken) -> bool:
    """Say whether an utterance was said to its end: the conversation may have ended in the middle of it."""
    return spoken.end / MIC_HZ <= take.heard_up_to / SPEAKER_HZ


def _calls(take: Take, number: int) -> bool:
    """Say whether an utterance wants something looked up."""
    return any(spoken.utterance.number == number and LINES[spoken.utterance.line].calls for spoken in take.spoken)
