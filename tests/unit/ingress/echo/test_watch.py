"""When echo can't be cancelled it is said, once, in words that say what to do; and not when nothing is wrong."""

from __future__ import annotations

import pytest

from services.ingress.echo.levels import Levels
from services.ingress.echo.notice import notice_of
from services.ingress.echo.watch import WINDOW_MS, Trouble, Watch

FRAME_MS = 20


class Told:
    """A watch, and what it said."""

    def __init__(self) -> None:
        self.said: list[tuple[Trouble, str]] = []
        self.watch = Watch(lambda trouble, words: self.said.append((trouble, words)))

    @property
    def kinds(self) -> list[Trouble]:
        """Return what was said, without the words."""
        return [trouble for trouble, _ in self.said]

    def hears(self, reduction_db: float, windows: int, loud_share: float = 1.0) -> None:
        """Let replies be audible for so many windows, the first frames of each being the loud ones."""
        frames = WINDOW_MS // FRAME_MS
        for _ in range(windows):
            for index in range(frames):
                self.watch.heard(Levels(reduction_db, index < loud_share * frames, 0.0), FRAME_MS)


def test_a_missing_canceller_is_said_once() -> None:
    """With the command that installs it."""
    told = Told()
    told.watch.missing()
    told.watch.missing()
    assert told.kinds == [Trouble.MISSING]
    assert "pip install pywebrtc-audio" in told.said[0][1]


def test_two_bad_windows_running_are_said_once() -> None:
    """One is not enough; a third says nothing new. The figure is in the words."""
    told = Told()
    told.hears(2.0, windows=1)
    assert told.said == []
    told.hears(2.0, windows=2)
    assert told.kinds == [Trouble.UNREDUCED]
    assert "only 2 dB quieter" in told.said[0][1]


def test_a_good_window_between_two_bad_ones_is_enough() -> None:
    """Somebody may speak for five seconds."""
    told = Told()
    for reduction_db in (2.0, 20.0, 2.0, 20.0):
        told.hears(reduction_db, windows=1)
    assert told.said == []


def test_what_is_hardly_loud_is_not_judged() -> None:
    """An echo that is no louder than the noise can't become quieter, and troubles nobody."""
    told = Told()
    told.hears(0.0, windows=6, loud_share=0.2)
    assert told.said == []


def test_frames_without_stamps_are_said_after_three_seconds_of_both() -> None:
    """Three seconds of replies have to be sent, and after that three seconds of microphone say nothing of them."""
    told = Told()
    told.watch.unstamped(60_000)
    told.watch.given(2_999)
    told.watch.unstamped(60_000)
    told.watch.given(1)
    told.watch.unstamped(2_999)
    assert told.said == []
    told.watch.unstamped(1)
    told.watch.unstamped(60_000)
    assert told.kinds == [Trouble.UNSTAMPED]


@pytest.mark.parametrize(("samples", "words"), [(7_200, "450 ms later"), (-8_000, "500 ms earlier")])
def test_a_misalignment_is_said_with_its_direction(samples: int, words: str) -> None:
    """Who counts latencies needs to know which way they are wrong."""
    told = Told()
    told.watch.misaligned(samples)
    told.watch.misaligned(samples + 100)
    assert told.kinds == [Trouble.MISALIGNED]
    assert words in told.said[0][1]


def test_troubles_are_said_each_for_itself() -> None:
    """One does not silence another."""
    told = Told()
    told.watch.misaligned(7_200)
    told.hears(1.0, windows=2)
    assert told.kinds == [Trouble.MISALIGNED, Trouble.UNREDUCED]


@pytest.mark.parametrize("trouble", list(Trouble))
def test_every_trouble_has_a_notice_of_its_name(trouble: Trouble) -> None:
    """The code that the client gets is called as the counter that the operator sees."""
    notice = notice_of(trouble, "words").notice
    assert type(notice).Code.Name(notice.code) == f"CODE_{trouble.upper()}"
    assert notice.message == "words"
