"""HTTP tools: a call becomes one request, tried again where that can do no harm (docs/tools.md has it to the byte)."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from services.broker.tools.backoff import backoff_s, retry_after_s
from services.broker.tools.call import MOST_BYTES, Outcome, ToolRequest, done, failed, header_safe, unknown
from services.broker.tools.client import CONNECT_S, http_client
from services.broker.tools.declaration import FunctionTool, HttpEndpoint, Retry
from services.broker.tools.request import BadUrl, body_of, url_of

log = logging.getLogger("parley.broker")

FIRST_WAIT_S: Final = 0.25
MOST_WAIT_S: Final = 4.0

_GATEWAY: Final = frozenset({502, 504})
"""The answer was lost on its way through a gateway: the tool itself may have done its work."""
_TRY_AGAIN: Final = frozenset({429, 503}) | _GATEWAY
_ERROR_CHARS: Final = 500
_READABLE: Final = ("text/", "application/json", "application/xml", "application/x-www-form-urlencoded")
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.InvalidURL)


@dataclass(frozen=True)
class _Try:
    """How one try went, and after how long another may go better; None: not at all."""

    outcome: Outcome
    again_s: float | None = None


class HttpCaller:
    """Carries out the HTTP tools of all sessions of a process."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._shared, self._single = http_client(transport), http_client(transport, keep_alive=False)
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter

    async def call(
        self, tool: FunctionTool, way: HttpEndpoint, request: ToolRequest, arguments: Mapping[str, Any]
    ) -> Outcome:
        """Carry out a call whose arguments are checked. Raises nothing."""
        try:
            url, rest = url_of(way, arguments)
        except BadUrl as error:
            return failed(str(error))
        content = body_of(way, rest)
        until_s = self._clock() + 2 * way.timeout_s
        for tried in range(1, way.retries + 2):
            one = await self._try(tool, way, request, url, content, until_s)
            if one.again_s is None or tool.retry is Retry.NEVER or tried > way.retries:
                break
            wait_s = max(one.again_s, backoff_s(tried, self._jitter(), FIRST_WAIT_S, MOST_WAIT_S))
            if self._clock() + wait_s >= until_s:
                break
            log.info("session %s: tool %s is tried again in %.1f s", request.session, tool.name, wait_s)
            await self._sleep(wait_s)
        return one.outcome

    async def close(self) -> None:
        """Let go of the connections."""
        await self._shared.aclose()
        await self._single.aclose()

    async def _try(
        self,
        tool: FunctionTool,
        way: HttpEndpoint,
        request: ToolRequest,
        url: str,
        content: bytes | None,
        until_s: float,
    ) -> _Try:
        client = self._single if tool.retry is Retry.NEVER else self._shared
        timeout_s = min(way.timeout_s, max(until_s - self._clock(), 0.0))
        sent = _Sent()
        try:
            async with asyncio.timeout(timeout_s):
                async with client.stream(
                    way.method,
                    url,
                    content=content,
                    headers=_headers(way, request, content),
                    timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_S)),
                    extensions={"trace": sent.trace},
                ) as response:
                    return await self._taken(way, response)
        except (httpx.TransportError, httpx.InvalidURL, httpx.StreamError, TimeoutError) as error:
            return self._broken(tool, way, request, error, sent.any and not isinstance(error, _NOT_SENT))

    def _broken(
        self, tool: FunctionTool, way: HttpEndpoint, request: ToolRequest, error: Exception, was_sent: bool
    ) -> _Try:
        kind = type(error).__name__
        log.warning("session %s: tool %s: %s", request.session, tool.name, kind)
        late = isinstance(error, TimeoutError | httpx.TimeoutException)
        if late and was_sent:
            why = f"{tool.name} did not answer within {way.timeout_s:g} seconds."
            return _Try(failed(why) if way.is_safe else unknown(why))
        if was_sent:
            why = f"the connection to {tool.name} broke before its answer came."
            return _Try(failed(why) if way.is_safe else unknown(why), 0.0)
        if isinstance(error, httpx.InvalidURL):
            return _Try(failed("the arguments make no URL. Call again with shorter, plain ones."))
        return _Try(failed(f"{tool.name} cannot be reached at the moment."), 0.0)

    async def _taken(self, way: HttpEndpoint, response: httpx.Response) -> _Try:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        is_text = not kind or kind.startswith(_READABLE) or kind.endswith(("+json", "+xml"))
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            # It was asked not to: a few bytes could become gigabytes.
            is_text, kind = False, f"{kind}, compressed"
        text = await _text(response) if is_text else f"[The answer is no text: {kind}.]"
        status = response.status_code
        if response.is_success:
            return _Try(done(text))
        if 300 <= status < 400:
            return _Try(failed(f"it answered HTTP {status}, and redirects are not followed."))
        about = f" {text[:_ERROR_CHARS].strip()}" if is_text and kind != "text/html" else ""
        if status not in _TRY_AGAIN:
            return _Try(failed(f"HTTP {status}.{about}"))
        again_s = retry_after_s(response.headers.get("retry-after", ""))
        if status in _GATEWAY and not way.is_safe:
            return _Try(unknown(f"a gateway answered HTTP {status}."), again_s)
        return _Try(failed(f"HTTP {status}: it is busy or down. Try again later.{about}"), again_s)


class _Sent:
    """Whether any of a request has left: httpx's exceptions don't always say."""

    def __init__(self) -> None:
        self.any = False

    async def trace(self, event: str, info: object) -> None:
        """Take an event of the transport's."""
        self.any = self.any or event.endswith("send_request_headers.started")


def _headers(way: HttpEndpoint, request: ToolRequest, content: bytes | None) -> dict[str, str]:
    headers = {
        "Accept": "application/json, text/*;q=0.9",
        "Idempotency-Key": request.idempotency_key,
        "Parley-Session": header_safe(request.session),
        "Parley-Agent": header_safe(request.agent or "default"),
        "Parley-Turn": str(request.turn),
        "Parley-Call": header_safe(request.call_id),
    }
    if content is not None:
        headers["Content-Type"] = "application/json"
    return {**headers, **way.headers}


async def _text(response: httpx.Response) -> str:
    """Read as much of an answer as the model is given, and one byte more, which says that it was longer."""
    data = bytearray()
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) > MOST_BYTES:
            break
    charset = response.charset_encoding or "utf-8"
    try:
        return data[: MOST_BYTES + 1].decode(charset, "replace")
    except LookupError:
        return data[: MOST_BYTES + 1].decode("utf-8", "replace")
