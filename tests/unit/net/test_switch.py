"""The switch: packets find their pod, over the wires between, and everything is counted."""

from __future__ import annotations

import random

from tests.net.rule import Rule
from tests.net.switch import ANYBODY, Port, Switch
from tests.net.wire import FREE

CUT = Rule(cut=True)
LATE = Rule(delay_ms=100)


def packet(target: Port, number: int = 0) -> bytes:
    """Return what looks like an IPv4 packet to a pod."""
    return bytes([0x45, *bytes(15)]) + target.address + bytes([number])


def pods(*names: str) -> tuple[Switch, list[Port]]:
    """Return a switch and these pods' ports."""
    switch = Switch(random.Random(7))
    return switch, [switch.port(name, bytes([10, 99, 0, n])) for n, name in enumerate(names, 1)]


def due(switch: Switch, now_s: float) -> list[tuple[str, int]]:
    """Return who has been sent what by now."""
    return [(port.name, data[-1]) for port, data in switch.due(now_s)]


def test_a_packet_goes_where_its_header_says() -> None:
    """At once, where there are no rules; both ends count it."""
    switch, (vad, broker) = pods("vad", "broker")
    assert switch.take(vad, packet(broker), 0.0) is broker
    assert (vad.packets_out, vad.bytes_out, broker.packets_in, broker.bytes_in) == (1, 21, 1, 21)


def test_what_nobody_is_meant_by_goes_nowhere() -> None:
    """An address without a pod, IPv6, and what is too short to be a packet: counted, not carried."""
    switch, (vad, broker) = pods("vad", "broker")
    strays = [packet(Port("nobody", b"\x0a\x63\x00\x63")), b"\x60" + packet(broker)[1:], b"\x45\x00"]
    assert [switch.take(vad, stray, 0.0) for stray in strays] == [None] * 3
    assert switch.astray == 3


def test_a_pod_that_is_cut_off_hears_and_reaches_nobody() -> None:
    """Both ways; the others go on with each other."""
    switch, (vad, broker, egress) = pods("vad", "broker", "egress")
    for way in (("vad", ANYBODY), (ANYBODY, "vad")):
        switch.rule(*way, CUT, 0.0)
    assert switch.take(vad, packet(broker), 0.0) is None
    assert switch.take(broker, packet(vad), 0.0) is None
    assert switch.take(broker, packet(egress), 0.0) is egress
    assert (vad.dropped, broker.dropped, egress.dropped) == (2, 2, 0)


def test_two_pods_can_be_cut_off_from_each_other_only_one_way() -> None:
    """A rule between two concerns neither the way back nor anybody else."""
    switch, (vad, broker, egress) = pods("vad", "broker", "egress")
    switch.rule("vad", "broker", CUT, 0.0)
    assert switch.take(vad, packet(broker), 0.0) is None
    assert switch.take(broker, packet(vad), 0.0) is vad
    assert switch.take(vad, packet(egress), 0.0) is egress


def test_the_wires_of_both_pods_and_of_the_pair_add_up() -> None:
    """Out of one, between the two, into the other."""
    switch, (vad, broker) = pods("vad", "broker")
    for way in (("vad", ANYBODY), ("vad", "broker"), (ANYBODY, "broker")):
        switch.rule(*way, LATE, 0.0)
    assert switch.take(vad, packet(broker, 5), 0.0) is None
    came: list[tuple[str, int]] = []
    while not came:
        now_s = switch.due_s
        came = due(switch, now_s)
    assert (came, round(now_s, 6)) == ([("broker", 5)], 0.3)
    assert broker.packets_in == 1


def test_healed_wires_give_what_they_held_and_are_gone() -> None:
    """In order, through all of them; from then on everything passes at once."""
    switch, (vad, broker) = pods("vad", "broker")
    for way in (("vad", ANYBODY), (ANYBODY, "vad"), ("vad", "broker")):
        switch.rule(*way, LATE, 0.0)
    for number in range(3):
        switch.take(vad, packet(broker, number), 0.0)
    due(switch, 0.1)
    switch.take(vad, packet(broker, 3), 0.1)
    assert [data[-1] for _, data in switch.heal("vad", 0.15)] == [0, 1, 2, 3]
    assert switch.take(vad, packet(broker), 0.2) is broker
    assert switch.due_s == float("inf")


def test_what_is_on_a_wire_that_is_cut_is_lost() -> None:
    """It was on its way; nobody gets it."""
    switch, (vad, broker) = pods("vad", "broker")
    switch.rule("vad", ANYBODY, LATE, 0.0)
    switch.take(vad, packet(broker), 0.0)
    assert switch.rule("vad", ANYBODY, CUT, 0.05) == []
    assert (due(switch, 9.0), vad.dropped) == ([], 1)


def test_a_rule_that_says_nothing_leaves_no_wire() -> None:
    """Taking a rule back is giving the empty one."""
    switch, (vad, broker) = pods("vad", "broker")
    switch.rule("vad", ANYBODY, CUT, 0.0)
    switch.rule("vad", ANYBODY, FREE, 0.0)
    assert switch.take(vad, packet(broker), 0.0) is broker


def test_a_pod_that_comes_again_keeps_its_port_and_its_rules() -> None:
    """Another life of the same pod: counted on, and still cut off."""
    switch, (vad, broker) = pods("vad", "broker")
    switch.rule("vad", ANYBODY, CUT, 0.0)
    assert switch.port("vad", vad.address) is vad
    assert switch.take(switch.port("vad", vad.address), packet(broker), 0.0) is None
