"""Reply: one response of the model's as the ring knows it: a number, one run of samples, and the items along it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker.heard import Words
from services.broker.history import Teller
from services.common.audio import REPLY_HZ, SAMPLE_BYTES, ms_of
from services.common.resampler import Resampler

AHEAD_SAMPLES: Final = 120 * REPLY_HZ
"""How far the broker runs ahead of playout; egress holds no more."""

PIECE_SAMPLES: Final = REPLY_HZ
"""The most that goes to egress in one message: some models give a whole reply in one event, and gRPC takes 1 MiB."""


@dataclass
class Item:
    """One item of a reply that can be heard. `start` is its first sample's position in the reply."""

    id: str
    start: int
    words: Words
    content_index: int = 0
    samples: int = 0
    is_done: bool = False
    rest: bytes = b""
    """Half a sample, where the model cuts its audio anywhere."""
    resampler: Resampler | None = None
    """From the model's rate to ours, where they differ."""

    @property
    def end(self) -> int:
        """Position after its last sample so far."""
        return self.start + self.samples


@dataclass(frozen=True)
class Cut:
    """What the model must forget of one item: everything after `heard_ms`, or all of it when None."""

    item: Item
    heard_ms: int | None


class Reply:
    """Its audio is kept from the first sample not yet played on, so that it can be given again."""

    def __init__(self, number: int, turn: int, *, aligned: bool, model_hz: int = REPLY_HZ) -> None:
        self.number = number
        self.turn = turn
        self.announcement: session.Announcement | None = None
        """What it is to say, when it answers no turn."""
        self.response_id: str | None = None
        self.items: list[Item] = []
        self.continues = False
        """It goes on where a connection broke off."""
        self.open_calls: set[str] = set()
        """Items of tool calls that are not complete: nobody will carry them out."""
        self.is_foreign = False
        """Another connection's model has said it: this one knows of it what it was told, or nothing."""
        self.recalled_id = ""
        """The item by which this connection's model was told of it, as text."""
        self.recalled_words = ""
        self.played = 0
        self.played_at_s: float | None = None
        self.sent = 0
        self.started: egress.ReplyStarted | None = None
        """How egress was told of it, once its first audio had come."""
        self.is_dead = False
        self.is_complete = False
        self.is_broken_off = False
        """The connection broke in the middle of it: no more comes, and its last words may have no sound."""
        self.is_cut_short = False
        """More came than is kept: nothing that comes now is taken any more."""
        self._aligned = aligned
        self._model_hz = model_hz
        self._pcm = bytearray()
        self._start = 0

    @property
    def received(self) -> int:
        """Samples the model has given."""
        return self._start + len(self._pcm) // SAMPLE_BYTES

    @property
    def text(self) -> str:
        """All its words so far; of one that broke off those that have a sound."""
        if self.is_broken_off:
            return self.heard_text(self.received)
        return " ".join(item.words.text.strip() for item in self.items if item.words.text.strip())

    @property
    def weight(self) -> int:
        """About how many characters the model reads of it."""
        return len(self.text)

    def recall(self, teller: Teller) -> None:
        """Tell a new connection's model what is being said: all of it, until it is cut off."""
        self.recalled_id = self.recalled_words = ""
        if not self.is_dead and (words := self.text):
            self.recalled_id, self.recalled_words = teller.say("assistant", words), words

    def item(self, item_id: str) -> Item:
        """Return the item, begun when it is new; before its first sample it begins where the reply stands."""
        item = self.find(item_id)
        if item is None:
            item = Item(item_id, self.received, Words(aligned=self._aligned))
            self.items.append(item)
        elif not item.samples:
            item.start = self.received
        return item

    def find(self, item_id: str) -> Item | None:
        """Return the item, or None."""
        return next((item for item in self.items if item.id == item_id), None)

    def add_audio(self, item_id: str, content_index: int, pcm: bytes) -> None:
        """Take samples of an item. Where the next one sounds the ones before are over."""
        item = self.item(item_id)
        pcm = item.rest + pcm
        whole = len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES
        pcm, item.rest = pcm[:whole], pcm[whole:]
        item.content_index = content_index
        if not item.samples:
            for earlier in self.items[: self.items.index(item)]:
                self.end_item(earlier)
        if self._model_hz != REPLY_HZ:
            if item.resampler is None:
                item.resampler = Resampler(self._model_hz, REPLY_HZ)
            pcm = item.resampler.feed(pcm)
        self._take(item, pcm)

    def end_item(self, item: Item) -> None:
        """No more audio of an item comes."""
        if item.resampler is not None and not item.is_done:
            self._take(item, item.resampler.finish())
        item.is_done = True

    def _take(self, item: Item, pcm: bytes) -> None:
        self._pcm += pcm
        item.samples += len(pcm) // SAMPLE_BYTES

    def forward(self) -> tuple[int, bytes] | None:
        """Return (position, samples) that egress should have now, and count them as sent; None when it has enough."""
        until = min(self.received, self.played + AHEAD_SAMPLES, self.sent + PIECE_SAMPLES)
        if until <= self.sent:
            return None
        position, low = self.sent, (self.sent - self._start) * SAMPLE_BYTES
        pcm = bytes(self._pcm[low : (until - self._start) * SAMPLE_BYTES])
        self.sent = until
        return position, pcm

    def can_give(self, since: int) -> bool:
        """Say whether all that is still to be heard after `since` samples is kept here, or was given by then."""
        return max(since, self.played) >= min(self._start, self.sent)

    def again(self, since: int) -> Iterator[tuple[int, bytes]]:
        """Yield once more what was sent, from `since` on or the sample played last, in pieces: (position, samples)."""
        position = min(max(since, self.played, self._start), self.sent)
        while position < self.sent:
            until = min(self.sent, position + PIECE_SAMPLES)
            low, high = (position - self._start) * SAMPLE_BYTES, (until - self._start) * SAMPLE_BYTES
            yield position, bytes(self._pcm[low:high])
            position = until

    def captions(self) -> list[tuple[int, str]]:
        """Return its words so far, each with the position at which it is heard."""
        return [(item.start + at, piece) for item in self.items for at, piece in item.words.timed()]

    def note_played(self, position: int, now_s: float) -> None:
        """Take a playback report; what was played need not be kept."""
        self.played, self.played_at_s = min(max(position, self.played), self.sent), now_s
        count = self.played - self._start
        if count > REPLY_HZ:
            del self._pcm[: count * SAMPLE_BYTES]
            self._start = self.played

    def estimate(self, now_s: float) -> int:
        """Return how far it has probably been played: the last report extrapolated, never beyond what was sent."""
        if self.played_at_s is None:
            return 0
        return min(self.played + int(max(now_s - self.played_at_s, 0) * REPLY_HZ), self.sent)

    def take_over(self, item: Item, sent: int) -> None:
        """Another broker has given so much of it: there is no copy here, and no more comes."""
        self.items.append(item)
        self.sent = self._start = sent
        self.is_foreign = True

    def let_go(self) -> None:
        """Forget its audio: nobody will ask for it again."""
        self._start = self.received
        self._pcm.clear()

    def heard_text(self, position: int) -> str:
        """Return the words heard when it was played up to `position`."""
        heard = [self.heard_text_of(item, position) for item in self.items]
        return " ".join(text for text in heard if text)

    def heard_text_of(self, item: Item, position: int) -> str:
        """Return the words of one item heard by then."""
        if not item.samples or position <= item.start:
            return ""
        return item.words.heard(position - item.start, item.samples, complete=item.is_done)

    def cuts(self, position: int) -> list[Cut]:
        """Return what the model must forget when it was played up to `position` and no further.

        An item heard whole stays, the one under the playhead is cut, later ones go. Milliseconds are rounded down
        and never exceed what was received: a truncation beyond what exists is refused and leaves unheard words.
        """
        found = []
        for item in self.items:
            heard = min(position - item.start, item.samples)
            if heard >= item.samples and item.is_done and item.samples:
                continue
            heard_ms = int(ms_of(max(heard, 0), REPLY_HZ))
            found.append(Cut(item, heard_ms or None))
        return found
