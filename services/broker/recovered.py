"""Recovered: what record, history and egress together say of a conversation whose broker is gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker import journal
from services.broker.stop_words import is_bare_stop
from services.broker.tools.declaration import END_CONVERSATION
from services.common.audio import REPLY_HZ

RESUMED_SAMPLES: Final = 3 * REPLY_HZ // 2
"""A reply of which more was heard was interrupted; with less, the turn that it answered may only have gone on."""

Item = session.HistoryItem
Roles = Item.Role


class Recovered:
    """Read once, when a broker takes the conversation over."""

    def __init__(self, record: session.SessionRecord, history: Sequence[Item], held: egress.Held) -> None:
        self.items = journal.told(history)
        self.held = held
        self.replies = [has for has in held.replies if has.samples]
        """Those of which egress has more than words."""
        self.floor = max(record.floor, held.floor)
        self.seq = max(record.seq, held.seq)
        self.taken = journal.marks(history, journal.TAKEN)
        self.announced = journal.marks(history, journal.ANNOUNCED)
        self._settled = journal.marks(history, journal.SETTLED)
        self._broken_off = {mark.reply for mark in journal.marks(history, journal.BROKEN_OFF)}
        self._erased = {mark.reply for mark in journal.marks(history, journal.ERASED)}
        self.persons = [item for item in self.items if item.role == Item.ROLE_USER]
        self.spoken = [item for item in self.items if item.role == Item.ROLE_ASSISTANT]
        self.calls = [item for item in self.items if item.role == Item.ROLE_TOOL]

    # Numbers.

    @property
    def newest_reply(self) -> int:
        """No reply may get this number, or one below it, again."""
        written = [item.reply for item in (*self.items, *self.announced)]
        return max([self.floor, self.held.newest_reply, *written, *(has.reply for has in self.held.replies)])

    @property
    def newest_turn(self) -> int:
        """Of all that were ever taken."""
        written = [item.turn for item in (*self.items, *self.taken)]
        return max([*written, *(has.turn for has in self.held.replies)], default=0)

    @property
    def _held_numbers(self) -> list[int]:
        return [has.reply for has in self.replies]

    @property
    def decided_offset(self) -> int:
        """Everything that sounded before this stands in history."""
        return max((item.mic_offset for item in self.persons), default=0)

    # The person's turns.

    @property
    def lost(self) -> list[Item]:
        """The marks of turns whose words nobody wrote down, although nobody waits for their answer any more."""
        groups = _hearings([mark for mark in self.taken if mark.mic_offset > self.decided_offset])
        known = [[mark for mark in group if self._is_dealt_with(mark.turn)] for group in groups]
        last = max((index for index, marks in enumerate(known) if marks), default=-1)
        return [(marks or group)[-1] for marks, group in list(zip(known, groups, strict=True))[: last + 1]]

    @property
    def last_turn(self) -> int:
        """The last turn that will not be heard again as if for the first time."""
        return next((item.turn for item in reversed([*self.persons, *self.lost])), 0)

    @property
    def wanted(self) -> int:
        """The turn that is to be answered, or answered to its end; 0 for none."""
        turn = self.last_turn
        if not turn or self.is_settled(turn) or self._is_to_be_heard or self._is_obeyed(turn):
            return 0
        answers = self._answers(turn)
        leaves = {item.reply for item in self.calls if item.tool.name == END_CONVERSATION and item.reply in answers}
        called = [item.reply for item in self.calls if item.turn == turn and item.reply not in leaves]
        if any(number >= max(called, default=0) for number in answers if number not in called):
            return 0
        return 0 if self.has_open_calls(turn) else turn

    @property
    def unfinished(self) -> int:
        """The reply that broke off, and that no other has gone on with; 0 for none. Egress takes it for complete."""
        turn = self.last_turn
        if not turn or self.is_settled(turn) or self._is_to_be_heard or self.has_open_calls(turn):
            return 0
        newest = max(self._answers(turn), default=0)
        return newest if newest in self._broken_off else 0

    @property
    def _is_to_be_heard(self) -> bool:
        """A turn was taken of which nothing is known: it is heard again, and its answer answers all before it, too."""
        known = max([self.decided_offset, *(mark.mic_offset for mark in self.lost)])
        return any(mark.mic_offset > known for mark in self.taken)

    @property
    def last_words(self) -> str:
        """What the person said last, if nothing has come after it."""
        item = self.persons[-1] if self.persons else Item()
        is_last = item.turn == self.last_turn and not self._is_to_be_heard
        return item.text if is_last else ""

    def _is_dealt_with(self, turn: int) -> bool:
        return self.is_settled(turn) or bool(self._answers(turn)) or any(item.turn == turn for item in self.calls)

    def _answers(self, turn: int) -> list[int]:
        """Return the replies to a turn of which something was heard, or will be."""
        told = [item.reply for item in self.spoken if item.turn == turn]
        return told + [has.reply for has in self.replies if has.turn == turn and not self.is_dead(has)]

    def is_settled(self, turn: int) -> bool:
        """Say whether nobody waits for an answer to a turn."""
        settled = max((mark.at_ms for mark in self._settled if mark.turn == turn), default=0)
        return settled > max((mark.at_ms for mark in self.taken if mark.turn == turn), default=0)

    def _is_obeyed(self, turn: int) -> bool:
        """It was a bare "stop", and somebody fell silent."""
        item = self.persons[-1] if self.persons else Item()
        before = self.items[: self.items.index(item)] if item.turn == turn and is_bare_stop(item.text) else []
        return bool(before) and before[-1].interrupted

    # Replies.

    def is_dead(self, has: egress.HeldReply) -> bool:
        """Say whether a reply can't be heard any more, or not again."""
        return has.dead or (has.reply <= self.floor and not has.ended)

    def is_told(self, has: egress.HeldReply) -> bool:
        """Say whether history has it."""
        return any(item.reply == has.reply for item in self.spoken)

    def words_of(self, reply: int) -> str:
        """Return what was heard of a reply, or will be, as far as is known."""
        return next((item.text for item in self.spoken if item.reply == reply), "") or next(
            ("".join(caption.text for caption in has.captions) for has in self.replies if has.reply == reply), ""
        )

    def is_erased(self, has: egress.HeldReply, heard: int) -> bool:
        """Say whether a dead reply is to be as if it had never been: the turn that it answered goes on.

        Where the mark of that was not written in time, this is a guess.
        """
        if has.reply in self._erased:
            return True
        goes_on = has.turn == self.last_turn != 0 and not self.is_settled(has.turn)
        return not heard or (goes_on and heard < RESUMED_SAMPLES)

    def has_said(self, name: str, words: str, *, since_turn: int = 0) -> bool:
        """Say whether words were announced under this name, and sounded, after a turn was taken."""
        since_ms = max((mark.at_ms for mark in self.taken if mark.turn == since_turn), default=0)
        lost = {(each.id, each.text) for each in self.unsaid}
        marks = ((mark.id, mark.text) for mark in self.announced if mark.at_ms > since_ms)
        return any(mark == (name, words) and mark not in lost for mark in marks)

    @property
    def unsaid(self) -> list[session.Announcement]:
        """What was to be announced, and was lost before anything of it sounded."""
        known = {item.reply for item in self.spoken} | set(self._held_numbers)
        newest = {mark.id: mark for mark in self.announced}  # it may have been lost, and asked for again, before
        marks = [mark for mark in newest.values() if mark.reply not in known and mark.reply > self.floor]
        return [session.Announcement(id=mark.id, text=mark.text) for mark in marks]

    def announcement(self, reply: int) -> session.Announcement | None:
        """Return what a reply was to say word for word, if anything."""
        found = next((mark for mark in self.announced if mark.reply == reply), None)
        return session.Announcement(id=found.id, text=found.text) if found is not None else None

    # Tools.

    def has_open_calls(self, turn: int) -> bool:
        """Say whether a turn waits for a tool."""
        return any(item.turn == turn and self.result_of(item) is None for item in self.calls)

    def first_of(self, item: Item) -> Item:
        """Return the item by which a call stands in history first."""
        return next(each for each in self.calls if call_of(each) == call_of(item))

    def result_of(self, item: Item) -> Item | None:
        """Return the item that holds a call's result."""
        named = (each for each in self.calls if call_of(each) == call_of(item))
        return next((each for each in named if each.tool.status != session.ToolCall.STATUS_CALLED), None)

    @property
    def ends(self) -> bool:
        """The assistant has ended the conversation, and nobody has gone on with it."""
        turn = self.last_turn
        hung_up = any(item.tool.name == END_CONVERSATION and item.turn == turn for item in self.calls)
        return hung_up and not self.is_settled(turn) and not self._is_to_be_heard


def _hearings(marks: Sequence[Item]) -> list[list[Item]]:
    """Put the marks together that are of the same speech: each vad that heard it has counted it as a turn."""
    groups: list[list[Item]] = []
    for mark in sorted(marks, key=lambda mark: mark.mic_offset):
        same = next((group for group in groups if _is_same(mark, group[-1])), None)
        if same is not None:
            same.append(mark)
        else:
            groups.append([mark])
    return groups


def _is_same(mark: Item, before: Item) -> bool:
    return mark.id == before.id and bool(mark.id or journal.spoken_until(mark) < before.mic_offset)


def call_of(item: Item) -> tuple[int, str]:
    """Return what names a call: some servers count theirs from 1 at each connection."""
    return item.turn, item.tool.call_id
