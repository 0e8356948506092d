"""The picture in words, from events and figures."""

from __future__ import annotations

import pytest

from clients.desktop import events
from clients.desktop.events import Activity, Moment, Who
from clients.desktop.meters import EchoState, Levels, Quality
from clients.desktop.playhead import NOWHERE, Playhead
from clients.desktop.terminal.bar import bar, loudness
from clients.desktop.terminal.captions import Ink
from clients.desktop.terminal.flow import Flow
from clients.desktop.terminal.standing import Tone
from clients.desktop.terminal.view import ViewModel, echo_words

AT = Moment(0.0, 0, 0)
OPENED = events.Opened(AT, "s", "t", 200, 200, 0)


def opened() -> ViewModel:
    """A conversation that stands."""
    model = ViewModel()
    model.feed(OPENED)
    return model


@pytest.mark.parametrize(
    ("activity", "words", "tone"),
    [
        (Activity.IDLE, "You have the floor", Tone.YOURS),
        (Activity.LISTENING, "Listening", Tone.HEARS),
        (Activity.THINKING, "Thinking", Tone.THINKS),
        (Activity.SPEAKING, "Speaking", Tone.SPEAKS),
        (Activity.BARGE_IN, "You have the floor: go on", Tone.YOURS),
        (Activity.UNKNOWN, "You have the floor", Tone.YOURS),
    ],
)
def test_whose_turn_it_is(activity: Activity, words: str, tone: Tone) -> None:
    """Each state has words, a mark and a tone; one of a later protocol counts as none."""
    model = opened()
    model.feed(events.State(AT, activity, 1))
    shown = model.view.standing
    assert (shown.words, shown.tone, len(shown.mark)) == (words, tone, 1)


def test_what_goes_before_the_state() -> None:
    """Not open yet, muted, the talk key, a lost connection, the end: each is said instead of what it hides."""
    model = ViewModel()
    assert model.view.standing.words == "Connecting"
    model.feed(OPENED)
    model.now.is_muted = True
    assert model.view.standing.words == "Muted: m opens the microphone"
    model.feed(events.State(AT, Activity.SPEAKING, 1))
    assert model.view.standing.words == "Speaking, your microphone is muted"
    model.feed(events.State(AT, Activity.IDLE, 1))
    model.now.is_muted, model.now.has_talk_key = False, True
    assert "hold space" in model.view.standing.words
    model.now.is_talking = True
    assert model.view.standing.tone is Tone.HEARS
    model.feed(events.Reconnecting(AT, "the network is away"))
    assert (model.view.standing.tone, model.view.note) == (Tone.TROUBLE, "Connecting again: the network is away.")
    model.feed(events.Resumed(AT, 1_200, 500))
    assert model.view.note == "Connected again after 1.2 s. 0.5 s of your words are lost."
    model.feed(events.Closed(AT, "You said\ngoodbye.", "goodbye"))
    assert model.view.standing.words == "Parley has hung up: You said goodbye."
    model.end("something else")
    assert model.view.standing.words == "Parley has hung up: You said goodbye."


def test_an_end_without_a_last_word_is_told_in_the_clients_words() -> None:
    """Never stuck: what is lost for good is over."""
    model = opened()
    model.feed(events.Reconnecting(AT, "it broke off"))
    model.end("It could not be taken up again.")
    assert (model.view.standing.words, model.view.standing.tone) == ("It could not be taken up again.", Tone.OVER)


def test_captions_follow_the_playhead_and_a_flush() -> None:
    """The figures of the moment turn words plain; what was cut off is struck out."""
    model = opened()
    for text, position in (("One", 0), (" two", 24_000)):
        model.feed(events.Caption(AT, Who.ASSISTANT, text, False, False, 1, position, 1))
    model.look(Levels(), Quality(), Playhead(1, 480), 1.0)
    assert [piece.ink for piece in model.view.lines[0].pieces] == [Ink.PLAIN, Ink.COMING]
    model.look(Levels(), Quality(), NOWHERE, 1.1)
    model.feed(events.Flush(AT, 1, 1))
    model.feed(events.Silenced(AT, 1, 1, 900))
    model.feed(events.Caption(AT, Who.ASSISTANT, "One", True, True, 1, 900, 1))
    assert [(piece.text, piece.ink) for piece in model.view.lines[0].pieces] == [
        ("One", Ink.PLAIN),
        (" two", Ink.UNHEARD),
    ]


