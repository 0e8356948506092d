"""Which pages may call: a browser lets any page reach this machine's ports."""

from __future__ import annotations

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from services.common.settings import Environment
from services.ingress.web_origin import Origins, path_of


def request(*origins: str, path: str = "/v1/converse") -> Request:
    """Return a request as a browser sends it from a page of such an origin."""
    return Request(path, Headers([("Origin", origin) for origin in origins]))


@pytest.mark.parametrize(
    ("setting", "origin", "may"),
    [
        ("", "http://localhost:8000", True),
        ("", "http://127.0.0.1", True),
        ("", "http://[::1]:3000", True),
        ("", "https://evil.example", False),
        ("", "https://localhost.evil.example", False),
        ("", "null", False),
        ("", "http://[", False),
        ("https://a.example, https://b.example/", "https://b.example", True),
        ("https://a.example", "https://c.example", False),
        ("*", "https://c.example", True),
        ("*", "null", True),
    ],
)
def test_only_local_and_named_pages_may_call(setting: str, origin: str, may: bool) -> None:
    """PARLEY_WS_ORIGINS names them; this machine's own pages need no naming."""
    assert Origins.read(Environment({"PARLEY_WS_ORIGINS": setting})).may_call(request(origin)) is may


def test_what_is_no_browser_may_call() -> None:
    """A device sends no Origin; of two, both have to be allowed."""
    assert Origins().may_call(request())
    assert not Origins().may_call(request("http://localhost", "https://evil.example"))


@pytest.mark.parametrize(
    ("origin", "host", "may"),
    [
        ("https://parley.example", "parley.example", True),
        ("https://parley.example", "Parley.Example:443", True),
        ("https://parley.example:8443", "parley.example:8443", True),
        ("https://parley.example:8443", "parley.example", False),
        ("https://parley.example", "other.example", False),
        ("https://evil.example", "parley.example", False),
        ("http://192.168.1.5:7780", "192.168.1.5:7780", True),
        ("http://192.168.1.5:80", "192.168.1.5", True),
        ("http://192.168.1.6:7780", "192.168.1.5:7780", False),
        ("http://[fd00::1]:7780", "[fd00::1]:7780", True),
        ("http://raspberry:7780", "raspberry:7780", False),
        ("http://raspberry.local:7780", "raspberry.local:7780", False),
        ("http://rebound.example:7780", "rebound.example:7780", False),
        ("ftp://parley.example", "parley.example", False),
        ("https://parley.example:x", "parley.example", False),
        ("null", "null", False),
    ],
)
def test_a_page_may_call_the_address_it_came_from(origin: str, host: str, may: bool) -> None:
    """Also beyond this machine. Over plain HTTP a stranger's name proves nothing: it may have been made to mean us."""
    knock = request(origin)
    knock.headers["Host"] = host
    assert Origins().may_call(knock) is may


def test_two_hosts_are_none() -> None:
    """A request that names two is nobody's own."""
    knock = request("https://parley.example")
    knock.headers["Host"] = "parley.example"
    knock.headers["Host"] = "parley.example"
    assert not Origins().may_call(knock)


def test_the_query_is_no_part_of_the_path() -> None:
    """A client may add one."""
    assert path_of(request(path="/v1/converse?device=7")) == "/v1/converse"
