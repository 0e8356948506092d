"""Patience: how long one who shows bad tokens waits for each answer. Counted by address; time is an argument.

Only refusals are slow: who shows a good token is let in at once, whoever else calls from the same address.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

FREE: Final = 3
"""Refusals that are answered at once: somebody has pasted the wrong one."""
FIRST_S: Final = 0.1
LONGEST_S: Final = 3.0
FORGET_S: Final = 60.0
"""An address that has shown none for so long begins anew."""
MOST: Final = 4_096
"""Addresses that are known; of more the one that called longest ago is forgotten."""
LOG_EVERY: Final = 100


@dataclass
class _Record:
    refused: int = 0
    at_s: float = 0.0


class Patience:
    """One ingress's."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def refused(self, address: str, now_s: float) -> tuple[int, float]:
        """Count a refusal; return how many there were of late, and how long this one's answer is to wait."""
        whose = neighbourhood(address)
        record = self._known.pop(whose, None)
        if record is None or now_s - record.at_s > FORGET_S:
            record = _Record()
        record.refused += 1
        record.at_s = now_s
        self._known[whose] = record
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        beyond = min(record.refused - FREE, 16)  # as a power of two it is far beyond the longest
        return record.refused, min(FIRST_S * 2 ** (beyond - 1), LONGEST_S) if beyond > 0 else 0.0


def neighbourhood(address: str) -> str:
    """Return what belongs to one and the same: an IPv4 address, or the first 64 bits of an IPv6 one."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))
