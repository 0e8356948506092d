"""Voice: the model's responses on their way to egress, and what was heard of them on the way back."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from parley.v1 import audio_pb2 as audio
from parley.v1 import conversation_service_pb2 as client
from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker.actions import Actions
from services.broker.reply import Reply
from services.common.audio import REPLY_HZ, ms_of

Stages = list[client.TurnReport.Stage]


class Voice:
    """All replies that may still be heard. Everything of a dead one is dropped by its response's id, however late."""

    def __init__(self, actions: Actions, *, aligned: bool) -> None:
        self._actions = actions
        self._aligned = aligned
        self.minted = 0
        self._replies: dict[int, Reply] = {}
        self._responses: dict[str, Reply] = {}

    def mint(self, turn: int) -> Reply:
        """Return a new reply, numbered above every other."""
        self.minted += 1
        reply = Reply(self.minted, turn, aligned=self._aligned)
        self._replies[reply.number] = reply
        return reply

    def bind(self, reply: Reply, response_id: str) -> None:
        """Note which response a reply is."""
        reply.response_id = response_id
        self._responses[response_id] = reply

    def of_response(self, response_id: str | None) -> Reply | None:
        """Return the reply of a response."""
        return self._responses.get(response_id or "")

    def living(self) -> list[Reply]:
        """Return the replies that may still be heard, oldest first."""
        return [reply for _, reply in sorted(self._replies.items()) if not reply.is_dead]

    # From the model.

    def item_added(self, reply: Reply, item: dict[str, Any]) -> None:
        """Take an item of a response; one of a dead reply is forgotten at once."""
        if item.get("type") != "message" or not item.get("id"):
            return
        if reply.is_dead:
            self._actions.model("conversation.item.delete", item_id=item["id"])
        else:
            reply.item(item["id"])

    def audio(self, reply: Reply, event: dict[str, Any], stages: Stages) -> bool:
        """Take an audio delta; say whether it was the reply's first. `stages` go with the first."""
        try:
            pcm = base64.b64decode(event.get("delta") or "", validate=True)
        except binascii.Error:
            return False
        pcm = pcm[: len(pcm) // 2 * 2]
        if reply.is_dead or not pcm:
            return False
        first = not reply.received
        if first:
            started = egress.ReplyStarted(reply=reply.number, turn=reply.turn, stages=stages)
            self._actions.add(egress.SpeakRequest(reply_started=started))
        reply.add_audio(event["item_id"], event.get("content_index") or 0, pcm)
        self._forward(reply)
        return first

    def words(self, reply: Reply, event: dict[str, Any]) -> None:
        """Take a transcript delta."""
        text = event.get("delta") or ""
        if reply.is_dead or not text:
            return
        item = reply.item(event["item_id"])
        position = item.start + item.words.add(text, item.samples)
        self._caption(reply, text, position, final=False)

    def item_done(self, reply: Reply, item_id: str) -> None:
        """Take the end of an item's audio."""
        if not reply.is_dead:
            reply.item(item_id).is_done = True

    def done(self, reply: Reply) -> None:
        """Take the end of a response that was not cancelled."""
        if reply.is_dead:
            return
        reply.is_complete = True
        for item in reply.items:
            item.is_done = True
        self._finish(reply)

    # From the listener.

    def played(self, played: egress.Played, now_s: float) -> None:
        """Take a playback report: more may be sent; a reply played to its end enters history."""
        reply = self._replies.get(played.reply)
        if reply is None or reply.is_dead:
            return
        reply.note_played(played.position, now_s)
        self._forward(reply)
        if played.ended and reply.is_complete and reply.sent == reply.received:
            self._remember(reply, reply.text, reply.received, interrupted=False)
            self._forget(reply)

    def kill(self, floor: int) -> list[Reply]:
        """Drop every reply up to `floor`: nothing more of it goes out. Return those that were living."""
        dying = [reply for reply in self.living() if reply.number <= floor]
        for reply in dying:
            reply.is_dead = True
        return dying

    def settle(self, dead: Iterable[Reply], heard_reply: int, position: int) -> None:
        """Make model and history remember of dead replies what was heard.

        The listener's output fell silent at `position` of `heard_reply`: earlier replies were heard whole, later
        ones not at all.
        """
        for reply in dead:
            if reply.number == heard_reply:
                end = min(position, reply.sent)
            else:
                end = reply.received if reply.number < heard_reply else 0
            self._cut(reply, end)
            text = reply.heard_text(end)
            self._caption(reply, text, end, final=True, interrupted=True)
            if end:
                self._remember(reply, text, end, interrupted=True)
            self._forget(reply)

    def erase(self, dead: Iterable[Reply]) -> None:
        """Make the model forget dead replies altogether: the turn they answered goes on."""
        for reply in dead:
            for item in reply.items:
                self._actions.model("conversation.item.delete", item_id=item.id)
            self._caption(reply, "", 0, final=True, interrupted=True)
            self._forget(reply)

    def discard(self, reply: Reply) -> None:
        """Give a reply up of which nothing was ever sent."""
        reply.is_dead = True
        self._forget(reply)

    def _cut(self, reply: Reply, end: int) -> None:
        for cut in reply.cuts(end):
            if cut.heard_ms is None:
                self._actions.model("conversation.item.delete", item_id=cut.item.id)
            else:
                self._actions.model(
                    "conversation.item.truncate",
                    item_id=cut.item.id,
                    content_index=cut.item.content_index,
                    audio_end_ms=cut.heard_ms,
                )

    # To egress and history.

    def _forward(self, reply: Reply) -> None:
        if (piece := reply.forward()) is not None:
            position, pcm = piece
            message = audio.ReplyAudio(reply=reply.number, position=position, pcm=pcm)
            self._actions.add(egress.SpeakRequest(audio=message))
            self._finish(reply)

    def _finish(self, reply: Reply) -> None:
        """Say that all of a reply has been given, once it has."""
        if reply.is_complete and reply.received and reply.sent == reply.received:
            self._caption(reply, reply.text, reply.received, final=True)
            ended = audio.ReplyEnded(reply=reply.number, samples=reply.received)
            self._actions.add(egress.SpeakRequest(reply_ended=ended))

    def _caption(self, reply: Reply, text: str, position: int, *, final: bool, interrupted: bool = False) -> None:
        caption = client.Caption(
            who=client.Caption.WHO_ASSISTANT,
            text=text,
            final=final,
            reply=reply.number,
            turn=reply.turn,
            position=position,
            interrupted=interrupted,
        )
        self._actions.add(egress.SpeakRequest(caption=caption))

    def _remember(self, reply: Reply, text: str, samples: int, *, interrupted: bool) -> None:
        self._actions.add(
            session.HistoryItem(
                role=session.HistoryItem.ROLE_ASSISTANT,
                text=text,
                turn=reply.turn,
                reply=reply.number,
                item=reply.items[0].id if reply.items else "",
                heard_ms=int(ms_of(samples, REPLY_HZ)),
                interrupted=interrupted,
            )
        )

    def _forget(self, reply: Reply) -> None:
        # The response stays known, so that its stragglers are recognised as dead.
        self._replies.pop(reply.number, None)
