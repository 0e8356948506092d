"""Watch: says, once and in plain words, when echo can't be cancelled, and why."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from statistics import median
from typing import Final

from services.common.audio import MIC_HZ, ms_of
from services.ingress.echo.levels import Levels

WINDOW_MS: Final = 5_000
"""Of playing, after which the canceller is judged; two bad windows running are said."""

LEAST_REDUCTION_DB: Final = 6.0
_LOUD_SHARE: Final = 0.3
"""Where fewer of the frames were loud the echo does not matter, or the person has said a word or two."""

_UNSTAMPED_MS: Final = 3_000


class Trouble(StrEnum):
    """Why echo is not cancelled; also the names of counters."""

    MISSING = "echo_canceller_missing"
    UNSTAMPED = "echo_unstamped"
    MISALIGNED = "echo_misaligned"
    UNREDUCED = "echo_unreduced"


Say = Callable[[Trouble, str], None]


class Watch:
    """One session's. `say` is called once for each trouble."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._said: set[Trouble] = set()
        self._loud: list[float] = []
        self._window_ms = 0.0
        self._bad_windows = 0
        self._given_ms = 0.0
        self._unstamped_ms = 0.0

    def missing(self) -> None:
        """There is no canceller on this machine."""
        self._tell(
            Trouble.MISSING,
            "the client leaves echo to this server, which has no canceller: its operator may install it with "
            "`pip install pywebrtc-audio`; until then the assistant may hear and interrupt itself.",
        )

    def given(self, ms: float) -> None:
        """So much of a reply went to the client."""
        self._given_ms += ms

    def unstamped(self, ms: float) -> None:
        """So much came from the microphone with no playhead, and none had come before."""
        if self._given_ms >= _UNSTAMPED_MS:
            self._unstamped_ms += ms
            if self._unstamped_ms >= _UNSTAMPED_MS:
                self._tell(
                    Trouble.UNSTAMPED,
                    "echo can't be cancelled: replies are sent, but no microphone frame says by its playhead that one "
                    "is heard.",
                )

    def misaligned(self, later: int) -> None:
        """The echo was found so many samples later than the stamps say, out of reach."""
        ms = round(ms_of(later, MIC_HZ))
        self._tell(
            Trouble.MISALIGNED,
            f"echo can't be cancelled: it is heard {abs(ms)} ms {'later' if ms > 0 else 'earlier'} than the playheads "
            "say; count the latencies of speaker and microphone in them, and be at most 200 ms wrong.",
        )

    def heard(self, levels: Levels, ms: float) -> None:
        """Take the levels of a frame during which a reply was audible."""
        self._window_ms += ms
        if levels.is_loud:
            self._loud.append(levels.reduction)
        if self._window_ms < WINDOW_MS:
            return
        enough = len(self._loud) * ms >= _LOUD_SHARE * WINDOW_MS
        bad = enough and median(self._loud) < LEAST_REDUCTION_DB
        self._bad_windows = self._bad_windows + 1 if bad else 0
        if self._bad_windows >= 2:
            self._tell(
                Trouble.UNREDUCED,
                f"echo is not cancelled: over {2 * WINDOW_MS // 1000} s of replies the microphone became only "
                f"{median(self._loud):.0f} dB quieter. Either the playheads are wrong by more than 0.5 s, or the "
                "speaker is overdriven, or somebody spoke all the time.",
            )
        self._loud.clear()
        self._window_ms = 0.0

    def _tell(self, trouble: Trouble, words: str) -> None:
        if trouble not in self._said:
            self._said.add(trouble)
            self._say(trouble, words)
