"""What the microphone gave, kept until it would survive the server, for the next one that takes the conversation up."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from parley.v1.conversation_service_pb2 import ConverseRequest

from .mic_frames import end_of, rest_of
from .sound import FRAME_MS

LARGEST_FRAMES = 60_000 // FRAME_MS
"""60 s of microphone, 1.9 MB: the longest turn. A server says every second how far it is decided; beyond this the
oldest go."""
FRAMES_UNHEARD_OF = 3_000 // FRAME_MS
"""3 s, once a server has not said for the longest time how far it is decided: it never will, and more than that
does not lie between its ears and its death."""
LARGEST_MARKS = 200
"""Keys and typed words, likewise."""
MARKS = ("mute", "push_to_talk", "say")
"""What stands between two samples of the microphone, and travels with them in order."""


class _Mark(NamedTuple):
    """A key, or typed words: at that many samples of the microphone."""

    at: int
    request: ConverseRequest

    @property
    def kind(self) -> str:
        return self.request.WhichOneof("message") or ""


class Retention:
    """Keeps frames, keys and typed words in the order they came; `heard` lets go of them, `replay` gives them again.

    Policy when full: the oldest go. What is missed for that is known when it is wanted, and counted in `lost_samples`.
    """

    def __init__(self) -> None:
        self.lost_samples = 0
        """Samples that a server wanted to be sent again, and that were gone."""
        self.lost_words = 0
        """Typed words that were given up."""
        self._frames: deque[ConverseRequest] = deque()
        self._marks: deque[_Mark] = deque()
        self._keys: dict[str, ConverseRequest] = {}
        """How the keys stood before everything that is kept."""
        self._end = 0
        self._is_heard_of = False
        self._captured_frames = 0

    def __len__(self) -> int:
        return len(self._frames)

    def keep(self, request: ConverseRequest) -> None:
        """Keep a frame of the microphone, a key or typed words; of other kinds nothing is kept."""
        kind = request.WhichOneof("message")
        if kind == "audio":
            self._frames.append(request)
            self._end = end_of(request.audio)
            self._captured_frames += 1
            unheard_of = not self._is_heard_of and self._captured_frames > LARGEST_FRAMES
            while len(self._frames) > (FRAMES_UNHEARD_OF if unheard_of else LARGEST_FRAMES):
                self._frames.popleft()
        elif kind in MARKS:
            self._marks.append(_Mark(self._end, request))
            if len(self._marks) > LARGEST_MARKS:
                self.lost_words += self._let_go_of_mark() == "say"

    def heard(self, received_offset: int) -> None:
        """Let go of what came before `received_offset`: it would survive the server."""
        self._is_heard_of = True
        while self._frames and end_of(self._frames[0].audio) <= received_offset:
            self._frames.popleft()
        # What stands just there is not known to have come: only the sample behind it tells.
        while self._marks and self._marks[0].at < received_offset:
            self._let_go_of_mark()

    def replay(self, mic_offset: int) -> list[ConverseRequest]:
        """Return what the next server is to be sent, in order: how the keys stood at `mic_offset`, and all after it."""
        self._is_heard_of = True
        keys = self._keys | {mark.kind: mark.request for mark in self._marks if mark.at < mic_offset}
        frames = [frame for frame in self._frames if end_of(frame.audio) > mic_offset]
        oldest = frames[0].audio.mic_offset if frames else self._end
        self.lost_samples += max(0, oldest - mic_offset)
        if frames:
            frames[0] = rest_of(frames[0], mic_offset)
        return [keys[kind] for kind in MARKS if kind in keys and kind != "say"] + self._in_order(frames, mic_offset)

    def _in_order(self, frames: list[ConverseRequest], mic_offset: int) -> list[ConverseRequest]:
        """Return frames and marks from `mic_offset` on; a mark goes before the frame that begins where it stands."""
        merged: list[ConverseRequest] = []
        marks = deque(mark for mark in self._marks if mark.at >= mic_offset)
        for frame in frames:
            while marks and marks[0].at <= frame.audio.mic_offset:
                merged.append(marks.popleft().request)
            merged.append(frame)
        return merged + [mark.request for mark in marks]

    def _let_go_of_mark(self) -> str:
        """Forget the oldest mark, of a key how it stands; return its kind."""
        mark = self._marks.popleft()
        if mark.kind != "say":
            self._keys[mark.kind] = mark.request
        return mark.kind
