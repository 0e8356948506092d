"""The sequencer: one response at a time, whatever is lost, late or refused."""

from __future__ import annotations

from services.broker.sequencer import CANCEL_TIMEOUT_S, REQUEST_TIMEOUT_S, SILENCE_TIMEOUT_S, Sequencer, Slot


def asked(turn: int = 1) -> Sequencer:
    """A sequencer with a request under way since second 0."""
    sequencer = Sequencer()
    sequencer.want(turn)
    sequencer.requested("e1", 0.0)
    return sequencer


def active() -> Sequencer:
    """A sequencer with a response under way since second 0."""
    sequencer = asked()
    sequencer.created("r1", 0.0)
    return sequencer


def test_the_last_wish_counts() -> None:
    """Wishes don't queue up: a later turn's answer answers the earlier turn too."""
    sequencer = Sequencer()
    assert not sequencer.may_request
    sequencer.want(1)
    sequencer.want(2)
    assert (sequencer.may_request, sequencer.wish) == (True, 2)
    sequencer.requested("e1", 0.0)
    assert (sequencer.may_request, sequencer.wish) == (False, None)


def test_a_wish_waits_for_the_response_under_way() -> None:
    """Nothing is asked for until the response is done, by its own id."""
    sequencer = active()
    sequencer.want(2)
    sequencer.done("r0")
    assert not sequencer.may_request
    sequencer.done("r1")
    assert sequencer.may_request


def test_every_hold_needs_its_release() -> None:
    """Two interrupts being settled hold the wish back until both are."""
    sequencer = Sequencer()
    sequencer.want(1)
    sequencer.hold()
    sequencer.hold()
    sequencer.release()
    assert not sequencer.may_request
    sequencer.release()
    assert sequencer.may_request


def test_a_refusal_frees_the_slot() -> None:
    """An error that names our request ends it; one that names another event, or comes later, doesn't."""
    sequencer = asked()
    assert not sequencer.refused("e0", busy=False)
    assert not sequencer.refused("", busy=False)
    assert sequencer.refused("e1", busy=False)
    assert sequencer.slot is Slot.FREE
    assert not sequencer.refused("e1", busy=False)
    assert not active().refused("e1", busy=False)


def test_busy_keeps_the_slot_until_any_response_is_done() -> None:
    """The response in the way has an id that we may not know; some servers don't even name our request."""
    for event_id in ("e1", ""):
        sequencer = asked()
        assert sequencer.refused(event_id, busy=True)
        sequencer.want(1)
        assert not sequencer.may_request
        sequencer.done("whatever")
        assert sequencer.may_request


def test_a_cancelled_response_keeps_the_slot_until_it_is_done() -> None:
    """A response is cancelled once, and its end is still awaited."""
    sequencer = active()
    assert sequencer.cancel(1.0)
    assert not sequencer.cancel(1.1)
    sequencer.want(2)
    assert not sequencer.may_request
    sequencer.done("r1")
    assert sequencer.may_request
    assert not sequencer.cancel(2.0)


def test_what_is_lost_frees_the_slot_in_the_end() -> None:
    """A request, a silent response, a cancelled one and an unknown one each have their patience; news renews it."""
    assert not asked().expire(REQUEST_TIMEOUT_S)
    assert asked().expire(REQUEST_TIMEOUT_S + 0.1)
    assert not active().expire(SILENCE_TIMEOUT_S)
    assert active().expire(SILENCE_TIMEOUT_S + 0.1)
    cancelled = active()
    cancelled.cancel(1.0)
    assert not cancelled.expire(1.0 + CANCEL_TIMEOUT_S)
    assert cancelled.expire(1.1 + CANCEL_TIMEOUT_S)
    unknown = asked()
    unknown.refused("e1", busy=True)
    assert unknown.expire(REQUEST_TIMEOUT_S + 0.1)
    talking = active()
    talking.heard_of("r1", 20.0)
    talking.heard_of("r0", 40.0)
    assert not talking.expire(20.0 + SILENCE_TIMEOUT_S)
    assert talking.expire(20.1 + SILENCE_TIMEOUT_S)
    assert not Sequencer().expire(1e9)
