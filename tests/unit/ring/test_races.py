"""Whatever the wires do to an interruption, it reaches every buffer, and nothing else is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parley.v1 import conversation_service_pb2 as client
from parley.v1 import session_pb2
from tests.unit.ring.invariants import TOLERANCE_SAMPLES, check, heard_of, was_answered_in_time
from tests.unit.ring.scripted_model import Plan
from tests.unit.ring.scripted_vad import Act, Deed
from tests.unit.ring.simulation import HANGUP, STREAMS, TOPICS, Simulation, Weather
from tests.unit.ring.wires import Copies, Delay, cycled, steady

LONG = Plan(items=(48_000,))
"""Two seconds of speech, generated in 400 ms."""


def ran(script: Sequence[Act], plans: Sequence[Plan] = (LONG,), weather: Weather | None = None) -> Simulation:
    """Run a conversation and check that everything holds."""
    __tracebackhide__ = True
    simulation = Simulation(script, plans, weather).run()
    check(simulation)
    return simulation


def delayed_cancels(ms: int) -> Delay:
    """Return a wire that is quick, but holds a cancel up, and what follows it."""
    return lambda message: ms if _is_cancel(message) else 1


def late(*copies_ms: int) -> Copies:
    """Return a topic that delivers every cancel after each of these delays."""
    return lambda interrupt: copies_ms


def _is_cancel(message: Any) -> bool:
    interrupt = message if isinstance(message, session_pb2.Interrupt) else message.interrupt
    return message is interrupt or bool(message.WhichOneof("message") == "interrupt")


INTERRUPTED = (Act(0, "turn"), Act(900, "cancel"), Act(700, "turn"))


@pytest.mark.parametrize("order", list(permutations((2, 40, 160))))
def test_the_three_ways_come_in_any_order(order: tuple[int, int, int]) -> None:
    """Back on Listen, over the topic or in band: whichever is first silences the client, the others change nothing."""
    listen, topic, in_band = order
    for at_ingress in (1, 90):
        weather = Weather(
            delays={
                "vad→ingress": delayed_cancels(listen),
                "vad→broker": delayed_cancels(in_band),
                "egress→ingress": delayed_cancels(at_ingress),
            },
            copies={"topic→ingress": late(topic), "topic→egress": late(topic)},
        )
        simulation = ran(INTERRUPTED, weather=weather)
        assert simulation.answered_s[1] - 0.9 <= (min(order[0], topic, in_band + at_ingress + 2) + 45) / 1000
        assert 0 < heard_of(simulation, 1) < 48_000
        assert heard_of(simulation, 2) == 48_000


@pytest.mark.parametrize("order", list(permutations((2, 40, 160))))
def test_the_stages_hear_of_a_cancel_in_any_order(order: tuple[int, int, int]) -> None:
    """The topic may reach ingress, egress, or neither before the broker has added the floor."""
    to_ingress, to_egress, to_broker = order
    weather = Weather(
        delays={"vad→ingress": delayed_cancels(300), "vad→broker": delayed_cancels(to_broker)},
        copies={"topic→ingress": late(to_ingress), "topic→egress": late(to_egress)},
    )
    ran(INTERRUPTED, weather=weather)


@pytest.mark.parametrize("gap_ms", range(0, 260, 20))
def test_a_cancel_next_to_a_new_reply(gap_ms: int) -> None:
    """A cancel just before, while, or just after a new reply begins kills that reply or lets it live whole."""
    script = [Act(0, "turn"), Act(600, "typed"), Act(gap_ms, "cancel"), Act(300, "turn")]
    for way in ("vad→ingress", "vad→broker", "broker→egress", "model→broker"):
        ran(script, weather=Weather(delays={way: steady(60)}))


@pytest.mark.parametrize("gap_ms", range(0, 480, 40))
def test_a_second_cancel_while_the_first_is_still_on_its_way_in_band(gap_ms: int) -> None:
    """The first one's floor opens no gate that the second has shut: the reply between them is not heard."""
    script = [Act(0, "turn"), Act(600, "typed"), Act(gap_ms, "cancel"), Act(600, "turn")]
    for ms in (60, 300):
        ran(script, weather=Weather(delays={"egress→ingress": steady(ms)}))


@pytest.mark.parametrize("at_ms", range(4, 160, 12))
def test_a_cancel_meets_a_reply_whose_first_audio_waits_to_be_written(at_ms: int) -> None:
    """The floor overtakes audio on its way; what comes after it is stopped although nobody had heard of that reply."""
    quick = Plan(created_ms=1, first_ms=1)
    for way in ("broker→egress", "egress→ingress"):
        weather = Weather(writing_ms={way: 80}, copies={name: late() for name in TOPICS})
        ran([Act(0, "turn"), Act(at_ms, "cancel"), Act(600, "turn")], [quick], weather)


