"""`python -m tests.clients.web_worker`: the web page's client in a headless Chromium, told what to do line by line.

It speaks as `parley-device` does (clients/esp32/port/posix), as far as the measurements need it. The browser's sound
runs at 24 kHz here, so that what its speaker is given can be compared sample by sample; it is written a few
milliseconds after it was rendered.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.web.e2e.browser import CHROMIUM, library

_OPENS_S: Final = 60.0
_RECORDER: Final = """
class Recorder extends AudioWorkletProcessor {
  constructor() { super(); this.block = new Int16Array(256); this.filled = 0; }
  process([input]) {
    const heard = input[0];
    for (let n = 0; n < 128; n++) {
      this.block[this.filled++] = heard ? Math.round(Math.max(-1, Math.min(32767 / 32768, heard[n])) * 32768) : 0;
      if (this.filled < this.block.length) continue;
      this.port.postMessage(this.block.slice());
      this.filled = 0;
    }
    return true;
  }
}
registerProcessor("recorder", Recorder);
"""
_TAP: Final = """
  globalThis.AudioContext = class extends AudioContext {
    constructor(options) {
      super({ ...options, sampleRate: 24000 });
      this.tapped = this.audioWorklet.addModule("/recorder.js");
    }
  };
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode && this.numberOfInputs === 0) {
      this.context.tapped.then(() => {
        const recorder = new AudioWorkletNode(this.context, "recorder", { numberOfOutputs: 0 });
        recorder.port.onmessage = ({ data }) => heard(btoa(String.fromCharCode(...new Uint8Array(data.buffer))));
        connect.call(this, recorder);
      });
    }
    return connect.call(this, target, ...rest);
  };
"""
_BEGIN: Final = """async () => {
  const { ParleyClient } = await import("/core/client.js");
  const client = (globalThis.client = new ParleyClient({ loopback: "off" }));
  const events = ["state", "replyStarted", "replyPlayed", "flush", "underrun", "error"];
  for (const name of events) client.addEventListener(name, ({ detail }) => happened(name, detail, client.sessionId));
  await client.connect();
}"""


class Note:
    """Says what happened, in the device's words."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self._session = "idle"
        self._lost_s = 0.0

    def happened(self, _: object, name: str, detail: dict[str, Any], session: str) -> None:
        """Take an event of the page's client."""
        where = {key: detail[key] for key in ("reply", "position") if key in detail}
        match name:
            case "replyStarted":
                tell("reply_started", **where)
            case "replyPlayed":
                tell("reply_played", **where)
            case "flush":
                tell("silenced", **where)
            case "underrun":
                tell("underrun", **where)
            case "error":
                print(detail["message"], file=sys.stderr)
            case "state":
                self._turn(detail, session)

    def _turn(self, detail: dict[str, Any], session: str) -> None:
        before, self._session = self._session, detail["session"]
        if self._session == before:
            return
        if self._session == "resuming":
            self._lost_s = time.monotonic()
        elif self._session == "conversation" and before == "resuming":
            tell("resumed", value=round((time.monotonic() - self._lost_s) * 1000), value2=0)
        elif self._session == "conversation":
            tell("opened", words=session)
        elif self._session == "ended":
            tell("closed", words=detail["why"])
            self.over.set()


def tell(event: str, **more: object) -> None:
    """Say what happened."""
    line = {"event": event, "ms": round(time.monotonic() * 1000, 1), **more}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def obey(page: Any, over: asyncio.Event) -> None:
    """Do what standard input says, until it says `quit` or the conversation is over."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    ended = asyncio.create_task(over.wait())
    while not ended.done():
        line = asyncio.create_task(reader.readline())
        await asyncio.wait((line, ended), return_when=asyncio.FIRST_COMPLETED)
        if not line.done():
            line.cancel()
            return
        what, _, words = line.result().decode().strip().partition(" ")
        if what == "type":
            await page.evaluate("words => client.say(words)", words)
        elif what == "interrupt":
            await page.evaluate("() => client.interrupt()")
        else:
            await page.evaluate("() => client.hangUp()")
            return


async def converse(server: str, record: Path) -> int:
    """Hold a conversation as it is told to; return the exit code."""
    origin, note = f"http://{urlsplit(server).netloc}", Note()
    speaker = await asyncio.to_thread(os.open, record, os.O_WRONLY | os.O_CREAT)
    arguments = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    arguments += ["--autoplay-policy=no-user-gesture-required", f"--unsafely-treat-insecure-origin-as-secure={origin}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # chromium has none for root
    async with library("playwright.async_api").async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments, headless=True)
        page = await (await browser.new_context()).new_page()
        await page.expose_binding("happened", note.happened)
        await page.expose_binding("heard", lambda _, block: os.write(speaker, base64.b64decode(block)) and None)
        await page.route("**/recorder.js", lambda route: route.fulfill(body=_RECORDER, content_type="text/javascript"))
        await page.add_init_script(_TAP)
        await page.goto(f"{origin}/core/client.js")
        begun = asyncio.create_task(page.evaluate(_BEGIN))
        async with asyncio.timeout(_OPENS_S):
            await begun
        # The fake microphone beeps, and nobody is to be interrupted by that.
        await page.evaluate("() => client.setMuted(true)")
        await obey(page, note.over)
        await browser.close()
    os.close(speaker)
    return 0


def main() -> int:
    """Run; return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.clients.web_worker", description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--record", type=Path, required=True, help="where the speaker's samples go, raw: a FIFO, say")
    options = parser.parse_args()
    return asyncio.run(converse(options.server, options.record))


if __name__ == "__main__":
    sys.exit(main())
