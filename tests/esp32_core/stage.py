"""The stage on which the core plays a scene, in virtual time: its servers, its network and its sound card."""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.vectors.authority import read
from tests.vectors.journal import Journal, Sent
from tests.vectors.scenes import PIECE_SAMPLES, TICK_MS, Scene, Step, reply_pcm, speech_pcm

from .programs import Player

MIC_SAMPLES = 320


@dataclass
class Line:
    """One call."""

    number: int = 0
    """Which of those that reached a server; 0: none of them."""
    stands: bool = False
    """Answered with `opened`."""
    stands_since_ms: int = 0
    lost: bool = False
    """Nothing comes through any more."""
    ended: bool = False


class Stage:
    """Plays a scene to its end, and writes down what the core does."""

    def __init__(self, scene: Scene, player: Player) -> None:
        self.journal = Journal()
        self._scene = scene
        self._player = player
        self._network = "up"
        self._now_ms = 0
        self._lines: list[Line] = []
        self._present: Line | None = None
        self._connecting: Line | None = None
        self._refused: Line | None = None
        self._answers: list[tuple[int, Line, dict[str, Any]]] = []
        self._stream: Iterator[list[bytes]] = iter(())
        self._stream_over: Line | None = None
        self._speaks = False
        self._captured = 0

    def play(self) -> Journal:
        """Play it."""
        happenings = deque(self._scene.happenings)
        for moment in range(0, self._scene.end_ms + TICK_MS, TICK_MS):
            self._now_ms = moment
            self._say(f"now {moment}")
            self._answer()
            self._beat()
            for frame in next(self._stream, []):
                self._send(self._stream_over, frame)
            while happenings and happenings[0].at_ms == moment:
                self._happen(happenings.popleft())
            if moment:
                self._tick()
            else:
                self._say("start")
                self._say("poll")
            self._connect()
            self.journal.states[moment] = "ended" if self._player.state == "idle" else self._player.state
        return self.journal

    # What the core does

    def _say(self, command: str) -> str:
        sound = ""
        for word, rest in self._player.say(command):
            if word == "call":
                self._take_call()
            elif word == "sent":
                self._take(*rest.split(" "))
            elif word == "drop":
                self._leave()
            elif word == "speaker":
                sound = rest
            assert word != "full", "the scene's sound does not fit into the ring"
        return sound

    def _take_call(self) -> None:
        self._leave()
        self.journal.calls_ms.append(self._now_ms)
        if self._network == "down":
            return  # `call` itself says so
        line = self._present = Line(lost=self._network == "vanish")
        if line.lost:
            return
        self._lines.append(line)
        line.number = len(self._lines)
        if self._scene.answer(line.number).refused:
            self._refused = line
        else:
            self._connecting = line

    def _connect(self) -> None:
        """Let a call of this moment come through, or fail."""
        while self._connecting or self._refused:
            line, self._connecting = self._connecting, None
            if self._refused:
                self._refused = None
                self._say("disconnected 0")
            elif line is self._present:
                self._say("connected")
            self._say("poll")

    def _leave(self) -> None:
        if self._present:
            self._present.ended, self._present.stands = True, False
        self._present = self._connecting = self._refused = None

    def _take(self, kind: str, hexed: str) -> None:
        line, frame = self._present, bytes.fromhex(hexed)
        assert line, "sent without a connection"
        if line.lost:
            return
        sent = _sent(self._now_ms, line.number, frame, kind == "text")
        self.journal.sent.append(sent)
        answer = self._scene.answer(line.number)
        if sent.kind == "open" and not answer.silent:
            self._answers.append((self._now_ms + answer.after_ms, line, answer.message))

    # What happens to it

    def _send(self, line: Line | None, frame: bytes | str) -> None:
        if line is None or line is not self._present or line.lost or line.ended:
            return
        data = frame.encode() if isinstance(frame, str) else frame
        self._say(f"{'text' if isinstance(frame, str) else 'binary'} {data.hex() or '-'}")

    def _answer(self) -> None:
        for due in [answer for answer in self._answers if answer[0] <= self._now_ms]:
            self._answers.remove(due)
            _, line, message = due
            if "opened" in message and not line.ended:
                line.stands, line.stands_since_ms = True, self._now_ms
            self._send(line, json.dumps(message))

    def _beat(self) -> None:
        for line in self._lines:
            stood_ms = self._now_ms - line.stands_since_ms
            if line.stands and stood_ms > 0 and stood_ms % 1000 == 0:
                self._send(line, json.dumps({"heartbeat": {"beat": str(stood_ms // 1000)}}))

    def _standing(self, over: int | None) -> Line | None:
        if over is not None:
            return self._lines[over - 1]
        return next((line for line in reversed(self._lines) if line.stands), None)

    def _tick(self) -> None:
        silence = np.zeros(MIC_SAMPLES, np.int16)
        sound = speech_pcm(self._captured, MIC_SAMPLES) if self._speaks else silence
        self._captured += MIC_SAMPLES
        setup = self._scene.setup
        latencies = f"{setup.get('outputLatencyMs', 0) * 24} {setup.get('inputLatencyMs', 0) * 16}"
        played = self._say(f"tick {latencies} {sound.astype('<i2').tobytes().hex()}")
        self.journal.output[self._now_ms] = np.frombuffer(bytes.fromhex(played), "<i2").astype(np.int16)

    def _happen(self, step: Step) -> None:
        match step.kind:
            case "server":
                for message in step.what if isinstance(step.what, list) else [step.what]:
                    self._send(self._standing(step.over), json.dumps(message))
            case "audio":
                self._stream, self._stream_over = iter(()), None
                if step.what != "stop":
                    self._stream, self._stream_over = _pieces(step.what), self._standing(step.over)
                    for frame in next(self._stream, []):
                        self._send(self._stream_over, frame)
            case "mic":
                self._speaks = step.what == "speech"
            case "network":
                self._change_network(step.what)
            case "person":
                self._press(step.what)

    def _change_network(self, how: str) -> None:
        self._network = {"hang_up": "up"}.get(how, how)
        self._say(f"network {int(self._network != 'down')}")
        if how == "vanish":
            for line in self._lines:
                line.lost = True
        elif how in ("down", "hang_up") and self._present:
            self._leave()
            self._say(f"disconnected {1000 if how == 'hang_up' else 0}")

    def _press(self, what: dict[str, Any]) -> None:
        match what:
            case {"interrupt": _}:
                self._say("interrupt")
            case {"mute": {"muted": bool(muted)}}:
                self._say(f"mute {int(muted)}")
            case {"pushToTalk": {"pressed": bool(pressed)}}:
                self._say(f"talk {int(pressed)}")
            case {"say": {"text": str(text)}}:
                self._say(f"say {text}")
            case {"hangUp": _}:
                self._say("end")


def _pieces(audio: dict[str, Any]) -> Iterator[list[bytes]]:
    """Yield what is sent of a reply at its moment, then at each further one."""
    at, end = audio["position"], audio["position"] + audio["samples"]
    now = audio.get("lead_ms", 1_000_000) // TICK_MS * PIECE_SAMPLES
    while at < end:
        until = min(end, at + now)
        yield [_piece(audio["reply"], begin, until) for begin in range(at, until, PIECE_SAMPLES)]
        at, now = until, PIECE_SAMPLES


def _piece(reply: int, begin: int, until: int) -> bytes:
    pcm = reply_pcm(reply, begin, min(PIECE_SAMPLES, until - begin)).astype("<i2").tobytes()
    return (2).to_bytes(4, "little") + reply.to_bytes(4, "little") + begin.to_bytes(8, "little") + pcm


def _sent(at_ms: int, over: int, frame: bytes, is_text: bool) -> Sent:
    message = read("client", None, frame) if is_text else read("client", frame, None)
    assert message is not None, f"the client sent what no server reads: {frame!r}"
    if "audio" not in message:
        return Sent(at_ms, over, message)
    pcm = base64.b64decode(message["audio"].pop("pcm", ""))
    return Sent(at_ms, over, message, len(pcm) // 2, not any(pcm))
