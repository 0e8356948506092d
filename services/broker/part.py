"""Part: one committed piece of a turn: its sound on the way to the model, its words on the way back."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.broker.history import Place, Teller


@dataclass(eq=False)
class Part:
    """A turn has one part for each time it was resumed, and one more."""

    turn: int
    commit_id: str
    since_s: float
    place: Place = field(default_factory=Place)
    item_id: str = ""
    transcript: str | None = None
    is_held: bool = False
    """Its turn may go on: nothing of it is told."""
    is_void: bool = False
    """Its turn went on: the model is to forget the item."""
    words: str = ""
    """What was understood of it while it was held."""
    mic_offset: int = 0
    """Up to where the microphone's clock was decided upon by its end."""
    name: str = ""
    """Of a typed turn, as its client names it."""
    told_as: int = 0
    """The turn that it stands for in history, where that is another: it was lost, and is heard again."""
    pcm: bytes = field(default=b"", repr=False)
    """Its sound at 16 kHz, until it has been answered: a new connection to the model is given it again."""

    @property
    def weight(self) -> int:
        """About how many characters the model reads of it."""
        return len(self.transcript or "")

    def recall(self, teller: Teller) -> None:
        """Give the model its sound again, or, once it has been answered, its words."""
        if self.is_void:
            return
        if self.pcm:
            teller.sound(self)
        elif self.transcript:
            teller.say("user", self.transcript)
