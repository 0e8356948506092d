"""Properties of the broker against a model that calls tools, fails, and is lost: any order, any moment.

One active response at a time; exactly one end per response, and nothing after it; never a truncation beyond what was
generated; a memory rebuilt on a new connection that is what was said and heard; never a call without its result.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import session_pb2 as session
from tests.fakes.realtime.memory import Remembered, orphans
from tests.unit.broker.breaking_worlds import Script, World
from tests.unit.broker.faulty_model import PIECE_MS
from tests.unit.broker.scene import MS

SCRIPTS: list[Script] = [
    [3],
    [6],
    [8],
    [2, 3],
    [4, 4],
    [4, "look"],
    ["look"],
    [2, "look"],
    ["look", "ask", 2],
    ["look", "look"],
    [],
    ["!failed"],
    [2, "!failed"],
    [2, "!incomplete"],
]
"""A reply, two messages, calls before and after something said, nothing at all, and ends that are not good."""

ROLES = {session.HistoryItem.ROLE_USER: "user", session.HistoryItem.ROLE_ASSISTANT: "assistant"}


OFTEN = ["flow"] * 8 + ["speak"] * 3 + ["interrupt"] * 2 + ["listen"] * 2 + ["flush"] * 2
SELDOM = ["up", "down", "generate", "wait", "break", "snap", "snap", "tool", "tool", "guess", "confirm", "resume"]
SELDOM += ["type", "announce", "refuse"]
KINDS = OFTEN + SELDOM
"""More often than not something is said and heard before the next thing happens."""

STEPS = st.tuples(st.sampled_from(KINDS), st.integers(1, 6))
BEGINNINGS: list[list[tuple[str, int]]] = [
    [],
    [("speak", 1), ("flow", 3), ("break", 1)],
    [("speak", 1), ("flow", 3), ("interrupt", 1), ("flush", 1), ("speak", 1), ("flow", 2)],
    [("speak", 1), ("flow", 3), ("snap", 1), ("flow", 2), ("interrupt", 1)],
    [("speak", 1), ("up", 3), ("generate", 4), ("down", 7), ("snap", 1), ("flow", 4)],  # a word without its sound
    [("speak", 1), ("flow", 6), ("break", 1), ("interrupt", 1), ("break", 1)],
    [("guess", 1), ("flow", 2), ("break", 1), ("confirm", 1)],
]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(BEGINNINGS),
    st.lists(STEPS, max_size=60),
    st.lists(st.sampled_from(SCRIPTS), max_size=12),
)
def test_the_protocol_is_kept_and_the_memory_true(
    beginning: list[tuple[str, int]], steps: list[tuple[str, int]], scripts: list[Script]
) -> None:
    """Whatever happens when. At the end an interrupt, a new connection, and one more turn, which must be answered."""
    world = World(scripts)
    for step in beginning + steps:
        world.do(step)
    if world.is_tentative:
        world.do(("confirm", 1))
    elif world.spoken:
        world.do(("speak", 1))
    world.do(("interrupt", 1))
    world.settle_down()
    _nothing_was_broken(world)
    _every_reply_ended_once(world)
    _the_memory_is_true(world)
    world.do(("break", 1))
    world.do(("break", 1))
    _a_new_memory_is_the_old_one(world)
    world.settle_down()
    world.scripts.clear()
    world.do(("speak", 1))
    world.settle_down()
    last = world.scene.core._voice.minted
    assert world.listener.given[last] == 2 * PIECE_MS * MS, "the last turn was not answered"
    _nothing_was_broken(world)


def _nothing_was_broken(world: World) -> None:
    assert [fault for model in world.models for fault in model.faults] == []
    assert world.listener.faults == []
    calls = [call.call_id for call in world.scene.called]
    assert len(calls) == len(set(calls)), "a tool was called twice"
    for model in world.models:
        assert len(model.results) == len(set(model.results)), "a result was told twice"


def _every_reply_ended_once(world: World) -> None:
    """A reply begins once, ends once (whole, or by a floor), and nothing of it follows."""
    began: Counter[int] = Counter()
    ended: Counter[int] = Counter()
    floor = 0
    for request in world.scene.to_egress:
        match request.WhichOneof("message"):
            case "interrupt":
                floor = max(floor, request.interrupt.floor)
            case "reply_started":
                began[request.reply_started.reply] += 1
            case "audio":
                assert began[request.audio.reply] == 1
                assert not ended[request.audio.reply], "audio after the end"
            case "reply_ended":
                ended[request.reply_ended.reply] += 1
                assert request.reply_ended.samples == world.listener.given[request.reply_ended.reply]
    assert set(began.values()) | set(ended.values()) <= {1}
    assert {reply for reply in began if reply > floor} <= set(ended), "a reply never ended"
    history = [item.reply for item in world.scene.history if item.role == session.HistoryItem.ROLE_ASSISTANT]
    assert len(history) == len(set(history)), "a reply stands in history twice"


def _told(world: World) -> list[tuple[str, str]]:
    """Who said what, as history has it."""
    return [(ROLES[item.role], item.text) for item in world.scene.history if item.role in ROLES and item.text]


def _the_memory_is_true(world: World) -> None:
    """What the model remembers of the talk is what history says, and history is what was said and heard."""
    assert orphans(world.model.memory) == []
    told = _told(world)
    # A turn that was told before the model had answered the one before stands before that answer there, or within it.
    begun = {str(reply) for reply, given in world.listener.given.items() if given <= PIECE_MS * MS}
    for who in ROLES.values():
        talk = _talk([item for item in world.model.memory if item.role == who])
        assert _without(begun, talk) == _without(begun, [item for item in told if item[0] == who])
    asked = [text for role, text in told if role == "user"]
    assert [text for text in asked if not text.startswith("typed")] == [f"turn {t} of {n}" for t, n in world.parts]
    assert [text for text in asked if text.startswith("typed")] == [f"typed {turn}" for turn in world.typed]
    for item in world.scene.history:
        if item.role == session.HistoryItem.ROLE_ASSISTANT:
            heard = world.listener.heard.get(item.reply, 0)
            assert item.reply not in world.erased
            assert abs(item.heard_ms - heard / MS) < 1, f"reply {item.reply} was heard up to {heard / MS} ms"
            assert is_heard(item.text, heard / MS), f"{item.text!r} of {heard / MS} ms"
    remembered = {item.reply for item in world.scene.history}
    assert {reply for reply, heard in world.listener.heard.items() if heard >= MS} - world.erased <= remembered


def is_heard(words: str, ms: float) -> bool:
    """Say whether that many words fit: those of which at least half was heard.

    Where sound ends with the first word of an item, nobody can say how long that would have been: it may be missing.
    """
    missing_ms = ms - len(words.split()) * PIECE_MS
    return abs(missing_ms) <= PIECE_MS / 2 + 1 or (missing_ms == PIECE_MS and ms % PIECE_MS == 0)


def _without(replies: set[str], talk: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave replies out that broke off in their first word: who can say whether that was half heard?"""
    return [(who, words) for who, words in talk if who == "user" or words.split(".")[0] not in replies]


