"""The headless person speaks in turn, and gives up with a reason."""

from __future__ import annotations

import pytest

from clients.desktop import events
from clients.desktop.events import Activity, Moment
from clients.desktop.failures import ConversationBroken
from clients.desktop.script import Script, Step

AT = Moment(0.0, 0, 0)
OPENED = events.Opened(AT, "s", "t", 0, 0, 0)


def tick(script: Script, now_s: float, talking: bool = False, audible: bool = False) -> Step:
    """Tick with silence all round unless said otherwise."""
    return script.tick(now_s, talking=talking, audible=audible)


def say_and_hear(script: Script, reply: int, begin_s: float) -> None:
    """Say the next thing and hear a reply to it, which ends two seconds later."""
    assert tick(script, begin_s) is Step.SAY
    assert tick(script, begin_s + 1, talking=True) is Step.WAIT
    script.feed(events.State(AT, Activity.SPEAKING, 1))
    script.feed(events.ReplyStarted(AT, reply, 0))
    assert tick(script, begin_s + 2, audible=True) is Step.WAIT
    script.feed(events.ReplyPlayed(AT, reply, 24_000))


def test_speaks_when_opened_and_after_each_answer_has_come_to_rest() -> None:
    """Each file waits for the answer, for rest, and for 0.7 s of quiet; after the last answer it hangs up."""
    script = Script(2)
    assert tick(script, 0.0) is Step.WAIT
    script.feed(OPENED)
    say_and_hear(script, 1, 1.0)
    assert tick(script, 4.0) is Step.WAIT, "still speaking, says the server"
    script.feed(events.State(AT, Activity.LISTENING, 1))
    assert tick(script, 4.1) is Step.WAIT
    assert tick(script, 4.7) is Step.WAIT
    say_and_hear(script, 2, 4.9)
    script.feed(events.State(AT, Activity.IDLE, 2))
    assert tick(script, 7.0) is Step.WAIT
    assert tick(script, 7.7) is Step.HANG_UP
    assert script.done


def test_a_late_tick_is_no_quiet() -> None:
    """On a busy machine the state is read and the goodbye behind it not yet: the next file is not said into that."""
    script = Script(2)
    script.feed(OPENED)
    say_and_hear(script, 1, 0.0)
    assert tick(script, 3.0) is Step.WAIT, "still speaking, says the server"
    script.feed(events.State(AT, Activity.IDLE, 1))
    assert tick(script, 5.0) is Step.WAIT
    script.feed(events.Closed(AT, "Goodbye.", "goodbye"))
    assert not script.done


def test_second_reply_to_the_same_question_is_heard_out() -> None:
    """An answer in two replies, as after a tool call, is awaited whole."""
    script = Script(1)
    script.feed(OPENED)
    say_and_hear(script, 1, 0.0)
    script.feed(events.State(AT, Activity.THINKING, 1))
    assert tick(script, 5.0) is Step.WAIT
    script.feed(events.ReplyStarted(AT, 2, 0))
    assert tick(script, 6.0, audible=True) is Step.WAIT
    script.feed(events.ReplyPlayed(AT, 2, 24_000))
    script.feed(events.State(AT, Activity.IDLE, 1))
    assert tick(script, 6.1) is Step.WAIT
    assert tick(script, 6.6) is Step.WAIT
    assert tick(script, 6.8) is Step.HANG_UP


def test_greeting_is_no_answer() -> None:
    """A reply that was heard before anything was said does not count."""
    script = Script(1, patience_s=5)
    script.feed(events.ReplyStarted(AT, 1, 0))
    script.feed(OPENED)
    assert tick(script, 0.0) is Step.SAY
    script.feed(events.ReplyPlayed(AT, 1, 24_000))
    assert tick(script, 4.0) is Step.WAIT


def test_reply_that_was_cut_off_counts_as_heard() -> None:
    """A file that ends in a stop word is answered by silence."""
    script = Script(1)
    script.feed(OPENED)
    tick(script, 0.0)
    script.feed(events.ReplyStarted(AT, 1, 0))
    script.feed(events.Silenced(AT, 1, 1, 480))
    assert tick(script, 1.0) is Step.HANG_UP


def test_no_answer_is_a_failure_that_names_the_file() -> None:
    """Patience counts from the last word said; the message tells which file and how to wait longer."""
    script = Script(1, patience_s=20)
    script.feed(OPENED)
    tick(script, 0.0)
    assert tick(script, 5.0, talking=True) is Step.WAIT
    assert tick(script, 25.0) is Step.WAIT
    with pytest.raises(ConversationBroken, match=r"No answer was heard 20 s after the first file.*--wait-s"):
        tick(script, 25.1)


def test_conversation_that_never_rests_is_a_failure() -> None:
    """A server that stays in one state after its answer does not hold the client for ever."""
    script = Script(1, patience_s=20)
    script.feed(OPENED)
    say_and_hear(script, 1, 0.0)
    with pytest.raises(ConversationBroken, match="still speaking 20 s after"):
        tick(script, 22.1)


@pytest.mark.parametrize(
    ("files", "code", "done"), [(1, "goodbye", True), (2, "goodbye", False), (1, "draining", False)]
)
def test_an_end_by_the_other_side(files: int, code: str, done: bool) -> None:
    """A polite one after the last file was said is the end that was wanted; any other came too soon, and says why."""
    script = Script(files)
    tick(script, 0.0)
    script.feed(OPENED)
    assert tick(script, 0.1) is Step.SAY
    script.feed(events.Closed(AT, "See you\nsoon.", code))
    assert script.done is done
    words = script.cut_short()
    assert words.startswith("The server ended the conversation before everything was said and answered.")
    assert words.endswith(" It said: See you soon.") is (code != "draining")
