"""Route: which vad, broker and egress serve a session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from parley.v1 import stream_pb2 as wire
from services.common.errors import FullFault, SettingsFault
from services.common.settings import CommonSettings, Environment
from services.ingress.addresses import Addresses, Name, name_in
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
        """Read PARLEY_WS_LISTEN, PARLEY_WS_ORIGINS, and PARLEY_VADS, _BROKERS and _EGRESSES.

        Each of these is a list of host:port, or of dns:name:port.
        """
        return cls(
            common=CommonSettings.read(env, DEFAULT_PORT),
            websocket_listen=env.address("PARLEY_WS_LISTEN", DEFAULT_WEBSOCKET),
            origins=Origins.read(env),
            vads=_places(env, "PARLEY_VADS", "127.0.0.1:7701"),
            brokers=_places(env, "PARLEY_BROKERS", "127.0.0.1:7702"),
            egresses=_places(env, "PARLEY_EGRESSES", "127.0.0.1:7703"),
        )


def _places(env: Environment, variable: str, default: str) -> tuple[str, ...]:
    listed = env.addresses(variable, default)
    for text in listed:
        try:
            name_in(text)
        except ValueError as error:
            raise SettingsFault(f"{variable}: {error}") from error
    return listed


class Routes:
    """Deals out routes in turn from a random start, so that several ingresses don't march in step."""

    def __init__(self, settings: IngressSettings) -> None:
        self.suspects = Suspects()
        self._addresses = {
            "vad": Addresses(settings.vads),
            "broker": Addresses(settings.brokers),
            "egress": Addresses(settings.egresses),
        }

    def pick(self, now_s: float) -> wire.Route:
        """Return the next route, around what has failed lately, where there is a way around it.

        Raises:
            FullFault: of a stage nobody is known.
        """
        for stage in self.missing():
            raise FullFault(f"no {stage} is to be found just now; try again in a moment, or another server.")
        return wire.Route(**{stage: self._best(stage, now_s) for stage in self._addresses})

    def candidates(self, stage: str) -> tuple[str, ...]:
        """Return the addresses of a stage, each time another one first."""
        return self._addresses[stage].deal()

    def _best(self, stage: str, now_s: float) -> str:
        return min(self.candidates(stage), key=lambda address: self.suspects.penalty(address, now_s))

    # Those that are known by a name.

    def names(self) -> list[tuple[str, Name]]:
        """Return what is to be looked up, each with its stage."""
        return [(stage, name) for stage, addresses in self._addresses.items() for name in addresses.names]

    def found(self, stage: str, name: Name, addresses: Iterable[str]) -> tuple[list[str], list[str]]:
        """Take what a name means now; return who is new and who has gone."""
        return self._addresses[stage].found(name, addresses)

    def missing(self) -> list[str]:
        """Return the stages of which nobody is known."""
        return [stage for stage, addresses in self._addresses.items() if not addresses]