def _talk(memory: list[Remembered]) -> list[tuple[str, str]]:
    """What person and assistant said, one message after the other; of an assistant's items those of a reply are one."""
    talk: list[tuple[str, str]] = []
    for item in memory:
        words = _heard(item)
        if item.role in ("system", "call", "output") or not words:
            continue
        number = words.split(".")[0]
        if item.role == "assistant" and talk and talk[-1][0] == "assistant" and talk[-1][1].split(".")[0] == number:
            talk[-1] = ("assistant", f"{talk[-1][1]} {words}")
        else:
            talk.append((item.role, words))
    return talk


def _heard(item: Remembered) -> str:
    """The words of an item; of truncated audio those that were heard at least to the middle, which history counts."""
    if item.truncated_ms is None:
        return item.text
    return " ".join(item.text.split()[: (item.truncated_ms + PIECE_MS // 2) // PIECE_MS])


def _a_new_memory_is_the_old_one(world: World) -> None:
    """Rebuilt, it holds the talk as history has it, and every call with its result, each once."""
    old = world.models[-2].memory
    while world.uplink:
        world.do(("up", 1))
    new = world.model.memory
    assert _talk(new) == _told(world)
    assert orphans(new) == []
    assert {item.told for item in new if item.role == "output"} == {item.told for item in old if item.role == "output"}
