"""A scene's servers and its network, without I/O: who is answered what, and when; what is sent over which call."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from .journal import Journal, Sent
from .scenes import Scene, Step
from .sending import pieces

BEAT_MS = 1000


@dataclass(eq=False)
class Call:
    """A call as the scene sees it."""

    number: int = 0
    """Which of those that reached a server; 0: none of them yet."""
    stands_since_ms: int | None = None
    """When it was answered with `opened`."""
    lost: bool = False
    """Nothing comes through any more."""
    over: bool = False
    """It has ended, by whomever: the shell says so."""

    @property
    def stands(self) -> bool:
        """Whether it was answered, and goes on."""
        return self.stands_since_ms is not None and not self.over


class Doing(NamedTuple):
    """What is to be done about a call: say something over it, break it off, or end it in order."""

    call: Call
    what: Literal["say", "cut", "hang_up"]
    message: dict[str, Any]


class Servers:
    """Told of calls, of what comes over them, and of each moment; what the person does is handed back as it stands."""

    def __init__(self, scene: Scene, journal: Journal) -> None:
        self._scene = scene
        self._journal = journal
        self._network = "up"
        self._happenings = deque(scene.happenings)
        self._calls: list[Call] = []
        self._reached: list[Call] = []
        self._answers: list[tuple[int, Call, dict[str, Any]]] = []
        self._stream: Iterator[list[dict[str, Any]]] = iter(())
        self._stream_over: Call | None = None

    def rings(self, at_ms: int) -> Call | None:
        """Note a call; None: it fails at once."""
        self._journal.calls_ms.append(at_ms)
        if self._network == "down":
            return None
        call = Call(lost=self._network == "vanish")
        if not call.lost and self._scene.answer(len(self._reached) + 1).refused:
            self._reach(call)
            return None
        self._calls.append(call)
        return call

    def takes(self, call: Call, at_ms: int, sent: Callable[[int, int], Sent | None]) -> None:
        """Note what came over a call; `sent` is given its moment and the call's number. None: nobody could read it."""
        if call.lost:
            return
        got = sent(at_ms, call.number or len(self._reached) + 1)
        if got is None:
            return
        if got.kind == "open" and not call.number:
            self._reach(call)
            answer = self._scene.answer(call.number)
            if not answer.silent:
                self._answers.append((at_ms + answer.after_ms, call, answer.message))
        self._journal.sent.append(got)

    def moment(self, at_ms: int) -> Iterator[Doing | Step]:
        """Yield what is to be done at a moment, in its order. Each is to be done before the next is asked for."""
        yield from self._answer(at_ms)
        yield from self._beat(at_ms)
        yield from self._send_piece()
        while self._happenings and self._happenings[0].at_ms <= at_ms:
            yield from self._happen(self._happenings.popleft())

    def _reach(self, call: Call) -> None:
        self._reached.append(call)
        call.number = len(self._reached)

    def _answer(self, at_ms: int) -> Iterator[Doing]:
        for due in [answer for answer in self._answers if answer[0] <= at_ms]:
            self._answers.remove(due)
            _, call, message = due
            yield from self._say(call, message)
            if "opened" in message:
                call.stands_since_ms = at_ms

    def _beat(self, at_ms: int) -> Iterator[Doing]:
        for call in self._reached:
            if call.stands and call.stands_since_ms is not None:
                beat, rest = divmod(at_ms - call.stands_since_ms, BEAT_MS)
                if beat and not rest:
                    yield from self._say(call, {"heartbeat": {"beat": str(beat)}})

    def _send_piece(self) -> Iterator[Doing]:
        for message in next(self._stream, []):
            yield from self._say(self._stream_over, message)

    def _happen(self, step: Step) -> Iterator[Doing | Step]:
        match step.kind:
            case "server":
                for message in step.what if isinstance(step.what, list) else [step.what]:
                    yield from self._say(self._standing(step.over), message)
            case "audio":
                self._stream, self._stream_over = iter(()), None
                if step.what != "stop":
                    self._stream, self._stream_over = pieces(step.what), self._standing(step.over)
                    yield from self._send_piece()
            case "network":
                yield from self._change_network(step.what)
            case _:
                yield step

    def _change_network(self, how: str) -> Iterator[Doing]:
        if how != "hang_up":
            self._network = how
        for call in self._calls:
            if how == "vanish":
                call.lost = True
            elif how in ("down", "hang_up") and not call.over:
                yield Doing(call, "cut" if how == "down" else "hang_up", {})
                call.over = True

    def _say(self, call: Call | None, message: dict[str, Any]) -> Iterator[Doing]:
        if call is not None and not call.lost and not call.over:
            yield Doing(call, "say", message)

    def _standing(self, over: int | None) -> Call | None:
        if over is not None:
            return self._reached[over - 1] if over <= len(self._reached) else None
        return next((call for call in reversed(self._reached) if call.stands), None)
