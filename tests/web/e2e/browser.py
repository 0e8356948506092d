"""A headless chromium of this machine, driven by Playwright from .venv-web, with a microphone that hears a WAV file."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from services.common.settings import Environment
from services.ingress.page import Page as ServedPage
from tests.fakes import speech
from tests.fakes.eventually import until

ROOT: Final = Path(__file__).resolve().parents[3]
_PACKAGES: Final = ROOT / ".venv-web" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
CHROMIUM: Final = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""

PATIENCE_MS: Final = 120_000
"""A browser on a busy machine is slow."""
PHONE: Final = {"width": 320, "height": 640}
LAPTOP: Final = {"width": 1280, "height": 800}

_EXPECTED: Final = ("ERR_CONNECTION", "WebSocket conn", "Cross-Origin-Opener-Policy")
"""What a browser itself says of a lost network, and of a page over plain http from elsewhere."""

Page = Any
"""Playwright's. It lives in an environment of its own, so its types are not here."""


def library(name: str) -> Any:
    """Return a module of .venv-web; skip the test where that, or a chromium, is missing."""
    if not CHROMIUM:
        pytest.skip("no chromium on this machine (Debian: apt install chromium; or CHROMIUM=/path/to/it)")
    if not (_PACKAGES / "playwright").exists():
        pytest.skip("Playwright is not installed: `make test-web` does it")
    if str(_PACKAGES) not in sys.path:
        sys.path.append(str(_PACKAGES))
    return importlib.import_module(name)


def write_voice(path: Path, *parts: bytes) -> Path:
    """Write what the microphone hears: 16 kHz. Chromium plays it once, and hears silence from then on."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(speech.RATE_HZ)
        file.writeframes(speech.join(*parts))
    return path


@asynccontextmanager
async def chromium(voice: Path | None = None, allowed: bool = True) -> AsyncIterator[Any]:
    """Start a browser whose microphone hears `voice` (None: beeps); not `allowed`: it may not be used."""
    arguments = ["--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required"]
    if allowed:
        arguments.append("--use-fake-ui-for-media-stream")
    if voice is not None:
        arguments.append(f"--use-file-for-fake-audio-capture={voice}%noloop")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # chromium has none for root
    async with library("playwright.async_api").async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, headless=True)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def page_of(
    browser: Any, address: str, script: Path | None = None, before: str = "", **context: Any
) -> AsyncIterator[Page]:
    """Open the page at `address` in a window of its own; whatever it complains of, or refuses, fails the test.

    With `script` no server is asked: the files come as ingress would give them, that one in place of the client.
    `before` runs before the page's own code.
    """
    complaints: list[str] = []
    window = await browser.new_context(**{"viewport": LAPTOP, "color_scheme": "light", **context})
    window.set_default_timeout(PATIENCE_MS)
    try:
        page = await window.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        if before:
            await page.add_init_script(before)
        if script is not None:
            await page.route("**/*", _files(script))
        await page.goto(address)
        await page.wait_for_selector("html[data-turn]")
        yield page
        unexpected = [line for line in complaints if not any(word in line for word in _EXPECTED)]
        assert unexpected == [], unexpected
    finally:
        await window.close()


def _files(script: Path) -> Callable[[Any], Awaitable[None]]:
    files, stand_in = ServedPage.read(Environment({})), script.read_bytes()

    async def give(route: Any) -> None:
        path = urlsplit(route.request.url).path
        answer = files.answer(Request(path, Headers()))
        assert answer is not None, f"the page asks for {path}, which is not there"
        body = stand_in if path.endswith("core/client.js") else answer.body
        await route.fulfill(status=answer.status_code, headers=dict(answer.headers.raw_items()), body=body)

    return give


async def comes_true(page: Page, expression: str) -> None:
    """Wait until it is. Playwright's own way of waiting is one that the page's rules forbid."""
    await until(lambda: page.evaluate(expression), PATIENCE_MS / 1000)


async def assert_accessible(page: Page) -> None:
    """Let axe look at the page: nothing it knows of may be wrong; and nothing may stand out at the window's side."""
    script = _PACKAGES / "axe_playwright_python" / "axe.min.js"
    # By the debugger, not as an element of the page: the page's own rules forbid foreign scripts.
    await page.evaluate(script.read_text(encoding="utf-8"))
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    wrong = [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {[node['html'][:120] for node in rule['nodes']]}"
        for rule in found["violations"]
    ]
    assert wrong == [], "\n".join(wrong)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than its window"
