"""A scriptable Realtime server over real websockets, true to the GA protocol, and to its faults.

    async with FakeRealtime([Reply(seconds=3.0)], transcripts=["what time is it"]) as fake:
        ...connect to fake.url...
        assert not fake.violations

    FakeRealtime(faults=[Drop(after="response.output_audio.delta", nth=3, code=1012)], face=SPARSE, lifetime_s=30)

Read in this order: `script` (what a test may ask for), `faults` (what may go wrong), `face` (how compatible servers
differ; `beta` puts it into their words), `conversation` (items and what becomes of them) and `memory` (what that comes
to), `session`, `connection` (what each client event does; `line` is its wire), `hearing` (the person's side; `ear` is
its VAD), `response` and `generation` (how a reply goes out, as `plan` divides it; `usage` counts it), `server` with its
`door` and its `records`.
"""

from tests.fakes.realtime.connection import Connection
from tests.fakes.realtime.conversation import Conversation, Item
from tests.fakes.realtime.face import AZURE, BETA, HUGGING_FACE, LOCALAI, OPENAI, SPARSE, TALKATIVE, Face
from tests.fakes.realtime.faults import ABORT, Drop, Lose, Refuse
from tests.fakes.realtime.memory import Remembered, orphans
from tests.fakes.realtime.response import Response
from tests.fakes.realtime.script import Call, Message, Reply, ReplyRequest
from tests.fakes.realtime.server import FakeRealtime
from tests.fakes.realtime.wire import Event, Recorded

__all__ = [
    "ABORT",
    "AZURE",
    "BETA",
    "HUGGING_FACE",
    "LOCALAI",
    "OPENAI",
    "SPARSE",
    "TALKATIVE",
    "Call",
    "Connection",
    "Conversation",
    "Drop",
    "Event",
    "Face",
    "FakeRealtime",
    "Item",
    "Lose",
    "Message",
    "Recorded",
    "Refuse",
    "Remembered",
    "Reply",
    "ReplyRequest",
    "Response",
    "orphans",
]
