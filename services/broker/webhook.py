"""The webhook: the operator's own server is told of a session's end, in a message that it can check.

Signed after Standard Webhooks 1.0.0 (github.com/standard-webhooks), so that any of its libraries verifies it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from services.broker.tools.address import keep_secret, web_address
from services.broker.tools.backoff import backoff_s, retry_after_s
from services.broker.tools.call import header_safe
from services.broker.tools.client import http_client
from services.common.section import Section

log = logging.getLogger("parley.broker")

TRIES: Final = 5
TIMEOUT_S: Final = 15.0
"""For one try; the specification recommends 15 to 30 s."""
FIRST_WAIT_S: Final = 2.0
MOST_WAIT_S: Final = 30.0

_PREFIX: Final = "whsec_"
_LEAST_BYTES: Final = 24
_MOST_BYTES: Final = 64
_TRY_AGAIN: Final = frozenset({408, 429})


@dataclass(frozen=True)
class Webhook:
    """Where a session's end is told, and the key that signs it."""

    url: str
    key: bytes = field(repr=False)
    summary: bool = False
    """The model is asked for a summary first."""


def read_webhook(section: Section) -> Webhook | None:
    """Read `webhook` in the session section of a profile; None where there is none. Raises SettingsFault."""
    inner = section.section("webhook")
    if not section.has("webhook"):
        return None
    url = web_address(inner, "url")
    keep_secret(inner, "url", url)
    secret = inner.secret("secret")
    try:
        key = key_of(secret)
    except ValueError as error:
        raise inner.fault("secret_file" if inner.has("secret_file") else "secret_env", str(error)) from None
    return Webhook(url, key, inner.flag("summary", Webhook.summary))


def key_of(secret: str) -> bytes:
    """Return the key behind a secret: "whsec_" and base64, or any other text as it is.

    Raises ValueError, which says what to do, for one that is no base64, too short or too long.
    """
    is_coded = secret.startswith(_PREFIX)
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True) if is_coded else secret.encode()
    except binascii.Error:
        raise ValueError(f"leads to no secret: after {_PREFIX} stands base64. Copy it again.") from None
    if not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        what = f"must lead to a secret of {_LEAST_BYTES} to {_MOST_BYTES} bytes, not {len(key)}"
        raise ValueError(f"{what}; make one by: echo {_PREFIX}$(openssl rand -base64 32)")
    return key


def signature(key: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the value of `webhook-signature`."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


class Courier:
    """Delivers the webhooks of all sessions of a process."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = http_client(transport)
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter

    async def send(self, webhook: Webhook, session: str, event: Mapping[str, Any]) -> bool:
        """Deliver the event that ends a session; say whether the server took it. Raises nothing.

        Every try has the same `webhook-id`, made of the session: a server that gets it twice can tell.
        """
        message_id = f"msg_{header_safe(session)}"
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        for tried in range(1, TRIES + 1):
            what, again_s = await self._try(webhook, message_id, body)
            if again_s is None:
                break
            wait_s = max(min(again_s, MOST_WAIT_S), backoff_s(tried, self._jitter(), FIRST_WAIT_S, MOST_WAIT_S))
            log.warning("session %s: the webhook was not taken: %s (try %d of %d)", session, what, tried, TRIES)
            if tried == TRIES:
                log.error("session %s: the webhook is given up", session)
                return False
            await self._sleep(wait_s)
        if what:
            log.error("session %s: the webhook was refused: %s", session, what)
        return not what

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def _try(self, webhook: Webhook, message_id: str, body: bytes) -> tuple[str, float | None]:
        """Return what went wrong, "" for nothing, and after how long another try may go better, None for never."""
        timestamp_s = int(self._clock())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": signature(webhook.key, message_id, timestamp_s, body),
        }
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._client.stream("POST", webhook.url, content=body, headers=headers, timeout=TIMEOUT_S) as response,
            ):
                status = response.status_code
                after_s = retry_after_s(response.headers.get("retry-after", ""))
        except (httpx.TransportError, TimeoutError) as error:
            return type(error).__name__, 0.0
        if 200 <= status < 300:
            return "", None
        return f"HTTP {status}", after_s if status in _TRY_AGAIN or status >= 500 else None
