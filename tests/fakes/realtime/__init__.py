"""A scriptable Realtime server over real websockets, true to the GA protocol in manual turn mode.

    async with FakeRealtime([Reply(seconds=3.0)], transcripts=["what time is it"]) as fake:
        ...connect to fake.url...
        assert not fake.violations

Read in this order: `script` (what a test may ask for), `conversation` (items and what becomes of them),
`session`, `connection` (what each client event does), `generation` (how a reply goes out), `server`.
"""

from tests.fakes.realtime.connection import Connection
from tests.fakes.realtime.conversation import Conversation, Item
from tests.fakes.realtime.generation import Response
from tests.fakes.realtime.script import Call, Reply, ReplyRequest
from tests.fakes.realtime.server import FakeRealtime
from tests.fakes.realtime.wire import Event, Recorded

__all__ = [
    "Call",
    "Connection",
    "Conversation",
    "Event",
    "FakeRealtime",
    "Item",
    "Recorded",
    "Reply",
    "ReplyRequest",
    "Response",
]
