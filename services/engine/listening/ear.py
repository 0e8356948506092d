"""From the audio of a turn to its words, while the person speaks.

Two opinions are had. A decoder with a general language model follows the speech as it comes: it hears anything,
badly. At each silence a second one looks for a phrase of the grammars in all that was said, whole, because only
then can it normalise for voice and channel: it hears little, well. `plausibility` decides between them. As a turn
ends with a pause, both have mostly finished when its end is announced.

Words are certain before the end in two cases: those of a phrase that was found at a pause; and in speech too long for
a phrase, where the general decoder has the last word, those that it no longer changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray
from pocketsphinx import Decoder

from services.engine.listening.grammar import BRIEF, REQUESTS, sentences_of
from services.engine.listening.plausibility import plausibility
from services.engine.listening.stability import StableWords

_IN_HZ, _OUT_HZ = 24_000, 16_000
_FRAME = _OUT_HZ // 100
_BREATH_FRAMES = 12  # so short a silence is worth a look: 14 % more looks than at a pause, each 80 ms sooner
_PAUSE_FRAMES = 20
_MIN_SPEECH_FRAMES = 10
_SLACK_FRAMES = 5  # the end of speech wanders by so much as more of the noise is known
_MOST_PAUSES = 4  # judged ahead of the end; a turn with more is long, and no phrase
_BRIEF_FRAMES = 110  # longer speech is no brief phrase
_REQUEST_FRAMES = 500  # longer speech is no request
_STABLE_MS = 800  # so long a word must have stood: 427 of 427 in espeak sentences were then in the final text
_MARGIN_FRAMES = 25  # silence a decoder is given before and after the speech
_BEAMS = {"beam": 1e-40, "pbeam": 1e-40, "wbeam": 7e-25}
_RANGE_DB = 30.0  # speech lies within this of its loudest frame
_SPEECH_RMS, _FLOOR_RMS = 1200.0, 14.0  # -29 and -67 dBFS
_SILENCE_DB = 10.0  # of amplitude 1: quieter is nobody speaking (-80 dBFS)


@dataclass(frozen=True, slots=True)
class Phrase:
    """What a grammar found: the words and how well they fit, in log likelihood per frame."""

    text: str
    fit: float


class Ear:
    """Recognises turns one after the other: `begin`, `hear` as often as audio comes, `end`."""

    def __init__(self) -> None:
        # Beams narrower than the defaults, and one pass: 0.14 instead of 0.8 of real time.
        self._general = Decoder(loglevel="FATAL", fwdflat=False, bestpath=False, maxhmmpf=2000, maxwpf=10, **_BEAMS)
        self._means = self._general.get_cmn(False)
        # With these beams it takes 0.7 of the time, and hears the same in 90 of 92 turns.
        self._strict = Decoder(lm=None, loglevel="FATAL", **_BEAMS)
        self._sentences = {}
        for name, grammar in (("brief", BRIEF), ("requests", REQUESTS)):
            self._strict.add_jsgf_string(name, grammar)
            self._sentences[name] = sentences_of(grammar)
        self._open = False
        self.begin()

    def begin(self) -> None:
        """A new turn, perhaps of another person."""
        if self._open:
            self._general.end_utt()
        self._general.set_cmn(self._means)
        self._general.start_utt()
        self._open = True
        self._resampler = soxr.ResampleStream(_IN_HZ, _OUT_HZ, 1, dtype="int16", quality="MQ")
        self._samples: NDArray[np.int16] = np.zeros(0, dtype=np.int16)
        self._phrases: list[Phrase] = []
        self._judged_frames = 0
        self._judgements = 0
        self._is_news = False
        self._stable = StableWords(_STABLE_MS)
        self._certain: list[str] = []

    def hear(self, pcm: bytes) -> list[str]:
        """More of the turn, PCM16LE mono at 24 kHz; gives the words that are certain by now: those before, and more."""
        self._take(pcm, last=False)
        if len(self._samples) > 2 * _REQUEST_FRAMES * _FRAME:
            self._follow()
            return self._certain
        speech = self._speech()
        quiet = len(self._samples) // _FRAME - speech.stop
        if len(speech) > _REQUEST_FRAMES:
            self._follow()
        elif quiet >= _BREATH_FRAMES and self._judgements < _MOST_PAUSES:
            self._judge(speech)
        if quiet >= _PAUSE_FRAMES and self._is_news and self._was_judged(speech):
            self._expect()
        return self._certain

    def _follow(self) -> None:
        """The speech is too long for a phrase: what the general decoder keeps to was said."""
        stable = self._stable.feed(self._heard().split(), 1000 * len(self._samples) // _OUT_HZ)
        self._certain += stable[len(self._certain) :]

    def _expect(self) -> None:
        """A phrase was found, and it is followed by a pause; what may follow it comes behind it."""
        self._is_news = False
        phrase = (self._likely(self._heard()) or "").split()
        if phrase[: len(self._certain)] == self._certain:
            self._certain = phrase

    def end(self) -> str:
        """What was said, in lower case; empty if nobody spoke."""
        self._take(b"", last=True)
        self._general.end_utt()
        self._open = False
        speech = self._speech()
        if len(speech) < _MIN_SPEECH_FRAMES:
            return ""
        self._judge(speech)
        heard = self._heard()
        return self._likely(heard) or heard

    def _heard(self) -> str:
        """What the general decoder makes of it so far."""
        hypothesis = self._general.hyp()
        return hypothesis.hypstr if hypothesis else ""

    def _take(self, pcm: bytes, last: bool) -> None:
        samples = self._resampler.resample_chunk(np.frombuffer(pcm, dtype=np.int16), last=last)
        if samples.size:
            self._samples = np.concatenate([self._samples, samples])
            self._general.process_raw(samples.tobytes(), False, False)

    def _speech(self) -> range:
        """The frames of 10 ms from the first to the last that is loud enough to be speech."""
        whole = len(self._samples) // _FRAME
        frames = self._samples[: whole * _FRAME].reshape(-1, _FRAME).astype(np.float32)
        if not whole:
            return range(0)
        level_db = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-3)
        threshold = max(float(level_db.max()) - _RANGE_DB, float(np.percentile(level_db, 10)) + 6, _SILENCE_DB)
        loud = np.flatnonzero(level_db > threshold)
        return range(int(loud[0]), int(loud[-1]) + 1) if loud.size else range(0)

    def _judge(self, speech: range) -> None:
        """Look for phrases in all that was said, once for each silence."""
        if self._was_judged(speech):
            return
        self._judged_frames = speech.stop
        self._judgements += 1
        self._phrases = []
        if _MIN_SPEECH_FRAMES <= len(speech) <= _BRIEF_FRAMES:
            self._look_for("brief", speech)
        if 2 * _MIN_SPEECH_FRAMES <= len(speech) <= _REQUEST_FRAMES:
            self._look_for("requests", speech)
        self._is_news = True

    def _was_judged(self, speech: range) -> bool:
        """The speech was looked at already: it has not gone on since."""
        return abs(speech.stop - self._judged_frames) <= _SLACK_FRAMES

    def _look_for(self, grammar: str, speech: range) -> None:
        self._strict.activate_search(grammar)
        self._strict.start_utt()
        self._strict.process_raw(self._normalise(speech).tobytes(), False, True)
        self._strict.end_utt()
        hypothesis = self._strict.hyp()
        # Where nothing fits to its end the decoder gives the start of a phrase: that is no phrase. (The library's
        # own `FsgModel.accept` can take half a minute on these grammars.)
        if hypothesis and self._sentences[grammar].fullmatch(f"{hypothesis.hypstr} "):
            self._phrases.append(Phrase(hypothesis.hypstr, self._fit()))

    def _normalise(self, speech: range) -> NDArray[np.int16]:
        """The speech and some silence around it, at one level, over a noise floor of at least a microphone's.

        The decoder was trained on recordings: of synthetic speech between digital zeros it understands little more
        than half as much.
        """
        begin = max(0, speech.start - _MARGIN_FRAMES) * _FRAME
        samples = self._samples[begin : (speech.stop + _MARGIN_FRAMES) * _FRAME].astype(np.float32)
        spoken = self._samples[speech.start * _FRAME : speech.stop * _FRAME].astype(np.float32)
        samples *= _SPEECH_RMS / max(float(np.sqrt(np.mean(spoken**2))), 1.0)
        frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
        floor = float(np.percentile(np.sqrt(np.mean(frames**2, axis=1)), 10))
        missing = math.sqrt(max(0.0, _FLOOR_RMS**2 - floor**2))
        noise = np.random.default_rng(0).normal(0, missing, len(samples))
        return np.asarray(np.clip(samples + noise, -32768, 32767), dtype=np.int16)

    def _fit(self) -> float:
        words = [word for word in self._strict.seg() if word.word[0] not in "<["]
        frames: int = sum(word.end_frame - word.start_frame + 1 for word in words)
        fits: list[float] = [math.log(word.ascore) if word.ascore > 0 else -1000.0 for word in words]
        return sum(fits) / max(frames, 1)

    def _likely(self, heard: str) -> str | None:
        """The phrase that was probably said, if one was."""
        sounds = self._phones(heard)
        texts = [phrase.text for phrase in self._phrases]
        best, best_odds = None, 0.0
        for phrase in self._phrases:
            is_stop = "stop" in phrase.text.split()
            agreed = texts.count(phrase.text) > 1
            odds = plausibility(self._phones(phrase.text), sounds, phrase.fit, is_stop=is_stop, agreed=agreed)
            if odds > best_odds:
                best, best_odds = phrase.text, odds
        return best

    def _phones(self, text: str) -> list[str]:
        spoken = (self._general.lookup_word(word) for word in text.split())
        return [phone for word in spoken if word for phone in word.split()]
