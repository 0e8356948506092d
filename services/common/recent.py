"""Recent: the names of what came lately, so that what is sent twice is done once."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_REMEMBERED: Final = 256


class Recent:
    """Remembers the last names; older ones are forgotten, and would be news again."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._names: OrderedDict[str, None] = OrderedDict()
        self._remembered = remembered

    def is_news(self, name: str) -> bool:
        """Note a name; say whether it comes for the first time. What has no name always does."""
        if not name:
            return True
        if name in self._names:
            return False
        self._names[name] = None
        if len(self._names) > self._remembered:
            self._names.popitem(last=False)
        return True
