"""A file that is read again when it has changed: by whoever asks, every few seconds. It is small."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from services.common.errors import SettingsFault

log = logging.getLogger("parley.ingress")

T = TypeVar("T")

LARGEST_BYTES: Final = 4 << 20

_Look = tuple[int, int, int]


class WatchedFile(Generic[T]):
    """What `read` makes of it. One that becomes unreadable, or wrong, leaves what it said before."""

    def __init__(self, path: Path, read: Callable[[str], T], missing: T | None = None) -> None:
        """Read it. Raises SettingsFault; where there is a `missing`, that is what no file means."""
        self._path = path
        self._read = read
        self._look = self._stat()
        if self._look is None and missing is not None:
            self.value = missing
        else:
            self.value = self._load()

    def refresh(self) -> bool:
        """Look whether it has changed; return whether it was read again."""
        look = self._stat()
        if look is None or look == self._look:
            return False
        self._look = look
        try:
            self.value = self._load()
        except SettingsFault as fault:
            log.error("what was there before still holds: %s", fault.message)
            return False
        log.info("%s has changed and is read again", self._path)
        return True

    def _stat(self) -> _Look | None:
        try:
            found = self._path.stat()  # of what a link leads to: where a secret is mounted, that is what changes
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _load(self) -> T:
        try:
            with self._path.open("rb") as file:
                raw = file.read(LARGEST_BYTES + 1)
            if len(raw) > LARGEST_BYTES:
                raise SettingsFault(f"{self._path} is larger than {LARGEST_BYTES} bytes.")
            return self._read(raw.decode())
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsFault(f"{self._path} can't be read: {type(error).__name__}.") from error
