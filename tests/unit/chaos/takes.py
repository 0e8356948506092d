"""Takes with sound that is put together by hand, for what scores them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos import lines
from tests.chaos.decoding import decode
from tests.chaos.mic_code import Utterance
from tests.chaos.mind import answer_samples, track_of
from tests.chaos.moments import Moment
from tests.chaos.person import Spoken
from tests.chaos.takes import Cell, Take
from tests.chaos.wording import Heard, WordSaid, words_of, written
from tests.fakes.position_code import track_pcm

HZ = 24_000
MIC_HZ = 16_000
NUMBER = 17


@dataclass
class Conversation:
    """Builds a take: the person says lines, the speaker plays what it is told to."""

    cell: Cell = field(default_factory=lambda: Cell("vad", "kill", Moment.SPEAKING))
    speaker: bytearray = field(default_factory=bytearray)
    spoken: list[Spoken] = field(default_factory=list)
    remembered: list[str] = field(default_factory=list)
    silenced: list[int] = field(default_factory=list)
    half_heard: set[Heard] = field(default_factory=set)

    def says(self, line: int, seconds: float = 2.0, heard: Sequence[int] | None = None, again: int = 0) -> Utterance:
        """Say a line in so many seconds; history has the words `heard` of it (all of them), and `again` once more."""
        begin = len(self.speaker) // 2 * MIC_HZ // HZ
        utterance = Utterance(line, NUMBER, len(self.spoken) + 1)
        self.spoken.append(Spoken(utterance, begin, begin + round(seconds * MIC_HZ)))
        self.waits(seconds)
        places = list(range(len(words_of(line))) if heard is None else heard) + list(range(again))
        self.remembered.append(" ".join(written(WordSaid(utterance, place)) for place in places))
        return utterance

    def waits(self, seconds: float) -> None:
        """Let the speaker be silent for so long."""
        self.speaker += bytes(2 * round(seconds * HZ))

    def hears(self, utterance: Utterance, begin: int = 0, end: int | None = None, words: int = 0) -> None:
        """Let the speaker play the answer to an utterance, or to its first words, from one sample to another."""
        end = answer_samples(utterance) if end is None else end
        heard = Heard(utterance, words)
        self.half_heard |= {heard} if words else set()
        self.speaker += track_pcm(track_of(heard), end - begin, begin)

    def falls_silent(self) -> None:
        """A flush has been answered: the speaker is silent from here on."""
        self.silenced.append(len(self.speaker) // 2)

    def take(self, struck_s: float = 0.0, why_not: str = "", looked_up: Sequence[int] = (), requests: int = 0) -> Take:
        """Return what is known of all that."""
        answers = {*(Heard(spoken.utterance) for spoken in self.spoken), *self.half_heard}
        tracks = {track_of(heard): answer_samples(heard.utterance) for heard in answers}
        return Take(
            self.cell,
            session="s",
            victim="vad-2",
            was_in_moment=True,
            why_not=why_not,
            spoken=self.spoken,
            struck_at=round(struck_s * MIC_HZ),
            heard_up_to=len(self.speaker) // 2,
            runs=decode(bytes(self.speaker), tracks),
            silenced=self.silenced,
            remembered=self.remembered,
            half_heard=self.half_heard,
            looked_up=list(looked_up),
            requests=requests or len(looked_up),
        )


def perfect(cell: Cell | None = None, wait_s: float = 0.7) -> Conversation:
    """Return a conversation of two exchanges in which nothing is amiss."""
    conversation = Conversation(cell or Cell("vad", "kill", Moment.SPEAKING))
    for line in (lines.QUESTION, lines.FAREWELL):
        utterance = conversation.says(line)
        conversation.waits(wait_s)
        conversation.hears(utterance)
        conversation.waits(1.0)
    return conversation
