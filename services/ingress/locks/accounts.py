"""Accounts: sessions at a time and minutes a day, counted in Redis, where all ingresses count together.

A session that begins asks first, and does not begin while Redis is away. One that goes on does not need Redis.
"""

from __future__ import annotations

import time
from typing import Final, cast

from redis.asyncio import Redis

from services.common.errors import LimitFault
from services.common.store import asking
from services.ingress.locks.grant import Account

LIFE_S: Final = 90
"""A session that has not been kept for so long counts no more: its ingress has died, and nobody resumed it."""
KEPT_S: Final = 2 * 24 * 3600
"""How long a day's count outlives the day's beginning."""

_ENTER: Final = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local used = tonumber(redis.call('GET', KEYS[2]) or '0')
if ARGV[5] == '0' then
  if tonumber(ARGV[3]) > 0 and used >= tonumber(ARGV[3]) then return 2 end
  local there = redis.call('ZSCORE', KEYS[1], ARGV[1])
  if tonumber(ARGV[2]) > 0 and not there and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 1 end
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[4]), ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 0
"""
"""Arguments: session, sessions at most, seconds at most, its life in s, whether it goes on. Returns the full limit."""

_KEEP: Final = """
local now = tonumber(redis.call('TIME')[1])
if ARGV[2] == '0' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
local used = redis.call('INCRBY', KEYS[2], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return used
"""
"""Arguments: session, its life in s or 0 at its end, seconds to add, life of the count in s. Returns seconds used."""


class Accounts:
    """All ingresses' together. Every method raises StoreLost when Redis can't be reached."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def enter(self, accounts: tuple[Account, ...], session: str, *, goes_on: bool = False) -> None:
        """Count a session that begins; one that `goes_on` after a loss is not refused.

        Raises:
            LimitFault: an account has as many sessions as it may, or has used its minutes of the day.
        """
        entered: list[Account] = []
        for account in accounts:
            args = [session, account.max_sessions, account.minutes_per_day * 60, LIFE_S, int(goes_on)]
            async with asking("could not count a session"):
                full = int(await self._redis.eval(_ENTER, 2, *_keys(account), *map(str, args)))
            if full:
                await self.leave(tuple(entered), session, 0)
                raise out_of_minutes(account) if full == 2 else _too_many(account)
            entered.append(account)

    async def keep(self, accounts: tuple[Account, ...], session: str, seconds: int) -> Account | None:
        """Note that it went on for so many seconds more; return an account whose minutes are used up, if one's are."""
        used = await self._note(accounts, session, LIFE_S, seconds)
        for account, seconds_used in zip(accounts, used, strict=True):
            if 0 < account.minutes_per_day * 60 <= seconds_used:
                return account
        return None

    async def leave(self, accounts: tuple[Account, ...], session: str, seconds: int) -> None:
        """Note its end."""
        await self._note(accounts, session, 0, seconds)

    async def _note(self, accounts: tuple[Account, ...], session: str, life_s: int, seconds: int) -> list[int]:
        used = []
        for account in accounts:
            args = [session, life_s, max(seconds, 0), KEPT_S]
            async with asking("could not note a session's minutes"):
                used.append(int(await self._redis.eval(_KEEP, 2, *_keys(account), *map(str, args))))
        return used


def out_of_minutes(account: Account) -> LimitFault:
    """Return what is told to who has no minutes left."""
    return LimitFault(
        f"the {account.minutes_per_day} minutes a day of this key are used up; they begin anew at midnight UTC.",
        limit="minutes",
    )


def _too_many(account: Account) -> LimitFault:
    return LimitFault(
        f"this key holds its {account.max_sessions} sessions; end one, or wait until one has ended.",
        limit="key_sessions",
    )


def _keys(account: Account) -> tuple[str, str]:
    """Name its sessions and its seconds of today: both in one slot of a cluster."""
    day = time.strftime("%Y%m%d", time.gmtime())
    return cast(
        "tuple[str, str]", tuple(f"access:{{{account.name}}}:{what}" for what in ("sessions", f"seconds:{day}"))
    )
