"""Discovery: names are looked up in threads, and what is found reaches the routes; the event loop never waits."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest

from services.common.settings import Environment
from services.ingress.addresses import Name
from services.ingress.discovery import Discovery, NotFound, lookup
from services.ingress.route import IngressSettings, Routes
from tests.fakes.eventually import eventually

ENV = {"PARLEY_VADS": "dns:vad.example:7701", "PARLEY_BROKERS": "dns:broker.example:7702"}
AGAIN_S = 0.02


class Dns:
    """Answers as it is told; None: it fails."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[str, ...] | None] = {
            "vad.example": ("10.0.0.1:7701",),
            "broker.example": ("10.0.0.2:7702",),
        }
        self.hangs = threading.Event()
        self.hangs.set()
        self.asked = 0

    def look(self, name: Name) -> tuple[str, ...]:
        """Answer."""
        self.asked += 1
        self.hangs.wait(30)
        if (answer := self.answers[name.host]) is None:
            raise NotFound("there is no such name")
        return answer


def routes_of(env: dict[str, str] = ENV) -> Routes:
    """Return routes by name."""
    return Routes(IngressSettings.read(Environment(env)))


async def test_copies_that_come_and_go_are_seen_and_a_failing_dns_changes_nothing() -> None:
    """Found before the doors open; later within a lookup; the last answer stands while there is no other."""
    routes, dns = routes_of(), Dns()
    discovery = Discovery(routes, dns.look, AGAIN_S)
    await discovery.begin()
    assert discovery.is_complete
    running = asyncio.create_task(discovery.run())
    assert routes.pick(0.0).vad == "10.0.0.1:7701"
    dns.answers["vad.example"] = ("10.0.0.3:7701", "10.0.0.4:7701")
    await eventually(lambda: set(routes.candidates("vad")) == {"10.0.0.3:7701", "10.0.0.4:7701"})
    dns.answers["vad.example"] = None
    asked = dns.asked
    await eventually(lambda: dns.asked > asked + 6)
    assert set(routes.candidates("vad")) == {"10.0.0.3:7701", "10.0.0.4:7701"}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await asyncio.sleep(5 * AGAIN_S)
    asked = dns.asked
    await asyncio.sleep(5 * AGAIN_S)
    assert dns.asked == asked  # nobody looks any more


async def test_a_name_that_is_not_found_is_told_with_its_variable_and_found_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The process begins without it: the stage may begin later than ingress."""
    routes, dns = routes_of(), Dns()
    dns.answers["broker.example"] = None
    discovery = Discovery(routes, dns.look, AGAIN_S)
    with caplog.at_level(logging.INFO, "parley.discovery"):
        await discovery.begin()
        assert (discovery.is_complete, routes.missing()) == (False, ["broker"])
        assert "dns:broker.example:7702 of PARLEY_BROKERS is not found: there is no such name" in caplog.text
        dns.answers["broker.example"] = ("10.0.0.9:7702",)
        await eventually(lambda: discovery.is_complete)
        assert "dns:broker.example:7702 is found again" in caplog.text
    assert caplog.text.count("is not found") == 1


async def test_a_lookup_that_hangs_holds_up_nothing() -> None:
    """Neither the loop, nor the doors for longer than they wait."""
    dns = Dns()
    dns.hangs.clear()
    discovery = Discovery(routes_of(), dns.look, AGAIN_S)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    began_s = time.monotonic()
    await discovery.begin(patience_s=0.5)
    assert time.monotonic() - began_s < 20
    assert ticks > 3
    assert not discovery.is_complete
    ticking.cancel()
    dns.hangs.set()


def test_a_real_name_has_its_addresses_with_the_port_and_a_made_up_one_is_not_found() -> None:
    """By the machine's own resolver."""
    assert "127.0.0.1:7701" in lookup(Name("localhost", 7701))
    assert lookup(Name("127.0.0.1", 7701)) == ("127.0.0.1:7701",)
    assert lookup(Name("::1", 7701)) == ("[::1]:7701",)
    with pytest.raises(NotFound):
        lookup(Name("no-such-name.invalid", 7701))
