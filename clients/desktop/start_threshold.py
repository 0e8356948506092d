"""How much of a reply must be there before it begins: the part of the playout buffer that adapts to the network.

Little, as long as all goes well, for nobody likes to wait. After an underrun more; and less again when it is quiet.
"""

from __future__ import annotations

from .sound import SPEAKER_HZ, speaker_samples

MOST_MS = 200
"""More is never gathered, and nothing waits for longer than that to begin."""
ENOUGH_TO_GO_ON_MS = 60
"""A reply that ran dry needs no more than that to go on: waiting longer would only make the gap longer."""
STEP_MS = 20
CALM_S = 10
"""After so many seconds of playing without underrun the threshold shrinks by a step."""


class StartThreshold:
    """Between `least_ms` and 200 ms. Time is counted in the samples that are played. 0: nothing is ever gathered."""

    def __init__(self, least_ms: float) -> None:
        self._least = speaker_samples(least_ms)
        self._most = max(self._least, speaker_samples(MOST_MS))
        self._calm = 0
        self.samples = self._least
        """So much must be there, or the whole reply."""

    def allows(self, buffered: int, waited: int, *, again: bool) -> bool:
        """Whether a reply begins of which so much is there, and whose first piece came so long ago.

        A server sends its lead at once, so that having enough says little about the pieces after it: where the
        threshold has grown, the reply waits for as much longer, too. Then the lead and the threshold add up.
        `again`: it had run dry. By what that has cost it is ahead of its schedule now, and need not wait.
        """
        if waited >= self._most:
            return True
        if again:
            return buffered >= min(self.samples, speaker_samples(ENOUGH_TO_GO_ON_MS))
        return buffered >= self.samples and waited >= self.samples - self._least

    def stalled(self, late: int) -> None:
        """Note that a reply ran dry and went on so many samples later."""
        self._calm = 0
        if self._least:
            self.samples = min(max(2 * self.samples, self.samples + late), self._most)

    def played(self, samples: int) -> None:
        """Note that so much was played without a stall."""
        self._calm += samples
        while self._calm >= CALM_S * SPEAKER_HZ:
            self._calm -= CALM_S * SPEAKER_HZ
            self.samples = max(self.samples - speaker_samples(STEP_MS), self._least)
