"""Retention: what vad has not acknowledged can be given again; memory has a bound."""

from __future__ import annotations

import pytest

from services.ingress import retention as retention_module
from services.ingress.retention import Retention
from tests.unit.ingress.frames import counted, frame


def filled(frames: int) -> Retention:
    """Keep so many frames of 20 ms."""
    retention = Retention()
    for index in range(frames):
        retention.keep(frame(index * 320, counted(index * 320, 320)))
    return retention


def test_what_was_heard_goes_and_the_rest_can_be_replayed() -> None:
    """A frame goes when its last sample was acknowledged, not earlier."""
    retention = filled(5)
    retention.heard(639)
    assert [each.mic_offset for each in retention.replay()] == [320, 640, 960, 1_280]
    retention.heard(640)
    assert len(retention) == 3 * 320
    retention.heard(10_000)
    assert retention.replay() == []
    assert len(retention) == 0


def test_an_old_acknowledgement_changes_nothing() -> None:
    """It may come after a newer one when a stage takes over."""
    retention = filled(5)
    retention.heard(640)
    retention.heard(320)
    assert len(retention) == 3 * 320


def test_the_oldest_goes_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn is never that long: what goes is counted."""
    monkeypatch.setattr(retention_module, "MAX_RETAINED_S", 1)
    retention = filled(60)
    assert len(retention) == 16_000
    assert retention.dropped_samples == 10 * 320
    assert retention.replay()[0].mic_offset == 10 * 320
