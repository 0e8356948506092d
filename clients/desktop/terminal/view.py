"""What the terminal shows, without a terminal: events and figures in, a picture in words out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .. import events
from ..events import Event
from ..meters import Levels, Quality
from ..playhead import NOWHERE, Playhead
from .captions import Captions, Line
from .flow import Connection, Flow, FlowMeter
from .latency import Latency, latency_of
from .standing import Circumstances, Standing, standing


@dataclass(frozen=True, slots=True)
class View:
    """The picture. Equal ones look the same."""

    standing: Standing
    lines: tuple[Line, ...]
    latency: Latency | None
    connection: Connection
    levels: Levels
    echo: str
    note: str
    """One line that the person should read: the sound card's trouble before what the server has to say."""
    is_recording: bool


class ViewModel:
    """One conversation's. Feed it every event, `look` before drawing, and tell it what the keys have done."""

    def __init__(self) -> None:
        self.now = Circumstances()
        self.is_recording = False
        self._captions = Captions()
        self._flow = FlowMeter()
        self._latency: Latency | None = None
        self._connection = Connection()
        self._levels, self._quality = Levels(), Quality()
        self._note = ""

    @property
    def view(self) -> View:
        """Return the picture as it is now."""
        return View(
            standing(self.now),
            tuple(self._captions.lines),
            self._latency,
            self._connection,
            self._levels,
            echo_words(self._quality),
            self._quality.trouble or self._note,
            self.is_recording,
        )

    def feed(self, event: Event) -> None:
        """Take note of what happened."""
        match event:
            case events.Opened():
                self.now.is_open, self.now.is_reconnecting = True, False
            case events.State(activity=activity):
                self.now.activity = activity
            case events.Caption():
                self._captions.feed(event)
            case events.Flush(floor=floor):
                self._captions.flushed(floor)
            case events.ReplyPlayed(reply=reply, position=position) | events.Silenced(reply=reply, position=position):
                self._captions.hear(reply, position)
            case events.TurnReport(turn=turn, stages=stages):
                self._latency = latency_of(turn, stages) or self._latency
            case events.Reconnecting(why=why):
                self.now.is_reconnecting = True
                self._note = f"Connecting again: {why}."
            case events.Resumed(gap_ms=gap_ms, lost_ms=lost_ms):
                self.now.is_reconnecting = False
                lost = f" {lost_ms / 1000:.1f} s of your words are lost." if lost_ms else ""
                self._note = f"Connected again after {gap_ms / 1000:.1f} s.{lost}"
            case events.Draining(seconds=seconds):
                self._note = f"The server is going away in {seconds} s."
            case events.Notice(code=code, message=message):
                self._note = " ".join(message.split()) or code
            case events.Closed(reason=reason, code=code):
                words = " ".join(reason.split()) or code
                self.now.over = "You have hung up" if code == "client" else f"Parley has hung up: {words}"

    def look(self, levels: Levels, quality: Quality, playhead: Playhead, now_s: float) -> None:
        """Take the figures of this moment, several times a second."""
        self._levels = levels
        self._quality = quality
        self._connection = self._flow.feed(quality, now_s, away=self.now.is_reconnecting)
        if playhead != NOWHERE:
            self._captions.hear(*playhead)

    def say(self, note: str) -> None:
        """Show a line of the client's own."""
        self._note = note

    def end(self, why: str) -> None:
        """Note that the conversation is over; why, unless the server has said it."""
        self.now.is_reconnecting = False
        self.now.over = self.now.over or why
        self._levels = Levels()
        self._connection = replace(self._connection, flow=Flow.AWAY, words="")


def echo_words(quality: Quality) -> str:
    """Return how the speaker is kept out of the microphone."""
    echo = quality.echo
    match echo.way:
        case "device":
            return "echo cancelled" if echo.erle_db is None else f"echo −{echo.erle_db:.0f} dB"
        case "server":
            return "echo: by the server"
        case "headphones":
            return "headphones"
        case "off":
            return "echo: not cancelled"
        case way:
            return way
