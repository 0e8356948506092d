"""Log-mel features as Whisper's encoder expects them: what the end-of-turn model sees of the audio.

The recipe is that of Radford et al. 2022 ("Robust Speech Recognition via Large-Scale Weak Supervision", section 2.2)
as the model was trained with it: 25 ms Hann windows every 10 ms, 80 Slaney mel bands from 0 to 8 kHz, log10 clipped to
8 decades under the maximum, scaled to about -1…1; before it, the waveform is brought to zero mean and unit variance.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
FFT_SAMPLES = 400
HOP_SAMPLES = 160
BANDS = 80

BLOCK_FRAMES = 16
"""Frames multiplied at a time: larger products make OpenBLAS start threads, which spin and cost a second core."""

Floats = NDArray[np.float32]


def _hz_of_mel(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale (Auditory Toolbox, 1998): 200/3 Hz per mel up to 1 kHz (15 mel), then 27 mel per factor 6.4."""
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * 6.4 ** ((mel - 15.0) / 27.0))


@cache
def mel_bank() -> Floats:
    """Return the triangles [201, 80] that turn a power spectrum into mel bands, each of unit area in Hz."""
    top_mel = 15.0 + 27.0 * np.log(SAMPLE_RATE_HZ / 2 / 1000.0) / np.log(6.4)
    corners = _hz_of_mel(np.linspace(0.0, top_mel, BANDS + 2))
    bins = np.linspace(0.0, SAMPLE_RATE_HZ / 2, FFT_SAMPLES // 2 + 1)
    bank = [
        np.interp(bins, corners[band : band + 3], [0.0, 1.0, 0.0]) * 2.0 / (corners[band + 2] - corners[band])
        for band in range(BANDS)
    ]
    return np.stack(bank, axis=1).astype(np.float32)


@cache
def _window() -> Floats:
    """A periodic Hann window: one of 401 points without its last."""
    return np.hanning(FFT_SAMPLES + 1)[:-1].astype(np.float32)


def standardise(samples: Floats) -> Floats:
    """Bring a waveform to zero mean and unit variance; silence stays silent."""
    centred = samples - samples.mean()
    return np.asarray(centred / np.sqrt(np.square(centred).mean() + np.float32(1e-7)), dtype=np.float32)


def log_mel(samples: Floats, quiet_samples: int = 0) -> Floats:
    """Return features [80, len(samples) / 160] of a waveform whose length is a multiple of 2560 (16 frames).

    The first `quiet_samples` are known to be constant (padding): their frames are all alike and computed once.
    """
    padded = np.pad(samples, FFT_SAMPLES // 2, mode="reflect")
    frames = sliding_window_view(padded, FFT_SAMPLES)[::HOP_SAMPLES][:-1]
    # A frame reaches 200 samples to either side of its centre: these see padding only, the last included.
    alike = (quiet_samples - FFT_SAMPLES // 2) // HOP_SAMPLES // BLOCK_FRAMES * BLOCK_FRAMES
    alike = min(max(alike, 0), len(frames) - BLOCK_FRAMES)
    logs = _mel_logs(frames[alike:])
    if alike:
        logs = np.concatenate([np.broadcast_to(_mel_logs(frames[:BLOCK_FRAMES])[0], (alike, BANDS)), logs])
    clipped = np.maximum(logs, logs.max() - np.float32(8.0))
    return np.ascontiguousarray(((clipped + np.float32(4.0)) / np.float32(4.0)).T, dtype=np.float32)


def _mel_logs(frames: Floats) -> Floats:
    """Return log10 of the mel energies [N, 80] of N waveform frames; N is a multiple of the block."""
    spectrum = np.fft.rfft(frames * _window(), axis=-1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    mels = power.reshape(-1, BLOCK_FRAMES, power.shape[1]) @ mel_bank()
    return np.asarray(np.log10(np.maximum(mels.reshape(-1, BANDS), np.float32(1e-10))), dtype=np.float32)
