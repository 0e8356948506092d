"""Conversation: the core of the broker. Turns and verdicts in, model events in, actions out; no I/O, no clock.

An interrupt becomes: kill what was said (nothing more of it goes out), cancel what is still being generated, wait for
the position at which the listener's output fell silent, cut the model's memory to what was heard, and only then ask
for the next response.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final

from parley.v1 import broker_service_pb2 as broker
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker.actions import Action, Actions, RaiseFloor
from services.broker.ears import Ears, Part
from services.broker.reply import Reply
from services.broker.sequencer import Sequencer, Slot
from services.broker.stop_words import BARE_STOP_MS, is_bare_stop
from services.broker.voice import Stages, Voice
from services.common import names
from services.common.errors import ModelFault

log = logging.getLogger("parley.broker")

FLUSH_WAIT_S: Final = 0.25
"""How long to wait for the client's word on what was played; then the last report is extrapolated."""

TRANSCRIPT_WAIT_S: Final = 3.0
"""How long a short interruption waits to be understood: is it a bare "stop"? Then it is taken for one."""

_FATAL: Final = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "billing_hard_limit_reached",
        "invalid_api_key",
        "account_deactivated",
        "model_not_found",
        "session_expired",
    }
)


@dataclass
class Settling:
    """Dead replies that wait for the word on what was heard of them."""

    seq: int
    dead: list[Reply]
    deadline_s: float


@dataclass
class Doubt:
    """A short interruption that is answered unless it turns out to be a bare stop."""

    part: Part
    deadline_s: float


