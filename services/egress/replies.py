"""Replies: all that egress knows of a session's replies: those that may be heard, whole, and of the last ones before
them the words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from parley.v1 import audio_pb2 as audio
from services.egress.reply import ALL, ReplyBuffer

_REMEMBERED: Final = 8
"""Replies that are over and are still told of: a broker that takes over writes down what the last one could not."""


class Replies:
    """The living and, without their sound, the newest that are over. A new listener's place in them is kept here."""

    def __init__(self) -> None:
        self.newest = 0
        """The highest reply ever begun here."""
        self._living: dict[int, ReplyBuffer] = {}
        self._over: dict[int, ReplyBuffer] = {}
        self._wanted: audio.Playhead | None = None
        self._words_from = 0
        self._has_listened = False

    def __len__(self) -> int:
        return len(self._living)

    def __iter__(self) -> Iterator[ReplyBuffer]:
        """Iterate over the living."""
        return iter(self._living.values())

    def known(self) -> list[ReplyBuffer]:
        """Return all, oldest first."""
        return [reply for _, reply in sorted({**self._over, **self._living}.items())]

    def get(self, number: int) -> ReplyBuffer | None:
        """Return a living reply."""
        return self._living.get(number)

    def over(self, number: int) -> ReplyBuffer | None:
        """Return a reply that is over, as far as it is remembered."""
        return self._over.get(number)

    def make(self, number: int) -> ReplyBuffer:
        """Return a living reply, begun if there is none of this number."""
        if number not in self._living:
            reply = self._living[number] = ReplyBuffer(number)
            self.newest = max(self.newest, number)
            self._place(reply, is_given_again=True)
        return self._living[number]

    def next(self) -> ReplyBuffer | None:
        """Return the oldest of which something is to be sent."""
        waiting = (reply.number for reply in self if not reply.is_end_told and (reply.unsent or reply.is_complete))
        number = min(waiting, default=None)
        return None if number is None else self._living[number]

    def retire(self, reply: ReplyBuffer) -> None:
        """Let go of a reply's sound; its words are remembered for a while."""
        reply.let_go()
        self._over[reply.number] = self._living.pop(reply.number)
        while len(self._over) > _REMEMBERED:
            del self._over[min(self._over)]

    # Takeovers.

    def expect_again(self) -> None:
        """Another broker gives from now on: what it has of the replies, and perhaps nothing of those half given."""
        for reply in self.known():
            reply.words.expect_again()
            reply.is_orphan = reply.is_orphan or not reply.is_complete

    def close_orphans(self, before: int) -> None:
        """The new broker begins a reply without having gone on with these: nothing more comes of them."""
        for reply in self:
            if reply.is_orphan and reply.number < before:
                reply.is_complete = True

    def go_on_from(self, wanted: audio.Playhead, lead_samples: int) -> None:
        """A new listener comes, who has been sent what lies before `wanted`, and said the words up to the lead before.

        Replies that are still to come lie in a replay of another egress's: they are placed when they come.
        """
        self._wanted = wanted
        self._words_from = max(wanted.position - lead_samples, 0)
        for reply in self:
            self._place(reply, is_given_again=not self._has_listened)
        self._has_listened = True

    def _place(self, reply: ReplyBuffer, *, is_given_again: bool) -> None:
        if self._wanted is None or reply.number > self._wanted.reply:
            position = words_from = 0
        elif reply.number == self._wanted.reply:
            position, words_from = self._wanted.position, self._words_from
        else:
            position = words_from = ALL
        if position == ALL:
            reply.pass_over()
        else:
            reply.rewind(position)
        if is_given_again:
            reply.is_reported = position > 0  # whoever played its beginning has told of it
            reply.words.skip(words_from)
        else:
            reply.words.say_again(position)
