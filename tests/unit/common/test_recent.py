"""Recent: what comes twice is no news."""

from __future__ import annotations

from services.common.recent import Recent


def test_a_name_is_news_once() -> None:
    """The second time it is not."""
    recent = Recent()
    assert [recent.is_news(name) for name in ("a", "b", "a", "b", "c")] == [True, True, False, False, True]


def test_what_has_no_name_is_always_news() -> None:
    """Nobody can tell two of them apart."""
    recent = Recent()
    assert [recent.is_news("") for _ in range(3)] == [True] * 3


def test_the_memory_is_bounded() -> None:
    """The oldest name is forgotten first."""
    recent = Recent(2)
    assert [recent.is_news(name) for name in ("a", "b", "c", "c", "b", "a")] == [True, True, True, False, False, True]
