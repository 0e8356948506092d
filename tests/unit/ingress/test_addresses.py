"""Addresses and routes: copies that are known by a name come and go."""

from __future__ import annotations

from collections import Counter

import pytest

from services.common.errors import FullFault, SettingsFault
from services.common.settings import Environment
from services.ingress.addresses import Addresses, Name, name_in
from services.ingress.route import IngressSettings, Routes
from services.ingress.suspects import Suspects

VADS = Name("vad.example", 7701)


def test_a_name_is_told_from_an_address() -> None:
    """A host may be called dns."""
    assert name_in("dns:vad.example:7701") == VADS
    assert name_in("127.0.0.1:7701") is None
    assert name_in("dns:7701") is None
    assert str(VADS) == "dns:vad.example:7701"


@pytest.mark.parametrize("wrong", ["dns:vad.example:", "dns:vad.example:port", "dns::7701", "dns:a:b:7701"])
def test_half_a_name_is_told_with_its_variable(wrong: str) -> None:
    """At the start, with what it should be."""
    with pytest.raises(SettingsFault, match="PARLEY_VADS"):
        IngressSettings.read(Environment({"PARLEY_VADS": wrong}))


def test_who_is_found_gets_turns_and_who_has_gone_gets_none() -> None:
    """Each as often as the others; what is written down stays whatever names mean."""
    addresses = Addresses(["10.0.0.9:7701", str(VADS)])
    assert addresses.found(VADS, ["10.0.0.1:7701", "10.0.0.2:7701"]) == (["10.0.0.1:7701", "10.0.0.2:7701"], [])
    assert Counter(addresses.deal()[0] for _ in range(30)) == {
        "10.0.0.9:7701": 10,
        "10.0.0.1:7701": 10,
        "10.0.0.2:7701": 10,
    }
    assert addresses.found(VADS, ["10.0.0.2:7701", "10.0.0.3:7701"]) == (["10.0.0.3:7701"], ["10.0.0.1:7701"])
    assert {addresses.deal()[0] for _ in range(3)} == {"10.0.0.9:7701", "10.0.0.2:7701", "10.0.0.3:7701"}
    assert addresses.found(VADS, ["10.0.0.2:7701", "10.0.0.3:7701"]) == ([], [])


def test_while_nobody_is_known_of_a_stage_sessions_are_refused() -> None:
    """With words, and so that the caller may try elsewhere; and not once somebody is found."""
    routes = Routes(IngressSettings.read(Environment({"PARLEY_VADS": str(VADS)})))
    assert routes.missing() == ["vad"]
    assert routes.names() == [("vad", VADS)]
    with pytest.raises(FullFault, match="no vad is to be found"):
        routes.pick(0.0)
    routes.found("vad", VADS, ["10.0.0.1:7701"])
    assert routes.missing() == []
    assert routes.pick(0.0).vad == "10.0.0.1:7701"
    assert routes.candidates("vad") == ("10.0.0.1:7701",)


def test_addresses_that_failed_and_never_come_back_are_not_kept() -> None:
    """Copies in a cluster have a new address each time: what is known of the old ones goes after some minutes."""
    suspects = Suspects()
    for number in range(1000):
        suspects.suspect(f"10.0.0.{number}:7701", number * 1.0)
    assert len(suspects._suspicions) < 100
