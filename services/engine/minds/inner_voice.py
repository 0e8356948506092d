"""The inner voice: what a reasoning model writes between `<think>` and `</think>` is not for saying."""

from __future__ import annotations

import re

_OPEN = re.compile(r"<(think|thinking|thought|reasoning)>\s*", re.IGNORECASE)
_CLOSE = re.compile(r"</(think|thinking|thought|reasoning)>\s*", re.IGNORECASE)
_LONGEST_TAG = len("</reasoning>")


class InnerVoice:
    """Takes a text as it is written and gives what of it is to be said. A tag may be split over several pieces."""

    def __init__(self) -> None:
        self._rest = ""
        self._thinking = False
        self._skip_space = False

    def feed(self, text: str) -> str:
        """Add text; gives what is certainly none of a thought."""
        self._rest += text
        said = ""
        while match := (_CLOSE if self._thinking else _OPEN).search(self._rest):
            said += self._aloud(self._rest[: match.start()])
            self._rest = self._rest[match.end() :]
            self._skip_space = self._thinking
            self._thinking = not self._thinking
        keep = self._beginning_of_tag()
        said += self._aloud(self._rest[: len(self._rest) - keep])
        self._rest = self._rest[len(self._rest) - keep :]
        return said

    def finish(self) -> str:
        """The text is over: what looked like the beginning of a tag was none."""
        rest, self._rest = self._rest, ""
        return self._aloud(rest)

    def _beginning_of_tag(self) -> int:
        """How many characters at the end may be the first ones of a tag."""
        start = self._rest.rfind("<", -_LONGEST_TAG)
        if start < 0 or not re.fullmatch(r"</?[a-z]*", self._rest[start:], re.IGNORECASE):
            return 0
        return len(self._rest) - start

    def _aloud(self, text: str) -> str:
        if self._thinking:
            return ""
        # The empty lines between a thought and the answer may come in a later piece than the tag.
        if self._skip_space:
            text = text.lstrip()
            self._skip_space = not text
        return text
