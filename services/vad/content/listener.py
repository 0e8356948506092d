"""The content listener of one conversation: the shared model, and the words that this conversation obeys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.vad.content.encoder import WINDOW_SAMPLES, ContentEncoder
from services.vad.content.enrolment import EnrolledWord
from services.vad.content.head import Content, ContentHead, Moment
from services.vad.content.words import UNITS, obeyed

HEARD_SAMPLES: Final = WINDOW_SAMPLES
"""How much sound the listener wants: the last 0.8 s."""
ENGLISH: Final = obeyed(["en"])


@dataclass(frozen=True)
class Opinion:
    """What a sound over the reply is, as far as it has been heard. Probabilities, 0…1."""

    word: str
    """The likeliest of the words that this conversation obeys."""
    command: float
    """How likely it is one of them."""
    phrase: float
    """How likely it is speech that goes on."""
    backchannel: float
    noise: float
    single_word: float = 0.0
    """How likely it is another word, one that asks for nothing."""

    @property
    def floor(self) -> float:
        """How likely the person wants the floor."""
        return self.command + self.phrase


class ContentModel:
    """Encoder and head, opened once in a process."""

    def __init__(self) -> None:
        """Open the weights. Raises `WeightsError` if they are missing or damaged."""
        self._encoder = ContentEncoder()
        self._head = ContentHead()

    def hear(self, samples: NDArray[np.int16], moment: Moment) -> Content:
        """Say what the last 0.8 s hold. Takes 1.7 ms of a core; raises `ValueError` for less."""
        return self._head.judge(self._encoder.states(samples), moment)


class ContentListener:
    """Listens for one conversation. Use from one thread at a time."""

    def __init__(
        self, model: ContentModel, words: frozenset[str] = ENGLISH, enrolled: Iterable[EnrolledWord] = ()
    ) -> None:
        """Obey these units of the model's, and these enrolled words."""
        self._model = model
        self._words = np.array([unit in words for unit in UNITS])
        self._enrolled = tuple(enrolled)

    def hear(self, samples: NDArray[np.int16], moment: Moment) -> Opinion:
        """Return an opinion on the last 0.8 s (16 kHz), at this moment of the sound."""
        content = self._model.hear(samples, moment)
        word, command = content.likeliest_unit(self._words)
        for enrolled in self._enrolled:
            likeness = enrolled.likeness(content, moment)
            if likeness > command:
                word, command = enrolled.name, likeness
        phrase = min(content.phrase, 1.0 - command)
        return Opinion(word, command, phrase, content.backchannel, content.noise, content.word)
