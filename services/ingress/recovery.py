"""Recovery: what is dialled next when a hop is lost, and when to give up. The core, without I/O; time is an argument.

A session has two hops: Listen, to vad and through it to the broker, and Attach, to egress. Each is dialled again by
itself, with a dial above every earlier one, until somebody is ready. What failed is avoided; a broker that may still
be well is kept, since it has the conversation.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import product
from typing import Final, TypeAlias

from parley.v1 import stream_pb2
from services.common.errors import ParleyError, PeerLost, RemoteFault
from services.ingress.losses import BEHIND, BROKER, EGRESS, VAD, Loss
from services.ingress.route import Routes

READY_S: Final = 12.0
"""How long a new session's ring has to say that it is ready: a little more than the broker gives the model."""

ATTEMPT_S: Final = 2.5
"""How long who takes over has to be ready: nobody waits for a model then. After that the next one is asked."""

RECOVER_S: Final = 15.0
"""How long a session looks for somebody to take over."""

ELSEWHERE: Final = 3
"""So many others a new session asks, when the first is full or away: then the caller is told, who may know better."""

INTERNAL_FAULTS: Final = 5
INTERNAL_S: Final = 30.0
"""A session that has brought more faults of programs about than that, in that time, brings the next one about too."""

SAME_LOSS_S: Final = 1.0
"""The broker may tell of an egress that has been replaced already: the word was on its way meanwhile."""

_SHORTEST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 0.5
_CERTAIN: Final = 4
_TOGETHER: Final = 2
"""How much a failure counts against the one that is to blame, and against two who failed together."""


@dataclass(frozen=True)
class Dial:
    """Dial a hop, along the route of that moment. What was dialled before is void."""

    hop: str
    dial: int
    resumes: bool


@dataclass(frozen=True)
class Reroute:
    """Tell who goes on that the route has changed."""

    dial: int


@dataclass(frozen=True)
class Recovered:
    """A hop stands again. Not a takeover: it had never stood before."""

    hop: str
    losses: tuple[Loss, ...]
    after_s: float
    is_takeover: bool


@dataclass(frozen=True)
class GiveUp:
    """Nobody takes over."""

    fault: ParleyError


Step: TypeAlias = Dial | Reroute | Recovered | GiveUp


@dataclass
class _Hop:
    """One hop, and what its present loss has taught so far."""

    lost_s: float
    is_ready: bool = False
    was_ready: bool = False
    dialled_s: float = -math.inf
    until_s: float = math.inf
    """When the attempt under way has taken too long."""
    due_s: float | None = None
    """When the next attempt is due; None: one is under way."""
    pauses: int = 0
    losses: list[Loss] = field(default_factory=list)
    doubts: Counter[str] = field(default_factory=Counter)
    tried: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def lose(self, now_s: float) -> None:
        if self.is_ready:
            self.is_ready, self.lost_s = False, now_s
            self.pauses, self.losses, self.doubts, self.tried = 0, [], Counter(), Counter()


