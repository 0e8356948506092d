"""Doorkeeper: looks at what callers show before anything is done for them, and after those who are in."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from parley.v1 import conversation_service_pb2 as wire
from services.common.errors import ParleyError, StoreLost
from services.ingress.limits import Limits
from services.ingress.locks.accounts import Accounts, out_of_minutes
from services.ingress.locks.grant import EVERYBODY, BadToken, Grant
from services.ingress.locks.keys import Keys
from services.ingress.locks.knock import Knock
from services.ingress.locks.patience import LOG_EVERY, Patience
from services.ingress.locks.revoked import Revoked
from services.ingress.locks.settings import LockSettings
from services.ingress.locks.threshold import Threshold
from services.ingress.locks.tokens import verify
from services.ingress.locks.watched_file import WatchedFile

log = logging.getLogger("parley.ingress")

LOOK_S: Final = 2.0
"""How often files and Redis are looked at for what was revoked: a session of it ends within twice that."""
KEEP_S: Final = 10.0
"""How often a session's minutes are noted."""
MOST_WAITING: Final = 64
"""Refusals that wait to be told, so as to be slow; who comes beyond is told at once."""

_REVOKED: Final = "the token was revoked: get a new one, if you may."


@dataclass
class _Guest:
    grant: Grant
    end: Callable[[ParleyError], None]
    noted_s: float
    is_put_out: bool = False


class Doorkeeper:
    """One ingress's. Without keys everybody may come in, and nothing is counted."""

    def __init__(self, limits: Limits, settings: LockSettings | None = None, redis: Redis | None = None) -> None:
        """Read the keys. Raises SettingsFault."""
        self.threshold = Threshold(limits)
        self.counters: Counter[str] = Counter()
        """Refusals by `token_` and why, and what has been revoked in mid-session."""
        self._settings = settings or LockSettings()
        self._keys: WatchedFile[Keys] | None = None
        if (path := self._settings.keys) is not None:
            self._keys = WatchedFile(path, lambda text: Keys.read(text, str(path)))
        self._revoked = Revoked(redis, self._settings.revoked)
        self._accounts = Accounts(redis) if redis is not None else None
        self._patience = Patience()
        self._guests: dict[str, _Guest] = {}
        self._waiting = 0

    async def admit(self, knock: Knock, opened: wire.Open) -> Grant:
        """Return what a caller may do.

        Raises:
            BadToken: nothing; or not what it asks for. The more of these an address has had, the longer it takes.
            FormatFault: not in this format.
            StoreLost: what is revoked can't be looked up, so nobody new comes in.
        """
        if self._keys is None:
            return EVERYBODY
        try:
            grant = verify(
                opened.token or knock.token,
                self._keys.value,
                time.time(),
                resumes=bool(opened.resume),
                audience=self._settings.audience,
            )
            grant.check_session(opened.resume)
            grant.check_formats(opened.input, opened.output)
            if not opened.resume:  # of one that is resumed the record says which it is
                grant.check_agent(opened.agent)
            if await self._revoked.among(grant.names):
                raise BadToken("revoked", _REVOKED)
        except BadToken as fault:
            await self._refuse(knock, fault)
            raise
        return grant

    async def enter(self, grant: Grant, session: str, *, goes_on: bool = False) -> None:
        """Count a session that begins, or goes on here. Raises LimitFault or StoreLost."""
        if self._accounts is not None and grant.accounts:
            await self._accounts.enter(grant.accounts, session, goes_on=goes_on)

    def watch(self, grant: Grant, session: str, end: Callable[[ParleyError], None]) -> None:
        """Look after a session from now on: have it `end` when its token is revoked, or its minutes are used up."""
        if grant is not EVERYBODY:
            self._guests[session] = _Guest(grant, end, time.monotonic())

    async def withdraw(self, grant: Grant, session: str) -> None:
        """Note that it has not begun after all."""
        await self._note_end(grant, session, 0, goes_on=False)

    async def leave(self, grant: Grant, session: str, *, goes_on: bool) -> None:
        """Note that it is over here; `goes_on`: it may be elsewhere. What Redis is not told of expires."""
        guest = self._guests.get(session)
        if guest is None or guest.grant is not grant:
            return
        del self._guests[session]
        await self._note_end(grant, session, round(time.monotonic() - guest.noted_s), goes_on=goes_on)

    async def _note_end(self, grant: Grant, session: str, seconds: int, *, goes_on: bool) -> None:
        if self._accounts is None or not grant.accounts:
            return
        try:
            if goes_on:
                await self._accounts.keep(grant.accounts, session, seconds)
            else:
                await self._accounts.leave(grant.accounts, session, seconds)
        except StoreLost as error:
            log.warning("session %s is still counted for its key, for a while: %s", session, error.message)

    async def run(self) -> None:
        """Look at files and Redis until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._keys is None:
                continue
            self._keys.refresh()
            self._revoked.refresh()
            try:
                await self._look()
            except StoreLost as error:  # those who are in stay in
                log.warning("who is in stays in, with what the files say: %s", error.message)
                self._put_out(self._revoked.here(self._names()))

    async def _look(self) -> None:
        self._put_out(await self._revoked.among(self._names()))
        now_s = time.monotonic()
        for session, guest in list(self._guests.items()):
            if self._accounts is None or now_s - guest.noted_s < KEEP_S or not guest.grant.accounts:
                continue
            seconds = round(now_s - guest.noted_s)
            used_up = await self._accounts.keep(guest.grant.accounts, session, seconds)
            guest.noted_s = now_s  # what Redis was not told is told later
            if used_up is not None:
                guest.end(out_of_minutes(used_up))

    def _names(self) -> set[str]:
        return {name for guest in self._guests.values() for name in guest.grant.names}

    def _put_out(self, revoked: set[str]) -> None:
        """End the sessions of revoked tokens, and of keys that are no more."""
        assert self._keys is not None
        for session, guest in list(self._guests.items()):
            grant = guest.grant
            key = self._keys.value.find(grant.key.id) if grant.key is not None else None
            is_signed = key is not None and grant.key is not None and key.secret == grant.key.secret
            if (revoked.intersection(grant.names) or not is_signed) and not guest.is_put_out:
                log.info("session %s ends: the token %s of %s is revoked", session, grant.id, grant.holder)
                self.counters["token_revoked_in_session"] += 1
                guest.is_put_out = True
                guest.end(BadToken("revoked", _REVOKED))

    async def _refuse(self, knock: Knock, fault: BadToken) -> None:
        """Count a refusal, and wait before it is told."""
        self.counters[f"token_{fault.why}"] += 1
        refused, wait_s = self._patience.refused(knock.address, time.monotonic())
        if refused == 1 or refused % LOG_EVERY == 0:
            log.warning(
                "%s: refused for the %dth time of late: %s", knock.address or "somebody", refused, fault.message
            )
        if wait_s and self._waiting < MOST_WAITING:
            self._waiting += 1
            try:
                await asyncio.sleep(wait_s)
            finally:
                self._waiting -= 1
