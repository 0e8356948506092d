"""The way up: delays that are known are found, from the sound alone."""

from __future__ import annotations

import pytest

from tests.load.alignment import locate
from tests.load.tape import ModelTape
from tests.load.uplink import judge_uplink
from tests.unit.load import tapes


@pytest.mark.parametrize("start", [0, 12_345, 100_000])
def test_a_turn_is_found_where_it_was_spoken(start: int) -> None:
    """Two seconds of sound, resampled, are located to a few samples, with nothing missing."""
    place = locate(tapes.at_model(start, 32_000), tapes.microphone().tobytes())
    assert place is not None
    assert place.start == pytest.approx(start, abs=3)
    assert place.missing == pytest.approx(0, abs=3)


def test_a_hole_is_measured() -> None:
    """Without 640 samples in its middle the turn is still found, and the hole is seen."""
    holed = tapes.at_model(20_000, 16_000) + tapes.at_model(36_640, 16_000)
    place = locate(holed, tapes.microphone().tobytes())
    assert place is not None
    assert place.start == pytest.approx(20_000, abs=3)
    assert place.missing == pytest.approx(640, abs=3)


def test_what_was_never_said_is_not_found() -> None:
    """Other sound has no place."""
    assert locate(tapes.microphone()[:48_000][::-1].tobytes(), tapes.microphone().tobytes()) is None
    assert locate(tapes.at_model(0, 8_000), b"") is None


def test_a_turn_shorter_than_a_probe_is_found() -> None:
    """A tenth of a second is enough."""
    place = locate(tapes.at_model(50_000, 1_920), tapes.microphone().tobytes())
    assert place is not None
    assert place.start == pytest.approx(50_000, abs=3)


def test_the_delay_is_that_of_the_frame_with_the_last_sample_and_the_backlog_is_left_out() -> None:
    """Fifteen appends that came at once are the backlog but for the newest; the rest took 7 ms each."""
    model = ModelTape(turns=[tapes.turn(100, backlog=15, live=50, delay_s=0.007)])
    found = judge_uplink(tapes.device_tape(), model, 100.0, 110.0)
    assert found.backlog_appends == 14
    assert len(found.added_ms) == 51
    # The sound's place may be a sample off at a frame's border: then the delay is that of the neighbour.
    assert sorted(found.added_ms)[25] == pytest.approx(7.0, abs=0.5)
    assert (found.unaligned_turns, found.lost_samples // 320) == (0, 0)


def test_a_slow_ring_is_seen_from_the_first_live_append_on() -> None:
    """With everything 200 ms late nothing that was sent after the onset hides in the backlog."""
    model = ModelTape(turns=[tapes.turn(100, backlog=15, live=50, delay_s=0.2)])
    found = judge_uplink(tapes.device_tape(), model, 100.0, 110.0)
    assert min(found.added_ms) > 175
    assert len(found.added_ms) >= 50


def test_a_sentence_said_twice_is_found_where_it_was_said_the_second_time() -> None:
    """The same sound twice within the time that is searched: each turn is matched to its own."""
    device = tapes.device_tape()
    device.mic_frames[300:365] = device.mic_frames[100:165]
    turns = [tapes.turn(100, 15, 50, 0.007), tapes.turn(300, 15, 50, 0.009, source_frame=100)]
    found = judge_uplink(device, ModelTape(turns=turns), 100.0, 110.0)
    assert max(found.added_ms) < 50
    assert found.unaligned_turns == 0


def test_turns_outside_the_window_are_not_judged() -> None:
    """What was committed before or after it does not count."""
    model = ModelTape(turns=[tapes.turn(100, 15, 50, 0.007)])
    assert judge_uplink(tapes.device_tape(), model, 105.0, 110.0).added_ms == []
