"""Manners: guests differ, and each is the same every time."""

from __future__ import annotations

from collections import Counter

from tests.soak.manners import Act, Leaving, manners_of


def test_guests_are_of_every_kind_and_the_same_each_time() -> None:
    """Of two hundred some do each of it; with another seed they are others."""
    guests = [manners_of(1, number) for number in range(200)]
    acts = Counter(act for guest in guests for act in guest.acts)
    leaving = Counter(guest.leaving for guest in guests)
    assert set(acts) == set(Act)
    assert set(leaving) == set(Leaving)
    assert acts[Act.LISTEN] == max(acts.values())
    assert leaving[Leaving.POLITE] > leaving[Leaving.VANISH] > 10
    assert guests == [manners_of(1, number) for number in range(200)]
    assert guests != [manners_of(2, number) for number in range(200)]
    assert all(2 <= len(guest.acts) <= 5 for guest in guests)
