"""The webhook: signed so that any library verifies it, tried as long as that helps, and read from a profile."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import httpx
import pytest

from services.broker.webhook import Courier, Webhook, key_of, read_webhook, signature
from services.common.document import parse
from services.common.errors import SettingsFault
from services.common.section import Section
from services.common.settings import Environment
from tests.fakes.scripted_http import ScriptedHttp

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOK = Webhook("https://crm.example/hook", key_of(SECRET))
FILE = Path("clerk.yaml")


def test_the_signature_is_the_specifications() -> None:
    """The test vector of the Standard Webhooks reference libraries."""
    body = b'{"test": 2432232314}'
    signed = signature(key_of(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


class Crm(ScriptedHttp):
    """The server of an operator."""


async def send(*answers: httpx.Response | Exception) -> tuple[bool, Crm]:
    """Send one event to a server that answers so."""
    crm = Crm(iter(answers))
    courier = Courier(httpx.MockTransport(crm.handle), crm.sleep, lambda: crm.now_s, lambda: 1.0)
    taken = await courier.send(HOOK, "s-1", {"type": "session.ended", "text": "grüß \ud800"})
    await courier.close()
    return taken, crm


async def test_an_event_is_delivered() -> None:
    """Its body is what was signed, byte for byte, at the second of the try."""
    taken, crm = await send(httpx.Response(204))
    assert taken
    (request,) = crm.got
    assert (request.method, str(request.url)) == ("POST", HOOK.url)
    assert json.loads(request.content) == {"type": "session.ended", "text": "grüß ?"}
    assert request.headers["content-type"] == "application/json"
    assert (request.headers["webhook-id"], request.headers["webhook-timestamp"]) == ("msg_s-1", "1700000000")
    assert request.headers["webhook-signature"] == signature(HOOK.key, "msg_s-1", 1_700_000_000, request.content)


async def test_it_is_tried_again_under_the_same_id() -> None:
    """After a growing wait, or what the server asks for, each try signed anew for its own time."""
    busy = httpx.Response(429, headers={"retry-after": "10"})
    failures: list[httpx.Response | Exception] = [
        httpx.ConnectError("x"),
        httpx.Response(503),
        busy,
        httpx.ReadTimeout("x"),
    ]
    taken, crm = await send(*failures, httpx.Response(200))
    assert taken
    assert crm.waits_s == [2.0, 4.0, 10.0, 16.0]
    assert {request.headers["webhook-id"] for request in crm.got} == {"msg_s-1"}
    assert len({request.headers["webhook-signature"] for request in crm.got}) == 5


async def test_it_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """After five tries; the log says why, and neither secret nor words."""
    caplog.set_level(1)
    taken, crm = await send(*[httpx.Response(500, text="oops") for _ in range(5)])
    assert (taken, len(crm.got)) == (False, 5)
    assert "HTTP 500 (try 5 of 5)" in caplog.text
    assert "given up" in caplog.text
    assert "grüß" not in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("status", [301, 400, 401, 404, 410])
async def test_a_refusal_is_final(status: int) -> None:
    """Trying again would change nothing, and a redirect could lead anywhere."""
    taken, crm = await send(httpx.Response(status, headers={"location": "https://evil.example/"}))
    assert (taken, len(crm.got), crm.waits_s) == (False, 1, [])


async def test_no_wait_is_longer_than_half_a_minute() -> None:
    """Whatever the server asks for: nobody keeps a broker waiting for an hour."""
    _, crm = await send(httpx.Response(503, headers={"retry-after": "3600"}), httpx.Response(200))
    assert crm.waits_s == [30.0]


def read(text: str, **env: str) -> Webhook | None:
    """Read the keys of a `session` section."""
    section = Section(FILE, "session", parse(dedent(text), FILE), 1, Environment(env))
    webhook = read_webhook(section)
    section.finish()
    return webhook


def test_it_is_read_from_the_profile() -> None:
    """With the secret from the environment, coded or as it is; without the section there is none."""
    assert read("") is None
    text = "webhook:\n  url: https://crm.example/hook\n  secret_env: HOOK_SECRET"
    assert read(text, HOOK_SECRET=SECRET) == HOOK
    assert "MfKQ" not in repr(HOOK)
    raw = read(f"{text}\n  summary: true", HOOK_SECRET="x" * 24)
    assert raw == Webhook(HOOK.url, b"x" * 24, summary=True)
    assert read("webhook: {url: 'http://crm:8080/', secret_env: HOOK_SECRET}", HOOK_SECRET=SECRET)


@pytest.mark.parametrize(
    ("text", "secret", "told"),
    [
        ("webhook: {secret_env: S}", SECRET, "url in session.webhook must be given"),
        ("webhook: {url: 'https://a/'}", SECRET, "must lead to a secret of 24 to 64 bytes, not 0"),
        ("webhook: {url: 'https://a/', secret: abc}", SECRET, "would stand open in a file"),
        ("webhook: {url: 'https://a/', secret_env: NO}", SECRET, "NO, which is not set"),
        ("webhook: {url: 'https://a/', secret_env: S}", "short", "24 to 64 bytes, not 5"),
        ("webhook: {url: 'https://a/', secret_env: S}", "whsec_é", "copy it again"),
        ("webhook: {url: 'https://a/', secret_env: S}", "whsec_(((", "no secret: after whsec_ stands base64"),
        ("webhook: {url: 'http://a.example/', secret_env: S}", SECRET, "unencrypted to a.example"),
        ("webhook: {url: 'https://a/', secret_env: S, colour: red}", SECRET, "colour .* is unknown"),
        ("webhook: yes", SECRET, "must be a section"),
    ],
)
def test_what_is_wrong_is_named(text: str, secret: str, told: str) -> None:
    """File, line, key, what to do; and never the secret."""
    with pytest.raises(SettingsFault, match=told) as raised:
        read(text, S=secret)
    assert raised.value.message.startswith("clerk.yaml:1: ")
    assert secret not in raised.value.message
