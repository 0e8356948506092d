"""What `response.create` asks for: checked against the session it is asked in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from services.engine.protocol.configuration import Configuration
from services.engine.protocol.conversation import Conversation
from services.engine.protocol.errors import wrong_value
from services.engine.protocol.fields import Fields, list_at, object_at, object_in, only
from services.engine.protocol.item import Item
from services.engine.protocol.item_request import parse_item
from services.engine.protocol.model_settings import OF_RESPONSE, OF_SESSION, check_choice, metadata_at
from services.engine.protocol.response import Wish

_MAX_INPUT: Final = 1_000


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """Turns the `response` of `response.create` into a Wish; what it leaves open is as the session has it."""

    configuration: Configuration
    conversation: Conversation
    conversation_id: str
    has_spoken: bool

    def parse(self, value: object) -> Wish:
        """Read it. Raises ClientError."""
        fields = {} if value is None else object_at(value, "response")
        only(fields, ("conversation", "input", "metadata", "audio", *OF_RESPONSE), "response")
        settings = self._settings(fields)
        check_choice(settings["tools"], settings["tool_choice"], "response.tool_choice")
        return Wish(
            modality=settings["output_modalities"][0],
            audio=self._audio(fields),
            instructions=settings["instructions"],
            tools=settings["tools"],
            tool_choice=settings["tool_choice"],
            max_output_tokens=settings["max_output_tokens"],
            conversation_id=self._placement(fields.get("conversation")),
            metadata=None if fields.get("metadata") is None else metadata_at(fields["metadata"], "response.metadata"),
            given=self._given(fields.get("input")),
        )

    def _settings(self, fields: Fields) -> dict[str, Any]:
        settings = {name: self.configuration[name] for name in OF_RESPONSE}
        for name in OF_RESPONSE:
            if fields.get(name) is not None:
                settings[name] = OF_SESSION[name][0](fields[name], f"response.{name}")
        return settings

    def _placement(self, placement: object) -> str | None:
        if placement not in (None, "auto", "none"):
            raise wrong_value("response.conversation", 'it must be "auto" or "none"')
        return None if placement == "none" else self.conversation_id

    def _audio(self, fields: Fields) -> Fields:
        audio = object_in(fields, "audio", "response")
        only(audio, ("output",), "response.audio")
        output = object_in(audio, "output", "response.audio")
        only(output, ("format", "voice"), "response.audio.output")
        return self.configuration.output_with(output, "response.audio.output", self.has_spoken)

    def _given(self, value: object) -> list[Item] | None:
        if value is None:
            return None
        entries = list_at(value, "response.input")
        if len(entries) > _MAX_INPUT:
            raise wrong_value("response.input", f"it may have {_MAX_INPUT} items at most")
        return [self._item(entry, f"response.input[{index}]") for index, entry in enumerate(entries)]

    def _item(self, value: object, path: str) -> Item:
        if isinstance(value, dict) and value.get("type") == "item_reference":
            only(value, ("type", "id"), path)
            return self.conversation.get(value.get("id"), "retrieve", f"{path}.id")
        return parse_item(value, path, self.configuration.input_format)
