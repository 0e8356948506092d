"""Frames go as one where no stamp is lost by it."""

from __future__ import annotations

import pytest

from clients.desktop.mic_frames import go_as_one, joined
from clients.desktop.outbox import Outbox
from parley.v1 import audio_pb2
from parley.v1 import conversation_service_pb2 as wire


def frame(mic_offset: int, reply: int = 0, position: int = 0, samples: int = 320) -> audio_pb2.AudioFrame:
    """Return a frame whose samples all tell its offset."""
    pcm = (mic_offset % 30_000).to_bytes(2, "little") * samples
    return audio_pb2.AudioFrame(
        mic_offset=mic_offset, pcm=pcm, playhead=audio_pb2.Playhead(reply=reply, position=position)
    )


@pytest.mark.parametrize(
    ("second", "together"),
    [
        (frame(640, 1, 1_480), True),
        (frame(960, 1, 1_480), False),
        (frame(640, 1, 1_000), False),
        (frame(640, 2, 480), False),
        (frame(640), False),
    ],
    ids=["it goes on", "a hole", "a stall", "another reply", "silence"],
)
def test_a_stamp_that_could_not_be_worked_out_keeps_frames_apart(second: audio_pb2.AudioFrame, together: bool) -> None:
    """The playhead of the second must be where the first one's goes."""
    assert go_as_one(frame(320, 1, 1_000), second) is together
    assert go_as_one(frame(0), frame(320))


async def test_what_waits_goes_together_up_to_what_the_server_takes() -> None:
    """In order, every sample once, and what stands between two frames keeps its place."""
    outbox = Outbox(backlog_frames=20)
    outbox.largest_samples = 1_000
    mute = wire.ConverseRequest(mute=wire.Mute(muted=True))
    frames = [frame(320 * number) for number in range(9)]
    for each in frames[:7]:
        outbox.put(wire.ConverseRequest(audio=each))
    outbox.put(mute)
    for each in frames[7:]:
        outbox.put(wire.ConverseRequest(audio=each))
    assert [await outbox.get() for _ in range(5)] == [
        joined(frames[:3]),
        joined(frames[3:6]),
        wire.ConverseRequest(audio=frames[6]),
        mute,
        joined(frames[7:]),
    ]
    for number in range(9, 40):
        outbox.put(wire.ConverseRequest(audio=frame(320 * number)))
    assert outbox.dropped_frames == 11


def test_frames_joined_are_the_first_one_with_all_samples() -> None:
    """Its offset and its stamp."""
    whole = joined([frame(320, 1, 1_000), frame(640, 1, 1_480)]).audio
    assert (whole.mic_offset, whole.playhead.position) == (320, 1_000)
    assert whole.pcm == frame(320).pcm + frame(640).pcm
