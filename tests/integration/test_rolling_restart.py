"""A rolling restart in small: a copy of each service in turn, under four conversations; `make rolling` is the whole."""

from __future__ import annotations

import pytest

from tests.chaos.blueprint import RING
from tests.chaos.setting import open_setting
from tests.rolling.rolling import PATIENT, roll

CONVERSATIONS = 4


@pytest.mark.timeout(600)
async def test_no_conversation_is_lost_while_each_service_is_restarted() -> None:
    """Each goes on over the other copy, to the last sample of its last answer; nobody crashes, all end well."""
    async with open_setting(net=False, copies={"model": 1}, env=PATIENT) as setting:
        outcome = await roll(setting, CONVERSATIONS, RING, patience_s=60.0)
    assert outcome.lost == []
    assert [restart.name for restart in outcome.restarts] == list(RING)
    assert min(talk.exchanges for talk in outcome.talks) > len(RING)
    assert outcome.crashes == []
