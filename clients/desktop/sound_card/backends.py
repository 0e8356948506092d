"""Which library drives the sound card: the one asked for, or the first that is installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ..failures import UsageError
from .card import SoundCard
from .pyaudio_card import PyAudioCard
from .sounddevice_card import SoundDeviceCard

INSTALL = (
    "Live sound needs sounddevice: .venv/bin/pip install --require-hashes -r lock/live.txt"
    " (on Debian first: apt install libportaudio2), or PyAudio in its place."
)
BACKENDS: dict[str, Callable[[Any], SoundCard]] = {"sounddevice": SoundDeviceCard, "pyaudio": PyAudioCard}


def open_card(backend: str = "") -> SoundCard:
    """Return the sound card through `backend`, "" being the first that works. Raises UsageError.

    An installed module without its PortAudio library (sounddevice on a bare Linux) is as good as none.
    """
    if backend and backend not in BACKENDS:
        raise UsageError(f"There is no audio backend {backend!r}: choose {' or '.join(BACKENDS)}.")
    for name in [backend] if backend else BACKENDS:
        try:
            return BACKENDS[name](importlib.import_module(name))
        except (ImportError, OSError):
            continue
    raise UsageError(INSTALL)
