"""The content listener: what one conversation makes of what the shared model hears."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from services.vad.content.enrolment import EnrolledWord
from services.vad.content.head import Content, Moment
from services.vad.content.listener import ENGLISH, HEARD_SAMPLES, ContentListener, ContentModel
from services.vad.content.words import UNITS
from services.vad.voice import samples_of
from tests.fakes import speech

SOUND = np.zeros(HEARD_SAMPLES, np.int16)
MOMENT = Moment(320, 320, 0, 0.9, 0.9)


class Scripted:
    """A model that hears what it is told to."""

    def __init__(self, command: float, phrase: float, **units: float) -> None:
        """So much of a command, namely these units."""
        shares = np.zeros(len(UNITS), np.float32)
        for unit, share in units.items():
            shares[UNITS.index(unit)] = share
        rest = (1 - command - phrase) / 3
        self._content = Content(command, phrase, rest, rest, rest, shares, np.ones(640, np.float32))

    def hear(self, samples: NDArray[np.int16], moment: Moment) -> Content:
        """Hear it."""
        return self._content


class Likely(EnrolledWord):
    """An enrolled word that is as likely as its bar says."""

    def likeness(self, content: Content, moment: Moment) -> float:
        """Say so."""
        return self.bar


def likely(name: str, likeness: float) -> EnrolledWord:
    """Such a word."""
    return Likely(name, np.zeros((1, 640), np.float32), np.zeros(1, np.float32), likeness, 0.0)


def listener(model: Scripted, words: frozenset[str] = ENGLISH, *enrolled: EnrolledWord) -> ContentListener:
    """A listener to a scripted model."""
    return ContentListener(cast(ContentModel, model), words, enrolled)


def test_a_word_that_is_not_obeyed_is_no_command() -> None:
    """The floor is wanted by words that the conversation knows, and by phrases."""
    model = Scripted(0.8, 0.1, stop=0.5, halt=0.25, basta=0.25)
    opinion = listener(model).hear(SOUND, MOMENT)
    assert opinion.word == "stop"
    assert opinion.command == pytest.approx(0.6)
    assert opinion.floor == pytest.approx(0.7)
    assert listener(model, frozenset({"basta"})).hear(SOUND, MOMENT).command == pytest.approx(0.2)
    assert listener(model, frozenset()).hear(SOUND, MOMENT).command == 0.0


def test_an_enrolled_word_counts_where_it_is_likelier() -> None:
    """The likeliest of all names the command; what is surely a command is not also a phrase."""
    model = Scripted(0.5, 0.4, stop=1.0)
    words = (likely("computer", 0.9), likely("jarvis", 0.7))
    opinion = listener(model, ENGLISH, *words).hear(SOUND, MOMENT)
    assert (opinion.word, opinion.command) == ("computer", 0.9)
    assert opinion.phrase == pytest.approx(0.1)
    assert listener(model, ENGLISH, likely("computer", 0.3)).hear(SOUND, MOMENT).word == "stop"


@pytest.fixture(scope="module")
def model() -> ContentModel:
    """The shipped one."""
    return ContentModel()


def test_the_shipped_model_knows_a_clear_stop_from_a_hum(model: ContentModel) -> None:
    """Synthetic voices, a wide margin: it is put together rightly. How well it judges people `make eval` says."""

    def command(pcm: bytes) -> float:
        heard = np.concatenate([np.zeros(HEARD_SAMPLES, np.int16), samples_of(pcm)])
        ms = len(pcm) / 32
        return ContentListener(model).hear(heard, Moment(ms, ms, 0, 0.9, 0.9)).command

    assert command(speech.say("stop!")) > command(speech.hum()) + 0.3
