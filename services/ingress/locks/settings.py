"""Lock settings: whether calls need a token, and where the keys are. Open doors are for one's own machine."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.common.errors import SettingsFault
from services.common.settings import Environment
from services.common.usage import Variable
from services.ingress.locks.tokens import AUDIENCE

log = logging.getLogger("parley.ingress")

AUTH: Final = "PARLEY_AUTH"
KEYS: Final = "PARLEY_TOKEN_KEYS"
REVOKED: Final = "PARLEY_TOKENS_REVOKED"
WHOM: Final = "PARLEY_TOKEN_AUDIENCE"

VARIABLES: Final = (
    Variable(KEYS, "file of the keys that callers' tokens are signed with, see docs/tokens.md", "no tokens"),
    Variable(REVOKED, "file of what is revoked, a line each", "the file of keys, and .revoked"),
    Variable(WHOM, "whom tokens must be meant for", AUDIENCE),
    Variable(AUTH, "on: calls need a token; off: nobody is asked", "on with keys; off on the loopback"),
)

_KEYS_MODE: Final = 0o007


@dataclass(frozen=True)
class LockSettings:
    """`keys` is None where nobody is asked."""

    keys: Path | None = None
    revoked: Path | None = None
    audience: str = AUDIENCE
    is_open_to_others: bool = False
    """Nobody is asked, and that was said to be right though others than this machine can call."""

    @classmethod
    def read(cls, env: Environment, doors: Sequence[tuple[str, str]]) -> LockSettings:
        """Read PARLEY_AUTH and its like. `doors`: the variable and the host:port of each that clients come in by.

        Raises SettingsFault where others than this machine could call and nothing says who may.
        """
        auth, keys = env.text(AUTH), env.text(KEYS)
        if auth not in ("", "on", "off"):
            raise SettingsFault(f"{AUTH}={auth!r} must be on or off.")
        far = [f"{variable}={address}" for variable, address in doors if not is_loopback(address)]
        if auth == "off":
            return cls(is_open_to_others=bool(far))
        if keys:
            path = Path(keys)
            return cls(path, Path(env.text(REVOKED) or f"{path}.revoked"), env.text(WHOM) or AUDIENCE)
        if auth == "on" or far:
            why = f"{AUTH}=on" if auth else f"others than this machine can call at {' and '.join(far)}"
            raise SettingsFault(
                f"{why}, and {KEYS} names no keys to check callers' tokens with. `make token ARGS=--new-key` makes a "
                f"file of keys (docs/tokens.md). {AUTH}=off lets everybody call, where something else keeps them out."
            )
        return cls()

    def tell(self) -> None:
        """Say in the log who may call."""
        if self.keys is not None:
            log.info("calls need a token signed by a key of %s", self.keys)
            if (mode := self.keys.stat().st_mode & 0o777) & _KEYS_MODE:
                log.warning("%s can be read by everybody on this machine (mode %o): chmod o= it", self.keys, mode)
        elif self.is_open_to_others:
            log.warning("%s=off: whoever reaches this server can hold conversations, and nobody is asked", AUTH)
        else:
            log.info("calls need no token: only this machine can call (%s is not set)", KEYS)


def is_loopback(address: str) -> bool:
    """Say whether only this machine reaches host:port. A name other than localhost may be anywhere."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
