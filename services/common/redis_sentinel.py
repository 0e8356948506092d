"""Sentinel: whoever is the master of a service is what we are connected to, and soon after a failover the new one.

All sentinels are asked at once, and the one with the newest configuration is believed: one that sleeps, or was cut off,
neither holds us up nor leads us back. A connection belongs to a master: who says that it is none any more, be it by
refusing a write, has lost it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, SentinelConnectionPool, SentinelManagedConnection
from redis.backoff import NoBackoff
from redis.exceptions import AuthorizationError, ConnectionError, RedisError, ResponseError

from services.common.redis_address import Sentinels

log = logging.getLogger("parley.redis")

FIRST_ANSWER_S: Final = 0.5
OTHER_ANSWERS_S: Final = 0.1
"""How long sentinels have to answer: the first of them, and after it the others. It takes a millisecond."""

LOOK_S: Final = 1.0
"""While Redis is in use it is asked so often whether the master is still the same."""

QUIET_S: Final = 3.0
"""Who has not used it for so long asks first."""

_READ_ONLY: Final = "READONLY"
"""Refuses a write; of one that a script makes Redis before 7 says it in the middle of a sentence."""

Address = tuple[str, int]


class Watchmen:
    """The sentinels of one service."""

    def __init__(self, sentinels: Sentinels) -> None:
        self.service = sentinels.service
        options: dict[str, Any] = {"socket_timeout": None, "socket_connect_timeout": FIRST_ANSWER_S}
        options["retry"] = Retry(NoBackoff(), 1, supported_errors=(ConnectionError,))
        options |= {"ssl": sentinels.is_encrypted, **sentinels.own_options}
        self._clients = [Redis(host=host, port=port, **options) for host, port in sentinels.hosts]

    async def discover_master(self, service: str) -> Address:
        """Return where the master is: what the newest configuration says that any sentinel has.

        Raises:
            MasterNotFoundError: nobody knows of one that lives.
        """
        asking = {asyncio.create_task(_ask(client, service)) for client in self._clients}
        try:
            done, pending = await asyncio.wait(asking, timeout=FIRST_ANSWER_S, return_when=asyncio.FIRST_COMPLETED)
            if pending:
                done, pending = await asyncio.wait(asking, timeout=OTHER_ANSWERS_S)
        finally:
            for task in asking:
                task.cancel()
        answers = [task.result() for task in done]
        told = [answer for answer in answers if not isinstance(answer, str)]
        alive = [master for master in told if not (master["is_sdown"] or master["is_odown"])]
        if not alive:
            reasons = {answer for answer in answers if isinstance(answer, str)}
            reasons |= {"they do not answer"} if pending else set()
            reasons |= {"it is down"} if told else set()
            raise MasterNotFoundError(f"no sentinel knows of a living master of {service!r}: {'; '.join(reasons)}")
        newest = max(alive, key=lambda master: int(master["config-epoch"]))
        return str(newest["ip"]), int(newest["port"])

    async def aclose(self) -> None:
        """Let go of the connections."""
        for client in self._clients:
            await client.aclose()


async def _ask(client: Redis, service: str) -> dict[str, Any] | str:
    """Return what a sentinel knows of the master, or why it is not known."""
    try:
        return cast("dict[str, Any]", await client.sentinel_master(service))
    except (RedisError, OSError) as error:
        return str(error) or type(error).__name__


class MasterPool(SentinelConnectionPool):
    """Connections to the master. While they are in use it is seen to that they are to the present one."""

    def __init__(self, watchmen: Watchmen, *, is_encrypted: bool, **options: Any) -> None:
        kind = EncryptedMasterConnection if is_encrypted else MasterConnection
        super().__init__(watchmen.service, watchmen, connection_class=kind, **options)  # type: ignore[no-untyped-call]
        self._watchmen = watchmen
        self._looked_s = self._asked_s = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def get_connection(self, *args: Any, **options: Any) -> AbstractConnection:
        """Return a connection that can be used. Nobody in the midst of things waits for the look at the sentinels."""
        now_s = asyncio.get_running_loop().time()
        quiet_s, self._asked_s = now_s - self._asked_s, now_s
        if self._looking is None and now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            self._looking = asyncio.create_task(self._look(), name="a look at the sentinels")
            if quiet_s >= QUIET_S:
                await asyncio.wait({self._looking})
        return await super().get_connection(*args, **options)  # type: ignore[no-untyped-call, no-any-return]

    async def _look(self) -> None:
        try:
            await self.look()
        finally:
            self._looking = None

    async def look(self) -> None:
        """Part from a server that is not the master any more. With no master known all is left as it is.

        Connections that are in use are marked: they are made anew as soon as their command has been answered.
        """
        former: Address | None = self.master_address
        try:
            master: Address = await self.get_master_address()  # type: ignore[no-untyped-call]
        except RedisError:
            return
        if former not in (None, master):
            log.warning("the master of %s in Redis is now %s:%d", self.service_name, *master)
        for connection in list(self._in_use_connections):
            assert isinstance(connection, MasterConnection)
            if connection.is_connected and (connection.host, connection.port) != master:
                connection.mark_for_reconnect()  # type: ignore[no-untyped-call]

    async def aclose(self) -> None:
        """Let go of the connections, and of those to the sentinels."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
        await super().aclose()
        await self._watchmen.aclose()


class MasterConnection(SentinelManagedConnection):
    """A connection to the master, as long as it is one."""

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        """Introduce ourselves, and ask whom we have reached: sentinels may know of a failover later than it does."""
        await super().on_connect_check_health(check_health)
        await self.send_command("ROLE", check_health=False)
        try:
            role = (await self.read_response())[0]
        except AuthorizationError:
            return
        except ResponseError as error:
            if str(error).startswith("NOPERM"):  # a user who may not ask will be told at the first write
                return
            raise
        if role not in (b"master", "master"):
            raise ConnectionError(f"{self.host}:{self.port} is no master any more")

    async def read_response(self, *args: Any, **options: Any) -> Any:
        """Read an answer. A write that was refused to a replica is a lost connection: the next one finds the master."""
        try:
            return await super().read_response(*args, **options)
        except ResponseError as error:
            if _READ_ONLY not in str(error):
                raise
            await self.disconnect(nowait=True)
            raise ConnectionError(f"{self.host}:{self.port} is no master any more") from error


class EncryptedMasterConnection(MasterConnection, SSLConnection):
    """The same over TLS."""
