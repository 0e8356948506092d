"""House: what all sessions of one ingress share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from parley.v1 import stream_pb2
from services.common.channels import Channels
from services.common.errors import LimitFault, ParleyError
from services.common.store import Store
from services.common.topic import Subscriber
from services.ingress.awake import AwakeClock
from services.ingress.leases import Leases
from services.ingress.limits import Limits
from services.ingress.parked import Parked
from services.ingress.route import Routes

if TYPE_CHECKING:
    from services.ingress.life import Life


@dataclass
class House:
    """Its ways into the ring and to Redis, who waits in it for a client, and what it has counted."""

    store: Store
    topic: Subscriber
    routes: Routes
    channels: Channels
    leases: Leases
    limits: Limits
    clock: AwakeClock = field(default_factory=AwakeClock)
    parked: Parked[Life] = field(default_factory=Parked)
    counters: Counter[str] = field(default_factory=Counter)
    """Sessions, faults by code, limits by name, and what the sessions that are over have counted."""

    def count(self, fault: ParleyError) -> None:
        """Count a fault."""
        self.counters[f"fault_{stream_pb2.Error.Code.Name(fault.to_wire().code).removeprefix('CODE_').lower()}"] += 1
        if isinstance(fault, LimitFault):
            self.counters[f"limit_{fault.limit}"] += 1
