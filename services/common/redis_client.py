"""How Redis is reached: clients that fail at once instead of waiting and retrying. Audio never waits for Redis."""

from __future__ import annotations

from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import ConnectionError

from services.common.errors import SettingsFault
from services.common.redis_address import read_address
from services.common.redis_sentinel import MasterPool, Watchmen

CONNECT_S: Final = 1.0
"""How long a connection may take to be made."""


def connect(url: str) -> Redis:
    """Return a client for commands. Raises SettingsFault for a URL that leads nowhere.

    A connection that broke is made anew once, without waiting: after a restart of Redis each one in the pool is
    broken, and history must not be lost by that. (redis-py's default retries block a command for 4.7 s while the
    server is away.)
    """
    return _client(url, Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)))


def connect_listener(url: str) -> Redis:
    """Return a client for a subscription. Raises SettingsFault.

    Endless low backoff: it re-subscribes 30 ms after Redis is back (measured), where the default takes 0.9 s.
    """
    return _client(url, Retry(ExponentialBackoff(cap=0.2, base=0.02), -1))


def _client(url: str, retry: Retry) -> Redis:
    options: dict[str, Any] = {"retry": retry, "socket_timeout": None, "socket_connect_timeout": CONNECT_S}
    sentinels = read_address(url)
    if sentinels is None:
        client = Redis.from_url(url, **options)
    else:
        options |= sentinels.options
        client = Redis.from_pool(MasterPool(Watchmen(sentinels), is_encrypted=sentinels.is_encrypted, **options))
    try:
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except TypeError as error:  # …unexpected keyword argument 'the option'
        option = str(error).rpartition(" ")[2]
        raise SettingsFault(
            f"PARLEY_REDIS_URL has an option that there is not: {option}; see docs/redis.md."
        ) from error
    return client
