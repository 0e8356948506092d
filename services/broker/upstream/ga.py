"""The GA dialect: the core's own language, so that little is left to do."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final

from services.broker.event import table, text
from services.broker.model_settings import ModelSettings
from services.broker.upstream.aliases import Aliases
from services.broker.upstream.capabilities import Capabilities
from services.broker.upstream.driver import OPENING_ID, Call, Message
from services.broker.upstream.repairs import Repairs

_APPEND: Final = "input_audio_buffer.append"


class GaDriver:
    """For OpenAI, Azure's GA endpoint, our engine, and whoever speaks like them."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._numbers = itertools.count(1)
        self._aliases = Aliases()
        self._repairs = Repairs(self._aliases)

    @property
    def capabilities(self) -> Capabilities:
        """What the core may rely on."""
        return self._settings.capabilities

    @property
    def call(self) -> Call:
        """How to dial."""
        server = self._settings.server
        return Call(self._settings.full_url, server.call_headers(), server.subprotocols)

    def opening(self, session: Mapping[str, Any]) -> list[Message]:
        """Return the session.update that sets the session up."""
        return [{"type": "session.update", "event_id": OPENING_ID, "session": dict(session)}]

    def outgoing(self, event: Mapping[str, Any]) -> list[Message]:
        """Return the event: with an id, so that an error can name it; without metadata where they would be lost."""
        sent = self._aliases.outgoing(event)
        if text(sent, "type") != _APPEND:
            sent.setdefault("event_id", f"parley_driver_{next(self._numbers)}")
        if "metadata" in table(sent, "response") and not self.capabilities.echoes_metadata:
            sent["response"] = {key: value for key, value in sent["response"].items() if key != "metadata"}
        return [sent]

    def incoming(self, message: Mapping[str, Any]) -> list[Message]:
        """Return the events that a message is for the core."""
        return self._repairs.repaired(dict(message))
