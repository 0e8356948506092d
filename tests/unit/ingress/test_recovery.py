"""Recovery in virtual time: whatever is lost, in whatever order, somebody else is asked, in time, and not for ever."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.v1 import stream_pb2
from services.common.errors import ParleyError, PeerLost, RemoteFault
from services.common.settings import Environment
from services.ingress.losses import BEHIND, BROKER, EGRESS, VAD, Loss, loss_of
from services.ingress.recovery import (
    ATTEMPT_S,
    ELSEWHERE,
    INTERNAL_FAULTS,
    INTERNAL_S,
    READY_S,
    RECOVER_S,
    SAME_LOSS_S,
    Dial,
    GiveUp,
    Recovered,
    Recovery,
    Reroute,
    Step,
)
from services.ingress.route import IngressSettings, Routes

Code = stream_pb2.Error
TICK_S = 0.1
ANSWER_S = 0.03


def routes(vads: int = 2, brokers: int = 2, egresses: int = 2) -> Routes:
    """So many of each."""
    names = {"PARLEY_VADS": ("v", vads), "PARLEY_BROKERS": ("b", brokers), "PARLEY_EGRESSES": ("e", egresses)}
    env = {name: ",".join(f"{letter}{n}:1" for n in range(count)) for name, (letter, count) in names.items()}
    return Routes(IngressSettings.read(Environment(env)))


class Ring:
    """Who is alive, who refuses and how, and a session that is kept going by what the core says.

    A dial takes `ANSWER_S` to be answered: by ready, by a refusal that names nobody, or, where vad finds its broker
    dead, by its word on that. Who is silent never answers.
    """

    def __init__(self, to: Routes, *, resumes: bool = False) -> None:
        self.now_s = 100.0
        self.routes = to
        route = to.pick(self.now_s)
        self.recovery = Recovery(to, route, self.now_s, resumes=resumes)
        self.dead: set[str] = set()
        self.silent: set[str] = set()
        self.refusing: dict[str, stream_pb2.Error.Code.ValueType] = {}
        self.dials: list[tuple[Dial, tuple[str, ...]]] = []
        self.reroutes: list[int] = []
        self.recovered: list[Recovered] = []
        self.fault: ParleyError | None = None
        self.standing: dict[str, tuple[str, ...]] = {}
        self._answers: list[tuple[float, Dial, tuple[str, ...]]] = []
        self.carry_out(self.recovery.begin(self.now_s))

    def carry_out(self, steps: list[Step]) -> None:
        """Do what the core says."""
        for step in steps:
            match step:
                case Dial():
                    along = tuple(getattr(self.recovery.route, stage) for stage in BEHIND[step.hop])
                    self.dials.append((step, along))
                    self.standing.pop(step.hop, None)
                    self._answers = [each for each in self._answers if each[1].hop != step.hop]
                    self._answers.append((self.now_s + ANSWER_S, step, along))
                case Reroute():
                    self.reroutes.append(step.dial)
                case Recovered():
                    self.recovered.append(step)
                case GiveUp():
                    self.fault = step.fault

    def lose(self, hop: str, *stages: str) -> None:
        """Tell of a loss."""
        self.standing.pop(hop, None)
        fault = PeerLost(stages[0], "it broke")
        self.carry_out(self.recovery.lost(hop, Loss(fault, stages), self.now_s))

    def kill(self, address: str) -> None:
        """Let a process die; who stood on it is told at once."""
        self.dead.add(address)
        for hop, along in list(self.standing.items()):
            if address in along:
                self.lose(hop, BEHIND[hop][along.index(address)])

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until_s = self.now_s + seconds
        while self.now_s < until_s - 1e-9 and self.fault is None:
            self.now_s += 0.01
            due = [each for each in self._answers if each[0] <= self.now_s]
            self._answers = [each for each in self._answers if each not in due]
            for _, dial, along in due:
                self._answer(dial, along)
            if round(self.now_s * 100) % round(TICK_S * 100) == 0 and self.fault is None:
                self.carry_out(self.recovery.tick(self.now_s))

    def settle(self) -> None:
        """Let time pass until both hops stand, or it is given up."""
        while len(self.standing) < 2 and self.fault is None:
            self.run(0.01)

    def _answer(self, dial: Dial, along: tuple[str, ...]) -> None:
        if any(address in self.silent for address in along) and not self.dead & set(along[:1]):
            return
        for stage, address in zip(BEHIND[dial.hop], along, strict=True):
            if address in self.dead:
                self.lose(dial.hop, stage)
                return
            if (code := self.refusing.get(address)) is not None:
                fault = RemoteFault(Code(code=code, message="no", retryable=True))
                loss = loss_of(dial.hop, fault, resumes=self.recovery.resumes)
                assert loss is not None
                self.carry_out(self.recovery.lost(dial.hop, loss, self.now_s))
                return
        self.standing[dial.hop] = along
        self.carry_out(self.recovery.ready(dial.hop, self.now_s))

    @property
    def numbers(self) -> list[int]:
        """The dials' numbers, in their order."""
        return [dial.dial for dial, _ in self.dials]


