"""Requests: where arguments stand in them, and that none leaves its place."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.broker.tools.declaration import HttpEndpoint
from services.broker.tools.request import BadUrl, body_of, url_of

BASE = "https://shop.example/orders"


def test_a_post_carries_its_arguments_as_json() -> None:
    """The object as it is; what stands in the path isn't said twice."""
    way = HttpEndpoint(f"{BASE}/{{order}}/notes?v=1")
    url, rest = url_of(way, {"order": "A 7/b", "text": "grüße", "n": 1})
    assert url == f"{BASE}/A%207%2Fb/notes?v=1"
    assert body_of(way, rest) == b'{"text":"gr\\u00fc\\u00dfe","n":1}'


def test_a_get_carries_them_in_its_query() -> None:
    """Beside the URL's own; lists repeat, null is left out, objects are JSON."""
    way = HttpEndpoint(f"{BASE}?key=1", "GET")
    arguments = {"q": "a&b=c", "tag": ["x", "y"], "open": True, "none": None, "deep": {"a": 1}}
    url, rest = url_of(way, arguments)
    assert url == f"{BASE}?key=1&q=a%26b%3Dc&tag=x&tag=y&open=true&deep=%7B%22a%22%3A1%7D"
    assert rest == {}
    assert body_of(way, rest) is None
    assert url_of(way, {})[0] == f"{BASE}?key=1"


@pytest.mark.parametrize("value", ["..", ".", "", "  ", None, True, ["x"], {"a": 1}])
def test_what_would_leave_its_place_is_refused(value: object) -> None:
    """A path's argument is a text or a number, and no step up."""
    with pytest.raises(BadUrl, match="order must"):
        url_of(HttpEndpoint(f"{BASE}/{{order}}"), {"order": value})


def test_a_url_has_an_end() -> None:
    """What a model writes may be long; a URL may not."""
    with pytest.raises(BadUrl, match="too long"):
        url_of(HttpEndpoint(BASE, "GET"), {"q": "x" * 10_000})


@given(st.text(min_size=1, max_size=50), st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=4))
def test_the_model_chooses_neither_host_nor_path(value: str, more: dict[str, Any]) -> None:
    """Whatever the arguments: the same host, as many steps in the path, no fragment, a URL of plain characters."""
    for method in ("GET", "POST"):
        try:
            url, rest = url_of(HttpEndpoint(f"{BASE}/{{order}}/end", method), {**more, "order": value})
        except BadUrl:
            continue
        parts = urlsplit(url)
        assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "shop.example", "")
        assert parts.path.count("/") == 3
        assert parts.path.endswith("/end")
        assert url.isascii()
        assert url.isprintable()
        body = body_of(HttpEndpoint(BASE, method), rest)
        assert body is None or isinstance(json.loads(body), dict)
