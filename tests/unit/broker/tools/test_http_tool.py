"""HTTP tools in virtual time: what is tried again, for how long, and what the model is told in the end."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from parley.v1 import session_pb2 as wire
from services.broker.tools.call import MOST_BYTES, Outcome, ToolRequest
from services.broker.tools.declaration import FunctionTool, HttpEndpoint, Retry
from services.broker.tools.http_tool import HttpCaller
from tests.fakes.scripted_http import ScriptedHttp

DONE, FAILED, UNKNOWN = wire.ToolCall.STATUS_DONE, wire.ToolCall.STATUS_FAILED, wire.ToolCall.STATUS_UNKNOWN
REQUEST = ToolRequest("call 1", "book", "{}", "s-1", turn=3)
POST = HttpEndpoint("https://shop.example/book", headers={"Authorization": "Bearer secret"})
GET = HttpEndpoint("https://shop.example/book", "GET")


class Shop(ScriptedHttp):
    """The server of a tool."""


async def call(
    *answers: httpx.Response | Exception, way: HttpEndpoint = POST, retry: Retry = Retry.ALWAYS
) -> tuple[Outcome, Shop]:
    """Make one call to a shop that answers so."""
    shop = Shop(iter(answers))
    caller = HttpCaller(httpx.MockTransport(shop.handle), shop.sleep, lambda: shop.now_s, lambda: 1.0)
    outcome = await caller.call(FunctionTool("book", "Books.", way, retry=retry), way, REQUEST, {"room": 7})
    await caller.close()
    return outcome, shop


def sent(error: type[httpx.TransportError]) -> httpx.TransportError:
    """Return an error."""
    return error("secret detail")


async def test_a_call_is_one_request() -> None:
    """The arguments as its body; who calls, and the key, in its headers; the answer as it came."""
    outcome, shop = await call(httpx.Response(200, json={"ok": True}))
    assert outcome == Outcome('{"ok":true}', DONE)
    (request,) = shop.got
    assert (request.method, str(request.url), request.content) == ("POST", POST.url, b'{"room":7}')
    assert request.headers["idempotency-key"] == REQUEST.idempotency_key
    assert request.headers["authorization"] == "Bearer secret"
    assert [request.headers[f"parley-{name}"] for name in ("session", "agent", "turn", "call")] == [
        "s-1",
        "default",
        "3",
        "call%201",
    ]
    assert request.headers["content-type"] == "application/json"
    assert "gzip" not in request.headers["accept-encoding"]


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ConnectTimeout, 503, 429])
async def test_what_was_not_carried_out_is_tried_again(failure: type[httpx.TransportError] | int) -> None:
    """With the same key, after a growing wait; in the end it has failed."""

    def one() -> httpx.Response | Exception:
        return httpx.Response(failure) if isinstance(failure, int) else sent(failure)

    outcome, shop = await call(one(), one(), httpx.Response(200, text="booked"))
    assert outcome == Outcome("booked", DONE)
    assert shop.waits_s == [0.25, 0.5]
    assert len({request.headers["idempotency-key"] for request in shop.got}) == 1
    outcome, shop = await call(one(), one(), one())
    assert (outcome.status, len(shop.got)) == (FAILED, 3)


@pytest.mark.parametrize("status", [502, 504])
async def test_a_lost_answer_is_tried_again_and_is_unknown_in_the_end(status: int) -> None:
    """A gateway that gives up says nothing of the tool behind it; of a GET it has only failed."""
    answers = [httpx.Response(status) for _ in range(3)]
    outcome, shop = await call(*answers)
    assert (outcome.status, len(shop.got)) == (UNKNOWN, 3)
    assert f"HTTP {status}" in outcome.output
    outcome, _ = await call(*answers, way=GET)
    assert outcome.status == FAILED


async def test_a_tool_that_must_not_run_twice_is_tried_once() -> None:
    """Whatever happened; and it is told apart whether it can have run."""
    never = replace(POST, retries=0)
    for failure, status in (
        (httpx.Response(503), FAILED),
        (httpx.Response(502), UNKNOWN),
        (sent(httpx.ConnectError), FAILED),
    ):
        outcome, shop = await call(failure, way=never, retry=Retry.NEVER)
        assert (outcome.status, len(shop.got), shop.waits_s) == (status, 1, [])


async def test_retry_after_is_obeyed() -> None:
    """It is waited for as long as the call may take, and no longer."""
    busy = httpx.Response(429, headers={"retry-after": "3"})
    outcome, shop = await call(busy, httpx.Response(200, text="booked"))
    assert (outcome.output, shop.waits_s) == ("booked", [3.0])
    outcome, shop = await call(httpx.Response(503, headers={"retry-after": "3600"}))
    assert (outcome.status, shop.waits_s) == (FAILED, [])


async def test_all_tries_together_have_an_end() -> None:
    """Twice what one may take."""
    way = replace(POST, retries=5, timeout_s=1)
    outcome, shop = await call(*[httpx.Response(503) for _ in range(6)], way=way)
    assert (outcome.status, shop.waits_s) == (FAILED, [0.25, 0.5, 1.0])


async def test_an_error_is_told_with_what_the_tool_says_of_it() -> None:
    """Shortly, and not the page that a server makes of its own faults."""
    outcome, shop = await call(httpx.Response(404, json={"detail": "no such room" * 100}))
    assert outcome.output.startswith('Failed: HTTP 404. {"detail":"no such room')
    assert (outcome.status, len(outcome.output), len(shop.got)) == (FAILED, 518, 1)
    outcome, _ = await call(httpx.Response(500, html="<h1>Traceback</h1>"))
    assert outcome.output == "Failed: HTTP 500."


async def test_redirects_are_not_followed() -> None:
    """An endpoint that has moved could send the secret anywhere."""
    outcome, shop = await call(httpx.Response(307, headers={"location": "https://evil.example/"}))
    assert (outcome.status, len(shop.got)) == (FAILED, 1)
    assert "redirects are not followed" in outcome.output


async def test_an_answer_without_words() -> None:
    """Nothing is "Done.", and what is no text is named, not read out."""
    assert (await call(httpx.Response(204)))[0] == Outcome("Done.", DONE)
    picture = httpx.Response(200, content=b"\x89PNG", headers={"content-type": "image/png"})
    assert (await call(picture))[0] == Outcome("[The answer is no text: image/png.]", DONE)
    packed = httpx.Response(200, content=b"", headers={"content-type": "text/plain", "content-encoding": "gzip"})
    assert (await call(packed))[0] == Outcome("[The answer is no text: text/plain, compressed.]", DONE)


async def test_a_long_answer_is_cut() -> None:
    """The model is told so; an unknown character set is read as UTF-8."""
    long = httpx.Response(200, content=b"x" * 200_000, headers={"content-type": "text/plain; charset=klingon"})
    outcome, _ = await call(long)
    assert outcome.output == "x" * MOST_BYTES + "\n[Cut here: the answer is longer than 65536 bytes.]"
    latin = httpx.Response(
        200, content="grüß".encode("latin-1"), headers={"content-type": "text/plain; charset=latin1"}
    )
    assert (await call(latin))[0].output == "grüß"


async def test_no_cookie_is_kept() -> None:
    """One session's must not travel with another's call."""
    cookie = httpx.Response(503, headers={"set-cookie": "session=anna; Path=/"})
    _, shop = await call(cookie, httpx.Response(200))
    assert "cookie" not in shop.got[1].headers


async def test_secrets_and_arguments_stay_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """At every level; foreign exceptions are named, not quoted."""
    caplog.set_level(1)
    await call(sent(httpx.ConnectError), httpx.Response(200), way=replace(GET, headers=POST.headers))
    assert "secret" not in caplog.text
    assert "room" not in caplog.text
    assert "tool book: ConnectError" in caplog.text
