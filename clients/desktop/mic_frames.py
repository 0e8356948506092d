"""The microphone's frames on their way: where one ends, what is left of it, and which may go as one."""

from __future__ import annotations

from collections.abc import Iterable

from parley.v1 import audio_pb2
from parley.v1.conversation_service_pb2 import ConverseRequest

from .sound import SAMPLE_BYTES, speaker_from_mic


def samples_in(frame: audio_pb2.AudioFrame) -> int:
    """Return how many samples it holds."""
    return len(frame.pcm) // SAMPLE_BYTES


def end_of(frame: audio_pb2.AudioFrame) -> int:
    """Return the offset of the sample after it."""
    return frame.mic_offset + samples_in(frame)


def rest_of(request: ConverseRequest, mic_offset: int) -> ConverseRequest:
    """Return a frame without its samples before `mic_offset`."""
    frame = request.audio
    if (known := mic_offset - frame.mic_offset) <= 0:
        return request
    head = audio_pb2.Playhead(reply=frame.playhead.reply, position=frame.playhead.position)
    if head.reply:
        head.position += speaker_from_mic(known)
    pcm = frame.pcm[known * SAMPLE_BYTES :]
    return ConverseRequest(audio=audio_pb2.AudioFrame(mic_offset=mic_offset, pcm=pcm, playhead=head))


def go_as_one(first: audio_pb2.AudioFrame, second: audio_pb2.AudioFrame) -> bool:
    """Whether the second goes on where the first ends, its playhead, too: then the first one's stamp tells of both."""
    if second.mic_offset != end_of(first) or second.playhead.reply != first.playhead.reply:
        return False
    played = second.playhead.position - first.playhead.position
    return not first.playhead.reply or played == speaker_from_mic(samples_in(first))


def joined(frames: Iterable[audio_pb2.AudioFrame]) -> ConverseRequest:
    """Return frames that go as one as one."""
    first, *others = frames
    whole = audio_pb2.AudioFrame()
    whole.CopyFrom(first)
    whole.pcm = b"".join([first.pcm, *(frame.pcm for frame in others)])
    return ConverseRequest(audio=whole)
