"""The web page as ingress serves it: its own files and nothing else, each as a browser wants it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from services.common.errors import SettingsFault
from services.common.settings import Environment
from services.ingress import page
from services.ingress.page import FOLDER, Page
from services.ingress.upgrade import Upgrade

HTML = b"<!doctype html><title>Parley</title>" + b"<p>Hello</p>" * 50


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a page's folder, with neighbours that nobody shall see."""
    root = tmp_path / "web"
    (root / "core").mkdir(parents=True)
    (root / "index.html").write_bytes(HTML)
    (root / "core" / "client.js").write_bytes(b"export {};\n")
    (root / "notes.md").write_bytes(b"for ourselves")
    (root / ".secret.js").write_bytes(b"hidden")
    (tmp_path / "outside.js").write_bytes(b"not the page's")
    (root / "link.js").symlink_to(tmp_path / "outside.js")
    return root


def request(path: str, method: str = "GET", **headers: str) -> Request:
    """Return a browser's request."""
    return Request(path, Headers([(name.replace("_", "-"), value) for name, value in headers.items()]), method)


def answer(folder: Path, path: str, method: str = "GET", **headers: str) -> Response | None:
    """Return what a page made of this folder says."""
    return Page.read(Environment({}), folder).answer(request(path, method, **headers))


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/", "text/html; charset=utf-8", HTML),
        ("/?loopback=1", "text/html; charset=utf-8", HTML),
        ("/index.html", "text/html; charset=utf-8", HTML),
        ("/core/client.js", "text/javascript; charset=utf-8", b"export {};\n"),
    ],
)
def test_its_files(folder: Path, path: str, kind: str, body: bytes) -> None:
    """Each with its kind and its length; "/" is the first, and a query changes nothing."""
    got = answer(folder, path)
    assert got is not None
    assert (got.status_code, got.headers["Content-Type"], got.body) == (200, kind, body)
    assert got.headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize(
    "path",
    [
        "/notes.md",
        "/.secret.js",
        "/link.js",
        "/../outside.js",
        "/core/../../outside.js",
        "/%2e%2e/outside.js",
        "//index.html",
        "/core",
        "/core/",
        "/favicon.ico",
        "/etc/passwd",
        "",
    ],
)
def test_nothing_else_is_read(folder: Path, path: str) -> None:
    """Only names that stood on the list at the start are known: no path leads out, no other kind of file is given."""
    assert answer(folder, path) is None


def test_a_page_may_run_its_own_scripts_only(folder: Path) -> None:
    """The policy names no other host and allows nothing inline; the microphone is its own."""
    got = answer(folder, "/")
    assert got is not None
    policy = got.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert "http" not in policy
    assert "microphone=(self)" in got.headers["Permissions-Policy"]
    assert got.headers["X-Content-Type-Options"] == "nosniff"


def test_what_the_browser_has_is_not_sent_again(folder: Path) -> None:
    """It asks each time, and hears 304 as long as nothing has changed."""
    first = answer(folder, "/")
    assert first is not None
    assert first.headers["Cache-Control"] == "no-cache"
    tag = first.headers["ETag"]
    again = answer(folder, "/", If_None_Match=f'"other", W/{tag}')
    assert again is not None
    assert (again.status_code, again.body) == (304, b"")
    (folder / "index.html").write_bytes(HTML + b"new")
    changed = answer(folder, "/", If_None_Match=tag)
    assert changed is not None
    assert changed.status_code == 200


def test_it_is_squeezed_for_who_takes_that(folder: Path) -> None:
    """Where it is shorter so; the two forms have tags of their own."""
    plain, got = answer(folder, "/"), answer(folder, "/", Accept_Encoding="br, gzip;q=0.8")
    assert plain is not None
    assert got is not None
    assert got.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(got.body) == HTML
    assert got.headers["ETag"] != plain.headers["ETag"]
    refused = answer(folder, "/", Accept_Encoding="gzip;q=0")
    assert refused is not None
    assert "Content-Encoding" not in refused.headers


def test_head_and_other_methods(folder: Path) -> None:
    """HEAD tells all but the body; what would change something is refused."""
    head = answer(folder, "/", "HEAD")
    assert head is not None
    assert (head.status_code, head.headers["Content-Length"], head.body) == (200, str(len(HTML)), b"")
    post = answer(folder, "/", "POST")
    assert post is not None
    assert (post.status_code, post.headers["Allow"]) == (405, "GET, HEAD")


def test_a_websocket_is_no_page(folder: Path) -> None:
    """One that knocks at "/" is told where the door is."""
    assert answer(folder, "/", Upgrade="websocket") is None


def test_it_can_be_switched_off(folder: Path, tmp_path: Path) -> None:
    """By its variable; where its files are missing it is off, too. A typing error is told."""
    assert len(Page.read(Environment({"PARLEY_WEB_PAGE": "off"}), folder)) == 0
    assert len(Page.read(Environment({}), tmp_path)) == 0
    with pytest.raises(SettingsFault, match="must be 'on' or 'off'"):
        Page.read(Environment({"PARLEY_WEB_PAGE": "no"}), folder)


def test_what_is_too_much_for_a_page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is held in memory, so a recording that somebody left there stops the start, with words."""
    monkeypatch.setattr(page, "LARGEST_FILE_BYTES", 20)
    with pytest.raises(SettingsFault, match=r"index\.html is too much"):
        Page.read(Environment({}), folder)


def test_over_the_wire(folder: Path) -> None:
    """The upgrade sends it as it stands, and does not open."""
    door = Upgrade(Page.read(Environment({}), folder).answer)
    got = door.feed(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert got is not None
    assert got.head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert got.head.endswith(b"\r\n\r\n")
    assert not got.is_open


def test_the_page_that_is_here() -> None:
    """Our own page's modules are served."""
    leaves = Page.read(Environment({}))
    if len(leaves):
        assert leaves.answer(request("/core/client.js")) is not None
    assert FOLDER.name == "web"
