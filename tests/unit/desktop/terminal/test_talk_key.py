"""A key without a key-up: held by its repeats, or latched."""

from __future__ import annotations

from clients.desktop.terminal.talk_key import FIRST_REPEAT_S, NEXT_REPEAT_S, TalkKey


def test_a_held_key_is_down_until_its_repeats_stop() -> None:
    """The first repeat may take its time, the next ones come fast; then 0.2 s without one is the release."""
    key = TalkKey()
    key.held(0.0)
    key.tick(FIRST_REPEAT_S - 0.1)
    assert key.down
    now_s = FIRST_REPEAT_S - 0.1
    for _ in range(100):
        key.held(now_s)
        key.tick(now_s + 0.1)
        assert key.down
        now_s += 0.1
    key.tick(now_s - 0.1 + NEXT_REPEAT_S + 0.01)
    assert not key.down


def test_a_tap_is_let_go_when_no_repeat_comes() -> None:
    """A key that is pressed once does not hang."""
    key = TalkKey()
    key.held(10.0)
    assert key.down
    key.tick(10.0 + FIRST_REPEAT_S)
    assert not key.down


def test_the_toggle_needs_no_repeats() -> None:
    """One press begins, the next one ends; it also ends what is held."""
    key = TalkKey()
    key.toggled()
    key.tick(1_000.0)
    assert key.down
    key.toggled()
    assert not key.down
    key.held(0.0)
    key.toggled()
    assert not key.down
