"""The scripted vad keeps the real one's promises where the model listens all the time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import broker_service_pb2 as broker
from services.vad.delivery import CHUNK_MS
from tests.unit.ring.scripted_vad import SPOKEN_MS, Act, Deed, ScriptedVad

DEEDS: tuple[Deed, ...] = ("turn", "tentative", "confirm", "cancel", "key", "typed", "resume", "duck", "announce")


@settings(deadline=None)
@given(st.lists(st.builds(Act, st.sampled_from((0, 30, 250, 1_200)), st.sampled_from(DEEDS)), max_size=12))
def test_everything_is_given_once(script: list[Act]) -> None:
    """Without a hole, and as long as the script lasts; no end is tentative."""
    vad = ScriptedVad(script)
    vad.hear_all()
    sent = 0
    for _ in script:
        for event in vad.interrupt():
            assert not isinstance(event, broker.TurnConfirmed)
            assert not (isinstance(event, broker.TurnEnded) and event.tentative)
            if isinstance(event, broker.TurnAudio):
                assert event.mic_offset == sent
                sent += len(event.pcm) // 2
    waited_ms = sum(act.after_ms for act in script)
    assert waited_ms <= sent / 16 <= waited_ms + SPOKEN_MS * len(script)


def test_silence_belongs_to_the_turn_under_way() -> None:
    """Between turns it is nobody's; a pause within one is the turn's."""
    vad = ScriptedVad([Act(50, "turn"), Act(300, "tentative"), Act(450, "confirm"), Act(100, "turn")])
    vad.hear_all()
    turns = [
        [event.turn for event in vad.interrupt() if isinstance(event, broker.TurnAudio)] for _ in range(len(vad.script))
    ]
    assert CHUNK_MS == 100
    assert turns == [[0, 1], [0, 2], [2, 2, 2], [0, 3]]
