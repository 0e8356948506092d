"""Speech: a reply on its way to egress: begun, given piece by piece with its words, ended; given again if need be."""

from __future__ import annotations

from collections.abc import Sequence

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from services.broker.actions import Actions
from services.broker.reply import Reply


class Speech:
    """One conversation's side of the Speak stream."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions

    def start(self, reply: Reply, stages: Sequence[client.TurnReport.Stage]) -> None:
        """Its first audio has come. `stages` say what that took."""
        reply.started = egress.ReplyStarted(reply=reply.number, turn=reply.turn, stages=stages)
        self._actions.add(egress.SpeakRequest(reply_started=reply.started))

    def forward(self, reply: Reply) -> bool:
        """Give egress what it should have; say whether there was something."""
        before = reply.sent
        while (piece := reply.forward()) is not None:
            self._give(reply, *piece)
        if reply.sent > before:
            self.finish(reply)
        return reply.sent > before

    def finish(self, reply: Reply) -> None:
        """Say that all of a reply has been given, once it has."""
        if reply.is_complete and reply.received and reply.sent == reply.received:
            self.caption(reply, reply.text, reply.received, final=True)
            ended = audio.ReplyEnded(reply=reply.number, samples=reply.received)
            self._actions.add(egress.SpeakRequest(reply_ended=ended))

    def caption(self, reply: Reply, words: str, position: int, *, final: bool, interrupted: bool = False) -> None:
        """Show words when the reply has been played up to `position`."""
        caption = client.Caption(
            who=client.Caption.WHO_ASSISTANT,
            text=words,
            final=final,
            reply=reply.number,
            turn=reply.turn,
            position=position,
            interrupted=interrupted,
        )
        self._actions.add(egress.SpeakRequest(caption=caption))

    def again(self, reply: Reply, held: egress.HeldReply | None) -> None:
        """Give an egress that holds so much of a reply all the rest; from the sample played last, if it has nothing."""
        if held is not None and held.complete:
            return
        if held is None and reply.started is not None:
            stages = () if reply.played else reply.started.stages  # its turn was reported long ago
            started = egress.ReplyStarted(reply=reply.number, turn=reply.turn, stages=stages)
            self._actions.add(egress.SpeakRequest(reply_started=started))
        for position, words in reply.captions()[_words_of(held) :]:
            self.caption(reply, words, position, final=False)
        for piece in reply.again(held.samples if held is not None else 0):
            self._give(reply, *piece)
        self.finish(reply)

    def _give(self, reply: Reply, position: int, pcm: bytes) -> None:
        message = audio.ReplyAudio(reply=reply.number, position=position, pcm=pcm)
        self._actions.add(egress.SpeakRequest(audio=message))


def _words_of(held: egress.HeldReply | None) -> int:
    return sum(not caption.final for caption in held.captions) if held is not None else 0
