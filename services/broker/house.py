"""House: what all sessions of a broker's process share."""

from __future__ import annotations

from dataclasses import dataclass

from services.broker.account import Writer
from services.broker.custody import Custody
from services.broker.late_notes import LateNotes
from services.broker.meter import Meter
from services.broker.reporting import Reporting
from services.broker.tools.executor import ToolCallers
from services.common.channels import Channels
from services.common.parking import Parking
from services.common.store import Store


@dataclass(frozen=True)
class House:
    """One process'."""

    store: Store
    channels: Channels
    meter: Meter
    write_turn: Writer
    tool_callers: ToolCallers
    reporting: Reporting
    parking: Parking[Custody]
    late_notes: LateNotes