def test_a_turns_time_in_one_line() -> None:
    """The stages are gathered into three that add up; a report without a way to an answer leaves the line before."""
    model = opened()
    stages = (
        ("vad.endpoint", 320.4),
        ("broker.commit", 2.0),
        ("model.first_audio", 188.0),
        ("egress.first_frame", 1.0),
        ("client.first_sample", 41.0),
        ("interrupt.detect", 300.0),
    )
    model.feed(events.TurnReport(AT, 3, 2, stages))
    latency = model.view.latency
    assert latency is not None
    assert latency.words() == "turn 3: 552 ms = endpoint 320 + model 190 + first sample 42"
    assert len(latency.words(narrow=True)) <= 40
    model.feed(events.TurnReport(AT, 4, 3, (("client.first_sample", 5.0),)))
    assert model.view.latency is latency


def test_the_connection_is_judged_over_the_last_ten_seconds() -> None:
    """Gaps make it bad, jitter unsteady; ten seconds later it is good again; without a connection it is away."""
    model = opened()

    def flow(quality: Quality, now_s: float) -> tuple[Flow, str]:
        model.look(Levels(), quality, NOWHERE, now_s)
        return model.view.connection.flow, model.view.connection.words

    assert flow(Quality(), 0.0) == (Flow.GOOD, "buffer 20 ms, no gaps")
    assert flow(Quality(start_ms=120), 1.0) == (Flow.UNSTEADY, "buffer 120 ms, no gaps")
    assert flow(Quality(underruns=1, gap_ms=400), 2.0) == (Flow.BAD, "buffer 20 ms, 400 ms of gaps")
    assert flow(Quality(underruns=1, gap_ms=400), 13.0)[0] is Flow.GOOD
    assert flow(Quality(underruns=1, gap_ms=400, dropped_mic_frames=5, starved_calls=1), 14.0) == (
        Flow.BAD,
        "buffer 20 ms, no gaps, 100 ms of your words lost, this machine is too busy",
    )
    model.feed(events.Reconnecting(AT, "it broke off"))
    assert flow(Quality(), 15.0)[0] is Flow.AWAY


def test_the_sound_cards_trouble_goes_before_other_notes() -> None:
    """A server's notice is shown; a device that is gone matters more."""
    model = opened()
    model.feed(events.Notice(AT, "echo_unstamped", "stamp the\nframes."))
    assert model.view.note == "stamp the frames."
    model.look(Levels(), Quality(trouble="The microphone is gone."), NOWHERE, 0.0)
    assert model.view.note == "The microphone is gone."


def test_the_echo_in_words() -> None:
    """Who keeps the speaker out of the microphone, and how well."""
    assert echo_words(Quality()) == "headphones"
    assert echo_words(Quality(echo=EchoState("device"))) == "echo cancelled"
    assert echo_words(Quality(echo=EchoState("device", 31.4))) == "echo −31 dB"
    assert echo_words(Quality(echo=EchoState("off"))) == "echo: not cancelled"


def test_a_meter_is_always_as_wide_as_it_is_told() -> None:
    """From silence to clipping; what is loud is told in a word too."""
    for level_db in (-96.0, -60.0, -33.3, -12.0, -0.1, 0.0):
        assert len(bar(level_db, 12)) == 12
    assert (bar(-96.0, 4), bar(0.0, 4), bar(-30.0, 4)) == ("····", "████", "██··")
    assert [loudness(db) for db in (-70.0, -30.0, -10.0, 0.0)] == ["quiet", "fine", "loud", "clips"]
