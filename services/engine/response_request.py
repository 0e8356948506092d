"""What `response.create` asks for: checked against the session it is asked in."""

from __future__ import annotations

from dataclasses import dataclass

from services.engine.configuration import Configuration, check_modalities, check_output
from services.engine.conversation import Conversation, Item, parse_item
from services.engine.events import ClientError
from services.engine.response import Response

_FIELDS = {
    "audio",
    "conversation",
    "input",
    "instructions",
    "max_output_tokens",
    "metadata",
    "output_modalities",
    "parallel_tool_calls",
    "prompt",
    "reasoning",
    "tool_choice",
    "tools",
}


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """Turns the `response` of `response.create` into a Response; each method raises ClientError."""

    configuration: Configuration
    conversation: Conversation
    conversation_id: str
    has_spoken: bool

    def parse(self, fields: object) -> Response:
        """The response to make: what the request leaves open is as the session has it."""
        fields = {} if fields is None else fields
        if not isinstance(fields, dict):
            raise ClientError("invalid_type", "response must be an object", "response")
        for name in fields.keys() - _FIELDS:
            raise ClientError("unknown_parameter", f"Unknown parameter: 'response.{name}'", f"response.{name}")
        modalities = fields.get("output_modalities") or [self.configuration.modality]
        check_modalities(modalities, "response.output_modalities")
        return Response(
            modality=modalities[0],
            voice=self._voice(fields.get("audio")),
            speed=self.configuration.speed,
            conversation_id=self._placement(fields.get("conversation", "auto")),
            metadata=_check_metadata(fields.get("metadata")),
            given_context=self._context(fields.get("input")),
            instructions=_check_instructions(fields.get("instructions")),
        )

    def _placement(self, placement: object) -> str | None:
        if placement not in ("auto", "none"):
            message = 'response.conversation must be "auto" or "none"'
            raise ClientError("invalid_value", message, "response.conversation")
        return self.conversation_id if placement == "auto" else None

    def _voice(self, audio: object) -> str:
        if audio is None:
            return self.configuration.voice
        change = audio.get("output") if isinstance(audio, dict) else None
        if not isinstance(change, dict):
            raise ClientError("invalid_type", "response.audio.output must be an object", "response.audio")
        output = {**self.configuration.as_dict()["audio"]["output"], **change}
        check_output(output, "response.audio.output")
        voice = Configuration.voice_of(output)
        if self.has_spoken and voice != self.configuration.voice:
            message = "The voice cannot change once the session has produced audio"
            raise ClientError("cannot_update_voice", message, "response.audio.output.voice")
        return voice

    def _context(self, given: object) -> list[Item] | None:
        if given is None:
            return None
        if not isinstance(given, list):
            raise ClientError("invalid_type", "response.input must be a list of items", "response.input")
        return [self._item(fields) for fields in given]

    def _item(self, fields: object) -> Item:
        if isinstance(fields, dict) and fields.get("type") == "item_reference":
            return self.conversation.get(fields.get("id"), "retrieve")
        return parse_item(fields)


def _check_instructions(instructions: object) -> str:
    if instructions is not None and not isinstance(instructions, str):
        raise ClientError("invalid_type", "response.instructions must be a string", "response.instructions")
    return instructions or ""


def _check_metadata(metadata: object) -> dict[str, str] | None:
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ClientError("invalid_type", "metadata must map strings to strings", "response.metadata")
    if len(metadata) > 16 or any(len(k) > 64 or len(v) > 512 for k, v in metadata.items()):
        message = "metadata may have 16 pairs, keys of 64 and values of 512 characters"
        raise ClientError("invalid_value", message, "response.metadata")
    return metadata
