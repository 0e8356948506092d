"""Decoding recordings, in a process of its own: it takes the time of a dozen microphone frames."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import TracebackType
from typing import Self

from tests.chaos.mind import answer_samples, track_of
from tests.chaos.person import Person
from tests.chaos.wording import Heard
from tests.fakes.position_code import PositionDecoder, Run


class Decoder:
    """`async with Decoder() as decoder: runs = await decoder.decode(person)`."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), initializer=os.nice, initargs=(5,))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def decode(self, person: Person, others: Iterable[Heard]) -> list[Run]:
        """Return which samples of which answers have left a person's speaker, in order.

        Looked for are answers to whole utterances, and to the `others`.
        """
        pcm = person.device.recording().assistant().tobytes()
        answers = {*(Heard(spoken.utterance) for spoken in person.spoken), *others}
        tracks = {track_of(heard): answer_samples(heard.utterance) for heard in answers}
        return await asyncio.get_running_loop().run_in_executor(self._pool, decode, pcm, tracks)


def decode(pcm: bytes, tracks: dict[int, int]) -> list[Run]:
    """Find the tracks in a recording."""
    return list(PositionDecoder(tracks).decode(pcm))
