"""Truncation: the model forgets what was not heard, by whatever means its server has."""

from __future__ import annotations

from services.broker.actions import Actions
from services.broker.items import spoken_item
from services.broker.reply import Reply
from services.broker.upstream.capabilities import Capabilities


class Truncation:
    """Edits the model's memory of replies."""

    def __init__(self, actions: Actions, capabilities: Capabilities) -> None:
        self._actions = actions
        self._can = capabilities

    def cut(self, reply: Reply, end: int) -> None:
        """Make the model forget what lies after `end` of a reply: it was heard so far."""
        if reply.is_foreign:
            if reply.recalled_id and (words := reply.heard_text(end)) != reply.recalled_words:
                self._replace(reply.recalled_id, words)
            return
        for cut in reply.cuts(end):
            if cut.heard_ms is None:
                self.forget(cut.item.id)
            elif self._can.can_truncate:
                self._actions.model(
                    "conversation.item.truncate",
                    item_id=cut.item.id,
                    content_index=cut.item.content_index,
                    audio_end_ms=cut.heard_ms,
                )
            else:
                self._replace(cut.item.id, reply.heard_text_of(cut.item, end))

    def forget(self, item_id: str) -> None:
        """Make the model forget an item."""
        if self._can.can_delete:
            self._actions.model("conversation.item.delete", item_id=item_id)

    def _replace(self, item_id: str, words: str) -> None:
        """Put the words that were heard in the place of an item that can't be cut."""
        if words and self._can.can_delete:
            item = spoken_item("assistant", words)
            self._actions.model("conversation.item.create", item=item, previous_item_id=item_id)
        self.forget(item_id)