def standing(*counts: int, resumes: bool = False) -> Ring:
    """A session whose ring stands."""
    ring = Ring(routes(*counts), resumes=resumes)
    ring.settle()
    assert ring.fault is None
    return ring


def test_a_session_opens_with_one_dial_each() -> None:
    """Both at once, under the same number; nothing is said of a recovery."""
    ring = standing()
    assert ring.numbers == [1, 1]
    assert not any(dial.resumes for dial, _ in ring.dials)
    assert ring.recovered == []
    assert ring.reroutes == []


def test_a_lost_vad_is_replaced_and_its_broker_kept() -> None:
    """At once, under the next number; egress is none of that."""
    ring = standing()
    vad, broker = ring.standing[VAD]
    ring.kill(vad)
    assert ring.numbers == [1, 1, 2]
    ring.settle()
    assert ring.standing[VAD] == ({"v0:1": "v1:1", "v1:1": "v0:1"}[vad], broker)
    assert ring.dials[-1][0].resumes
    (recovered,) = ring.recovered
    assert recovered.is_takeover
    assert [loss.suspects for loss in recovered.losses] == [(VAD,)]


def test_a_lost_broker_is_replaced_and_its_vad_kept() -> None:
    """The vad told of it: there is nothing wrong with the vad."""
    ring = standing()
    vad, broker = ring.standing[VAD]
    ring.kill(broker)
    ring.settle()
    assert ring.standing[VAD][0] == vad
    assert ring.standing[VAD][1] != broker
    assert len(ring.dials) == 3


def test_a_lost_egress_is_replaced_and_who_listens_is_told() -> None:
    """The route of the running stream changes under the new dial's number."""
    ring = standing()
    (egress,) = ring.standing[EGRESS]
    ring.kill(egress)
    ring.settle()
    assert ring.standing[EGRESS] != (egress,)
    assert ring.reroutes == [2]
    assert ring.recovery.route.egress == ring.standing[EGRESS][0]


@pytest.mark.parametrize("victims", [order for n in (2, 3) for order in permutations((VAD, BROKER, EGRESS), n)])
@pytest.mark.parametrize("apart_s", [0.0, 0.02, 0.2])
def test_several_are_lost_in_any_order(victims: tuple[str, ...], apart_s: float) -> None:
    """As long as one of each is alive, the session goes on there, within a second of the last loss."""
    ring = standing()
    before = (*ring.standing[VAD], *ring.standing[EGRESS])
    for victim in victims:
        ring.kill(before[(VAD, BROKER, EGRESS).index(victim)])
        ring.run(apart_s)
    ring.run(1.0)
    assert ring.fault is None
    alive = (*ring.standing[VAD], *ring.standing[EGRESS])
    assert not ring.dead & set(alive)
    assert ring.numbers[1:] == sorted(set(ring.numbers))
    assert ring.recovery.route == stream_pb2.Route(vad=alive[0], broker=alive[1], egress=alive[2])


def test_who_never_answers_is_passed_over() -> None:
    """After its time the next one is asked, who may stand behind either."""
    ring = standing(3, 1, 1)
    lost = ring.standing[VAD][0]
    others = {"v0:1", "v1:1", "v2:1"} - {lost}
    ring.silent |= others
    ring.kill(lost)
    first = ring.dials[-1][1][0]
    ring.run(0.1)
    ring.silent = {first}
    ring.run(ATTEMPT_S)
    ring.settle()
    assert ring.standing[VAD][0] in others - {first}
    assert ring.now_s - 100 < ATTEMPT_S + 1


def test_a_broker_that_never_answers_is_passed_over() -> None:
    """Nobody says whose fault it is that nothing comes: within two attempts another broker has been asked."""
    ring = standing(2, 2, 1)
    vad, broker = ring.standing[VAD]
    other = next(each for each in ("b0:1", "b1:1") if each != broker)
    ring.silent.add(broker)
    ring.kill(vad)
    ring.run(2 * ATTEMPT_S + 1)
    assert ring.standing[VAD][1] == other


