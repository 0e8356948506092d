"""Reading aloud: what of a written text is said. Models write for the eye: markup, lists, code, emoji."""

from __future__ import annotations

import re

_FENCE = re.compile(r"```|~~~")
# Pictographs, dingbats, arrows and flags, with the joiners and variation selectors between them.
_PICTURES = re.compile(
    "[\U0001f000-\U0001faff\U0001fb00-\U0001fbff\u2600-\u27bf\u2b00-\u2bff\u2190-\u21ff\ufe0e\ufe0f\u200d\u20e3]+"
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*(?:\s\"[^\"]*\")?\)"), r"\1"),  # a link or an image: its words
    (re.compile(r"</?[a-zA-Z][^<>\n]*>"), ""),
    (re.compile(r"(\A|\n[ \t]*)(?:#{1,6}|>+|[-*+•])\s+"), r"\1"),  # a heading, a quotation, an item of a list
    (re.compile(r"(?m)^(\s*)(?:[-*_]\s*){3,}$"), r"\1"),  # a rule across the page
    (re.compile(r"(?m)^(\s*)\|?[-:| ]+\|[-:| ]*$"), r"\1"),  # the line under a table's head
    (re.compile(r"(?m)^(\s*)\|\s*|\s*\|\s*$"), r"\1"),
    (re.compile(r"\s*\|\s*"), ", "),
    (re.compile(r"`+"), ""),
    (re.compile(r"\*\*|__|~~"), ""),
    (re.compile(r"(?<![\w*])[*_](?=\w)|(?<=[\w.,!?…])[*_](?![\w*])"), ""),
)
_SAYABLE = re.compile(r"\w")


class Reader:
    """Takes the sentences of one reply in order; code between fences is not read.

    A sentence without markup stays as it is. What is given is also the transcript: nothing else is heard.
    """

    def __init__(self) -> None:
        self._in_code = False

    def read(self, sentence: str) -> str:
        """What of it is said; empty if there is nothing."""
        text = self._without_code(sentence)
        for pattern, said in _RULES:
            text = pattern.sub(said, text)
        if _PICTURES.search(text):
            text = _PICTURES.sub("", text)
            text = re.sub(r"(?<=\S) +(?=[.,;:!?…]|$)", "", re.sub(r"(?<=\S)  +", " ", text))
        return text if _SAYABLE.search(text) else ""

    def _without_code(self, text: str) -> str:
        said = []
        for index, part in enumerate(_FENCE.split(text)):
            if index:
                self._in_code = not self._in_code
            if not self._in_code:
                said.append(part)
        return "".join(said)