@pytest.mark.parametrize("gap_ms", [0, 1, 10, 100])
@pytest.mark.parametrize("deed", ["cancel", "key", "resume", "typed"])
def test_four_cancels_in_a_row(deed: Deed, gap_ms: int) -> None:
    """Each is obeyed once, the last reply lives, and no gate stays shut."""
    script = [Act(0, "turn"), Act(700, deed), *[Act(gap_ms, deed)] * 3, Act(200, "turn")]
    for delay_ms in (1, 45):
        weather = Weather(delays={"vad→broker": steady(delay_ms), "egress→ingress": cycled([1, delay_ms])})
        simulation = ran(script, weather=weather)
        assert sorted(simulation.floors) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("plan", "after_ms", "heard"),
    [
        (Plan(created_ms=400), 200, False),
        (Plan(first_ms=600), 300, False),
        (Plan(first_ms=600, stragglers=5), 300, False),
        (Plan(items=(48_000,), speed=1.0), 700, True),
        (Plan(items=(48_000,), speed=1.0, stragglers=8), 700, True),
        (Plan(items=(48_000,), speed=50.0), 900, True),
        (Plan(items=(12_000, 12_000, 12_000), speed=50.0), 900, True),
    ],
    ids=["not created", "no audio", "late audio", "generating", "stragglers", "done generating", "second item"],
)
@pytest.mark.parametrize("deed", ["cancel", "resume", "key"])
def test_a_cancel_at_every_stage_of_a_response(plan: Plan, after_ms: int, heard: bool, deed: Deed) -> None:
    """The model forgets exactly what was not heard, whether it had begun, was speaking or had long finished."""
    simulation = ran([Act(0, "turn"), Act(after_ms, deed), Act(400, "turn")], [plan, LONG])
    assert bool(heard_of(simulation, 1)) is heard
    assert heard_of(simulation, 2) == 48_000


def test_a_cancel_after_everything_was_played_changes_nothing() -> None:
    """A late cancel finds no reply to kill: history and the model keep the whole."""
    simulation = ran([Act(0, "turn"), Act(3_500, "cancel"), Act(500, "turn")])
    assert [heard_of(simulation, reply) for reply in (1, 2)] == [48_000, 48_000]
    assert not any(item.truncated_ms for response in simulation.model.responses.values() for item in response.items)


@pytest.mark.parametrize("reported", [1, 30, 200])
def test_a_cancel_at_the_very_end_of_a_reply(reported: int) -> None:
    """The report of the end may cross the cancel: what was heard whole is remembered whole."""
    weather = Weather({"egress→broker": steady(reported)})
    for at_ms in range(2_080, 2_220, 20):
        ran([Act(0, "turn"), Act(at_ms, "cancel"), Act(500, "turn")], weather=weather)


def test_a_lost_topic_costs_nothing() -> None:
    """Without any message of the topic all invariants hold, and the client is silenced by Listen as quickly."""
    weather = Weather(copies={name: late() for name in TOPICS})
    simulation = ran(INTERRUPTED, weather=weather)
    assert simulation.answered_s[1] < 0.95


@pytest.mark.parametrize("late_ms", [300, 900, 1_500, 3_000])
def test_a_very_late_topic_does_not_hurt_the_new_reply(late_ms: int) -> None:
    """The new reply is already being played when the topic brings its cancel, twice: nothing is flushed or held."""
    weather = Weather(copies={name: late(late_ms, late_ms + 40) for name in TOPICS})
    simulation = ran(INTERRUPTED, weather=weather)
    assert heard_of(simulation, 2) == 48_000
    assert len(simulation.flushes) == 1


def test_a_topic_that_reorders_two_cancels() -> None:
    """The second cancel's message comes before the first's: the first is no news any more."""

    def swapped(interrupt: session_pb2.Interrupt) -> Sequence[int]:
        return (400,) if interrupt.seq == 1 else (1,)

    weather = Weather(copies=dict.fromkeys(TOPICS, swapped))
    ran([Act(0, "turn"), Act(600, "typed"), Act(200, "cancel"), Act(300, "turn")], weather=weather)


def test_an_answer_that_overtakes_its_cancel_counts() -> None:
    """In band may be the slowest way: the client's word is there before the cancel, and is the truth all the same."""
    simulation = ran(INTERRUPTED, weather=Weather({"vad→broker": delayed_cancels(160)}))
    error = simulation.model.responses[1].items[0].believed - heard_of(simulation, 1)
    assert abs(error) <= TOLERANCE_SAMPLES


