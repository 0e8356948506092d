"""Route: which vad, broker and egress serve a session."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass

from parley.v1 import stream_pb2 as wire
from services.common.settings import CommonSettings, Environment
from services.ingress.suspects import Suspects
from services.ingress.web_origin import Origins

DEFAULT_PORT = 7700
DEFAULT_WEBSOCKET = "127.0.0.1:7780"


@dataclass(frozen=True)
class IngressSettings:
    """What ingress needs to know: where its doors are, PARLEY_REDIS_URL, and the addresses of the other stages."""

    common: CommonSettings
    websocket_listen: str
    origins: Origins
    vads: tuple[str, ...]
    brokers: tuple[str, ...]
    egresses: tuple[str, ...]

    @classmethod
    def read(cls, env: Environment) -> IngressSettings:
        """Read PARLEY_WS_LISTEN, PARLEY_WS_ORIGINS, and the host:port lists PARLEY_VADS, _BROKERS and _EGRESSES."""
        return cls(
            common=CommonSettings.read(env, DEFAULT_PORT),
            websocket_listen=env.address("PARLEY_WS_LISTEN", DEFAULT_WEBSOCKET),
            origins=Origins.read(env),
            vads=env.addresses("PARLEY_VADS", "127.0.0.1:7701"),
            brokers=env.addresses("PARLEY_BROKERS", "127.0.0.1:7702"),
            egresses=env.addresses("PARLEY_EGRESSES", "127.0.0.1:7703"),
        )


class Routes:
    """Deals out routes in turn from a random start, so that several ingresses don't march in step."""

    def __init__(self, settings: IngressSettings) -> None:
        self.suspects = Suspects()
        self._addresses = {
            stage: _shuffled(addresses)
            for stage, addresses in (
                ("vad", settings.vads),
                ("broker", settings.brokers),
                ("egress", settings.egresses),
            )
        }

    def pick(self, now_s: float) -> wire.Route:
        """Return the next route, around what has failed lately, where there is a way around it."""
        return wire.Route(**{stage: self._best(stage, now_s) for stage in self._addresses})

    def candidates(self, stage: str) -> tuple[str, ...]:
        """Return the addresses of a stage, each time another one first."""
        addresses = self._addresses[stage]
        addresses.rotate(-1)
        return tuple(addresses)

    def _best(self, stage: str, now_s: float) -> str:
        return min(self.candidates(stage), key=lambda address: self.suspects.penalty(address, now_s))


def _shuffled(addresses: tuple[str, ...]) -> deque[str]:
    turned = deque(addresses)
    turned.rotate(random.randrange(len(addresses)))
    return turned
