"""Requests and answers held to the official types: what is not in their form fails the test that caused it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from openai.types.audio import Transcription, TranscriptionTextDeltaEvent, TranscriptionTextDoneEvent
from openai.types.audio.speech_create_params import SpeechCreateParams
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import BaseModel, TypeAdapter

from tests.fakes.openai_http.http import Request
from tests.fakes.openai_http.script import Call, Script

_CHAT: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsStreaming)
_SPEECH: TypeAdapter[Any] = TypeAdapter(SpeechCreateParams)
_TRANSCRIPTION_FIELDS = {"file", "model", "language", "prompt", "response_format", "stream", "temperature"}


def chat_request(request: Request) -> dict[str, Any]:
    """The body of a chat request, checked."""
    body: dict[str, Any] = json.loads(request.body)
    checked = _CHAT.validate_python(body)
    for name in ("messages", "tools"):
        list(checked.get(name, ()))  # the lists of these types are checked as they are read
    assert not body.keys() - CompletionCreateParamsStreaming.__annotations__.keys() - _base_fields()
    return body


def _base_fields() -> set[str]:
    return {name for base in CompletionCreateParamsStreaming.__mro__ for name in getattr(base, "__annotations__", {})}


def speech_request(request: Request) -> dict[str, Any]:
    """The body of a speech request, checked."""
    body: dict[str, Any] = json.loads(request.body)
    _SPEECH.validate_python(body)
    assert not body.keys() - SpeechCreateParams.__annotations__.keys()
    return body


def transcription_request(request: Request) -> dict[str, Any]:
    """The fields of a transcription request, checked; the file as it came."""
    form: dict[str, Any] = request.form()
    assert not form.keys() - _TRANSCRIPTION_FIELDS
    assert form["file"].startswith(b"RIFF")
    return {name: value if name == "file" else value.decode() for name, value in form.items()}


def _dump(model: BaseModel) -> bytes:
    return model.model_dump_json(exclude_none=True).encode()


def event(data: bytes) -> bytes:
    """A server-sent event."""
    return b"data: " + data + b"\n\n"


def chat_chunks(script: Script, model: str) -> Iterator[bytes]:
    """The events of a streamed completion."""

    def chunk(**fields: Any) -> bytes:
        base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": []}
        return event(_dump(ChatCompletionChunk.model_validate({**base, **fields})))

    def choice(delta: dict[str, Any], reason: str | None = None) -> list[dict[str, Any]]:
        return [{"index": 0, "delta": delta, "finish_reason": reason}]

    yield chunk(choices=choice({"role": "assistant", "content": ""}))
    for text in script.texts:
        yield chunk(choices=choice({"content": text}))
    for delta in _call_deltas(script.calls):
        yield chunk(choices=choice({"tool_calls": [delta]}))
    yield chunk(choices=choice({}, "tool_calls" if script.calls else script.finish_reason))
    if script.usage:
        yield chunk(usage=script.usage)
    yield event(b"[DONE]")


def _call_deltas(calls: Sequence[Call]) -> Iterator[dict[str, Any]]:
    """Parallel calls as OpenAI streams them: a head with id and name, then the arguments in pieces."""
    for index, call in enumerate(calls):
        yield {"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
    for index, call in enumerate(calls):
        for place in range(0, len(call.arguments), 7):
            yield {"index": index, "function": {"arguments": call.arguments[place : place + 7]}}


def completion(script: Script, model: str) -> bytes:
    """A completion that is not streamed."""
    message = {"role": "assistant", "content": "".join(script.texts)}
    choice = {"index": 0, "message": message, "finish_reason": script.finish_reason}
    base = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model, "usage": script.usage}
    return _dump(ChatCompletion.model_validate({**base, "choices": [choice]}))


def transcription(text: str) -> bytes:
    """A transcription."""
    return _dump(Transcription.model_validate({"text": text}))


def transcription_events(texts: Sequence[str]) -> Iterator[bytes]:
    """The events of a streamed transcription."""
    for text in texts:
        yield event(_dump(TranscriptionTextDeltaEvent.model_validate({"type": "transcript.text.delta", "delta": text})))
    done = {"type": "transcript.text.done", "text": "".join(texts)}
    yield event(_dump(TranscriptionTextDoneEvent.model_validate(done)))


def error(message: str, code: str | None = None) -> bytes:
    """An error as OpenAI writes it."""
    return json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": code}}).encode()
