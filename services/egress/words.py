"""Words: the captions of one reply, in order, kept for the reply's life: whoever takes over must know what was said."""

from __future__ import annotations

from collections.abc import Iterator

from parley.v1 import conversation_service_pb2 as conversation


class Words:
    """Each is said when its position is heard. What a broker gives again is taken once; a new listener hears again what
    the last one may have missed.
    """

    def __init__(self) -> None:
        self.given: list[conversation.Caption] = []
        self._said = 0
        self._sent: list[int] = []
        """For each that was said here, how many samples had been sent by then."""
        self._known_from = 0
        """What is given from now on may repeat the words from here on; behind the last one, nothing is repeated."""
        self._said_elsewhere = 0
        """Words before this position were said by another egress."""

    def expect_again(self) -> None:
        """Another broker gives, or the same one by another stream: it may begin before the end."""
        self._known_from = 0

    def add(self, caption: conversation.Caption) -> bool:
        """Take words; False when they have been given before."""
        for index in range(self._known_from, len(self.given)):
            if _is_same(self.given[index], caption):
                self._known_from = index + 1
                return False
        self.given.append(caption)
        self._known_from = len(self.given)
        return True

    @property
    def next(self) -> conversation.Caption | None:
        """The first that has not been said."""
        while self._said < len(self.given) and self.given[self._said].position < self._said_elsewhere:
            self._said += 1
        return self.given[self._said] if self._said < len(self.given) else None

    def say(self, heard: float, sent: int) -> Iterator[conversation.Caption]:
        """Yield those whose position has been heard; `sent` samples have gone before them on their way."""
        while (caption := self.next) is not None and caption.position <= heard:
            self._sent += [sent] * (self._said + 1 - len(self._sent))
            self._said += 1
            yield caption

    def say_again(self, position: int) -> None:
        """Say once more what went out behind the sample before `position`: who has not got that has not got these."""
        while self._sent and self._sent[-1] >= position:
            self._sent.pop()
        self._said = min(self._said, len(self._sent))
        self._said_elsewhere = min(self._said_elsewhere, position)

    def skip(self, position: int) -> None:
        """Leave out those before `position`, also those that are yet to come."""
        self._said_elsewhere = max(self._said_elsewhere, position)


def _is_same(one: conversation.Caption, other: conversation.Caption) -> bool:
    return (one.position, one.text, one.final) == (other.position, other.text, other.final)
