"""The model's socket over the loopback: every face of a server is one to the core, and every refusal has its words."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from services.broker.faults import ModelRefused
from services.broker.model_settings import ModelSettings
from services.broker.realtime import model_session
from services.common.errors import ModelFault
from services.common.settings import Environment
from tests.fakes.realtime import FakeRealtime, Reply
from tests.fakes.realtime.face import AZURE, BETA, HUGGING_FACE, LOCALAI, OPENAI, SPARSE, TALKATIVE, Face
from tests.fakes.realtime.wire import Event

PIECE = base64.b64encode(bytes(2 * 2_400)).decode()


def settings(url: str, **env: str) -> ModelSettings:
    """Settings for a server at this URL."""
    return ModelSettings.read(Environment({"PARLEY_MODEL_URL": url, **env}))


@pytest.mark.parametrize(
    ("face", "server"),
    [
        (OPENAI, ""),
        (OPENAI, "engine"),
        (AZURE, ""),
        (LOCALAI, "localai"),
        (HUGGING_FACE, ""),
        (BETA, "speaches"),
        (SPARSE, ""),
        (TALKATIVE, ""),
    ],
)
async def test_a_turn_is_the_same_to_the_core_whatever_face_the_server_shows(face: Face, server: str) -> None:
    """Each item is acknowledged once, the reply's audio comes by one name, and its end has usage and a status."""
    fake = FakeRealtime([Reply(seconds=0.3, text="Hello there.", speed=50)], face=face)
    env = {"PARLEY_MODEL_SERVER": server, "PARLEY_TRANSCRIPTION_MODEL": "off" if face.beta else ""}
    async with fake, model_session(settings(fake.url, **env)) as socket:
        heard: list[Event] = []
        over = asyncio.Event()

        def hear(event: Event) -> None:
            heard.append(event)
            if event["type"] == "response.done":
                over.set()

        reading = asyncio.create_task(socket.run(hear))
        for _ in range(3):
            await socket.send({"type": "input_audio_buffer.append", "audio": PIECE})
        await socket.send({"type": "input_audio_buffer.commit"})
        if not socket.capabilities.commit_responds:
            await socket.send({"type": "response.create", "response": {"metadata": {"reply": "1"}}})
        async with asyncio.timeout(10):
            await over.wait()
        reading.cancel()
    kinds = [event["type"] for event in heard]
    items = [event["item"]["id"] for event in heard if event["type"] == "conversation.item.added"]
    assert "conversation.item.created" not in kinds
    assert (len(items), len(set(items))) == (2, 2)
    assert "response.output_audio.delta" in kinds
    assert not [kind for kind in kinds if kind.startswith(("response.audio", "response.text"))]
    (done,) = [event["response"] for event in heard if event["type"] == "response.done"]
    assert (done["status"], done["usage"] is not None) == ("completed", True)
    assert fake.violations == []


async def test_when_the_session_expires_is_known() -> None:
    """As soon as there is one."""
    async with FakeRealtime(lifetime_s=1_000) as fake, model_session(settings(fake.url)) as socket:
        assert socket.expires_at_s is not None


@pytest.mark.parametrize(
    ("status", "fault", "words"),
    [
        (401, ModelRefused, "refused the key"),
        (404, ModelRefused, "refused the call"),
        (429, ModelFault, "busy or down"),
        (503, ModelFault, "busy or down"),
    ],
)
async def test_a_refusal_at_the_door_says_whether_to_come_again(
    status: int, fault: type[ModelFault], words: str
) -> None:
    """By the HTTP status."""
    async with FakeRealtime() as fake:
        fake.door.turns_away.append(status)
        with pytest.raises(ModelFault, match=words) as error:
            async with model_session(settings(fake.url)):
                pytest.fail("it was let in")
        assert type(error.value) is fault


@asynccontextmanager
async def doorkeeper(status: HTTPStatus, body: str = "", **headers: str) -> AsyncIterator[tuple[str, list[Request]]]:
    """A server that lets nobody in; yields its URL, and what was asked of it."""
    asked: list[Request] = []

    def turn_away(socket: ServerConnection, request: Request) -> Response:
        asked.append(request)
        response = socket.respond(status, body)
        for name, value in headers.items():
            response.headers[name] = value
        return response

    async def never(_socket: ServerConnection) -> None:
        pytest.fail("it was let in")

    async with serve(never, "127.0.0.1", 0, process_request=turn_away) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", asked


async def test_a_key_is_not_taken_elsewhere() -> None:
    """A server that sends callers on gets no call, and neither does the other one."""
    async with doorkeeper(HTTPStatus.OK) as (elsewhere, asked):
        async with doorkeeper(HTTPStatus.MOVED_PERMANENTLY, Location=elsewhere) as (url, _):
            with pytest.raises(ModelRefused, match="sends callers elsewhere"):
                async with model_session(settings(url, OPENAI_API_KEY="sk-1")):
                    pytest.fail("it was let in")
        assert asked == []


@pytest.mark.parametrize("key", ["sk-proj-0123456789", "local secret/0123"])
async def test_a_key_that_a_server_echoes_is_shown_to_nobody(key: str) -> None:
    """In the body of a refusal, in an error instead of a session, and in the reason of a close, there cut short."""

    async def echo(socket: ServerConnection) -> None:
        if "close" in (socket.request.path if socket.request else ""):
            await socket.close(1008, f"Incorrect API key provided: {key[:-2]}")
            return
        error = {"type": "invalid_request_error", "code": "invalid_api_key", "message": f"Incorrect: {key}"}
        await socket.send(json.dumps({"type": "error", "error": error}))
        await socket.wait_closed()

    body = json.dumps({"error": {"message": f"Incorrect API key provided: {key}. " + "x" * 5_000}})
    async with (
        doorkeeper(HTTPStatus.UNAUTHORIZED, body) as (door, _),
        serve(echo, "127.0.0.1", 0) as server,
    ):
        inside = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        for url in (door, inside, f"{inside}?close"):
            with pytest.raises(ModelRefused) as fault:
                async with model_session(settings(url, OPENAI_API_KEY=key)):
                    pytest.fail("it was let in")
            assert "[secret]" in fault.value.detail
            assert key[:-2] not in fault.value.detail
            assert len(fault.value.detail) < 1_000
            assert fault.value.message == ModelRefused.plain


async def test_an_account_that_is_empty_is_no_server_that_is_busy() -> None:
    """Both are a 429: the body tells them apart."""
    body = '{"error": {"code": "insufficient_quota", "message": "You exceeded your quota."}}'
    async with doorkeeper(HTTPStatus.TOO_MANY_REQUESTS, body) as (url, _):
        with pytest.raises(ModelRefused, match="You exceeded your quota"):
            async with model_session(settings(url)):
                pytest.fail("it was let in")


async def test_a_server_is_dialled_as_its_profile_says() -> None:
    """Path, query, headers and the key, and nothing of compression."""
    async with doorkeeper(HTTPStatus.NOT_FOUND) as (url, asked):
        with pytest.raises(ModelRefused):
            async with model_session(settings(url, PARLEY_MODEL_SERVER="speaches", SPEACHES_API_KEY="k")):
                pytest.fail("it was let in")
    (request,) = asked
    assert request.path == "/v1/realtime?model=gpt-4o-mini"
    assert (request.headers["X-API-Key"], request.headers["OpenAI-Beta"]) == ("k", "realtime=v1")
    assert "Sec-WebSocket-Extensions" not in request.headers
