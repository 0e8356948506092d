"""Wire text: the WebSocket door's text frames, the protobuf JSON mapping of ConverseRequest and ConverseResponse."""

from __future__ import annotations

import json
from typing import Final

from google.protobuf import json_format

from parley.v1 import conversation_service_pb2 as wire
from services.common.errors import ProtocolFault

_QUOTED: Final = 300
"""How much of the parser's account is passed on: it may quote what the client sent."""


def decode_text(text: str) -> wire.ConverseRequest:
    """Return the request that a text frame carries. Field names may be lowerCamelCase or as in the protos.

    Raises:
        ProtocolFault: it is no JSON, names an unknown field, holds a value of the wrong kind, or is audio.
    """
    if not text.lstrip().startswith("{"):
        raise ProtocolFault('a text frame must be one JSON object, such as {"say": {"text": "Hello"}}.')
    try:
        request = json_format.Parse(text, wire.ConverseRequest())
    except (json_format.ParseError, ValueError, RecursionError) as error:
        account = str(error).partition("\n")[0].strip().rstrip(".")[:_QUOTED]
        raise ProtocolFault(
            f"a text frame is not a ConverseRequest in protobuf JSON: {account}. docs/protocol.md lists the messages."
        ) from error
    if request.WhichOneof("message") == "audio":
        raise ProtocolFault(
            "audio came as text: send it as a binary frame, a header of 24 bytes and then the samples "
            "(docs/protocol.md)."
        )
    return request


def encode_text(response: wire.ConverseResponse) -> str:
    """Return the text frame that carries a response (of any kind but audio): fields at their default are left out."""
    return json.dumps(json_format.MessageToDict(response), ensure_ascii=False, separators=(",", ":"))
