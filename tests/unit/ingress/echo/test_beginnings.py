"""When the next reply will be heard: as long after it was sent as the ones before it."""

from __future__ import annotations

from services.ingress.echo.beginnings import Beginnings


def taught(*took: int) -> Beginnings:
    """Return one that has seen replies begin so long after they were sent."""
    beginnings = Beginnings()
    for reply, samples in enumerate(took, 1):
        beginnings.sent(reply, reply * 100_000, into_silence=True)
        beginnings.began(reply, reply * 100_000 + samples)
    return beginnings


def test_of_the_first_reply_nothing_is_known() -> None:
    """Nor of the second, when the first was never heard."""
    beginnings = Beginnings()
    assert beginnings.sent(1, 0, into_silence=True) is None
    beginnings.forget()
    assert beginnings.sent(2, 50_000, into_silence=True) is None


def test_the_next_takes_as_long_as_most_did() -> None:
    """The middle of the last three; one that took much longer changes nothing."""
    assert taught(3_000, 3_200, 30_000).sent(9, 1_000_000, into_silence=True) == 1_003_200
    assert taught(9_000, 9_000, 3_000, 3_100, 3_200).sent(9, 1_000_000, into_silence=True) == 1_003_100


def test_only_the_first_piece_of_a_reply_counts() -> None:
    """What follows it, or comes of a reply before it, says nothing of a beginning."""
    beginnings = taught(3_000)
    assert beginnings.sent(5, 200_000, into_silence=True) == 203_000
    assert beginnings.sent(5, 201_000, into_silence=True) is None
    assert beginnings.sent(4, 202_000, into_silence=True) is None


def test_a_reply_that_has_to_wait_is_not_foretold_and_teaches_nothing() -> None:
    """It was sent while another was heard, or before the one before it had begun."""
    beginnings = taught(3_000)
    assert beginnings.sent(2, 200_000, into_silence=False) is None
    beginnings.began(2, 290_000)
    assert beginnings.sent(3, 300_000, into_silence=True) == 303_000
    assert beginnings.sent(4, 301_000, into_silence=True) is None
    beginnings.began(4, 390_000)
    assert beginnings.sent(5, 400_000, into_silence=True) == 403_000
