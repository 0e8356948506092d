"""Which words of a growing hypothesis will stay: those that have stood for a while, with others behind them."""

from __future__ import annotations

from collections.abc import Sequence


class StableWords:
    """Follows a decoder's growing hypothesis. `patience_ms` is how long a word must have stood, in audio."""

    def __init__(self, patience_ms: int) -> None:
        self._patience_ms = patience_ms
        self._standing: list[tuple[str, int]] = []  # each word and since when it stands
        self._words: list[str] = []

    def feed(self, words: Sequence[str], heard_ms: int) -> list[str]:
        """Take the hypothesis after `heard_ms` of audio; gives all stable words, and takes none back later."""
        kept = 0
        for (standing, _), word in zip(self._standing, words, strict=False):
            if standing != word:
                break
            kept += 1
        self._standing = self._standing[:kept] + [(word, heard_ms) for word in words[kept:]]
        stable = self._standing[:-1]  # the last word may only be the beginning of a longer one
        while stable and heard_ms - stable[-1][1] < self._patience_ms:
            stable = stable[:-1]
        self._words += [word for word, _ in stable[len(self._words) :]]
        return list(self._words)