def test_a_word_without_audio_was_not_heard() -> None:
    """A reply is cut where playout has caught up with the model: the word that was to be spoken next is not history."""
    slow = Plan(created_ms=1, first_ms=1, speed=0.7)

    def words_first(event: Any) -> int:
        return 20 if event["type"] == "response.output_audio.delta" else 1

    weather = Weather({"model→broker": words_first})
    simulation = Simulation([Act(0, "turn"), Act(160, "cancel")], [slow], weather).run()
    assert heard_of(simulation, 1) == slow.delta_samples
    told = [item.text for item in simulation.broker.story.items if item.role == session_pb2.HistoryItem.ROLE_ASSISTANT]
    assert told == ["r1i0w0"]


@pytest.mark.parametrize("late_ms", [200, 255, 400, 3_000])
def test_a_late_answer_to_a_flush_is_guessed_after_250_ms(late_ms: int) -> None:
    """The next response is not held up for ever, the guess stays within what there is, and the late word is ignored."""

    def answer(message: Any) -> int:
        return late_ms if message.WhichOneof("message") == "flushed" else 1

    simulation = ran(INTERRUPTED, weather=Weather({"client→ingress": answer}))
    item = simulation.model.responses[1].items[0]
    assert was_answered_in_time(simulation, 1) is (late_ms < 250)
    if late_ms >= 250:
        assert abs(item.believed - heard_of(simulation, 1)) < 2_400, "the guess is within 100 ms on quick wires"
    assert heard_of(simulation, 2) == 48_000


def test_a_duck_is_not_a_cancel() -> None:
    """Ducks and releases leave every sample in place; one that comes after its cancel is ignored."""
    ducks = [Act(500, "duck"), Act(300, "release"), Act(200, "duck")]
    simulation = ran([Act(0, "turn"), *ducks])
    assert heard_of(simulation, 1) == 48_000
    assert simulation.client.playout.underruns == 0
    ran([Act(0, "turn"), *ducks, Act(100, "cancel"), Act(0, "turn")])


def test_a_slow_writer_lets_a_cancel_overtake_audio() -> None:
    """Where audio waits to be written, control goes first: the flush does not queue behind what it silences."""
    for way in ("broker→egress", "egress→ingress", "ingress→client"):
        only_in_band = {"vad→ingress": delayed_cancels(2_000)}
        weather = Weather(only_in_band, writing_ms={way: 60}, copies={name: late() for name in TOPICS})
        simulation = ran([Act(0, "turn"), Act(900, "key"), Act(2_500, "turn")], weather=weather)
        assert simulation.flushes[0].handed <= 24 * (900 + 4 + 60 + 20)


@pytest.mark.parametrize("gap_ms", [0, 1, 20, 60, 300, 1_500, 2_600])
def test_an_announcement_at_any_moment_of_a_reply(gap_ms: int) -> None:
    """Asked for while a response is requested, generated, played or over: both are heard whole, the answer first."""
    for way in ("vad→broker", "broker→model", "model→broker"):
        simulation = ran([Act(0, "turn"), Act(gap_ms, "announce")], weather=Weather({way: steady(60)}))
        assert [heard_of(simulation, reply) for reply in (1, 2)] == [48_000, 48_000]
        assert simulation.model.responses[2].instructions


@pytest.mark.parametrize("gap_ms", [0, 1, 20, 60, 300, 1_500, 2_600])
def test_an_announcement_over_a_reply(gap_ms: int) -> None:
    """An operator cuts the reply off and has something said at once: the model forgets the one and keeps the other."""
    for way in ("vad→ingress", "vad→broker", "broker→egress", "model→broker"):
        simulation = ran([Act(0, "turn"), Act(gap_ms, "announce over")], weather=Weather({way: steady(60)}))
        assert heard_of(simulation, max(simulation.model.responses)) == 48_000
        assert simulation.causes[1] == session_pb2.Interrupt.CAUSE_OPERATOR


@pytest.mark.parametrize("pause_ms", [0, 1, 20, 60, 400])
@pytest.mark.parametrize("way", ["vad→broker", "broker→model", "model→broker", "broker→egress"])
def test_a_turn_that_goes_on_after_all(way: str, pause_ms: int) -> None:
    """Whatever the model has made of its first part by then: it is asked once more with both, which alone is heard."""
    script = [Act(0, "tentative"), Act(pause_ms, "tentative"), Act(pause_ms, "turn")]
    simulation = ran(script, weather=Weather({way: steady(45)}))
    assert heard_of(simulation, max(simulation.model.responses)) == 48_000
    assert simulation.void == set(simulation.model.responses) - {max(simulation.model.responses)}


