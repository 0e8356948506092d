"""Listening: the order of a session's messages holds although its audio may wait to be judged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

import pytest

from parley.v1 import audio_pb2 as audio
from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import stream_pb2
from parley.v1 import vad_service_pb2 as wire
from services.common.boundary import InternalFault, contained
from services.common.errors import LimitFault, ParleyError
from services.vad.events import Event
from services.vad.hearing import Hearing
from services.vad.judge import Judge as TurnJudge
from services.vad.session import Listening
from services.vad.silero import SileroModel
from services.vad.turn_taking import TurnTaking


class Recorder:
    """A decision core that notes what it is told, and decides nothing."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def feed(self, frame: audio.AudioFrame) -> list[Event]:
        """A frame."""
        return self._note(f"frame {frame.mic_offset // 320}")

    def gap(self, gap: audio.Gap) -> list[Event]:
        """A gap."""
        return self._note(f"gap {gap.ms}")

    def interrupt(self) -> list[Event]:
        """A key."""
        return self._note("interrupt")

    def mute(self, muted: bool) -> list[Event]:
        """The mute key."""
        return self._note(f"muted {muted}")

    def answered(self, turn: int) -> list[Event]:
        """The broker's word."""
        return self._note(f"answered {turn}")

    def hear_all(self) -> list[Event]:
        """The model listens all the time."""
        return self._note("hear all")

    def model_boundary(self, boundary: broker.ModelBoundary) -> list[Event]:
        """The model's own ear."""
        return self._note(f"boundary {boundary.mic_offset}")

    def _note(self, what: str) -> list[Event]:
        self.told.append(what)
        return []


class Call:
    """A session whose batches never come by themselves."""

    def __init__(self) -> None:
        self.core = Recorder()
        self.hearing = Hearing(SileroModel(), lambda _step: None)
        core, judge = cast("TurnTaking", self.core), cast("TurnJudge", None)
        self.listening = Listening(core, self.hearing.join(), judge, lambda _: None, asyncio.TaskGroup())

    def frames(self, first: int, last: int) -> None:
        """Frames arrive."""
        for number in range(first, last + 1):
            frame = audio.AudioFrame(mic_offset=320 * number, pcm=bytes(640))
            self.listening.from_ingress(wire.ListenRequest(audio=frame))


async def sent(call: Call) -> list[wire.ListenResponse]:
    """Return what was sent to ingress."""
    call.listening.to_ingress.close()
    return [response async for response in call.listening.to_ingress]


REQUESTS: list[tuple[wire.ListenRequest, str]] = [
    (wire.ListenRequest(gap=audio.Gap(mic_offset=1280, ms=100)), "gap 100"),
    (wire.ListenRequest(interrupt=client.ConverseRequest.Interrupt()), "interrupt"),
    (wire.ListenRequest(mute=client.Mute(muted=True)), "muted True"),
]


@pytest.mark.parametrize(("request_", "told"), REQUESTS, ids=[told for _, told in REQUESTS])
async def test_control_finds_the_audio_before_it_decided(request_: wire.ListenRequest, told: str) -> None:
    """A gap, a key or a mute does not overtake frames that wait for their batch."""
    call = Call()
    call.frames(0, 3)
    assert call.core.told == ["frame 0"]
    call.listening.from_ingress(request_)
    assert call.core.told == ["frame 0", "frame 1", "frame 2", "frame 3", told]


async def test_the_brokers_word_finds_the_audio_before_it_decided() -> None:
    """What comes back from the broker is told after the frames that arrived before it."""
    call = Call()
    call.frames(0, 1)
    call.listening.from_broker(broker.RespondResponse(answered=broker.Answered(turn=1)))
    assert call.core.told == ["frame 0", "frame 1", "answered 1"]


@pytest.mark.parametrize(
    ("hearing", "told"),
    [
        (stream_pb2.StreamReady.HEARING_UNSPECIFIED, []),
        (stream_pb2.StreamReady.HEARING_SPEECH, []),
        (stream_pb2.StreamReady.HEARING_CONTINUOUS, ["hear all"]),
    ],
)
async def test_what_the_model_wants_to_hear_goes_no_further(
    hearing: stream_pb2.StreamReady.Hearing.ValueType, told: list[str]
) -> None:
    """The core learns of it; ingress learns that the ring stands, and no more."""
    call = Call()
    ready = stream_pb2.StreamReady(hearing=hearing)
    call.listening.from_broker(broker.RespondResponse(ready=ready))
    assert call.core.told == told
    assert await sent(call) == [wire.ListenResponse(ready=stream_pb2.StreamReady())]


async def test_the_models_boundaries_find_the_audio_before_them_decided() -> None:
    """They are told to the core in their place, and to nobody else."""
    call = Call()
    call.frames(0, 1)
    boundary = broker.ModelBoundary(kind=broker.ModelBoundary.KIND_SPEECH_STOPPED, mic_offset=7)
    call.listening.from_broker(broker.RespondResponse(model_boundary=boundary))
    assert call.core.told == ["frame 0", "frame 1", "boundary 7"]
    assert await sent(call) == []


async def test_notices_and_the_hangup_pass_to_ingress_as_they_are() -> None:
    """Nothing is added or decided by them, and it goes on until ingress ends the session."""
    call = Call()
    notice = client.Notice(code=client.Notice.CODE_MODEL_RECONNECTING, message="It is back in a moment.")
    hangup = stream_pb2.Hangup(reason=stream_pb2.Hangup.REASON_SILENCE, words="Nobody was there.")
    call.listening.from_broker(broker.RespondResponse(notice=notice))
    call.listening.from_broker(broker.RespondResponse(hangup=hangup))
    assert not call.listening.to_broker.is_closed
    assert await sent(call) == [wire.ListenResponse(notice=notice), wire.ListenResponse(hangup=hangup)]


async def test_a_muted_microphone_is_not_judged() -> None:
    """Its frames go to the core, which takes them for silence; when it is open again, the order still holds."""
    call = Call()
    call.listening.from_ingress(wire.ListenRequest(mute=client.Mute(muted=True)))
    call.frames(0, 3)
    call.listening.from_ingress(wire.ListenRequest(mute=client.Mute(muted=False)))
    assert call.core.told == ["muted True", "frame 0", "frame 1", "frame 2", "frame 3", "muted False"]
    assert call.hearing.batches == 0


async def test_a_closed_session_takes_no_more_audio() -> None:
    """What waits when the session ends is forgotten."""
    call = Call()
    call.frames(0, 3)
    call.listening.close(None)
    call.frames(4, 5)
    assert call.core.told == ["frame 0"]


@pytest.mark.parametrize(
    ("error", "kind"), [(LimitFault("full"), LimitFault), (KeyError("ours"), InternalFault)], ids=["known", "ours"]
)
def test_whatever_goes_wrong_in_a_step_is_told(error: Exception, kind: type[ParleyError]) -> None:
    """A fault in one session's step of a batch reaches that session, and nobody above."""
    told: list[ParleyError] = []

    def step() -> None:
        raise error

    fail: Callable[[ParleyError], None] = told.append
    contained(logging.getLogger("test"), "step", step, fail)
    assert [type(fault) for fault in told] == [kind]
