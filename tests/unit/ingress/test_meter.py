"""The meter of ingress: what was dropped is counted once, whether its session goes on or is over."""

from __future__ import annotations

from collections import Counter

from prometheus_client import CollectorRegistry

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from services.ingress.meter import LostLeases, buffers, drops
from services.ingress.session import Session


def test_drops_of_a_session_count_on_when_it_is_over() -> None:
    """A client that does not read, and a reply that was dead when it came."""
    session = Session(client.Open())
    session.is_announced = True
    for number in range(260):
        session.to_client.audio(client.ConverseResponse(audio=audio.ReplyAudio(reply=1, position=480 * number)))
    session.downlink.counters["dead_samples_stopped"] = 4_800
    going_on = drops({}, [session])
    assert going_on == {"slow_client": 60, "not_retained": 0, "dead_reply": 10, "before_opened": 0}
    over = Counter[str]()
    over.update(session.statistics())
    assert drops(over, []) == going_on
    assert buffers([session])["to_client"] == [200]
    assert buffers([]) == {"to_client": [], "to_vad": [], "to_egress": [], "retained": []}


def test_leases_that_are_somebody_elses() -> None:
    """The figure of the moment."""
    registry = CollectorRegistry()
    registry.register(LostLeases(lambda: 3))
    assert registry.get_sample_value("parley_leases_lost_total") == 3