class Recovery:
    """One session's. `begin` it, tell it what happens to the hops, and carry out the steps that it returns.

    `resumes`: the session has begun elsewhere. It is not opened anew then, but looked for as after a loss.
    """

    def __init__(self, routes: Routes, route: stream_pb2.Route, now_s: float, *, resumes: bool = False) -> None:
        self.route = route
        """Where the session is served, or is to be served next."""
        self.dial = 0
        """The highest number given to a dial."""
        self._routes = routes
        self._resumes = resumes
        self._hops = {VAD: _Hop(now_s), EGRESS: _Hop(now_s)}
        self._internal_s: deque[float] = deque()

    @property
    def resumes(self) -> bool:
        """Whether the session has begun: somebody has, or had, a part of it."""
        return self._resumes or self._hops[VAD].was_ready

    def begin(self, now_s: float) -> list[Step]:
        """Dial both hops, at once and with the same number."""
        self.dial = 1
        return [self._attempt(hop, now_s) for hop in self._hops]

    def ready(self, hop: str, now_s: float) -> list[Step]:
        """Note that a hop stands."""
        state = self._hops[hop]
        for stage in BEHIND[hop]:
            self._routes.suspects.trust(getattr(self.route, stage))
        recovered = Recovered(hop, tuple(state.losses), now_s - state.lost_s, is_takeover=self._resumes_hop(state))
        is_news = not state.is_ready and bool(state.losses)
        state.is_ready = state.was_ready = True
        return [recovered] if is_news else []

    def lost(self, hop: str, loss: Loss, now_s: float) -> list[Step]:
        """Note that a hop is lost, or that nobody was found by its last attempt."""
        state = self._hops[hop]
        state.lose(now_s)
        state.losses.append(loss)
        if loss.is_internal and self._is_poisonous(now_s):
            return [GiveUp(loss.fault)]
        self._blame(state, loss, tuple(getattr(self.route, stage) for stage in BEHIND[hop]), now_s)
        return self._look_elsewhere(hop, state, now_s)

    def told_of_egress(self, fault: PeerLost, now_s: float) -> list[Step]:
        """Take the broker's word that it has lost egress, unless egress has been replaced since."""
        state = self._hops[EGRESS]
        if not state.is_ready or now_s - state.dialled_s < SAME_LOSS_S:
            return []
        return self.lost(EGRESS, Loss(fault, (EGRESS,)), now_s)

    def tick(self, now_s: float) -> list[Step]:
        """Do what has become due."""
        steps: list[Step] = []
        for hop, state in self._hops.items():
            if state.is_ready:
                continue
            if now_s - state.lost_s > self._patience_s(state):
                return [GiveUp(self._nobody(hop, state))]
            if state.due_s is not None:
                if now_s >= state.due_s:
                    steps += self._dial_again(hop, now_s)
            elif now_s > state.until_s:
                late = PeerLost(" or ".join(BEHIND[hop]), f"it was not ready within {ATTEMPT_S:g} s")
                steps += self.lost(hop, Loss(late, BEHIND[hop]), now_s)
        return steps

    def _resumes_hop(self, state: _Hop) -> bool:
        return self._resumes or state.was_ready

    def _patience_s(self, state: _Hop) -> float:
        return RECOVER_S if self._resumes_hop(state) else READY_S

    def _is_poisonous(self, now_s: float) -> bool:
        self._internal_s.append(now_s)
        while now_s - self._internal_s[0] > INTERNAL_S:
            self._internal_s.popleft()
        return len(self._internal_s) > INTERNAL_FAULTS

    def _blame(self, state: _Hop, loss: Loss, dialled: tuple[str, ...], now_s: float) -> None:
        addresses = [getattr(self.route, stage) for stage in loss.suspects]
        if len(addresses) == 1:
            self._routes.suspects.suspect(addresses[0], now_s)
            state.doubts[addresses[0]] += _CERTAIN
        else:
            state.doubts.update(addresses)
        state.tried[dialled] += _TOGETHER

    def _look_elsewhere(self, hop: str, state: _Hop, now_s: float) -> list[Step]:
        """Choose who is asked next, and when: at once if there is no reason to doubt them."""
        best = min(self._options(hop), key=lambda option: self._rank(hop, state, option, now_s))
        is_worn = state.tried[best] > 0 or any(state.doubts[address] >= _CERTAIN for address in best)
        if not self._resumes_hop(state) and (is_worn or len(state.losses) > ELSEWHERE):
            return [GiveUp(state.losses[-1].fault)]  # nobody is left who was not asked; the caller may try again
        for stage, address in zip(BEHIND[hop], best, strict=True):
            setattr(self.route, stage, address)
        state.due_s = now_s
        if is_worn or any(self._routes.suspects.penalty(address, now_s) for address in best):
            state.due_s += min(_SHORTEST_PAUSE_S * 2**state.pauses, _LONGEST_PAUSE_S)
            state.pauses += 1
            return []
        return self._dial_again(hop, now_s)

    def _options(self, hop: str) -> list[tuple[str, ...]]:
        """Return what can be dialled, each time another one first; a route from elsewhere may lead to strangers."""
        known = [dict.fromkeys((*self._routes.candidates(stage), getattr(self.route, stage))) for stage in BEHIND[hop]]
        return list(product(*known))

    def _rank(self, hop: str, state: _Hop, option: tuple[str, ...], now_s: float) -> tuple[float, ...]:
        """Return how much speaks against it; among equals the broker is kept, then the vad."""
        against = float(state.tried[option])
        for address in option:
            against += _CERTAIN * self._routes.suspects.penalty(address, now_s) + state.doubts[address]
        moves = [option[at] != getattr(self.route, stage) for at, stage in enumerate(BEHIND[hop])]
        return (against, *map(float, reversed(moves)))

    def _dial_again(self, hop: str, now_s: float) -> list[Step]:
        self.dial += 1
        steps: list[Step] = [self._attempt(hop, now_s)]
        if hop == EGRESS:
            steps.append(Reroute(self.dial))
            listen = self._hops[VAD]
            if not listen.is_ready and listen.until_s < math.inf:
                listen.until_s = now_s + ATTEMPT_S  # whoever is being asked has to begin again with egress
        return steps

    def _attempt(self, hop: str, now_s: float) -> Dial:
        state = self._hops[hop]
        state.dialled_s, state.due_s = now_s, None
        waits_for_model = hop == VAD and not self._resumes_hop(state)
        state.until_s = math.inf if waits_for_model else now_s + ATTEMPT_S
        return Dial(hop, self.dial, self.resumes)

    def _nobody(self, hop: str, state: _Hop) -> ParleyError:
        """Say that nobody was found."""
        if state.losses and isinstance(state.losses[-1].fault, RemoteFault):
            return state.losses[-1].fault
        if not self._resumes_hop(state):
            missing = " and ".join(sorted(name for name, each in self._hops.items() if not each.is_ready))
            return PeerLost(missing, f"it was not ready within {READY_S:g} s")
        lost = BROKER if state.losses and BROKER in state.losses[-1].suspects else hop
        return PeerLost(lost, f"nobody took over within {RECOVER_S:g} s")
