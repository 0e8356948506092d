"""Page: the web client's files, read once at the start and given to browsers. Nothing else is ever read for them."""

from __future__ import annotations

import gzip
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Final

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from services.common.errors import SettingsFault
from services.common.settings import Environment
from services.ingress.web_origin import path_of

log = logging.getLogger("parley.ingress")

FOLDER: Final = Path(__file__).parents[2] / "clients" / "web"
FIRST: Final = "index.html"

TYPES: Final[Mapping[str, str]] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
"""What a page is made of; files of other kinds are not given to anybody."""
_SQUEEZED: Final = frozenset({".html", ".css", ".js", ".webmanifest", ".svg"})

LARGEST_FILE_BYTES: Final = 1 << 20
LARGEST_PAGE_BYTES: Final = 8 << 20
"""A page is held in memory; more than this is no page but a mistake."""

_HEADERS: Final = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
    ),
    ("Permissions-Policy", "microphone=(self), camera=(), geolocation=()"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


@dataclass(frozen=True)
class Leaf:
    """One file, plain and, where that is shorter, squeezed."""

    content_type: str
    body: bytes
    squeezed: bytes
    """With gzip; empty if that is no use."""
    tag: str

    @classmethod
    def of(cls, suffix: str, body: bytes) -> Leaf:
        """Make one of a file's bytes."""
        squeezed = gzip.compress(body, mtime=0) if suffix in _SQUEEZED else b""
        tag = hashlib.sha256(body).hexdigest()[:24]
        return cls(TYPES[suffix], body, squeezed if len(squeezed) < len(body) else b"", tag)


class Page:
    """Answers GET and HEAD for the files it was made of, "/" being the first one."""

    def __init__(self, leaves: Mapping[str, Leaf] | None = None) -> None:
        self._leaves = dict(leaves or {})

    def __len__(self) -> int:
        return len(self._leaves)

    @classmethod
    def read(cls, env: Environment, folder: Path = FOLDER) -> Page:
        """Read the files, unless PARLEY_WEB_PAGE is off. Without any there is no page. Raises SettingsFault."""
        wanted = env.text("PARLEY_WEB_PAGE", "on")
        if wanted not in ("on", "off"):
            raise SettingsFault(f"PARLEY_WEB_PAGE={wanted!r} must be 'on' or 'off'.")
        if wanted == "off":
            return cls()
        if not (folder / FIRST).is_file():
            log.info("no web page is served: %s is not here", folder / FIRST)
            return cls()
        return cls(_leaves_of(folder))

    def answer(self, request: Request) -> Response | None:
        """Return the answer; None for what is none of the page's: another path, or a WebSocket that knocks."""
        path = path_of(request)
        leaf = self._leaves.get(FIRST if path == "/" else path.removeprefix("/"))
        if leaf is None or "Upgrade" in request.headers:
            return None
        if request.method not in ("GET", "HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, b"", [("Allow", "GET, HEAD")])
        squeeze = bool(leaf.squeezed) and _takes_gzip(request)
        tag = f'"{leaf.tag}-gzip"' if squeeze else f'"{leaf.tag}"'
        # no-cache: kept, but asked for each time, so that a page never runs with another version's modules.
        caching = [("ETag", tag), ("Cache-Control", "no-cache"), ("Vary", "Accept-Encoding"), *_HEADERS]
        if tag in _tags(request):
            return _response(HTTPStatus.NOT_MODIFIED, b"", caching)
        body = leaf.squeezed if squeeze else leaf.body
        headers = [("Content-Type", leaf.content_type), *([("Content-Encoding", "gzip")] if squeeze else []), *caching]
        return _response(HTTPStatus.OK, body, headers, is_head=request.method == "HEAD")


def _leaves_of(folder: Path) -> dict[str, Leaf]:
    """Read every file of a page's kinds; hidden ones, and links that lead out of the folder, are left alone."""
    root, leaves, total_bytes = folder.resolve(), dict[str, Leaf](), 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.suffix not in TYPES or any(part.startswith(".") for part in name.parts):
            continue
        if not path.is_file() or not path.resolve().is_relative_to(root):
            continue
        try:
            body = path.read_bytes()
        except OSError as error:
            raise SettingsFault(
                f"{path} can't be read ({error.strerror}); PARLEY_WEB_PAGE=off does without."
            ) from error
        total_bytes += len(body)
        if len(body) > LARGEST_FILE_BYTES or total_bytes > LARGEST_PAGE_BYTES:
            raise SettingsFault(f"{path} is too much for a web page; PARLEY_WEB_PAGE=off does without it.")
        leaves[name.as_posix()] = Leaf.of(path.suffix, body)
    return leaves


def _response(status: HTTPStatus, body: bytes, headers: list[tuple[str, str]], *, is_head: bool = False) -> Response:
    """Return a response; the head of one alone tells the length that its body would have."""
    length = [] if status is HTTPStatus.NOT_MODIFIED else [("Content-Length", str(len(body)))]
    first = [("Date", formatdate(usegmt=True)), ("Connection", "close"), *length]
    return Response(status.value, status.phrase, Headers([*first, *headers]), b"" if is_head else body)


def _tags(request: Request) -> set[str]:
    """Return the versions that the browser has."""
    listed = ",".join(request.headers.get_all("If-None-Match"))
    return {tag.strip().removeprefix("W/") for tag in listed.split(",")}


def _takes_gzip(request: Request) -> bool:
    codings = ",".join(request.headers.get_all("Accept-Encoding")).lower().replace(" ", "")
    return any(coding.partition(";")[0] == "gzip" and not coding.endswith(";q=0") for coding in codings.split(","))
