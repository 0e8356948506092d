"""The webhook over a real socket: what arrives is what was signed, and a server that breaks is tried again."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac

from parley.v1 import session_pb2 as wire
from services.broker.report import Ended, report
from services.broker.webhook import Courier, Webhook
from tests.fakes.closing import closing
from tests.fakes.endpoint import answer, drip, endpoint, hang_up

KEY = b"a key of twenty-four and more"


async def at_once(_: float) -> None:
    """Wait for nothing."""
    await asyncio.sleep(0)


async def test_a_report_arrives_and_can_be_checked() -> None:
    """After two breaks; the receiver's own HMAC over what it read is the one that was sent."""
    said = wire.HistoryItem(role=wire.HistoryItem.ROLE_USER, turn=1, text="Grüß Gott ☺")
    event = report(Ended("s-1", "", 0, 1_000, "client", [said], wire.Usage()))
    async with closing(Courier(sleep=at_once)) as courier, endpoint(hang_up, hang_up, answer(status=204)) as crm:
        assert await courier.send(Webhook(f"{crm.url}/hook", KEY), "s-1", event)
    assert [got.headers["webhook-id"] for got in crm.got] == ["msg_s-1"] * 3
    last = crm.got[-1]
    assert (last.method, last.target, last.json) == ("POST", "/hook", event)
    signed = f"msg_s-1.{last.headers['webhook-timestamp']}.".encode() + last.body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert last.headers["webhook-signature"] == f"v1,{expected}"


async def test_an_answer_is_not_waited_for() -> None:
    """The status says all: a server that goes on talking keeps nobody."""
    async with closing(Courier(sleep=at_once)) as courier, endpoint(drip) as crm:
        async with asyncio.timeout(5):
            assert await courier.send(Webhook(crm.url, KEY), "s-1", {})