@pytest.mark.parametrize("hop", [VAD, EGRESS])
def test_all_are_dead(hop: str) -> None:
    """It is tried again and again, without haste, and given up after a while, so that the caller may try again."""
    ring = standing()
    for address in ("v0:1", "v1:1") if hop == VAD else ("e0:1", "e1:1"):
        ring.kill(address)
    ring.run(RECOVER_S + 1)
    assert isinstance(ring.fault, PeerLost)
    assert ring.fault.to_wire().retryable
    assert ring.fault.stage == hop
    assert RECOVER_S <= ring.now_s - 100 <= RECOVER_S + 1
    assert len(ring.dials) < 50


def test_the_only_one_is_back_after_a_while() -> None:
    """A process that is started again at its address is asked again, though it has failed just now."""
    ring = standing(1, 1, 1)
    ring.kill("v0:1")
    ring.run(3.0)
    assert ring.fault is None
    ring.dead.clear()
    ring.run(1.0)
    assert ring.standing[VAD] == ("v0:1", "b0:1")


@pytest.mark.parametrize("code", [Code.CODE_FULL, Code.CODE_UNAVAILABLE, Code.CODE_INTERNAL])
@pytest.mark.parametrize("who", ["v", "b"])
def test_a_refusal_leads_elsewhere_whoever_it_is(who: str, code: stream_pb2.Error.Code.ValueType) -> None:
    """The word comes from vad, and may be the broker's: both are asked in other company, until somebody takes it."""
    for vads, brokers in ((2, 2), (3, 2), (2, 3)):
        ring = standing(vads, brokers, 1)
        vad, broker = ring.standing[VAD]
        ring.refusing = {f"{who}{n}:1": code for n in range(vads if who == "v" else brokers)}
        spared = next(address for address in ring.refusing if address not in (vad, broker))
        del ring.refusing[spared]
        ring.kill(vad if who == "v" else broker)
        ring.run(2.0)
        assert ring.fault is None
        assert spared in ring.standing[VAD]


def test_history_that_cannot_be_read_yet_is_waited_for() -> None:
    """Redis is away while a broker takes over: the same is asked again until it is back."""
    ring = standing(1, 2, 1)
    ring.refusing = {"b0:1": Code.CODE_STORE, "b1:1": Code.CODE_STORE}
    ring.lose(VAD, BROKER)
    ring.run(5.0)
    assert ring.fault is None
    ring.refusing.clear()
    ring.run(1.0)
    assert VAD in ring.standing


def test_a_session_that_brings_programs_down_ends() -> None:
    """Not more than five faults of programs in half a minute; those that come rarely are borne."""
    internal = RemoteFault(Code(code=Code.CODE_INTERNAL, message="a fault of ours", retryable=True))
    loss = loss_of(VAD, internal, resumes=True)
    assert loss is not None
    ring = standing(3, 3, 1)
    for count in range(INTERNAL_FAULTS + 1):
        assert ring.fault is None, count
        ring.carry_out(ring.recovery.lost(VAD, loss, ring.now_s))
        ring.settle()
    assert ring.fault is internal
    ring = standing(3, 3, 1)
    for _ in range(4 * INTERNAL_FAULTS):
        ring.carry_out(ring.recovery.lost(VAD, loss, ring.now_s))
        ring.run(INTERNAL_S / INTERNAL_FAULTS + 0.1)
    assert ring.fault is None


@pytest.mark.parametrize("bad", ["v0:1", "b0:1", "e0:1"])
@pytest.mark.parametrize("how", ["dead", "full"])
def test_a_session_opens_around_who_is_not_there(bad: str, how: str) -> None:
    """Whatever the first choice was; those that come after know."""
    to = routes()
    for _ in range(4):
        ring = Ring(to)
        if how == "dead":
            ring.dead.add(bad)
        else:
            ring.refusing[bad] = Code.CODE_FULL
        ring.settle()
        assert ring.fault is None
        assert bad not in (*ring.standing[VAD], *ring.standing[EGRESS])
        assert not any(step.is_takeover for step in ring.recovered)


def test_an_opening_asks_three_others_at_most() -> None:
    """Where all of many are full the caller is told soon: it may know of another ingress."""
    ring = Ring(routes(20, 20, 1))
    ring.refusing = {f"v{n}:1": Code.CODE_FULL for n in range(20)}
    ring.settle()
    assert ring.fault is not None
    assert ring.fault.to_wire().code == Code.CODE_FULL
    asked = [along[0] for dial, along in ring.dials if dial.hop == VAD]
    assert len(set(asked)) == len(asked) == 1 + ELSEWHERE


