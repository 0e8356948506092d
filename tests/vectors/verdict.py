"""Whether what a client did in a scene is what was expected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .journal import Journal, Sent
from .scenes import Scene, Step, reply_pcm

PERIOD = 20_000
"""The samples of a reply begin anew after so many."""
_INVERSE = pow(31, -1, PERIOD)
GAIN_TOLERANCE_DB = 1.0
SAMPLES_PER_MS = 24
QUIET_MESSAGES = ("audio", "heartbeat")
_PLACES = ("position", "micOffset")


class Slack(NamedTuple):
    """What real time is allowed that virtual time is not."""

    late_ms: int = 0
    """So much later may come what is wanted, and so much further on may places be."""
    left_ms: int = 0
    """For so long after its moment what must not come any more may be left from before."""


NONE = Slack()


def faults_of(scene: Scene, journal: Journal, *, only: frozenset[str] | None = None, slack: Slack = NONE) -> list[str]:
    """Return what was expected in vain, each in a line. `only`: of these kinds; `slack`: for real time."""
    return [
        f"{step.at_ms}–{step.until_ms} ms: {fault}"
        for step in scene.expectations
        if only is None or step.kind in only
        for fault in _LOOKS[step.kind](step, journal, slack)
    ]


def matches(wanted: Any, got: Any, slack: int = 0) -> bool:
    """Whether a value is as expected: a range, anything at all, or just this; fields that are left out are defaults.

    `slack`: in samples, by which ranges of places are wider, in real time.
    """
    if isinstance(wanted, dict):
        if _is_range(wanted):
            number = _number(got)
            least, most = float(wanted.get("min", "-inf")), float(wanted.get("max", "inf"))
            return number is not None and least - slack <= number <= most + slack
        if wanted.get("any") is True:
            return bool(got)
        return all(
            matches(value, (got or {}).get(key), 0 if _is_range(value) and key not in _PLACES else slack)
            for key, value in wanted.items()
        )
    if isinstance(wanted, bool) or isinstance(got, bool):
        return bool(wanted) == bool(got)
    if wanted in ("", None):
        return not got
    if isinstance(wanted, str) and not wanted.lstrip("-").isdigit():
        return bool(wanted == got)
    return _number(wanted) == _number(got)


def _is_range(wanted: Any) -> bool:
    return isinstance(wanted, dict) and bool(wanted) and set(wanted) <= {"min", "max"}


def _number(value: Any) -> float | None:
    """Return a count as a number; a field that is left out is 0."""
    if value is None:
        return 0
    try:
        return int(value) if not isinstance(value, float) else value
    except (TypeError, ValueError):
        return None


def _has(message: dict[str, Any], wanted: dict[str, Any], slack: int = 0) -> bool:
    return all(kind in message and matches(fields, message[kind], slack) for kind, fields in wanted.items())


def _sent(step: Step, journal: Journal, slack: Slack) -> list[Sent]:
    return [
        sent
        for sent in journal.sent
        if step.at_ms <= sent.at_ms <= step.until_ms + slack.late_ms and step.over in (None, sent.over)
    ]


def _expect(step: Step, journal: Journal, slack: Slack) -> Iterator[str]:
    """In real time as many as are wanted may come a little later, and what is too much may be left from before."""
    sent = _sent(step, journal, slack)
    fitting = [each for each in sent if _has(each.message, step.what, slack.late_ms * SAMPLES_PER_MS)]
    surely = [each for each in fitting if _is_surely_within(step, each.at_ms, slack)]
    if not _are_so_many({"min": 1} if step.times is None else step.times, len(fitting), len(surely)):
        kinds = [each.message for each in sent if each.kind in step.what][:4]
        times = "" if step.times is None else f" {step.times} times"
        yield f"{step.what} was expected{times} and came {len(fitting)} times; of its kind came {kinds}"


def _is_surely_within(step: Step, at_ms: int, slack: Slack) -> bool:
    """Whether it neither may be left from before, nor belongs to what comes later."""
    return step.at_ms + slack.left_ms <= at_ms <= step.until_ms


def _are_so_many(wanted: Any, possible: int, sure: int) -> bool:
    """Whether it may be so many: there are enough that may count, and not too many that do in any case."""
    least, most = (wanted.get("min", 0), wanted.get("max")) if isinstance(wanted, dict) else (wanted, wanted)
    return possible >= least and (most is None or sure <= most)


def _expect_mic(step: Step, journal: Journal, slack: Slack) -> Iterator[str]:
    frames = [sent for sent in _sent(step, journal, slack) if sent.kind == "audio"]
    if not frames:
        yield "no microphone frame came"
        return
    offsets = [int(frame.message["audio"].get("micOffset", 0)) for frame in frames]
    if "from" in step.what and not matches(step.what["from"], offsets[0]):
        yield f"the microphone begins at {offsets[0]}, not at {step.what['from']}"
    for (offset, frame), following in pairwise([*zip(offsets, frames, strict=True), (None, None)]):
        if frame is not None and offset is not None and following[0] not in (None, offset + frame.samples):
            yield f"the microphone goes on at {following[0]} after {offset} + {frame.samples}"
    if step.what.get("silent") and not all(frame.silent for frame in frames):
        yield "the microphone is not silent"


def _expect_first(step: Step, journal: Journal, slack: Slack) -> Iterator[str]:
    sent = [each.message for each in _sent(step, journal, slack) if each.kind not in QUIET_MESSAGES]
    if len(sent) < len(step.what) or not all(_has(got, want) for want, got in zip(step.what, sent, strict=False)):
        yield f"first should have come {step.what}, and came {sent[: len(step.what)]}"


def _expect_output(step: Step, journal: Journal, slack: Slack) -> Iterator[str]:
    sound = journal.sound(step.at_ms, step.until_ms)
    if step.what.get("silent"):
        if loud := int(np.count_nonzero(sound)):
            yield f"{loud} samples are not silent, the first after {int(np.flatnonzero(sound)[0]) // 24} ms"
        return
    gain_db = step.what.get("gain_db", 0.0)
    begins = _place(step.what["reply"], sound, 10 ** (gain_db / 20))
    if begins is None:
        yield f"not reply {step.what['reply']} in one piece at {gain_db} dB: {sound[:4]}…, {_level(sound):.1f} dB"
    elif "from" in step.what and not _is_at(begins, step.what["from"]):
        yield f"reply {step.what['reply']} sounds from {begins} (of {PERIOD}), not from {step.what['from']}"


def _expect_heard(step: Step, journal: Journal, slack: Slack) -> Iterator[str]:
    sound = journal.sound(step.at_ms, step.until_ms)
    first, end = step.what["from"], step.what["to"]
    heard, whole = sound[sound != 0], reply_pcm(step.what["reply"], first, end - first)
    if len(heard) != len(whole):
        yield f"{len(heard)} samples came out, not {len(whole)}"
    common = min(len(heard), len(whole))
    wrong = np.flatnonzero(heard[:common] != whole[:common])
    if len(wrong):
        yield f"sample {first + int(wrong[0])} is not what came out in its place"


def _expect_calls(step: Step, journal: Journal, slack: Slack) -> Iterator[str]:
    calls = [at for at in journal.calls_ms if step.at_ms <= at <= step.until_ms + slack.late_ms]
    surely = [at for at in calls if _is_surely_within(step, at, slack)]
    if "times" in step.what and not _are_so_many(step.what["times"], len(calls), len(surely)):
        yield f"{len(calls)} calls were made, not {step.what['times']}: at {calls} ms"
    for before, after in pairwise(calls):
        if "apart_ms" in step.what and not matches(step.what["apart_ms"], after - before):
            yield f"a call came {after - before} ms after the one before it, not {step.what['apart_ms']}"


def _expect_state(step: Step, journal: Journal, slack: Slack) -> Iterator[str]:
    if (state := journal.states.get(step.until_ms)) != step.what:
        yield f"the client is {state}, not {step.what}"


_LOOKS: dict[str, Callable[[Step, Journal, Slack], Iterator[str]]] = {
    "expect": _expect,
    "expect_mic": _expect_mic,
    "expect_first": _expect_first,
    "expect_output": _expect_output,
    "expect_heard": _expect_heard,
    "expect_calls": _expect_calls,
    "expect_state": _expect_state,
}


def _place(reply: int, sound: NDArray[np.int16], gain: float) -> int | None:
    """Return from which position on (within the period) this is one piece of a reply at that gain; None: it is not."""
    first = round(int(sound[0]) / gain)
    slack = max(2, round(first * 0.13)) if gain != 1.0 else 0
    for value in sorted(range(first - slack, first + slack + 1), key=lambda value: abs(value - first)):
        position = (value - 1_000 - reply * 7_919) * _INVERSE % PERIOD
        whole = reply_pcm(reply, position, len(sound))
        if _fits(sound, whole, gain):
            return position
    return None


def _fits(sound: NDArray[np.int16], whole: NDArray[np.int16], gain: float) -> bool:
    if gain == 1.0:
        return bool(np.array_equal(sound, whole))
    step = 10 ** (GAIN_TOLERANCE_DB / 20)
    least, most = whole * (gain / step) - 1, whole * (gain * step) + 1
    return bool(np.all((sound >= least) & (sound <= most)))


def _is_at(begins: int, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return any(matches(wanted, begins + period * PERIOD) for period in range(40))
    return begins == int(wanted) % PERIOD


def _level(sound: NDArray[np.int16]) -> float:
    """Return how loud it is against a reply at full level, in dB."""
    loud = float(np.mean(np.abs(sound.astype(np.float64))))
    return 20 * float(np.log10(max(loud, 1e-9) / 11_000))
