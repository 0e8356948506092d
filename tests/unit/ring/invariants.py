"""What must hold after any conversation, whatever the wires did to it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from parley.v1 import session_pb2
from services.broker.settling import FLUSH_WAIT_S
from services.engine.minds.verbatim import dictated
from tests.unit.ring.hearing import Span
from tests.unit.ring.scripted_model import HEARD_WORDS, Response, coded
from tests.unit.ring.simulation import Simulation
from tests.unit.ring.wires import Entry

FADE_SAMPLES = 120
"""5 ms."""

TOLERANCE_SAMPLES = 480
"""20 ms."""


def check(simulation: Simulation) -> None:
    """Check them all; a failure tells the whole story."""
    __tracebackhide__ = True
    try:
        for invariant in INVARIANTS:
            invariant(simulation)
    except AssertionError as broken:
        raise AssertionError(f"{broken}\n\nWhat happened:\n{simulation.story()}") from None


def spans_of(simulation: Simulation, reply: int) -> list[Span]:
    """Return what was played of a reply, in the order of playing."""
    return [span for span in simulation.heard.spans if span.reply == reply]


def heard_of(simulation: Simulation, reply: int) -> int:
    """Return how far a reply was played."""
    return max((span.position + span.samples for span in spans_of(simulation, reply)), default=0)


def killer_of(simulation: Simulation, reply: int) -> int | None:
    """Return the first cancel whose floor is at or above a reply."""
    return next((seq for seq, floor in sorted(simulation.floors.items()) if floor >= reply), None)


def nothing_dead_is_heard(simulation: Simulation) -> None:
    """(a) After a flush was seen, 5 ms of fade at most are left of any reply that its cancel killed."""
    for flush in simulation.flushes:
        floor = simulation.floors[flush.seq]
        for span in simulation.heard.spans:
            if span.reply <= floor and span.at + span.samples > flush.handed:
                late = span.at + span.samples - flush.handed
                assert late <= FADE_SAMPLES, f"reply {span.reply} sounded {late} samples after flush {flush.seq}"
    seqs = [flush.seq for flush in simulation.flushes]
    assert seqs == sorted(set(seqs)), f"flushes twice or in disorder: {seqs}"
    assert max(seqs, default=0) == max(simulation.floors, default=0), "the last cancel did not flush"
    _what_sounded_is_what_was_logged(simulation)


def _what_sounded_is_what_was_logged(simulation: Simulation) -> None:
    """The output holds the samples of the spans and silence elsewhere; only a fade differs, and is quieter."""
    played = simulation.ear.played()
    for span in simulation.heard.spans:
        got = played[span.at : span.at + span.samples]
        wanted = coded(span.reply, span.position, span.samples)
        if any(flush.handed <= span.at < flush.fade_end for flush in simulation.flushes):
            assert np.all(np.abs(got) <= np.abs(wanted)), f"{span} is no fade"
        else:
            assert np.array_equal(got, wanted), f"{span} does not sound as it should"
        played[span.at : span.at + span.samples] = 0
    assert not played.any(), "something sounded that belongs to no reply"


def nothing_living_is_lost(simulation: Simulation) -> None:
    """(b) A reply is played from its first sample on, each once and in order, whole unless a cancel covers it."""
    for number, response in simulation.model.responses.items():
        if number in simulation.void:
            continue
        spans = spans_of(simulation, number)
        assert not spans or spans[0].position == 0, f"reply {number} begins at {spans[0].position}"
        for before, after in pairwise(spans):
            assert after.position == before.position + before.samples, f"reply {number} jumps: {before}, {after}"
        if killer_of(simulation, number) is None:
            assert heard_of(simulation, number) == response.samples, f"reply {number} lost samples though it lives"


def was_answered_in_time(simulation: Simulation, seq: int) -> bool:
    """Say whether the client's word on a cancel came before the broker had to guess; it may overtake the cancel.

    The answer to a later cancel counts, too: where the topic brings that one first, the earlier is no news.
    """
    until_s = simulation.cancelled_s[seq] + FLUSH_WAIT_S
    return any(at_s < until_s for answered, at_s in simulation.answered_s.items() if answered >= seq)


def memory_is_true(simulation: Simulation) -> None:
    """(c) The model believes of each reply what was heard, within 20 ms, and never more than there is."""
    assert not simulation.model.violations, simulation.model.violations
    for number, response in simulation.model.responses.items():
        killer = killer_of(simulation, number)
        heard = heard_of(simulation, number)
        believed = sum(item.believed for item in response.items)
        if number in simulation.void:
            assert not believed, f"reply {number} was never heard, and {believed} of its samples are believed"
        elif killer is None:
            assert believed == response.samples, f"reply {number}: {response.samples} heard, {believed} believed"
        elif simulation.causes[killer] == session_pb2.Interrupt.CAUSE_TURN_RESUMED and heard < response.samples:
            assert not believed, f"reply {number} was to be forgotten, and {believed} samples were not"
        elif heard < response.samples and was_answered_in_time(simulation, killer):
            _believes_what_was_heard(response, heard)


def _believes_what_was_heard(response: Response, heard: int) -> None:
    for item in response.items:
        truth = min(max(heard - item.start, 0), item.samples)
        error = abs(item.believed - truth)
        assert error <= TOLERANCE_SAMPLES, f"{item.id}: {truth} samples heard, {item.believed} believed"
        assert truth or item.is_deleted, f"{item.id} was never heard and is still remembered"


def history_is_true(simulation: Simulation) -> None:
    """(e) History holds the words that were heard, of every reply that was heard, in order."""
    items = [item for item in simulation.broker.story.items if item.role == session_pb2.HistoryItem.ROLE_ASSISTANT]
    numbers = [item.reply for item in items]
    assert numbers == sorted(set(numbers)), f"history tells of replies {numbers}"
    told = {item.reply: item for item in items}
    shown = {caption.reply: caption.text for caption in simulation.captions if caption.final}
    for written in items:
        assert shown.get(written.reply) == written.text, (
            f"shown {shown.get(written.reply)!r}, history says {written.text!r}"
        )
    for number, response in simulation.model.responses.items():
        killer, heard = killer_of(simulation, number), heard_of(simulation, number)
        item = told.get(number)
        if number in simulation.void:
            assert item is None, f"reply {number} was never heard, and is in history"
        elif killer is None:
            assert item is not None or not response.samples, f"reply {number} is not in history"
            assert item is None or item.text == " ".join(_words(response, response.samples)), item
        elif simulation.causes[killer] == session_pb2.Interrupt.CAUSE_TURN_RESUMED:
            assert item is None or heard == response.samples, f"reply {number} was to be forgotten"
        elif was_answered_in_time(simulation, killer):
            _tells_what_was_heard(response, item, heard)


def _tells_what_was_heard(response: Response, item: session_pb2.HistoryItem | None, heard: int) -> None:
    if item is None:
        assert heard <= TOLERANCE_SAMPLES, f"reply {response.number} was heard and is not in history"
        return
    told = item.text.split()
    least = _words(response, heard - TOLERANCE_SAMPLES)
    most = _words(response, heard + TOLERANCE_SAMPLES)
    assert told[: len(least)] == least, f"heard {least}, history says {told}"
    assert told == most[: len(told)], f"heard at most {most}, history says {told}"


def _words(response: Response, heard: int) -> list[str]:
    """Return the words of which at least half was heard."""
    words = []
    for item in response.items:
        ends = [start for start, _ in item.words[1:]] + [item.samples]
        for (start, word), end in zip(item.words, ends, strict=False):
            if start < end and heard - item.start >= (start + end) / 2:
                words.append(word.strip())
    return words


def nothing_tentative_is_told(simulation: Simulation) -> None:
    """(g) Before its turn is confirmed nobody is told of a reply; of one whose turn went on, never."""
    for entry in simulation.timeline.log:
        reply = _reply_of(entry)
        assert reply not in simulation.void, f"of reply {reply}, whose turn went on: {entry}"
        released_s = simulation.released_s.get(reply, 0.0)
        assert entry.at_us >= released_s * 1e6, f"of reply {reply}, before its turn was over: {entry}"
    assert not simulation.void & {span.reply for span in simulation.heard.spans}


def _reply_of(entry: Entry) -> int:
    """Return the reply that a message of the ring is about; 0 for none. A floor tells of none, it excludes some."""
    if isinstance(entry.what, dict | str) or "message" not in entry.what.DESCRIPTOR.oneofs_by_name:  # type: ignore[attr-defined]
        return 0
    kind = entry.what.WhichOneof("message")  # type: ignore[attr-defined]
    return 0 if kind == "interrupt" else int(getattr(getattr(entry.what, kind), "reply", 0))


def turns_are_whole(simulation: Simulation) -> None:
    """(h) The model remembers every turn that ended as one item, whole, and its words are shown once; of no other."""
    heard_ms = list(simulation.model.heard_ms.values())
    assert heard_ms == simulation.vad.said_ms, f"spoken {simulation.vad.said_ms} ms, remembered {heard_ms} ms"
    shown = [caption for caption in simulation.captions if caption.final and caption.text == HEARD_WORDS]
    assert len(shown) == len(simulation.vad.said_ms), f"words of {len(simulation.vad.said_ms)} turns, shown {shown}"


def all_at_rest(simulation: Simulation) -> None:
    """(d) Gates are open, buffers empty, nothing is asked for or waited for."""
    egress, core = simulation.egress.playout, simulation.broker.core
    assert not simulation.ingress._gate.is_shut, "ingress' gate is shut"
    assert not egress.gate.is_shut, "egress' gate is shut"
    assert simulation.ingress._gate.floor == egress.gate.floor == max(simulation.floors.values(), default=0)
    assert egress.is_idle, "egress has something left"
    assert not egress._replies, f"egress still holds replies {list(egress._replies)}"
    assert not core._interruptions.is_settling, "a dead reply still waits for the client's word"
    assert not core._voice._replies, f"the broker still holds replies {list(core._voice._replies)}"
    assert not core._voice._responses, "the broker still waits for the end of a response"
    assert core._sequencer.wish is None, "a turn still waits for its answer"
    assert core._sequencer.announcement is None, "an announcement still waits for the model"
    assert core._sequencer.slot.name == "FREE", core._sequencer.slot
    assert not simulation.playout.buffered_samples, "the client holds samples"


def announcements_are_said_once(simulation: Simulation) -> None:
    """(f) Each announcement is asked for once at most, in order; one that no cancel followed is heard whole."""
    said = {number: dictated(response.instructions) for number, response in simulation.model.responses.items()}
    texts = [text for _, text in sorted(said.items()) if text is not None]
    order = [int(text.split()[-1].rstrip(".")) for text in texts]
    assert order == sorted(set(order)), f"announcements came as {order}"
    for name in simulation.vad.announced:
        number = next((n for n, text in said.items() if text == f"This is announcement {name[1:]}."), None)
        assert number is not None, f"announcement {name} was never said"
        assert killer_of(simulation, number) is None, f"announcement {name} was cancelled by nobody"


def the_last_word_is_the_last(simulation: Simulation) -> None:
    """(i) After Closed nothing comes, and what waited to be sent came before it."""
    assert [last.WhichOneof("message") for last in simulation.last_words] in ([], ["closed"])


INVARIANTS: tuple[Callable[[Simulation], None], ...] = (
    nothing_dead_is_heard,
    nothing_living_is_lost,
    memory_is_true,
    history_is_true,
    all_at_rest,
    announcements_are_said_once,
    nothing_tentative_is_told,
    turns_are_whole,
    the_last_word_is_the_last,
)
