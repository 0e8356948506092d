"""Combinations: which components go together. One of each choice, and any of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final, NamedTuple

REDIS: Final = ("redis-trial", "redis-external")
MODEL: Final = ("engine", "openai")
CALLERS: Final = ("auth", "open-doors")
EDGE: Final = ("", "tls-doors", "gateway-api")
"""Nothing: the doors are reached within the cluster. tls-doors ends TLS in ingress, gateway-api before it: not both."""
OPTIONAL: Final = ("network-policies", "mtls", "keda", "monitoring", "tracing")
EVERY_COMPONENT: Final = frozenset({*REDIS, *MODEL, *CALLERS, *EDGE, *OPTIONAL} - {""})


class Combination(NamedTuple):
    """Components, in the order in which an overlay lists them."""

    components: tuple[str, ...]

    def __str__(self) -> str:
        return "+".join(self.components)

    def has(self, component: str) -> bool:
        """Tell whether it is one of them."""
        return component in self.components


def choices() -> Iterator[Combination]:
    """Yield all ways to take one of each choice: 24, each of which goes with any of OPTIONAL."""
    for choice in product(REDIS, MODEL, CALLERS, EDGE):
        yield Combination(tuple(component for component in choice if component))


def all_with(choice: Combination) -> Iterator[Combination]:
    """Yield a way to choose with every set of the optional components."""
    for optional in product(*((name, "") for name in OPTIONAL)):
        yield Combination((*choice.components, *(component for component in optional if component)))


def every() -> Iterator[Combination]:
    """Yield all that are supported."""
    for choice in choices():
        yield from all_with(choice)


FULLEST: Final = Combination(("redis-trial", "engine", "auth", "gateway-api", *OPTIONAL))
"""Everything that can be had without anything from outside."""
