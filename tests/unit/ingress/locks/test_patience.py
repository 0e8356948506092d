"""Patience and the threshold: refusals become slow, floods end, and what is remembered has an end."""

from __future__ import annotations

import pytest

from services.common.errors import FullFault, LimitFault
from services.ingress.limits import Limits
from services.ingress.locks.knock import Knock, bearer, grpc_address, offered
from services.ingress.locks.patience import FORGET_S, FREE, LONGEST_S, MOST, Patience, neighbourhood
from services.ingress.locks.threshold import Threshold


def test_refusals_become_slower_and_are_forgotten() -> None:
    """The first few are answered at once; then each takes twice as long, up to an end."""
    patience = Patience()
    waits = [patience.refused("192.0.2.1", 0.0)[1] for _ in range(20)]
    assert waits[:FREE] == [0.0] * FREE
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_S
    assert patience.refused("192.0.2.2", 0.0) == (1, 0.0)
    assert patience.refused("192.0.2.1", FORGET_S + 1) == (1, 0.0)


def test_as_many_addresses_as_there_are_cost_a_bounded_place() -> None:
    """The one that called longest ago is forgotten."""
    patience = Patience()
    for number in range(MOST + 100):
        patience.refused(f"10.0.{number // 250}.{number % 250}", 0.0)
    assert len(patience) == MOST


def test_whoever_has_a_network_of_addresses_has_one() -> None:
    """An IPv6 address is known by its first 64 bits."""
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("::ffff:192.0.2.1") == "192.0.2.1"
    assert neighbourhood("fe80::1%eth0") == neighbourhood("fe80::2")
    assert neighbourhood("") == ""


def test_the_threshold_has_room_for_so_many_of_an_address_and_in_all() -> None:
    """Who leaves, however often that is said, makes room for one."""
    threshold = Threshold(Limits(max_waiting=3, max_waiting_per_address=2))
    first, _ = threshold.come("192.0.2.1"), threshold.come("192.0.2.1")
    with pytest.raises(LimitFault, match="have not opened a conversation"):
        threshold.come("192.0.2.1")
    threshold.come("192.0.2.2")
    with pytest.raises(FullFault):
        threshold.come("192.0.2.3")
    first.free()
    first.free()
    threshold.come("192.0.2.3")
    assert (len(threshold), threshold.refused) == (3, 2)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:5000", "127.0.0.1"),
        ("ipv6:%5B::1%5D:5000", "::1"),
        ("ipv6:[2001:db8::1]:5000", "2001:db8::1"),
        ("unix:/tmp/x", ""),
        ("", ""),
    ],
)
def test_grpc_says_in_its_own_way_who_calls(peer: str, address: str) -> None:
    """IPv6 with its brackets escaped."""
    assert grpc_address(peer) == address


def test_a_token_comes_in_a_header_or_as_a_subprotocol() -> None:
    """Anything else is none; and no repr shows it."""
    assert [bearer(h) for h in ("Bearer a.b.c", "bearer  a.b.c", "Basic x", "Bearer", "")] == ["a.b.c"] * 2 + [""] * 3
    assert offered(["parley.v1, parley.token.a.b.c"]) == "a.b.c"
    assert offered(["parley.v1"]) == offered([]) == ""
    assert "a.b.c" not in repr(Knock("192.0.2.1", "a.b.c"))
