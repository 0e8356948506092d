"""Metrics: where they are to be served, what is said of a wrong place, and what is there from the start."""

from __future__ import annotations

import pytest
from prometheus_client import Counter, Histogram, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from services.common.errors import SettingsFault
from services.common.metrics import exposition, listen_address, registry
from services.common.settings import Environment


def address(text: str) -> str:
    """Return where PARLEY_METRICS_LISTEN wants them served."""
    return listen_address(Environment({"PARLEY_METRICS_LISTEN": text}))


def test_unset_serves_nothing_and_a_port_alone_is_the_loopbacks() -> None:
    """Nobody is shown a process's figures who was not meant to."""
    assert listen_address(Environment({})) == address(" ") == ""
    assert address("9464") == "127.0.0.1:9464"
    assert address("0") == "127.0.0.1:0"
    assert address("0.0.0.0:9464") == "0.0.0.0:9464"
    assert address("[::1]:9464") == "[::1]:9464"


@pytest.mark.parametrize("text", ["localhost", ":9464", "localhost:http", "localhost:-1", "localhost:65536", "99999"])
def test_a_wrong_place_is_told_at_the_start(text: str) -> None:
    """With the variable, and what would be right."""
    with pytest.raises(SettingsFault, match=r"PARLEY_METRICS_LISTEN='.*' must .*127\.0\.0\.1:9464"):
        address(text)


def test_a_registry_tells_of_its_process_and_has_no_twin_series() -> None:
    """CPU and memory are there from the start; `_created` series are not."""
    made = registry()
    Counter("parley_something_total", "Something.", registry=made).inc()
    told = generate_latest(made).decode()
    assert "process_cpu_seconds_total" in told
    assert "parley_something_total 1.0" in told
    assert "_created" not in told


def test_exemplars_are_for_who_asks_for_openmetrics() -> None:
    """As Prometheus does, which names several formats; everybody else gets the plain one, without them."""
    made = registry()
    waited = Histogram("parley_waited_seconds", "Waiting.", registry=made, buckets=(0.5, 1.0))
    waited.observe(0.7, {"trace_id": "a" * 32})
    accept = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,*/*;q=0.1"
    content_type, body = exposition(made, accept)
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    families = text_string_to_metric_families(body.decode())  # type: ignore[no-untyped-call]
    told = [each.exemplar for family in families for each in family.samples]
    assert [each.labels for each in told if each is not None] == [{"trace_id": "a" * 32}]
    for other in ("", "text/plain;version=0.0.4", "*/*", "text/html"):
        content_type, body = exposition(made, other)
        assert content_type == "text/plain; version=0.0.4; charset=utf-8"
        assert b"trace_id" not in body
