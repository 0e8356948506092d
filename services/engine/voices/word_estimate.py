"""Where words probably begin, for voices that do not say: by their share of the characters, as the audio comes."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from services.engine.speech import RATE_HZ, Utterance, Word

_CHARACTERS_PER_S = 15.0  # of English at normal pace, until the voice has shown its own
_LEARNING = 0.3  # how much a sentence changes what is believed of the voice's pace
_LOUD = 330  # of 32768: -40 dBFS, above the hiss a voice begins with
_HELD_SAMPLES = RATE_HZ // 4  # kept back until more comes: the last words need audio to begin in
_PAUSE_CHARACTERS = {",": 2.0, ";": 3.0, ":": 3.0, "—": 3.0, "–": 3.0}  # a clause's end takes as long as so many


class SpeakingPace:
    """What is known of a voice's pace at speed 1: samples per character. Learns from each sentence it has spoken."""

    def __init__(self) -> None:
        self._samples_per_character = RATE_HZ / _CHARACTERS_PER_S

    def samples_per_character(self, speed: float) -> float:
        """What to expect."""
        return self._samples_per_character / speed

    def learn(self, samples: int, characters: float, speed: float) -> None:
        """A sentence of so many characters took so many samples, without the silence around it."""
        if characters >= 10 and samples:
            shown = samples * speed / characters
            self._samples_per_character += _LEARNING * (shown - self._samples_per_character)


class WordEstimate:
    """One sentence: takes its audio as it comes (`feed`, `finish`) and gives it with its words.

    Each word is given with the audio in which it probably begins; all of them are, whatever comes. A sentence is as
    wrong as the voice's pace differs from what is known of it; the first ones of a voice teach it.
    """

    def __init__(self, text: str, pace: SpeakingPace, speed: float) -> None:
        self._pace, self._speed = pace, speed
        self._words: list[tuple[str, float]] = []  # with the characters before each
        before = 0.0
        for match in re.finditer(r"\s*\S+", text):
            if self._words and not re.search(r"\w", match.group()):
                self._words[-1] = (self._words[-1][0] + match.group(), self._words[-1][1])  # a dash is not spoken
            else:
                self._words.append((match.group(), before))
            before += len(match.group().strip()) + 1 + _PAUSE_CHARACTERS.get(match.group()[-1], 0.0)
        self._characters = before
        self._held: NDArray[np.int16] = np.zeros(0, dtype=np.int16)
        self._given = 0  # samples
        self._onset: int | None = None  # the first loud sample
        self._last_loud = 0

    def feed(self, samples: NDArray[np.int16]) -> Utterance | None:
        """Add audio at 24 kHz; gives what need not be kept back, if that is anything."""
        self._hear(samples)
        ready = self._held.size - _HELD_SAMPLES
        return self._give(ready, self._pace.samples_per_character(self._speed)) if ready > 0 else None

    def whole(self, samples: NDArray[np.int16]) -> Utterance | None:
        """The sentence all at once: its own pace is then known, and the words share it."""
        self._hear(samples)
        return self.finish()

    def _hear(self, samples: NDArray[np.int16]) -> None:
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _LOUD)
        if loud.size:
            start = self._given + self._held.size
            self._onset = start + int(loud[0]) if self._onset is None else self._onset
            self._last_loud = start + int(loud[-1])
        self._held = np.concatenate([self._held, samples])

    def finish(self) -> Utterance | None:
        """The audio is over: gives the rest, with all words that are left."""
        onset = self._onset or 0
        if self._onset is not None:
            self._pace.learn(self._last_loud - onset, self._characters, self._speed)
        if not self._held.size and not self._words:
            return None
        end = max(self._last_loud, self._given + 1)
        if self._words:
            # What is left has to fit into what is left: the words share it, by their characters.
            first = self._words[0][1]
            left = max(self._characters - first, 1.0)
            begin = max(self._given, min(onset + first * self._pace.samples_per_character(self._speed), end))
            return self._give(self._held.size, (end - begin) / left, begin - first * (end - begin) / left)
        return self._give(self._held.size, 1.0)

    def _give(self, count: int, samples_per_character: float, onset: float | None = None) -> Utterance:
        """Cut `count` samples off; the words that begin in them go along."""
        is_last = onset is not None
        onset = onset if onset is not None else (self._onset if self._onset is not None else float("inf"))
        until = self._given + count
        words = []
        while self._words:
            text, characters = self._words[0]
            start = onset + characters * samples_per_character
            if start >= until and not is_last:
                break
            words.append(Word(text, max(0, min(int(start) - self._given, count))))
            self._words.pop(0)
        pcm, self._held = self._held[:count], self._held[count:]
        self._given = until
        return Utterance(pcm.tobytes(), words, estimated=True)
