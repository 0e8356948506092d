"""Known: what Redis knows of a session that another broker has led, and who has it by now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from parley.v1 import session_pb2, stream_pb2
from services.common.errors import StoreLost
from services.common.store import Store

log = logging.getLogger("parley.broker")

READ_S: Final = 1.6
"""How long Redis is asked, again and again: whoever waits for the session to go on waits 2.5 s."""

_PAUSE_S: Final = 0.1


@dataclass(frozen=True)
class Known:
    """The record, and all of history. `is_whole` False: Redis could not be asked."""

    record: session_pb2.SessionRecord
    history: Sequence[session_pb2.HistoryItem] = ()
    is_whole: bool = True


async def read_known(store: Store, session: str) -> Known:
    """Read what there is. With Redis away that is nothing, and the conversation goes on with what egress holds.

    A model that remembers only what was being said is better than a call that ends: the person can tell it again. And
    a refusal would end the call, for no other broker could read more.
    """
    why = f"Redis did not answer within {READ_S:g} s"
    try:
        async with asyncio.timeout(READ_S):
            while True:
                try:
                    record, history = await asyncio.gather(store.read_record(session), store.history(session))
                    return Known(record or session_pb2.SessionRecord(session=session), history)
                except StoreLost as error:
                    why = error.message
                await asyncio.sleep(_PAUSE_S)
    except TimeoutError:
        log.error("session %s goes on without its history: %s", session, why)
    return Known(session_pb2.SessionRecord(session=session), is_whole=False)


def has_moved(record: session_pb2.SessionRecord, opened: stream_pb2.StreamOpen) -> bool:
    """Say whether the session of `opened` was given to another broker since.

    Ingress writes the route before it dials: a later one to this broker is on its way.
    """
    return _is_later(record, opened) and record.route.broker != opened.route.broker


async def is_elsewhere(store: Store, opened: stream_pb2.StreamOpen, *, is_given_up: bool) -> bool:
    """Say whether another broker has the session of `opened` by now.

    Of one that is given up anybody who has dialled it since has it, and where Redis can't be asked somebody probably
    has: who is left alone has mostly been cut off, or asleep.
    """
    try:
        record = await store.read_record(opened.session)
    except StoreLost:
        return is_given_up
    if record is None:
        return False
    return _is_later(record, opened) if is_given_up else has_moved(record, opened)


def _is_later(record: session_pb2.SessionRecord, opened: stream_pb2.StreamOpen) -> bool:
    return (record.lease, record.dial) > (opened.lease, opened.dial)
