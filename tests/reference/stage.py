"""One scene in real time: what the server does when, and what the client was seen to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from tests.vectors.journal import Journal, Sent
from tests.vectors.scenes import TICK_MS, Scene, Step
from tests.vectors.servers import Call, Doing, Servers
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
        self._servers = Servers(scene, self.journal)
        self._lines: dict[Call, Line] = {}
        self._begun_s = 0.0
        self._called = asyncio.Event()

    async def play(self) -> list[str]:
        """Play it; return what was expected in vain. Raises TimeoutError when nobody calls."""
        async with asyncio.timeout(FIRST_CALL_S):
            await self._called.wait()
        loop = asyncio.get_running_loop()
        for moment in range(0, self._scene.end_ms + self._slack.late_ms + TICK_MS, TICK_MS):
            due_s = self._begun_s + moment / 1000
            await asyncio.sleep(due_s - loop.time())
            self.worst_lag_ms = max(self.worst_lag_ms, (loop.time() - due_s) * 1000)
            for doing in self._servers.moment(moment):
                await self._do(doing)
        for call, line in self._lines.items():
            if not call.over:
                line.cut()
                call.over = True
        return faults_of(self._scene, self.journal, only=SEEN, slack=self._slack)

    async def _do(self, doing: Doing | Step) -> None:
        match doing:
            case Doing(call, "say", message):
                await self._lines[call].say(message)
            case Doing(call, "cut"):
                self._lines[call].cut()
            case Doing(call, "hang_up"):
                await self._lines[call].hang_up()
            case Step(kind="mic", what=what):
                await self._ask("speak" if what == "speech" else "be quiet")
            case Step(what=what):
                await self._ask(_key(what))

    # What doors tell

    def rings(self, line: Line) -> Call | None:
        """Note a call; None: the network does not let it through."""
        if not self._called.is_set():
            self._begun_s = asyncio.get_running_loop().time()
            self._called.set()
        call = self._servers.rings(self.now_ms())
        if call is not None:
            self._lines[call] = line
        return call

    def takes(self, call: Call, sent: Callable[[int, int], Sent | None]) -> None:
        """Note what came over a call; `sent` is given its moment and the call's number."""
        self._servers.takes(call, self.now_ms(), sent)

    def now_ms(self) -> int:
        """The moment of the scene."""
        passed_ms = (asyncio.get_running_loop().time() - self._begun_s) * 1000
        return int(passed_ms) // TICK_MS * TICK_MS


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
