"""One conversation as the client sees it, without I/O: responses and ticks in, requests, sound and events out."""

from __future__ import annotations

from collections import deque

from parley.v1 import audio_pb2, stream_pb2
from parley.v1 import conversation_service_pb2 as wire

from . import events
from .events import Event, Moment
from .failures import ClientError, ConversationBroken, ServerRefused
from .happenings import Dry, FirstSample, Happening, LastSample, Silent
from .local_duck import LocalDuck
from .pace import Pace
from .playout import Playout
from .sound import (
    MIC_FRAME_SAMPLES,
    SAMPLE_BYTES,
    SPEAKER_FRAME_SAMPLES,
    mic_from_speaker,
    speaker_from_mic,
    speaker_ms,
    speaker_samples,
)
from .stop_key import StopKey
from .wire_events import error_words_of, event_of

PROTOCOL = 1
REPORT_MS = 200
"""How often the server is told what has been played while a reply is underway."""
HEARTBEAT_TICKS = 50
"""A heartbeat each second, so that a frozen client is found even when its frames are in flight."""
KNOWN_CAPTIONS = 500
"""Captions remembered: a long reply's words."""
SILENCE = bytes(MIC_FRAME_SAMPLES * SAMPLE_BYTES)
INTERRUPT = wire.ConverseRequest(interrupt=wire.ConverseRequest.Interrupt())