class Conversation:
    """One session's conversation with the model. Every method returns what is to be done, in order."""

    def __init__(self, *, aligned: bool) -> None:
        self._actions = Actions()
        self._ears = Ears(self._actions)
        self._voice = Voice(self._actions, aligned=aligned)
        self._sequencer = Sequencer()
        self._requested: Reply | None = None
        self._settling: list[Settling] = []
        self._doubt: Doubt | None = None
        self._tentative: broker.TurnEnded | None = None
        self._seq = 0
        self._ended_s: dict[int, tuple[float, float]] = {}
        self._asked_s = 0.0
        self._asked_stages: Stages = []

    # From vad.

    def from_vad(self, request: broker.RespondRequest, now_s: float) -> list[Action]:
        """Take a message of the Respond stream."""
        match request.WhichOneof("message"):
            case "audio":
                self._ears.hear(request.audio.pcm)
            case "turn_ended":
                self._end_turn(request.turn_ended, now_s)
            case "turn_confirmed" if self._tentative and self._tentative.turn == request.turn_confirmed.turn:
                self._tentative.tentative = False
                self._end_turn(self._tentative, now_s)
            case "turn_resumed":
                self._tentative = self._doubt = None
                self._sequencer.drop()
            case "speech_dismissed":
                self._ears.forget()
            case "typed":
                self._ears.type(request.typed.turn, request.typed.text)
                self._ended_s[request.typed.turn] = (now_s, 0.0)
                self._sequencer.want(request.typed.turn)
            case "interrupt":
                self._interrupt(request.interrupt, now_s)
        return self._advance(now_s)

    def _end_turn(self, ended: broker.TurnEnded, now_s: float) -> None:
        if ended.tentative:
            self._tentative = ended
            return
        self._tentative = None
        self._ended_s[ended.turn] = (now_s, ended.waited_ms)
        part = self._ears.commit(ended.turn)
        if ended.interruption and ended.speech_ms <= BARE_STOP_MS:
            self._doubt = Doubt(part, now_s + TRANSCRIPT_WAIT_S)
        else:
            self._sequencer.want(ended.turn)

    def _interrupt(self, interrupt: session.Interrupt, now_s: float) -> None:
        if interrupt.kind != session.Interrupt.KIND_CANCEL or interrupt.seq <= self._seq:
            return
        self._seq = interrupt.seq
        interrupt.floor = floor = self._voice.minted
        self._actions.add(egress.SpeakRequest(interrupt=interrupt))
        acknowledged = broker.InterruptAcknowledged(seq=interrupt.seq, floor=floor)
        self._actions.add(broker.RespondResponse(interrupt_acknowledged=acknowledged))
        self._actions.add(RaiseFloor(interrupt.seq, floor))
        self._sequencer.drop()
        self._doubt = None
        dead = self._voice.kill(floor)
        if self._sequencer.slot is Slot.ACTIVE:
            self._actions.model("response.cancel", response_id=self._sequencer.response_id)
        if interrupt.cause == session.Interrupt.CAUSE_TURN_RESUMED:
            self._voice.erase(dead)
        elif dead:
            self._settling.append(Settling(interrupt.seq, dead, now_s + FLUSH_WAIT_S))
            self._sequencer.hold()

    # From egress.

    def from_egress(self, played: egress.Played, now_s: float) -> list[Action]:
        """Take what was played; the answer to a Flush settles what was heard."""
        if played.flushed_seq:
            for settling in [s for s in self._settling if s.seq <= played.flushed_seq]:
                self._settle(settling, played.reply, played.position)
        else:
            for settling in self._settling:
                for reply in settling.dead:
                    if reply.number == played.reply:
                        reply.note_played(played.position, now_s)
            self._voice.played(played, now_s)
        return self._advance(now_s)

    def _settle(self, settling: Settling, reply: int, position: int) -> None:
        self._settling.remove(settling)
        self._voice.settle(settling.dead, reply, position)
        self._sequencer.release()

    # From the model.

    def from_model(self, event: dict[str, Any], now_s: float) -> list[Action]:
        """Take a server event; unknown ones are ignored.

        Raises:
            ModelFault: the model refuses to go on.
        """
        kind = event.get("type") or ""
        if kind == "error":
            self._take_error(event.get("error") or {})
        elif kind.startswith("response."):
            self._take_response(kind, event, now_s)
        elif (part := self._ears.from_model(event)) is not None:
            self._understand(part)
        return self._advance(now_s)

    def _understand(self, part: Part) -> None:
        """A short interruption has been understood: a bare stop is obeyed, anything else answered."""
        if self._doubt is None or self._doubt.part is not part:
            return
        self._doubt = None
        if not part.transcript or is_bare_stop(part.transcript):
            self._stay_silent(part.turn)
        else:
            self._sequencer.want(part.turn)

    def _take_response(self, kind: str, event: dict[str, Any], now_s: float) -> None:
        if kind == "response.created":
            self._begin_response(event.get("response") or {})
            return
        if kind == "response.done":
            self._end_response(event.get("response") or {})
            return
        reply = self._voice.of_response(event.get("response_id"))
        if reply is None:
            return
        match kind:
            case "response.output_item.added":
                self._voice.item_added(reply, event.get("item") or {})
            case "response.output_audio.delta":
                self._voice.audio(reply, event, self._stages(now_s))
            case "response.output_audio_transcript.delta":
                self._voice.words(reply, event)
            case "response.output_audio.done":
                self._voice.item_done(reply, event.get("item_id") or "")

    def _begin_response(self, response: dict[str, Any]) -> None:
        response_id = response.get("id") or ""
        reply, self._requested = self._requested, None
        if reply is None:
            self._actions.model("response.cancel", response_id=response_id)  # nobody asked for it
            return
        self._voice.bind(reply, response_id)
        self._sequencer.created(response_id)
        if reply.is_dead:
            self._actions.model("response.cancel", response_id=response_id)
            return
        self._progress(reply.turn, broker.TurnProgress.STAGE_REPLYING, reply.number)

    def _end_response(self, response: dict[str, Any]) -> None:
        response_id = response.get("id") or ""
        self._sequencer.done(response_id)
        reply = self._voice.of_response(response_id)
        if reply is None or reply.is_dead:
            return
        if response.get("status") == "failed":
            details = (response.get("status_details") or {}).get("error") or {}
            self._apologise(reply.turn, details)
        self._voice.done(reply)
        if not reply.received:
            self._voice.discard(reply)
            self._stay_silent(reply.turn)

    def _take_error(self, error: dict[str, Any]) -> None:
        code = error.get("code") or error.get("type") or ""
        message = error.get("message") or code
        if code in _FATAL or error.get("type") in _FATAL:
            raise ModelFault(f"the model refused to go on: {message}")
        busy = code == "conversation_already_has_active_response"
        if self._sequencer.refused(error.get("event_id"), busy=busy):
            reply, self._requested = self._requested, None
            if reply is not None:
                self._voice.discard(reply)
                if not busy:
                    self._apologise(reply.turn, error)
                    self._stay_silent(reply.turn)
        elif code == "input_audio_buffer_commit_empty":
            if (part := self._ears.refused()) is not None:
                self._sequencer.drop()
                self._stay_silent(part.turn)
        elif code not in ("response_cancel_not_active", "item_delete_invalid_item_id"):
            log.warning("the model reports %s: %s", code, message)

    # Time.

    def tick(self, now_s: float) -> list[Action]:
        """Act on what has been waited for long enough; call it every 50 ms or so."""
        for settling in [s for s in self._settling if now_s >= s.deadline_s]:
            heard = [reply for reply in settling.dead if reply.played or reply.played_at_s is not None]
            last = heard[-1] if heard else None
            self._settle(
                settling, last.number if last else 0, last.estimate(settling.deadline_s - FLUSH_WAIT_S) if last else 0
            )
        if self._doubt is not None and now_s >= self._doubt.deadline_s:
            self._stay_silent(self._doubt.part.turn)
            self._doubt = None
        if self._sequencer.expire(now_s) and self._requested is not None:
            self._voice.discard(self._requested)
            self._stay_silent(self._requested.turn)
            self._requested = None
        return self._advance(now_s)

    def close(self, now_s: float) -> list[Action]:
        """The session ends: what was heard so far enters history; the model needn't know any more."""
        for settling in list(self._settling):
            self._settle(settling, 0, 0)
        for reply in self._voice.kill(self._voice.minted):
            self._voice.settle([reply], reply.number, reply.estimate(now_s))
        return [action for action in self._actions.taken() if isinstance(action, session.HistoryItem)]

    def _advance(self, now_s: float) -> list[Action]:
        """Ask for a response if one is wished for and can be had; return everything to be done."""
        if self._sequencer.may_request:
            turn = self._sequencer.wish or 0
            self._requested = self._voice.mint(turn)
            metadata = {"reply": str(self._requested.number), "turn": str(turn)}
            event_id = self._actions.model("response.create", response={"metadata": metadata})
            self._sequencer.requested(event_id, now_s)
            ended_s, waited_ms = self._ended_s.pop(turn, (now_s, 0.0))
            self._asked_s = now_s
            self._asked_stages = [
                client.TurnReport.Stage(name=names.VAD_ENDPOINT, ms=waited_ms),
                client.TurnReport.Stage(name=names.BROKER_COMMIT, ms=(now_s - ended_s) * 1000),
            ]
        return self._actions.taken()

    def _stages(self, now_s: float) -> Stages:
        first_audio = client.TurnReport.Stage(name=names.MODEL_FIRST_AUDIO, ms=(now_s - self._asked_s) * 1000)
        return [*self._asked_stages, first_audio]

    def _stay_silent(self, turn: int) -> None:
        self._progress(turn, broker.TurnProgress.STAGE_SILENT, 0)

    def _progress(self, turn: int, stage: broker.TurnProgress.Stage.ValueType, reply: int) -> None:
        progress = broker.TurnProgress(turn=turn, stage=stage, reply=reply)
        self._actions.add(broker.RespondResponse(progress=progress))

    def _apologise(self, turn: int, error: dict[str, Any]) -> None:
        """Tell the person in plain words that there is no answer: silence would be worse."""
        why = error.get("message") or error.get("code") or "the model gave no reason"
        text = f"Sorry, I could not answer that ({why})."
        caption = client.Caption(who=client.Caption.WHO_ASSISTANT, text=text, final=True, turn=turn)
        self._actions.add(egress.SpeakRequest(caption=caption))
