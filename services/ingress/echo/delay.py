"""Delay: how much later than the reference its echo is heard, found in the sound itself.

Generalised cross-correlation with phase transform (Knapp & Carter 1976), averaged over half-second windows. It finds an
echo 15 dB below a person who speaks all the time, in either direction.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.common.audio import MIC_HZ
from services.ingress.echo.history import History

RANGE: Final = 8_192
"""Samples, either way, within which an echo is looked for: 512 ms."""

_WINDOW: Final = 8_192
_HISTORY: Final = _WINDOW + 2 * RANGE
_HOP: Final = 4_096
_SEEN_HOP: Final = 6 * _HOP
"""Once found, it is looked for again every 1.5 s."""

_FILLED: Final = _WINDOW + RANGE
"""Samples without which there is still emptiness in the window of the microphone, whose end would be found in the
reference's, with no delay."""

_PATIENCE: Final = 60
"""So many analyses in vain, 15 s of replies, and there may be no echo at all: it is looked for every 1.5 s as well."""

_KEPT: Final = 0.75
"""Share of the average that outlives an analysis."""

_SIZE: Final = _HISTORY
"""Of the transform: no lag that is looked for wraps around."""

_FIRST_BIN: Final = 200 * _SIZE // MIC_HZ
_LAST_BIN: Final = 3_400 * _SIZE // MIC_HZ

CLEAR: Final = 9.0
"""Height of a peak over the mean of all lags. In 38 minutes of speech without echo no three that agreed had it."""

_WITNESSES: Final = 3
"""So many analyses have to agree: two share half of what they heard."""

_NEAR_TAPER: Final = np.hanning(_WINDOW).astype(np.float32)
_FAR_TAPER: Final = np.concatenate(
    (np.hanning(_WINDOW)[: _WINDOW // 2], np.ones(2 * RANGE), np.hanning(_WINDOW)[_WINDOW // 2 :])
).astype(np.float32)
"""Without tapers the hard edges of both windows would be found in each other."""

_AGREE: Final = 4 * MIC_HZ // 1000
_AUDIBLE: Final = 100.0
"""Level (rms) of a reference worth looking for: -50 dB of full scale."""

Samples = NDArray[np.int16]


class DelayFinder:
    """Feed it the microphone and the reference, side by side."""

    def __init__(self) -> None:
        self._near = History(_HISTORY)
        self._far = History(_HISTORY)
        self._average = np.zeros(_LAST_BIN - _FIRST_BIN, np.complex64)
        self._until_next = _FILLED
        self._last = 0
        self._agreed = 0
        self._in_vain = 0

    def restart(self) -> None:
        """Forget what was found: the reference has been moved."""
        self._average[:] = 0
        self._agreed = 0
        self.pause()

    def pause(self) -> None:
        """Forget the sound, but not what was found in it: what is fed next does not follow on."""
        self._near.clear()
        self._far.clear()
        self._until_next = _FILLED

    def feed(self, near: Samples, far: Samples, *, look: bool = True) -> int | None:
        """Take [n] samples of both; return by how many the echo is later (earlier: negative), when that is clear.

        Without `look` they are only kept: an analysis costs a millisecond.
        """
        count = len(near)
        self._near.add(near)
        self._far.add(far)
        self._until_next -= count
        if self._until_next > 0 or not look:
            return None
        self._until_next = _HOP if self._in_vain < _PATIENCE else _SEEN_HOP
        heard = self._far.last(_WINDOW, RANGE).astype(np.float32)
        if float(heard.dot(heard)) < _AUDIBLE**2 * _WINDOW:
            return None
        lag, clarity = self._analysed()
        again = self._agreed > 0 and abs(lag - self._last) <= _AGREE
        self._agreed = (self._agreed + 1 if again else 1) if clarity > CLEAR else 0
        self._last = lag
        if self._agreed < _WITNESSES:
            self._in_vain += 1
            return None
        self._in_vain = 0
        self._until_next = _SEEN_HOP
        return lag

    def _analysed(self) -> tuple[int, float]:
        """Return the lag of the highest peak, in samples, and how high it is."""
        near = np.fft.rfft(self._near.last(_WINDOW, RANGE) * _NEAR_TAPER, _SIZE)[_FIRST_BIN:_LAST_BIN]
        far = np.fft.rfft(self._far.last(_HISTORY) * _FAR_TAPER, _SIZE)[_FIRST_BIN:_LAST_BIN]
        cross = near * np.conj(far)
        self._average *= _KEPT
        self._average += cross / (np.abs(cross) + 1e-6)
        # At half the rate: half a millisecond is fine enough.
        spectrum = np.zeros(_SIZE // 4 + 1, np.complex64)
        spectrum[_FIRST_BIN:_LAST_BIN] = self._average
        peaks = np.abs(np.fft.irfft(spectrum)[-RANGE:])
        best = int(np.argmax(peaks))
        clarity = float(peaks[best] / (np.sqrt(np.mean(peaks**2)) + 1e-12))
        return 2 * best - RANGE, clarity
