"""One scene in real time: what the server does when, and what the client was seen to do."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, Protocol

from tests.vectors.journal import Journal, Sent
from tests.vectors.scenes import TICK_MS, Scene, Step
from tests.vectors.sending import pieces
from tests.vectors.verdict import Slack, faults_of

SEEN: Final = frozenset({"expect", "expect_mic", "expect_first", "expect_calls"})
"""What can be seen from a server's place."""
SLACK_MS: Final = 300
"""Networks, sound cards and machines take their time, which scenes know nothing of."""
SLACK: Final = Slack(SLACK_MS, SLACK_MS)
FIRST_CALL_S: Final = 120.0


class Line(Protocol):
    """A connection that a client has made."""

    async def say(self, message: dict[str, Any]) -> None:
        """Send a server's message."""

    def cut(self) -> None:
        """Break off."""

    async def hang_up(self) -> None:
        """End it in order."""


class Call:
    """A call as the scene sees it."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.number = 0
        self.stands_since_ms: int | None = None
        self.over = asyncio.Event()
        self.lost = False


class LiveStage:
    """Plays a scene from the first call on.

    `ask`: has the person at the client do something.
    """

    def __init__(self, scene: Scene, ask: Callable[[str], Awaitable[None]], slack: Slack = SLACK) -> None:
        self.journal = Journal()
        self._scene = scene
        self._ask = ask
        self._slack = slack
        self.worst_lag_ms = 0.0
        """By how much this program was late, at most, in doing what the scene says."""
        self._calls: list[Call] = []
        self._network = "up"
        self._begun_s = 0.0
        self._called = asyncio.Event()
        self._stream: Iterator[list[dict[str, Any]]] = iter(())
        self._stream_over: Call | None = None
        self._answers: list[tuple[int, Call, dict[str, Any]]] = []

    async def play(self) -> list[str]:
        """Play it; return what was expected in vain. Raises TimeoutError when nobody calls."""
        async with asyncio.timeout(FIRST_CALL_S):
            await self._called.wait()
        loop, happenings = asyncio.get_running_loop(), deque(self._scene.happenings)
        for moment in range(0, self._scene.end_ms + self._slack.late_ms + TICK_MS, TICK_MS):
            due_s = self._begun_s + moment / 1000
            await asyncio.sleep(due_s - loop.time())
            self.worst_lag_ms = max(self.worst_lag_ms, (loop.time() - due_s) * 1000)
            await self._answer(moment)
            await self._beat(moment)
            for message in next(self._stream, []):
                await self._say(self._stream_over, message)
            while happenings and happenings[0].at_ms <= moment:
                await self._happen(happenings.popleft())
        for call in self._calls:
            call.line.cut()
            call.over.set()
        return faults_of(self._scene, self.journal, only=SEEN, slack=self._slack)

    # What doors tell

    def rings(self) -> bool:
        """Note a call; return whether the network lets it through."""
        if not self._called.is_set():
            self._begun_s = asyncio.get_running_loop().time()
            self._called.set()
        self.journal.calls_ms.append(self.now_ms())
        refused = self._network == "up" and self._scene.answer(len(self._calls) + 1).refused
        return self._network != "down" and not refused

    def takes(self, call: Call, sent: Callable[[int, int], Sent | None]) -> None:
        """Note what came over a call; `sent` is given its moment and the call's number."""
        if call.lost or self._network == "vanish":
            call.lost = True
            return
        got = sent(self.now_ms(), call.number or len(self._calls) + 1)
        if got is None:
            return
        if got.kind == "open" and not call.number:
            self._calls.append(call)
            call.number = len(self._calls)
            answer = self._scene.answer(call.number)
            if not answer.silent:
                self._answers.append((got.at_ms + answer.after_ms, call, answer.message))
        self.journal.sent.append(got)

    def now_ms(self) -> int:
        """The moment of the scene."""
        passed_ms = (asyncio.get_running_loop().time() - self._begun_s) * 1000
        return int(passed_ms) // TICK_MS * TICK_MS

    # What the scene has happen

    async def _answer(self, moment: int) -> None:
        for due in [answer for answer in self._answers if answer[0] <= moment]:
            self._answers.remove(due)
            await self._say(due[1], due[2])
            if "opened" in due[2]:
                due[1].stands_since_ms = moment

    async def _beat(self, moment: int) -> None:
        for call in self._calls:
            if call.stands_since_ms is not None and moment > call.stands_since_ms:
                stood_ms = moment - call.stands_since_ms
                if stood_ms % 1000 == 0:
                    await self._say(call, {"heartbeat": {"beat": str(stood_ms // 1000)}})

    async def _say(self, call: Call | None, message: dict[str, Any]) -> None:
        if call is not None and not call.lost and not call.over.is_set() and self._network != "vanish":
            await call.line.say(message)

    def _standing(self, over: int | None) -> Call | None:
        if over is not None:
            return self._calls[over - 1] if over <= len(self._calls) else None
        standing = [call for call in self._calls if call.stands_since_ms is not None and not call.over.is_set()]
        return standing[-1] if standing else None

    async def _happen(self, step: Step) -> None:
        match step.kind:
            case "server":
                for message in step.what if isinstance(step.what, list) else [step.what]:
                    await self._say(self._standing(step.over), message)
            case "audio":
                self._stream, self._stream_over = iter(()), None
                if step.what != "stop":
                    self._stream, self._stream_over = pieces(step.what), self._standing(step.over)
                    for message in next(self._stream, []):
                        await self._say(self._stream_over, message)
            case "mic":
                await self._ask("speak" if step.what == "speech" else "be quiet")
            case "network":
                await self._change_network(step.what)
            case "person":
                await self._ask(_key(step.what))

    async def _change_network(self, how: str) -> None:
        if how == "vanish":
            for call in self._calls:
                call.lost = True
        elif how in ("down", "hang_up"):
            for call in self._calls:
                if not call.over.is_set():
                    call.over.set()
                    call.line.cut() if how == "down" else await call.line.hang_up()
        if how != "hang_up":
            self._network = how


def _key(what: dict[str, Any]) -> str:
    match what:
        case {"interrupt": _}:
            return "press the stop key"
        case {"mute": {"muted": muted}}:
            return "mute the microphone" if muted else "open the microphone again"
        case {"pushToTalk": {"pressed": pressed}}:
            return "press the talk key" if pressed else "let go of the talk key"
        case {"say": {"text": text}}:
            return f"type: {text}"
        case _:
            return "hang up"
