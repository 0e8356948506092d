"""The store: what stands in Redis about a session: its lease, its record, its history.

Keys carry the session as a hash tag, so that one session is one slot of a cluster:
session:{id}:owner, session:{id}:lease, session:{id}:record, session:{id}:history. All of them expire.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError

from parley.v1 import session_pb2 as wire
from services.common.errors import StoreLost, map_exceptions

LEASE_MS: Final = 5_000
"""A lease not renewed for this long may be taken by another ingress; the owner renews each second."""

RECORD_TTL_S: Final = 24 * 3600

ANSWER_S: Final = 1.0
"""How long Redis may take to answer; it takes a millisecond."""

_TAKE: Final = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] and ARGV[3] == '0' then return -1 end
-- After a failover the counter may have fallen back; the clock keeps the lease growing.
local now = redis.call('TIME')
local lease = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, now[1] * 1000 + math.floor(now[2] / 1000))
redis.call('SET', KEYS[2], string.format('%.0f', lease), 'EX', ARGV[4])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return string.format('%.0f', lease)
"""
_RENEW: Final = """
if tonumber(redis.call('GET', KEYS[2]) or '0') > tonumber(ARGV[3]) then return 0 end
-- A Redis that came back without its data has forgotten the lease: nobody has taken it, so it stands again.
redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[4])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_WRITE: Final = """
if tonumber(redis.call('HGET', KEYS[1], 'lease') or '0') > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
_FLOOR: Final = """
if tonumber(redis.call('HGET', KEYS[1], 'floor') or '0') < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'floor', ARGV[1], 'seq', ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return 1
"""
_USAGE: Final = """
-- A session that has been forgotten stays so.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for index = 2, #ARGV, 2 do
  if tonumber(redis.call('HGET', KEYS[1], ARGV[index]) or '0') < tonumber(ARGV[index + 1]) then
    redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1])
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""
_USAGE_FIELDS: Final = tuple(field.name for field in wire.Usage.DESCRIPTOR.fields)


def connect(url: str) -> Redis:
    """Return a client that fails at once instead of waiting and retrying: audio never waits for Redis.

    A connection that broke is made anew once, without waiting: after a restart of Redis each one in the pool is
    broken, and history must not be lost by that. (redis-py's default retries block a command for 4.7 s while the
    server is away.)
    """
    retry = Retry(NoBackoff(), 1, supported_errors=(ConnectionError,))
    return Redis.from_url(url, retry=retry, socket_timeout=None, socket_connect_timeout=ANSWER_S)


@asynccontextmanager
async def asking(what: str) -> AsyncIterator[None]:
    """Wait for Redis no longer than `ANSWER_S`.

    (redis-py's own timeout on answers swallows a cancel on Python 3.11: the task that asked would never end.)

    Raises:
        StoreLost: it can't be reached, does not answer, or refuses; `what` says what it did not do.
    """
    with map_exceptions({RedisError: StoreLost, TimeoutError: StoreLost}, f"Redis {what}"):
        async with asyncio.timeout(ANSWER_S):
            yield


def _key(session: str, what: str) -> str:
    return f"session:{{{session}}}:{what}"


class Store:
    """The session state in Redis. Every method raises StoreLost when Redis can't be reached."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def _call(self, what: str, script: str, keys: list[str], args: list[str | int]) -> int:
        async with asking(f"could not {what}"):
            return int(await self._redis.eval(script, len(keys), *keys, *map(str, args)))

    async def ping(self) -> None:
        """Check that Redis answers."""
        async with asking("does not answer"):
            await self._redis.ping()

    async def take_lease(self, session: str, owner: str, *, by_force: bool = False) -> int:
        """Take the session for `owner` and return its lease; 0 when another holds it and `by_force` is not set."""
        keys = [_key(session, "owner"), _key(session, "lease")]
        lease = await self._call("take a lease", _TAKE, keys, [owner, LEASE_MS, int(by_force), RECORD_TTL_S])
        return max(lease, 0)

    async def renew_leases(self, owner: str, leases: Mapping[str, int]) -> set[str]:
        """Keep the leases of these sessions, in one exchange; return the sessions of which a later lease exists."""
        pipeline = self._redis.pipeline(transaction=False)
        for session, lease in leases.items():
            keys = [_key(session, "owner"), _key(session, "lease")]
            pipeline.eval(_RENEW, len(keys), *keys, *map(str, [owner, LEASE_MS, lease, RECORD_TTL_S]))
        async with asking("could not renew leases"):
            kept = await pipeline.execute()
        return {session for session, stands in zip(leases, kept, strict=True) if not int(stands)}

    async def write_record(self, record: wire.SessionRecord) -> bool:
        """Write the record; False when a later lease has written it."""
        fields: list[str | int] = ["session", record.session, "lease", record.lease, "agent", record.agent]
        fields += ["vad", record.route.vad, "broker", record.route.broker, "egress", record.route.egress]
        fields += ["opened_at_ms", record.opened_at_ms, "ingress", record.ingress]
        args = [record.lease, RECORD_TTL_S, *fields]
        return bool(await self._call("write a record", _WRITE, [_key(record.session, "record")], args))

    async def raise_floor(self, session: str, seq: int, floor: int) -> None:
        """Note that no reply at or below `floor` may be heard."""
        await self._call("raise the floor", _FLOOR, [_key(session, "record")], [floor, seq, RECORD_TTL_S])

    async def add_usage(self, session: str, usage: wire.Usage) -> None:
        """Note what the session has used and cost in all: a total that is late never lowers a figure."""
        fields = [part for name in _USAGE_FIELDS for part in (f"usage_{name}", int(getattr(usage, name)))]
        await self._call("note a session's usage", _USAGE, [_key(session, "record")], [RECORD_TTL_S, *fields])

    async def read_record(self, session: str) -> wire.SessionRecord | None:
        """Return the record, or None."""
        async with asking("could not read a record"):
            raw = cast("dict[bytes, bytes]", await self._redis.hgetall(_key(session, "record")))
        if not raw:
            return None
        text = {key.decode(): value.decode() for key, value in raw.items()}
        record = wire.SessionRecord(session=session, agent=text.get("agent", ""), ingress=text.get("ingress", ""))
        for name in ("lease", "floor", "seq", "opened_at_ms"):
            setattr(record, name, int(text.get(name, "0")))
        for name in ("vad", "broker", "egress"):
            setattr(record.route, name, text.get(name, ""))
        for name in _USAGE_FIELDS:
            if used := int(text.get(f"usage_{name}", "0")):
                setattr(record.usage, name, used)
        return record

    async def append_history(self, session: str, item: wire.HistoryItem) -> None:
        """Add an item to the session's history stream."""
        key = _key(session, "history")
        async with asking("could not write history"):
            await self._redis.xadd(key, {"item": item.SerializeToString()})
            await self._redis.expire(key, RECORD_TTL_S)

    async def history(self, session: str) -> list[wire.HistoryItem]:
        """Return the session's history, oldest first."""
        async with asking("could not read history"):
            entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", await self._redis.xrange(_key(session, "history")))
        return [wire.HistoryItem.FromString(fields[b"item"]) for _, fields in entries]

    async def forget(self, session: str, *, keep_history: bool) -> None:
        """End a session: its owner and lease go, and with them all of it unless history is kept until it expires."""
        names = ["owner", "lease"] if keep_history else ["owner", "lease", "record", "history"]
        async with asking("could not forget a session"):
            await self._redis.delete(*(_key(session, name) for name in names))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()
