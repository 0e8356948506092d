"""`python -m tests.chaos.model --listen HOST:PORT --journal FILE`: a Realtime server that follows the script.

Any number of them serve the same conversations and share nothing. The journal is a line of JSON for each response that
was asked for, and each event that does not follow the official protocol.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from tests.chaos.journal import Asked
from tests.chaos.mind import Answer, answer_to, transcript
from tests.chaos.voice import prepare
from tests.fakes.realtime import OPENAI, Connection, FakeRealtime, Reply, ReplyRequest

HZ: Final = 16_000
"""The rate at which it listens: nothing between microphone and model alters a sample."""


class ScriptedModel(FakeRealtime):
    """The fake service, at the script's service."""

    def __init__(self, host: str, port: int, journal: Path) -> None:
        super().__init__(
            self._answer, transcribe=self._write_down, host=host, port=port, face=replace(OPENAI, input_hz=HZ)
        )
        self._journal = journal.open("a", encoding="utf-8", buffering=1)
        self._name = journal.stem
        self._told = 0
        self._life = os.urandom(4).hex()

    def new_id(self, kind: str) -> str:
        """Mint an id that no other life of this server, and no other server, mints."""
        return super().new_id(f"{kind}_{self._life}")

    def notify(self) -> None:
        """Wake those who wait, and write down what was not as it must be."""
        while self._told < len(self.violations):
            self._note({"violation": f"{self._name}: {self.violations[self._told]}"})
            self._told += 1
        super().notify()

    def _answer(self, request: ReplyRequest) -> Reply:
        answer = answer_to(request.connection.memory, request.instructions)
        if isinstance(answer, Answer):
            (line, conversation, utterance), words = answer.heard
            asked = Asked(
                self._name, time.time(), line, conversation, utterance, words, answer.first_word, answer.continues
            )
            self._note(asdict(asked))
        return answer

    def _write_down(self, pcm: bytes, _: Connection) -> str:
        return transcript(pcm)

    def _note(self, what: dict[str, Any]) -> None:
        self._journal.write(json.dumps(what) + "\n")


async def serve(host: str, port: int, journal: Path) -> None:
    """Serve until told to stop."""
    prepare()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with ScriptedModel(host, port, journal) as model:
        print(f"ready model {model.url.split('/')[2]}", flush=True)
        await stopped.wait()


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser("python -m tests.chaos.model", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    parser.add_argument("--journal", type=Path, required=True)
    options = parser.parse_args()
    host, _, port = options.listen.rpartition(":")
    asyncio.run(serve(host, int(port), options.journal))


if __name__ == "__main__":
    main()
