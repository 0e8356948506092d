"""The store: what stands in Redis about a session: its lease, its record, its history.

Keys carry the session as a hash tag, so that one session is one slot of a cluster: session:{id}:over, :owner, :lease,
:record, :history. All of them expire (docs/redis.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from parley.v1 import session_pb2 as wire
from services.common import store_scripts as scripts
from services.common.errors import ParleyError, StoreLost, Superseded, map_exceptions
from services.common.redis_client import connect as connect
from services.common.settings import KEPT_S

LEASE_MS: Final = 5_000
"""A lease not renewed for this long may be taken by another ingress; the owner renews each second."""

LEASE_LIFE_S: Final = 60
"""How long what is known of a lease outlives its last renewal: longer than any client has to resume."""

LIVING_S: Final = 600
"""How long record and history live at least after a lease's last renewal, and how long a deleted session stays so."""

ANSWER_S: Final = 1.0
"""How long Redis may take to answer; it takes a millisecond."""

_RECENT_ITEMS: Final = 8
"""An item that is written again, for want of an answer, stands among the newest ones if it stands there at all."""

_KEYS: Final = ("over", "owner", "lease", "record", "history")

_USAGE_FIELDS: Final = tuple(field.name for field in wire.Usage.DESCRIPTOR.fields)


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


@dataclass(frozen=True)
class Renewed:
    """What the renewal of leases has brought to light."""

    superseded: set[str] = field(default_factory=set)
    """Sessions of which a later lease exists."""
    unwritten: set[str] = field(default_factory=set)
    """Sessions without a record: Redis has come back without its data."""


class SessionGoesOn(ParleyError):
    """A session can't be deleted while somebody has it: what is said next would be all that is remembered."""

    def __init__(self, session: str) -> None:
        super().__init__(f"session {session} goes on; end it first, and try again a moment later.")


