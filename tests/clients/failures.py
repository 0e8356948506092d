"""What may go wrong with a measurement without ending the others: it is missed then, and said to be."""

from __future__ import annotations

from typing import Final

from services.common.errors import ParleyError
from tests.net.net import RelayFault


class ClientLost(Exception):
    """A client's program has ended before it was told to."""


FAILURES: Final = (TimeoutError, OSError, ValueError, ParleyError, RelayFault, ClientLost)


def words_of(problem: BaseException) -> str:
    """Return what is to be said of it."""
    notes = "; ".join(getattr(problem, "__notes__", []))
    return " ".join(part for part in (type(problem).__name__, str(problem), notes) if part)
