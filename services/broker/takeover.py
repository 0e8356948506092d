"""Takeover: what a vad, an egress or a broker that takes over must know, and is given.

The model's memory belongs to it: a model that is new is told what went before as soon as nothing of it is missed.
"""

from __future__ import annotations

from collections.abc import Sequence

from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from parley.v1 import stream_pb2
from services.broker.members import Members
from services.broker.restoration import Restoration


class Takeover:
    """One conversation's."""

    def __init__(self, members: Members) -> None:
        self.owes_memory = False
        """The model is there, and knows nothing yet of what went before."""
        self._members = members

    def past(self) -> stream_pb2.Past:
        """Return what a vad that begins must know of the conversation so far."""
        taken = self._members.listening.taken
        return stream_pb2.Past(
            turn=taken.turn,
            decided_offset=taken.offset,
            awaited_turn=self._awaited_turn,
            seq=self._members.interruptions.seq,
            audio_offset=taken.audio_offset,
        )

    @property
    def _awaited_turn(self) -> int:
        """The turn that is to be answered, as long as nothing of its answer was heard."""
        members = self._members
        turn = members.answering.last_turn.turn
        is_awaited = (
            members.sequencer.wish == turn
            or members.listening.doubt.stands
            or members.tools.is_busy
            or members.answering.responses.remote.is_busy
            or any(reply.turn == turn for reply in members.voice.living())
        )
        return turn if is_awaited and turn > members.voice.heard_turn else 0

    def give_again(self, held: egress.Held, now_s: float) -> None:
        """Give an egress that holds `held` everything that it lacks: the last floor, then the living replies.

        What was lost with the other egress, because there is no copy here either, the model is asked for. Where egress
        has had later numbers, from a broker that led meanwhile, replies get yet later ones: nobody would play others.
        """
        members = self._members
        members.voice.minted = max(members.voice.minted, held.newest_reply)
        members.interruptions.give_again()
        if held.HasField("silent"):
            members.interruptions.played(held.silent, now_s)
        for reply in members.voice.give_again(held, now_s):
            members.answering.asking.go_on(reply, reply.heard_text(reply.played))

    def restore(
        self,
        record: session.SessionRecord,
        history: Sequence[session.HistoryItem],
        held: egress.Held,
        now_s: float,
        age_s: float,
    ) -> None:
        """Go on with a conversation that another broker has led, which was opened `age_s` ago."""
        self._members.actions.model_away = True  # it knows nothing, and will be told everything when it is there
        Restoration(self._members).run(record, history, held, now_s, age_s)

    def is_missed(self, now_s: float) -> bool:
        """Say whether a question may come any moment that must not stand behind its answer in the model's memory."""
        return self._members.lost.is_missed(now_s)

    def remind(self, now_s: float) -> None:
        """Tell the model, if it is owed, what was said and heard."""
        if not self.owes_memory:
            return
        members = self._members
        self.owes_memory = False
        members.interruptions.settle_all()
        members.actions.model_away = False
        members.recollection.rebuild(now_s)
        members.listening.doubt.wait_again(now_s)
        members.host.ending.wait_again(now_s)