def test_an_opening_that_fails_everywhere_fails_at_once() -> None:
    """Each pair has been asked once; the caller is told the last word."""
    ring = Ring(routes(2, 2, 1))
    ring.refusing = {f"v{n}:1": Code.CODE_FULL for n in range(2)}
    ring.settle()
    assert ring.fault is not None
    assert ring.fault.to_wire().code == Code.CODE_FULL
    assert ring.now_s - 100 < 1
    ring = Ring(routes(1, 1, 1))
    ring.dead.add("v0:1")
    ring.settle()
    assert isinstance(ring.fault, PeerLost)
    assert ring.numbers == [1, 1]


def test_an_opening_waits_for_the_model() -> None:
    """Nobody else is asked while the broker connects; but not for ever, and the words say what is missing."""
    ring = Ring(routes())
    ring.silent |= {"b0:1", "b1:1"}
    ring.run(READY_S - 0.5)
    assert ring.fault is None
    assert ring.numbers == [1, 1]
    ring.run(1.0)
    assert isinstance(ring.fault, PeerLost)
    assert ring.fault.message.startswith(f"vad was lost: it was not ready within {READY_S:g} s")


def test_a_session_from_elsewhere_is_looked_for_as_after_a_loss() -> None:
    """The stages of its record may be gone as well."""
    ring = Ring(routes(), resumes=True)
    gone = ring.recovery.route.vad
    ring.dead.add(gone)
    ring.settle()
    assert ring.fault is None
    assert all(dial.resumes for dial, _ in ring.dials)
    assert ring.recovered[0].is_takeover


def test_a_route_from_elsewhere_may_lead_to_strangers() -> None:
    """Another ingress may know other addresses: they are good as long as they answer, and found again among ours."""
    to = routes()
    route = stream_pb2.Route(vad="x:1", broker="y:1", egress="z:1")
    recovery = Recovery(to, route, 0.0, resumes=True)
    recovery.begin(0.0)
    assert (recovery.route.vad, recovery.route.broker) == ("x:1", "y:1")
    recovery.lost(VAD, Loss(PeerLost(VAD, "gone"), (VAD,)), 0.1)
    assert recovery.route.vad in ("v0:1", "v1:1")
    assert recovery.route.broker == "y:1"


def test_the_broker_s_word_on_egress_is_taken_once() -> None:
    """While egress is being replaced, and shortly after, it is old news; later it is news."""
    ring = standing()
    told = PeerLost(EGRESS, "it broke")
    ring.run(SAME_LOSS_S + 0.1)
    ring.carry_out(ring.recovery.told_of_egress(told, ring.now_s))
    assert len(ring.reroutes) == 1
    ring.carry_out(ring.recovery.told_of_egress(told, ring.now_s))
    ring.settle()
    ring.carry_out(ring.recovery.told_of_egress(told, ring.now_s))
    assert len(ring.reroutes) == 1
    ring.run(SAME_LOSS_S + 0.1)
    ring.carry_out(ring.recovery.told_of_egress(told, ring.now_s))
    ring.run(0.5)
    assert len(ring.reroutes) == 2


def test_what_one_session_has_found_out_spares_the_others() -> None:
    """New sessions go around a dead address, and those that lose it are not all told twice."""
    to = routes()
    rings = [Ring(to) for _ in range(10)]
    for ring in rings:
        ring.settle()
    for ring in rings:
        ring.dead.add("v0:1")
        ring.kill("v0:1")
        ring.settle()
    assert sum(along[:1] == ("v0:1",) for ring in rings for _, along in ring.dials[2:]) == 0
    assert all(to.pick(rings[0].now_s).vad == "v1:1" for _ in range(10))


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["kill", "silence", "revive"]),
        st.sampled_from([f"{stage}{n}:1" for stage, n in product("vbe", range(3))]),
        st.floats(0.0, 4.0),
    ),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(DEEDS)
def test_whatever_happens_it_goes_on_when_all_are_well_again(deeds: list[tuple[str, str, float]]) -> None:
    """Dials only grow; and unless it was given up, which is told as a fault that may pass, both hops stand again."""
    ring = standing(3, 3, 3)
    act: dict[str, Callable[[str], None]] = {"kill": ring.kill, "silence": ring.silent.add}
    for what, address, wait_s in deeds:
        if what == "revive":
            ring.dead.discard(address)
            ring.silent.discard(address)
        else:
            act[what](address)
        ring.run(wait_s)
    ring.dead.clear()
    ring.silent.clear()
    ring.run(2 * ATTEMPT_S)
    assert ring.numbers[1:] == sorted(set(ring.numbers))
    if ring.fault is None:
        assert set(ring.standing) == {VAD, EGRESS}
    else:
        assert ring.fault.to_wire().retryable
