"""Addresses: where the copies of one stage are, as written down or as its names are found, dealt out in turn."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_NAMED: Final = "dns:"


@dataclass(frozen=True)
class Name:
    """A name whose every address is a copy of a stage."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{_NAMED}{self.host}:{self.port}"


def name_in(text: str) -> Name | None:
    """Return the name in dns:name:port, None for a plain host:port. Raises ValueError for half a name."""
    if not text.startswith(_NAMED) or text.count(":") == 1:
        return None
    host, _, port = text.removeprefix(_NAMED).rpartition(":")
    if not host or ":" in host or not port.isdigit():
        raise ValueError(f"{text!r} must be dns:name:port, such as dns:vad.parley.svc.cluster.local:7701.")
    return Name(host, int(port))


class Addresses:
    """One stage's. From a random start, so that several ingresses don't march in step."""

    def __init__(self, listed: Sequence[str]) -> None:
        self.names = tuple(dict.fromkeys(name for text in listed if (name := name_in(text)) is not None))
        self._fixed = tuple(text for text in listed if name_in(text) is None)
        self._found: dict[Name, tuple[str, ...]] = {}
        self._turn = deque(dict.fromkeys(self._fixed))
        self._turn.rotate(random.randrange(len(self._turn) or 1))

    def __len__(self) -> int:
        return len(self._turn)

    def deal(self) -> tuple[str, ...]:
        """Return all, each time another one first."""
        self._turn.rotate(-1)
        return tuple(self._turn)

    def found(self, name: Name, addresses: Iterable[str]) -> tuple[list[str], list[str]]:
        """Take what a name means now; return who is new and who has gone. Who stays keeps its turn."""
        self._found[name] = tuple(addresses)
        wanted = dict.fromkeys((*self._fixed, *(each for found in self._found.values() for each in found)))
        new = [address for address in wanted if address not in self._turn]
        gone = [address for address in self._turn if address not in wanted]
        for address in gone:
            self._turn.remove(address)
        for address in new:
            self._turn.insert(random.randint(0, len(self._turn)), address)
        return new, gone
