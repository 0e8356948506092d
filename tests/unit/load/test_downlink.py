"""The way down: known delays, late frames and holes are found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.load.downlink import judge_downlink
from tests.load.tape import DeviceTape, Piece, Response

MS = 24


def live_response(deltas: int = 25) -> Response:
    """Give a response of 60 ms, then 40 ms every 40 ms, from second 50 on."""
    times = [(50.0, 60 * MS)] + [(50.0 + 0.04 * n, (60 + 40 * n) * MS) for n in range(1, deltas)]
    return Response(7, is_live=True, deltas=times, is_done=True)


def played(response: Response, delay_s: float) -> DeviceTape:
    """Give a device that got each delta as one piece, so much later."""
    device = DeviceTape(session="s", lead_ms=60)
    position = 0
    for sent_s, end in response.deltas:
        device.pieces.append(Piece(sent_s + delay_s, 3, position, end - position, response.serial))
        position = end
    device.ends[3] = position
    return device


def judge(device: DeviceTape, response: Response) -> tuple[list[float], int, int]:
    """Judge one reply."""
    found = judge_downlink(device, {response.serial: response}, 0.0, 100.0)
    return found.added_ms, found.frames_late, found.lost_samples


def test_every_live_delta_counts_with_its_own_delay() -> None:
    """25 deltas that took 4 ms each give 25 times 4 ms; nothing is late or lost."""
    response = live_response()
    added, late, lost = judge(played(response, 0.004), response)
    assert len(added) == 25
    # The lead's schedule begins with the first arrival: the later ones were not due before it.
    assert max(added) == pytest.approx(4.0, abs=0.01)
    assert (late, lost) == (0, 0)


def test_what_the_lead_holds_back_is_not_counted() -> None:
    """Of a reply given at once only the first delta counts: the others wait for their time by design."""
    response = Response(7, is_live=False, deltas=[(50.0, 400 * MS), (50.0, 800 * MS)], is_done=True)
    device = DeviceTape(lead_ms=60)
    device.pieces = [Piece(50.005 + 0.04 * n, 3, n * 40 * MS, 40 * MS, 7) for n in range(20)]
    device.ends[3] = 800 * MS
    added, late, lost = judge(device, response)
    assert added == pytest.approx([5.0])
    assert (late, lost) == (0, 0)


def test_a_delta_that_was_due_later_counts_from_its_due_time() -> None:
    """A piece of a reply that runs ahead of the lead is late only against its schedule."""
    response = Response(7, is_live=True, deltas=[(50.0, 60 * MS), (50.01, 160 * MS)], is_done=True)
    device = DeviceTape(lead_ms=60)
    device.pieces = [Piece(50.002, 3, 0, 60 * MS, 7), Piece(50.112, 3, 60 * MS, 100 * MS, 7)]
    added, _, _ = judge(device, response)
    assert added[1] == pytest.approx(10.0, abs=0.01)


def test_a_stall_is_late_once_and_what_follows_is_played_later() -> None:
    """Of a reply that is held up for 300 ms one frame is late: the speaker waits for it, then all is in time."""
    response = live_response()
    device = played(response, 0.004)
    device.pieces = [
        replace(piece, at_s=max(piece.at_s, 50.7 if n >= 10 else 0.0)) for n, piece in enumerate(device.pieces)
    ]
    assert judge(device, response)[1] == 1


def test_missing_samples_are_counted_but_not_those_of_a_reply_that_was_cut() -> None:
    """A hole counts, a missing end counts, and an interrupted reply may end anywhere."""
    response = live_response()
    device = played(response, 0.004)
    del device.pieces[5], device.pieces[-1]
    assert judge(device, response)[2] == 2 * 40 * MS
    device.flushed_replies.add(3)
    assert judge(device, response)[2] == 40 * MS