@pytest.mark.parametrize("pause_ms", [20, 60, 120, 400, 1_200])
def test_the_model_thinks_while_the_pause_grows(pause_ms: int) -> None:
    """The answer begins as much sooner as the pause is longer, up to all that the model needs; by virtual time."""
    slow = Plan(created_ms=20, first_ms=300, items=(48_000,))

    def begins_us(deed: Deed) -> int:
        """When the first of the answer reaches egress."""
        script = [Act(0, deed), Act(pause_ms, "confirm" if deed == "tentative" else "turn")]
        simulation = ran(script, [slow])
        kinds = [
            (entry, getattr(entry.what, "WhichOneof", lambda _: "")("message"))
            for entry in simulation.timeline.log
            if entry.where == "broker→egress"
        ]
        return next(entry.at_us for entry, kind in kinds if kind == "reply_started")

    early, late = begins_us("tentative"), begins_us("release")
    assert abs((late - early) / 1000 - min(pause_ms, 322)) <= 2


@pytest.mark.parametrize("way", ["broker→vad", "vad→ingress", "ingress→client", "egress→ingress"])
@pytest.mark.parametrize("after", ["turn", "cancel", "announce"])
def test_the_broker_hangs_up_when_all_was_heard(way: str, after: Deed) -> None:
    """Whichever wire is slow: the client has everything before Closed, which says why, and nothing after it."""
    script = [Act(0, "turn"), Act(900, after), Act(400, "turn"), Act(5_500, "hang up")]
    simulation = ran(script, weather=Weather({way: steady(150)}))
    (last,) = simulation.last_words
    assert last.closed == client.Closed(reason=HANGUP.words, code=client.Closed.CODE_GOODBYE)
    assert heard_of(simulation, max(simulation.model.responses)) == 48_000


# Any script, any weather.

delays = st.one_of(st.just((1,)), st.lists(st.sampled_from((0, 1, 5, 20, 60, 150)), min_size=1, max_size=5).map(tuple))
copies = st.lists(st.lists(st.sampled_from((0, 2, 30, 120, 400, 2_000)), max_size=2).map(tuple), min_size=1, max_size=4)


@st.composite
def weathers(draw: st.DrawFn) -> Weather:
    """Draw the delays of every wire, slow writers, and what the topic makes of its messages."""
    drawn = {name: cycled(draw(delays)) for name in STREAMS}
    writing = draw(st.dictionaries(st.sampled_from(STREAMS), st.sampled_from((1, 5, 15)), max_size=3))
    writing = {name: ms for name, ms in writing.items() if name not in ("model→broker", "broker→model")}
    return Weather(drawn, writing, {name: _in_turn(draw(copies)) for name in TOPICS})


def _in_turn(lots: Sequence[Sequence[int]]) -> Callable[[Any], Sequence[int]]:
    turns = cycled(range(len(lots)))
    return lambda interrupt: lots[turns(interrupt)]


deeds = st.sampled_from([deed for deed in get_args(Deed) if deed != "hang up"])  # which is done when all is quiet
acts = st.builds(Act, st.sampled_from((0, 1, 30, 150, 300, 600, 1_200)), deeds)
beginnings = st.sampled_from(([Act(0, "turn")], [Act(0, "tentative")], [Act(0, "tentative"), Act(300, "confirm")]))
scripts = st.builds(
    lambda beginning, acts: [*beginning, *acts, Act(200, "confirm")],  # an end that nobody confirms is waited for
    beginnings,
    st.lists(acts, max_size=7),
)
plans = st.lists(
    st.builds(
        Plan,
        created_ms=st.sampled_from((1, 20, 200)),
        first_ms=st.sampled_from((1, 40, 300)),
        items=st.sampled_from(((24_000,), (), (3_000,), (9_600, 12_000), (12_000, 1_200, 9_000))),
        delta_samples=st.sampled_from((2_400, 1_000)),
        speed=st.sampled_from((0.7, 1.2, 5.0, 40.0)),
        stragglers=st.sampled_from((0, 3, 12)),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=70, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(script=scripts, plans=plans, weather=weathers(), latency=st.sampled_from((0, 480, 2_000)))
def test_any_conversation_in_any_weather(script: list[Act], plans: list[Plan], weather: Weather, latency: int) -> None:
    """Every invariant holds for any decisions, any model and any wires."""
    check(Simulation(script, plans, weather, latency).run())