class Session:
    """Stamps the microphone, obeys the server's word on the speaker, and reports what was truly played.

    Feed it `receive` and `tick`; collect `requests()` and `events()` after each.
    """

    def __init__(self, playout: Playout) -> None:
        self.playout = playout
        self.local_duck = LocalDuck()
        self.stop_key = StopKey()
        self.pace = Pace()
        self.opened = False
        self.closed = False
        self.muted = False
        self.failure: ClientError | None = None
        """Set when the server ended the conversation with an error."""
        self.mic_offset = 0
        """Samples captured since the session began, but for those that `pace` does not let pass."""
        self._beats = 0
        self._ticks = 0
        self._reported_at = 0
        self._now_s = 0.0
        self._input_latency = 0
        self._has_resumed = False
        self._trouble = ""
        self._captions: deque[bytes] = deque(maxlen=KNOWN_CAPTIONS)
        self._requests: list[wire.ConverseRequest] = []
        self._events: list[Event] = []

    def receive(self, response: wire.ConverseResponse, now_s: float) -> None:
        """Act on what the server sent. Kinds of a later protocol are passed over."""
        self._now_s = now_s
        self._act(response)
        if not self._is_known_caption(response) and (event := event_of(response, self._moment())):
            self._tell(event)
        self._tell_happenings()

    def tick(self, mic_pcm: bytes, now_s: float, output_latency: int = 0, input_latency: int = 0) -> bytes:
        """Take a frame just captured (16 kHz) and return the next one for the speaker (24 kHz), 20 ms each.

        `output_latency`: 24 kHz samples the device has taken that can't be heard yet. `input_latency`: 16 kHz samples
        between the air and this frame's end.
        """
        self._now_s, self._input_latency = now_s, input_latency
        self.playout.latency_samples = output_latency
        sounding = self.playout.audible().reply > 0
        if self.local_duck.hear(SILENCE if self.muted else mic_pcm, sounding=sounding):
            self.playout.duck_here()
        speaker_pcm = self.playout.pull(SPEAKER_FRAME_SAMPLES)
        self.local_duck.played(speaker_pcm)
        captured_ago = SPEAKER_FRAME_SAMPLES + speaker_from_mic(input_latency)
        if self.pace.allows(now_s):
            self._send_audio(SILENCE if self.muted else mic_pcm, captured_ago)
        self._tell_happenings()
        self._report_in_time()
        if self.stop_key.tick(self.playout.newest):
            self._requests.append(INTERRUPT)
        self._beat()
        return speaker_pcm

    def interrupt(self) -> None:
        """The person presses the stop key; it is pressed again as long as the server does not heed it."""
        self.stop_key.press(self.playout.newest)
        self._requests.append(INTERRUPT)

    def reconnecting(self, why: str, now_s: float) -> None:
        """Note that the connection is lost, or about to be; microphone and speaker go on."""
        self._now_s = now_s
        self.stop_key.away()
        self._tell(events.Reconnecting(self._moment(), why))

    def resumed(self, opened: wire.Opened, gap_ms: int, lost_ms: int, now_s: float) -> None:
        """Go on over another connection. No duck outlives the one before: its verdict may have been lost with it."""
        self._now_s = now_s
        self._has_resumed = True
        self._on_opened(opened)
        self.playout.let_go_of_duck()
        if self.stop_key.back():
            self._requests.append(INTERRUPT)
        self._tell(events.Resumed(self._moment(), gap_ms, lost_ms))

    def sound_trouble(self, words: str) -> None:
        """Note what is wrong with the sound card, "" when nothing is: told each time it changes."""
        if words != self._trouble:
            self._trouble = words
            self._tell(events.SoundTrouble(self._moment(), words))

    def requests(self) -> list[wire.ConverseRequest]:
        """Return what is to be sent, in order."""
        requests, self._requests = self._requests, []
        return requests

    def events(self) -> list[Event]:
        """Return what has happened since the last call, in order."""
        told, self._events = self._events, []
        return told

    def _send_audio(self, pcm: bytes, captured_ago: int) -> None:
        head = self.playout.audible(captured_ago)
        stamp = audio_pb2.Playhead(reply=head.reply, position=head.position)
        frame = audio_pb2.AudioFrame(mic_offset=self.mic_offset, pcm=pcm, playhead=stamp)
        self._requests.append(wire.ConverseRequest(audio=frame))
        self.mic_offset += len(pcm) // SAMPLE_BYTES

    def _beat(self) -> None:
        self._ticks += 1
        if self._ticks % HEARTBEAT_TICKS == 0:
            self._beats += 1
            self._requests.append(wire.ConverseRequest(heartbeat=stream_pb2.Heartbeat(beat=self._beats)))

    # What the speaker did

    def _tell_happenings(self) -> None:
        for happening in self.playout.happenings():
            at, (reply, position) = self._moment(happening.at), happening.playhead
            match happening:
                case FirstSample():
                    self._tell(events.ReplyStarted(at, reply, position))
                    self._report(happening)
                case LastSample():
                    self._tell(events.ReplyPlayed(at, reply, position))
                    self._report(happening, ended=True)
                case Dry():
                    self._tell(events.Underrun(at, reply, position, self.playout.underruns))
                    self._report(happening)
                case Silent(seq=seq):
                    self._tell(events.Silenced(at, seq, reply, position))
                    self._answer_flush(at, happening, seq)

    def _answer_flush(self, at: Moment, silent: Happening, seq: int) -> None:
        reply, position = silent.playhead
        flushed = audio_pb2.Flushed(seq=seq, reply=reply, position=position, mic_offset=at.mic_offset)
        self._requests.append(wire.ConverseRequest(flushed=flushed))

    def _report_in_time(self) -> None:
        due = self.playout.handed - self._reported_at >= speaker_samples(REPORT_MS)
        if due and self.playout.underway:
            self._report(Happening(self.playout.played, self.playout.playhead()))

    def _report(self, happening: Happening, ended: bool = False) -> None:
        self._reported_at = self.playout.handed
        playback = audio_pb2.Playback(
            reply=happening.playhead.reply,
            position=happening.playhead.position,
            mic_offset=self._moment(happening.at).mic_offset,
            buffered_ms=speaker_ms(self.playout.unplayed_samples),
            underruns=self.playout.underruns,
            ended=ended,
        )
        self._requests.append(wire.ConverseRequest(playback=playback))

    def _moment(self, played: int | None = None) -> Moment:
        """Return now, or the moment that sample leaves the speaker, on both sample clocks."""
        now_played = self.playout.played
        at = now_played if played is None else played
        mic_offset = self.mic_offset + self._input_latency - mic_from_speaker(now_played - at)
        return Moment(self._now_s, max(0, mic_offset), at)

    # What the server said

    def _tell(self, event: Event) -> None:
        self._events.append(event)

    def _is_known_caption(self, got: wire.ConverseResponse) -> bool:
        """Whether a caption came before, word for word: after a resumption some are told again."""
        caption = got.caption
        if not got.HasField("caption") or not (caption.final or caption.who == wire.Caption.WHO_ASSISTANT):
            return False
        line = caption.SerializeToString(deterministic=True)
        known = self._has_resumed and line in self._captions
        self._captions.append(line)
        return known

    def _act(self, got: wire.ConverseResponse) -> None:
        match got.WhichOneof("message"):
            case "audio":
                self.playout.receive(got.audio.reply, got.audio.position, got.audio.pcm)
            case "reply_ended":
                self.playout.ended(got.reply_ended.reply)
            case "duck":
                self.playout.duck(got.duck.seq, got.duck.gain_db)
            case "release":
                self.playout.release(got.release.seq)
            case "flush":
                self.stop_key.flushed(got.flush.seq)
                self.playout.flush(got.flush.seq, got.flush.floor)
            case "opened":
                self._on_opened(got.opened)
            case "error":
                self._on_error(got.error)
            case "closed":
                self.closed = True

    def _on_opened(self, opened: wire.Opened) -> None:
        self.opened = True
        self.pace.begin(opened.limits.max_ahead_ms)
        if opened.protocol > PROTOCOL:
            self.failure = ServerRefused(
                f"The server speaks protocol {opened.protocol}, this client {PROTOCOL}: update the client."
            )

    def _on_error(self, error: stream_pb2.Error) -> None:
        words = error_words_of(error)
        if self.opened:
            self.failure = ConversationBroken(f"The server ended the conversation: {words}")
        else:
            self.failure = ServerRefused(f"The server refused: {words}")
