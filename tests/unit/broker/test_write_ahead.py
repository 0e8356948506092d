"""Write ahead: what must wait for Redis waits, in order; nothing waits for one that is away, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import session_pb2 as session
from services.broker import journal
from services.broker.actions import RaiseFloor
from services.broker.write_ahead import MOST_KEPT_BYTES, MOST_WAITING, WriteAhead


class Redis:
    """A history stream and a record, of which all, or the last, may be lost."""

    def __init__(self) -> None:
        self.items: list[session.HistoryItem] = []
        self.floor = self.cost = 0

    def write_all(self, ahead: WriteAhead) -> None:
        """Take everything that is to be written."""
        while self.write(ahead):
            pass

    def write(self, ahead: WriteAhead, done: Callable[[], None] = lambda: None) -> bool:
        """Take one note; False if there is none. `done` happens after it, before it is known."""
        if (note := ahead.next()) is None:
            return False
        if isinstance(note, RaiseFloor):
            self.floor = note.floor
        elif isinstance(note, session.Usage):
            self.cost = note.cost_micros
        elif note not in self.items[-8:]:
            self.items.append(session.HistoryItem.FromString(note.SerializeToString()))
        done()
        for deed in ahead.written(note, len(self.items)):
            deed()
        return True


def said(words: str) -> session.HistoryItem:
    """Return an item."""
    return session.HistoryItem(role=session.HistoryItem.ROLE_USER, text=words)


def words_of(items: list[session.HistoryItem]) -> list[str]:
    """Return what stands in Redis as a broker reads it."""
    return [item.text for item in journal.told(items)]


def test_fewer_items_than_there_were_are_too_few() -> None:
    """As many, or more because some stand there twice, are well."""
    ahead, redis = WriteAhead(), Redis()
    assert not ahead.has_history
    for words in ("one", "two"):
        ahead.add(said(words))
    redis.write_all(ahead)
    assert ahead.has_history
    for length in (2, 3):
        ahead.seen(length)
        assert ahead.is_empty
    redis.items.pop()
    ahead.seen(1)
    redis.write_all(ahead)
    assert words_of(redis.items) == ["one", "two"]
    ahead.seen(len(redis.items))
    assert ahead.is_empty


def test_a_deed_waits_for_what_was_added_before_it() -> None:
    """A tool begins when its call stands in Redis; what is added later holds nothing up."""
    ahead, redis, done = WriteAhead(), Redis(), list[str]()
    assert not ahead.after(lambda: done.append("nothing to wait for"))
    ahead.add(said("one"))
    assert ahead.after(lambda: done.append("one"))
    ahead.add(said("two"))
    assert ahead.after(lambda: done.append("two"))
    assert redis.write(ahead)
    assert done == ["one"]
    assert redis.write(ahead)
    assert done == ["one", "two"]
    assert ahead.is_empty


def test_nothing_waits_while_redis_is_away() -> None:
    """What waited is done at once, what comes later, too; all of it is written when Redis is back, in order."""
    ahead, redis, done = WriteAhead(), Redis(), list[str]()
    ahead.add(said("one"))
    ahead.after(lambda: done.append("one"))
    for deed in ahead.lose():
        deed()
    ahead.add(said("two"))
    assert not ahead.after(lambda: done.append("two"))
    assert done == ["one"]
    assert ahead.counters["late"] == 2
    redis.write_all(ahead)
    assert words_of(redis.items) == ["one", "two"]
    ahead.add(said("three"))
    assert ahead.after(lambda: done.append("three")), "it is back: there is something to wait for again"


def test_what_waits_is_bounded() -> None:
    """Of more than a thousand items the oldest go, and are counted; a deed that waited for one is done all the same."""
    ahead, redis, done = WriteAhead(), Redis(), list[str]()
    ahead.add(said("0"))
    ahead.after(lambda: done.append("0"))
    for number in range(1, MOST_WAITING + 6):
        ahead.add(said(str(number)))
    redis.write_all(ahead)
    assert ahead.counters["lost"] == 6
    assert words_of(redis.items) == [str(number) for number in range(6, MOST_WAITING + 6)]
    assert done == ["0"]


def test_every_item_has_a_time_of_its_own() -> None:
    """Within one millisecond, with a clock that goes back, and after what another broker has written."""
    times = iter([50, 50, 20])
    ahead = WriteAhead(lambda: next(times))
    before = said("before")
    before.at_ms = 90
    ahead.restored([before])
    items = [said("one"), said("two"), said("three")]
    for item in items:
        ahead.add(item)
    assert [item.at_ms for item in items] == [91, 92, 93]


def test_after_the_loss_of_its_data_everything_is_written_again() -> None:
    """Redis comes back empty: what it held of another broker's, of ours, the floor and the cost stand there again."""
    ahead, redis = WriteAhead(), Redis()
    before = said("before")
    before.at_ms = 5
    redis.items.append(before)
    ahead.restored([before])
    ahead.add(said("one"))
    ahead.add(RaiseFloor(seq=3, floor=7))
    ahead.add(session.Usage(cost_micros=11))
    redis.write_all(ahead)
    redis.items, redis.floor, redis.cost = [], 0, 0
    ahead.add(said("two"))
    redis.write_all(ahead)
    assert words_of(redis.items) == ["before", "one", "two"]
    assert (redis.floor, redis.cost) == (7, 11)
    assert ahead.counters["again"] == 3


def test_what_is_kept_for_that_is_bounded() -> None:
    """A session of tools that answer at length costs no more than so much memory."""
    ahead, redis = WriteAhead(), Redis()
    for number in range(50):
        ahead.add(said(f"{number} " + "x" * (MOST_KEPT_BYTES // 20)))
        redis.write_all(ahead)
    redis.items.clear()
    ahead.add(said("last"))
    redis.write_all(ahead)
    assert sum(item.ByteSize() for item in redis.items) <= MOST_KEPT_BYTES
    assert words_of(redis.items)[-1] == "last"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["add", "add", "after", "write", "write", "lose", "unanswered", "empty"]), max_size=60))
def test_whatever_redis_does_nothing_is_lost_and_all_happens_in_order(steps: list[str]) -> None:
    """Away, back, without its data, or written without an answer: every item stands there once as it is read."""
    ahead, redis, count, wanted, done = WriteAhead(), Redis(), 0, list[int](), list[int]()

    def after(number: int) -> None:
        wanted.append(number)
        if not ahead.after(lambda: done.append(number)):
            done.append(number)

    for step in steps:
        match step:
            case "add":
                count += 1
                ahead.add(said(str(count)))
            case "after":
                after(count)
            case "write":
                redis.write(ahead)
            case "lose":
                for deed in ahead.lose():
                    deed()
            case "unanswered" if isinstance(note := ahead.next(), session.HistoryItem):
                redis.items += [] if note in redis.items[-8:] else [note]
                for deed in ahead.lose():
                    deed()
            case "empty":
                redis.items.clear()
    redis.write_all(ahead)
    ahead.add(said(str(count + 1)))  # by the next item at the latest it is seen that others are gone
    redis.write_all(ahead)
    assert words_of(redis.items) == [str(number + 1) for number in range(count + 1)]
    assert done == wanted
