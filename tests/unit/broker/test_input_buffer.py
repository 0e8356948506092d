"""The input buffer: what the model is given, and what is known of how much it has."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.broker.actions import Actions, ToModel
from services.broker.input_buffer import MIN_COMMIT_MS, InputBuffer


def buffer(hz: int = 24_000) -> tuple[InputBuffer, Actions]:
    """An empty one, and where its events go."""
    actions = Actions()
    return InputBuffer(actions, hz), actions


def events(actions: Actions) -> list[dict[str, str]]:
    """What was to be sent since the last look."""
    return [action.event for action in actions.taken() if isinstance(action, ToModel)]


def samples(sent: list[dict[str, str]]) -> int:
    """How much sound that is."""
    return sum(len(base64.b64decode(event["audio"])) // 2 for event in sent if "audio" in event)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([8_000, 16_000, 24_000]),
    st.lists(st.one_of(st.integers(0, 5_000), st.just("commit")), max_size=12),
)
def test_it_counts_what_it_gives(hz: int, steps: list[int | str]) -> None:
    """Whatever is appended and committed: `appended` is the length of all events, and a commit holds enough."""
    made, actions = buffer(hz)
    total = since = 0
    for step in steps:
        if isinstance(step, str):
            made.commit()
        else:
            made.append(bytes(step * 2))
        sent = events(actions)
        total, since = total + samples(sent), since + samples(sent)
        assert made.appended == total
        if sent and sent[-1]["type"].endswith("commit"):
            assert since * 1000 >= MIN_COMMIT_MS * hz
            since = 0


def test_clearing_an_empty_one_sends_nothing() -> None:
    """And one with sound in it, once."""
    made, actions = buffer()
    made.clear()
    assert events(actions) == []
    made.append(bytes(3200))
    made.clear()
    made.clear()
    assert [event["type"].split(".")[1] for event in events(actions)] == ["append", "clear"]


def test_what_was_cleared_does_not_count() -> None:
    """A short piece after it is filled up again."""
    made, actions = buffer(16_000)
    made.append(bytes(32_000))
    made.clear()
    events(actions)
    made.append(bytes(640))
    made.commit()
    assert samples(events(actions)) == MIN_COMMIT_MS * 16


def test_it_is_empty_until_something_was_given() -> None:
    """Also when the resampler holds all of it back still."""
    made, _ = buffer()
    assert made.is_empty
    made.append(bytes(64))
    assert not made.is_empty
    made.commit()
    assert made.is_empty


@pytest.mark.parametrize("hz", [16_000, 24_000])
def test_nothing_counts_that_a_lost_model_was_not_given(hz: int) -> None:
    """While it is away nothing is sent; the new one's buffer is empty, and its clock begins."""
    made, actions = buffer(hz)
    made.append(bytes(3200))
    actions.model_away = True
    made.lose()
    made.append(bytes(32_000))
    made.commit()
    actions.taken()
    actions.model_away = False
    assert made.appended == 0
    assert made.is_empty
    made.append(bytes(640))
    made.commit()
    assert samples(events(actions)) == MIN_COMMIT_MS * hz // 1000
