"""Properties of takeovers: whoever dies whenever, nothing that was said is lost, and nothing is said or done twice."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import session_pb2 as session
from services.broker import journal
from tests.fakes.realtime.memory import orphans
from tests.unit.broker.breaking_worlds import Script
from tests.unit.broker.faulty_model import PIECE_MS
from tests.unit.broker.scene import MS
from tests.unit.broker.takeover_worlds import TakeoverWorld
from tests.unit.broker.test_protocol_properties import is_heard

SCRIPTS: list[Script] = [[3], [6], [8], [2, 3], [4, "look"], ["look"], ["look", "ask", 2], ["look", "look"], []]

ROLES = {session.HistoryItem.ROLE_USER: "user", session.HistoryItem.ROLE_ASSISTANT: "assistant"}

OFTEN = ["flow"] * 8 + ["speak"] * 3 + ["die"] * 3 + ["interrupt", "listen", "flush", "tool"]
SELDOM = ["up", "down", "generate", "wait", "connect", "snap", "hear", "guess", "confirm", "type", "announce"]
KINDS = OFTEN + SELDOM + ["slow", "slow", "deaf", "dumb"]

STEPS = st.tuples(st.sampled_from(KINDS), st.integers(1, 6))
BEGINNINGS: list[list[tuple[str, int]]] = [
    [],
    [("speak", 1), ("flow", 3), ("die", 1)],
    [("speak", 1), ("up", 3), ("die", 1)],
    [("speak", 1), ("flow", 3), ("interrupt", 1), ("die", 1)],
    [("speak", 1), ("flow", 2), ("die", 1), ("flow", 2), ("die", 1)],
    [("guess", 1), ("flow", 2), ("die", 1)],
    [("slow", 1), ("speak", 1), ("flow", 2), ("die", 1)],
    [("announce", 1), ("flow", 1), ("die", 1)],
    [("speak", 1), ("flow", 2), ("dumb", 1)],
    [("speak", 1), ("flow", 2), ("interrupt", 3), ("deaf", 1)],
]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(BEGINNINGS),
    st.lists(STEPS, max_size=50),
    st.lists(st.sampled_from(SCRIPTS), max_size=12),
)
def test_nothing_is_lost_and_nothing_is_done_twice(
    beginning: list[tuple[str, int]], steps: list[tuple[str, int]], scripts: list[Script]
) -> None:
    """Brokers, vads, egresses and models die at any moment; at the end one more turn is answered."""
    world = TakeoverWorld(scripts)
    for step in beginning + steps:
        world.do(step)
    world.settle_down()
    if world.open is not None:
        world.do(("speak", 1))
    world.settle_down()
    _the_last_turn_is_answered(world)
    world.do(("interrupt", 1))
    world.settle_down()
    _nothing_was_broken(world)
    _all_that_was_said_is_written_once(world)
    _all_that_was_heard_is_written_once(world)
    _nothing_was_done_twice(world)
    world.scripts.clear()
    world.do(("speak", 1))
    world.settle_down()
    newest = max(world.mouth.replies)
    assert world.turns.get(newest) == world.turn, "the last turn was not answered"
    assert world.mouth.replies[newest].end == 2 * PIECE_MS * MS
    _nothing_was_broken(world)


def _nothing_was_broken(world: TakeoverWorld) -> None:
    assert [fault for model in world.models for fault in model.faults] == []
    assert [fault for mouth in world.mouths for fault in mouth.faults] == []


def _all_that_was_said_is_written_once(world: TakeoverWorld) -> None:
    told = journal.told(world.redis.items)
    asked = [item.text for item in told if item.role == session.HistoryItem.ROLE_USER]
    assert asked == [said.words for said in world.said]


def _all_that_was_heard_is_written_once(world: TakeoverWorld) -> None:
    told = [item for item in journal.told(world.redis.items) if item.role == session.HistoryItem.ROLE_ASSISTANT]
    numbers = [item.reply for item in told]
    assert len(numbers) == len(set(numbers)), "a reply stands in history twice"
    for item in [item for item in told if item.reply not in world.unsure]:
        heard = world.listener.heard[item.reply]
        assert abs(item.heard_ms - heard / MS) < 1, f"reply {item.reply} was heard up to {heard / MS} ms"
        assert is_heard(item.text, heard / MS), f"{item.text!r} of {heard / MS} ms"
        assert item.reply not in world.erased
    sounded = {reply for reply, samples in world.listener.heard.items() if samples >= MS}
    assert sounded - world.erased - world.unsure <= set(numbers)


def _the_last_turn_is_answered(world: TakeoverWorld) -> None:
    """Unless the person has taken the floor since, or the model had nothing to say."""
    if world.is_cut_off or not world.said:
        return
    last = world.said[-1]
    settled = {item.turn for item in journal.marks(world.redis.items, journal.SETTLED)}
    living = [reply for reply in world.turns if reply > world.mouth.floor or reply in world.listener.ended]
    answers = [reply for reply in living if reply > last.after or world.turns[reply] in last.turns]
    assert answers or settled & set(last.turns), "the last turn was not answered"


def _nothing_was_done_twice(world: TakeoverWorld) -> None:
    assert all(times <= 1 for times in world.begun.values()), "a tool was called anew"
    assert all(len(keys) == 1 for keys in world.keys.values()), "a tool was called again by another key"
    told = journal.told(world.redis.items)
    names = [item.id for item in told if item.role == session.HistoryItem.ROLE_ASSISTANT and item.id]
    assert len(names) == len(set(names)) or world.unsure, "an announcement was made twice"
    done = Counter(item.tool.call_id for item in told if item.tool.status == session.ToolCall.STATUS_DONE)
    assert all(times == 1 for times in done.values()), "a result stands in history twice"
    for model in world.models:
        assert len(model.results) == len(set(model.results)), "a result was told twice"
    assert orphans(world.model.memory) == []
    words = [word for item in world.model.memory if item.role == "assistant" for word in item.text.split()]
    assert len(words) == len(set(words)), "the model was told a reply twice"
    answers = {world.turns.get(number, 0) for mouth in world.mouths for number in mouth.replies}
    assert not world.again & answers, "a turn was answered twice"
