"""`python -m tests.clients.web_worker`: the web page in a headless chromium, told what to do a line at a time.

It speaks as the other clients' programs do, but for the sound: the page records what it gives its speaker itself, with
the moment of each sample, and the recording is handed over at the end. Its audio runs at 24 kHz here, not at the sound
card's rate, so that each sample still tells where it stands. Needs chromium and what `make test-web` installs.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import sys
import tempfile
import time
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.clients.desktop_worker import commands, tell
from tests.web.e2e.browser import CHROMIUM, library

PATIENCE_MS: Final = 60_000
GOODBYE_S: Final = 0.5
POLL_S: Final = 0.02
AT_24_KHZ: Final = """
globalThis.AudioContext = class extends AudioContext {
  constructor(options = {}) { super({ ...options, sampleRate: 24000 }); }
};
"""
NEWS: Final = """since => [performance.now(), parleyDebug.session(), parleyDebug.events.slice(since).map(
  ({name, atMs, detail}) => ({name, atMs, reply: detail.reply ?? 0, position: detail.position ?? 0}))]"""
NAMES: Final = {
    "replyStarted": "reply_started",
    "replyPlayed": "reply_played",
    "flush": "silenced",
    "underrun": "underrun",
}

Page = Any


async def follow(page: Page) -> None:
    """Tell what happens, as it happens."""
    seen, session = 0, ""
    while True:
        _, now_in, news = await page.evaluate(NEWS, seen)
        if now_in and now_in != session:  # a second time: the conversation was lost, and another one begun
            session = now_in
            tell("opened", words=session)
        seen += len(news)
        for one in news:
            if one["name"] in NAMES:
                tell(NAMES[one["name"]], reply=one["reply"], position=one["position"])
        await asyncio.sleep(POLL_S)


async def obey(page: Page) -> None:
    """Do what is said, to the last line."""
    lines = await commands()
    while line := (await lines.readline()).decode().strip():
        what, _, words = line.partition(" ")
        match what:
            case "type":
                await page.evaluate("words => parleyDebug.client.say(words)", words)
            case "interrupt":
                await page.evaluate("parleyDebug.client.interrupt()")
            case "quit":
                break


async def hand_over(page: Page, folder: Path) -> None:
    """Tell what the speaker was given, by this machine's clock."""
    before_s = time.monotonic()
    now_ms = await page.evaluate("performance.now()")
    began_s = (before_s + time.monotonic()) / 2 - now_ms / 1000
    for number, output in enumerate(await page.evaluate("parleyDebug.recording()")):
        path = folder / f"{number}.raw"
        path.write_bytes(base64.b64decode(output["pcm"]))
        tell("recording", words=str(path), rate_hz=output["rateHz"], at_s=began_s + output["beganMs"] / 1000)


async def converse(server: str, record: Path, output: str) -> None:
    """Open the page that the server serves, and hold a conversation as it is told to."""
    where = urlsplit(server)
    origin = f"http://{where.netloc}"
    silence = record.with_name("silence.wav")
    with wave.open(str(silence), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(32_000))
    arguments = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={silence}%noloop",
        "--autoplay-policy=no-user-gesture-required",
        f"--unsafely-treat-insecure-origin-as-secure={origin}",
        "--no-sandbox",
    ]
    async with library("playwright.async_api").async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, headless=True)
        try:
            await talk(browser, origin, obey, record, output)
        finally:
            await browser.close()


async def talk(
    browser: Any, origin: str, doing: Callable[[Page], Awaitable[None]], record: Path, output: str = ""
) -> None:
    """Talk over one page, then hang up. `output`: how replies come; empty: as the page chooses."""
    page = await browser.new_page(reduced_motion="reduce")
    page.set_default_timeout(PATIENCE_MS)
    await page.add_init_script(AT_24_KHZ)
    await page.goto(f"{origin}/?debug=1{f'&output={output}' if output else ''}")
    await page.wait_for_selector("html[data-turn]")
    await page.click("#talk")
    following = asyncio.create_task(follow(page))
    try:
        await doing(page)
        await page.click("#talk")
        await asyncio.sleep(GOODBYE_S)
    finally:
        following.cancel()
    await hand_over(page, Path(tempfile.mkdtemp(prefix="speaker-", dir=record.parent)))


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser("python -m tests.clients.web_worker", description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--record", type=Path, required=True, help="a FIFO; it is left empty, but its folder is used")
    parser.add_argument(
        "--output", choices=("pcm16", "opus"), default="", help="how replies come; else the page chooses"
    )
    options = parser.parse_args()
    if options.record.exists():
        options.record.open("wb").close()
    asyncio.run(converse(options.server, options.record, options.output))
    return 0


if __name__ == "__main__":
    sys.exit(main())
