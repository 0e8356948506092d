"""Suspects: who failed is avoided for a while, longer each time; nobody is refused."""

from __future__ import annotations

from services.ingress.suspects import AVOIDED_S, LONGEST_S, Suspects


def test_who_failed_is_avoided_for_a_while() -> None:
    """Then it is as good as any other; and so is who answers meanwhile."""
    suspects = Suspects()
    suspects.suspect("a", 0.0)
    assert suspects.penalty("a", AVOIDED_S - 0.1) >= 1
    assert suspects.penalty("a", AVOIDED_S) == 0
    assert suspects.penalty("b", 0.0) == 0
    suspects.suspect("b", 0.0)
    suspects.trust("b")
    assert suspects.penalty("b", 0.1) == 0


def test_who_fails_again_is_avoided_for_longer() -> None:
    """Twice as long each time, up to half a minute; after a good while it is the first time again."""
    suspects, now_s, avoided = Suspects(), 0.0, []
    for _ in range(8):
        suspects.suspect("a", now_s)
        began_s = now_s
        while suspects.penalty("a", now_s):
            now_s += 0.5
        avoided.append(now_s - began_s)
    assert avoided == [2, 4, 8, 16, 30, 30, 30, 30]
    suspects.suspect("a", now_s + 100)
    assert not suspects.penalty("a", now_s + 100 + AVOIDED_S)


def test_a_hundred_sessions_that_lose_the_same_are_one_failure() -> None:
    """All of them say so at once."""
    suspects = Suspects()
    for _ in range(100):
        suspects.suspect("a", 0.0)
    assert not suspects.penalty("a", AVOIDED_S)


def test_among_suspects_the_one_that_is_free_first_is_best() -> None:
    """Where all have failed somebody must be asked."""
    suspects = Suspects()
    suspects.suspect("a", 0.0)
    suspects.suspect("b", 1.0)
    assert 1 <= suspects.penalty("a", 1.5) < suspects.penalty("b", 1.5) < 1 + LONGEST_S
