"""Route: which vad, broker and egress serve a session."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

from parley.v1 import stream_pb2 as wire
from services.common.settings import CommonSettings, Environment
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
        self._vads = _in_turn(settings.vads)
        self._brokers = _in_turn(settings.brokers)
        self._egresses = _in_turn(settings.egresses)

    def pick(self) -> wire.Route:
        """Return the next route."""
        return wire.Route(vad=next(self._vads), broker=next(self._brokers), egress=next(self._egresses))


def _in_turn(addresses: tuple[str, ...]) -> itertools.cycle[str]:
    start = random.randrange(len(addresses))
    return itertools.cycle(addresses[start:] + addresses[:start])
