"""What operators' calls need: the token they show, and the address by which one ingress finds another."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from services.common.errors import SettingsFault
from services.common.settings import Environment

_TOKEN: Final = re.compile(r"[!-~]{16,256}")


@dataclass(frozen=True)
class OperatorSettings:
    """Without a token nobody is an operator."""

    token: str = field(default="", repr=False)
    advertise: str = ""
    """host:port under which the other ingresses dial this one; empty: the address it listens at."""

    @classmethod
    def read(cls, env: Environment) -> OperatorSettings:
        """Read PARLEY_OPERATOR_TOKEN and PARLEY_ADVERTISE. Raises SettingsFault for a token that is easily guessed."""
        token = env.secret("PARLEY_OPERATOR_TOKEN")
        if token and not _TOKEN.fullmatch(token):
            raise SettingsFault(
                "PARLEY_OPERATOR_TOKEN must be 16 to 256 printable ASCII characters without spaces; "
                "`openssl rand -hex 16` makes one."
            )
        advertise = env.address("PARLEY_ADVERTISE", "") if env.text("PARLEY_ADVERTISE") else ""
        return cls(token, advertise)