class Store:
    """The session state in Redis. Every method raises StoreLost when Redis can't be reached.

    Writers give their (lease, dial); one that was replaced meanwhile writes nothing. Lease 0 is never refused.
    """

    def __init__(self, redis: Redis, kept_s: int = KEPT_S) -> None:
        """`kept_s`: how long record and history outlive the session; 0: they go with it."""
        self._redis = redis
        self._kept_s = kept_s
        self._life_s = max(LIVING_S, kept_s)

    async def _call(self, what: str, script: str, session: str, args: list[str | int | bytes]) -> int:
        keys = [_key(session, name) for name in _KEYS]
        async with asking(f"could not {what}"):
            return int(await self._redis.eval(script, len(keys), *keys, *args))

    async def ping(self) -> None:
        """Check that Redis answers."""
        async with asking("does not answer"):
            await self._redis.ping()

    async def take_lease(self, session: str, owner: str, *, by_force: bool = False) -> int:
        """Take the session for `owner` and return its lease; 0 when another holds it and `by_force` is not set."""
        args: list[str | int | bytes] = [owner, LEASE_MS, int(by_force), LEASE_LIFE_S]
        return max(await self._call("take a lease", scripts.TAKE, session, args), 0)

    async def unrenewed_s(self, session: str) -> float | None:
        """Return how long ago the session's lease was last taken or renewed.

        None: nobody has it, because the session is over, or was left alone for `LEASE_LIFE_S`.
        """
        async with asking("could not look at a lease"):
            left_ms = int(await self._redis.pttl(_key(session, "lease")))
        return LEASE_LIFE_S - left_ms / 1000 if left_ms > 0 else None

    async def renew_leases(self, owner: str, leases: Mapping[str, int]) -> Renewed:
        """Keep the leases of these sessions, in one exchange; say which were taken, and which lack a record."""
        pipeline = self._redis.pipeline(transaction=False)
        for session, lease in leases.items():
            keys = [_key(session, name) for name in _KEYS]
            args = [owner, LEASE_MS, lease, LEASE_LIFE_S, self._life_s]
            pipeline.eval(scripts.RENEW, len(keys), *keys, *map(str, args))
        async with asking("could not renew leases"):
            found = await pipeline.execute()
        states = [(session, int(state)) for session, state in zip(leases, found, strict=True)]
        return Renewed({name for name, state in states if state == 0}, {name for name, state in states if state == 1})

    async def write_record(self, record: wire.SessionRecord) -> bool:
        """Write the record; False when a later (lease, dial) has written it. Its floor and seq only rise."""
        fields: list[str | int | bytes] = ["session", record.session, "lease", record.lease, "dial", record.dial]
        fields += ["vad", record.route.vad, "broker", record.route.broker, "egress", record.route.egress]
        fields += ["agent", record.agent, "opened_at_ms", record.opened_at_ms, "ingress", record.ingress]
        fields += ["resume_hash", record.resume_hash, "mic_shift", record.mic_shift]
        args = [record.lease, record.dial, self._life_s, record.floor, record.seq, *fields]
        return await self._call("write a record", scripts.WRITE, record.session, args) > 0

    async def raise_floor(self, session: str, seq: int, floor: int, *, lease: int = 0, dial: int = 0) -> bool:
        """Note that no reply at or below `floor` may be heard; False when a later (lease, dial) has the session."""
        args: list[str | int | bytes] = [lease, dial, self._life_s, "floor", floor, "seq", seq]
        return await self._call("raise the floor", scripts.RAISE, session, args) > 0

    async def add_usage(self, session: str, usage: wire.Usage, *, lease: int = 0, dial: int = 0) -> bool:
        """Note what the session has used and cost in all: a total that is late never lowers a figure.

        False: there is no record, or a later (lease, dial) has the session.
        """
        args: list[str | int | bytes] = [lease, dial, self._life_s]
        args += [part for name in _USAGE_FIELDS for part in (f"usage_{name}", int(getattr(usage, name)))]
        return await self._call("note a session's usage", scripts.RAISE_IF_THERE, session, args) > 0

    async def read_record(self, session: str) -> wire.SessionRecord | None:
        """Return the record, or None."""
        async with asking("could not read a record"):
            raw = cast("dict[bytes, bytes]", await self._redis.hgetall(_key(session, "record")))
        if not raw:
            return None
        text = {key.decode(): value.decode() for key, value in raw.items()}
        record = wire.SessionRecord(session=session)
        for name in ("agent", "ingress", "resume_hash"):
            setattr(record, name, text.get(name, ""))
        for name in ("lease", "dial", "floor", "seq", "opened_at_ms", "mic_shift"):
            setattr(record, name, int(text.get(name, "0")))
        for name in ("vad", "broker", "egress"):
            setattr(record.route, name, text.get(name, ""))
        for name in _USAGE_FIELDS:
            if used := int(text.get(f"usage_{name}", "0")):
                setattr(record.usage, name, used)
        return record

    async def append_history(self, session: str, item: wire.HistoryItem, *, lease: int = 0, dial: int = 0) -> int:
        """Add an item to the session's history stream, once, and return how many there are then.

        An item that was written by a request whose answer was lost is not written again. Fewer items than expected
        mean that Redis has lost some.

        Raises:
            Superseded: a later (lease, dial) has the session, or it was deleted; nothing was written.
        """
        args: list[str | int | bytes] = [lease, dial, self._life_s, item.SerializeToString(), _RECENT_ITEMS]
        length = await self._call("write history", scripts.APPEND, session, args)
        if length < 0:
            raise Superseded(
                f"session {session} was deleted, or belongs to a later connection; its history is not ours"
            )
        return length

    async def history(self, session: str) -> list[wire.HistoryItem]:
        """Return the session's history, oldest first. What was written again, for Redis had lost some, stands once."""
        async with asking("could not read history"):
            entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", await self._redis.xrange(_key(session, "history")))
        once = dict.fromkeys(fields[b"item"] for _, fields in entries)
        return sorted(map(wire.HistoryItem.FromString, once), key=lambda item: item.at_ms)

    async def history_length(self, session: str) -> int:
        """Return how many items the history has; what was written again counts again."""
        async with asking("could not look at history"):
            return int(await self._redis.xlen(_key(session, "history")))

    async def forget(self, session: str, *, keep_history: bool = True, lease: int = 0) -> bool:
        """End a session: its owner and lease go, and record and history with them, unless they are kept for a while.

        With a `lease`, only while no later one exists: False says that somebody else goes on with the session.
        """
        args: list[str | int | bytes] = [lease, self._kept_s if keep_history else 0, LEASE_LIFE_S, LIVING_S]
        return await self._call("forget a session", scripts.FORGET, session, args) > 0

    async def delete(self, session: str) -> bool:
        """Delete record and history of a session that is over; False: nothing is known of it.

        Raises:
            SessionGoesOn: somebody has it.
        """
        found = await self._call("delete a session", scripts.DELETE, session, [LIVING_S])
        if found < 0:
            raise SessionGoesOn(session)
        return found > 0

    async def close(self) -> None:
        """Let go of the connections."""
        await self._redis.aclose()
