"""Callers: which stage may call what, by the names in its certificate."""

from __future__ import annotations

import pytest

from parley.v1 import broker_service_pb2, egress_service_pb2, vad_service_pb2
from services.common.callers import CALLERS, Callers, names_of

FILES = (vad_service_pb2, broker_service_pb2, egress_service_pb2)


def test_every_method_of_the_ring_has_its_caller() -> None:
    """One that nobody has thought of may be called by nobody."""
    services = [service for file in FILES for service in file.DESCRIPTOR.services_by_name.values()]
    assert {f"/{service.full_name}/{method.name}" for service in services for method in service.methods} == set(CALLERS)
    assert "nobody has" in Callers().refusal("/parley.v1.VadService/Other", ["ingress"])
    assert "nobody has" in Callers("parley").refusal("/parley.v1.VadService/Other", ["parley", ""])


@pytest.mark.parametrize(("method", "caller"), list(CALLERS.items()))
def test_nobody_but_its_caller(method: str, caller: str) -> None:
    """Of several names one has to be the caller's, letter by letter."""
    callers = Callers()
    assert callers.refusal(method, ["parley.example", caller]) == ""
    for names in ([], [""], ["*"], [f"{caller}.parley"], [f"x{caller}"], ["redis"]):
        assert "give each stage one with its own DNS name" in callers.refusal(method, names)


def test_only_dns_names_are_names() -> None:
    """A CA that lets its holders choose a URI or an e-mail address makes no stage by that."""

    class Call:
        def auth_context(self) -> dict[str, list[bytes]]:
            return {"x509_subject_alternative_name": [b"ingress", b"egress"], "peer_dns": [b"egress"]}

    assert names_of(Call()) == ["egress"]


def test_one_name_for_all() -> None:
    """PARLEY_RING_NAME: then that name is asked for, and the stages' own are nothing."""
    shared = Callers("parley")
    for method, caller in CALLERS.items():
        assert shared.refusal(method, ["parley"]) == ""
        assert "for parley" in shared.refusal(method, [caller])
