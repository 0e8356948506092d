"""Both ends name the versions they speak, and the newest common one is chosen."""

from __future__ import annotations

import pytest

from parley.v1 import conversation_service_pb2 as client
from services.common.errors import VersionFault
from services.ingress.version import common_version


@pytest.mark.parametrize(
    ("client_oldest", "client_newest", "chosen"),
    [(0, 2, 2), (0, 3, 3), (1, 3, 3), (1, 9, 4), (4, 9, 4), (1, 2, 2), (2, 2, 2)],
)
def test_the_newest_common_version_is_chosen(client_oldest: int, client_newest: int, chosen: int) -> None:
    """A server of versions 2 to 4 meets clients of every age; an oldest version of 0 stands for the newest."""
    opened = client.Open(protocol=client_newest, oldest_protocol=client_oldest)
    assert common_version(opened, 2, 4) == chosen


@pytest.mark.parametrize(
    ("client_oldest", "client_newest", "words"),
    [
        (0, 1, r"speaks versions 2 to 4 of the client protocol, the client version 1: update the client\."),
        (0, 5, r"the client version 5: update the server\."),
        (5, 7, r"the client versions 5 to 7: update the server\."),
        (4, 3, "at most `protocol`"),
        (0, 0, "names no protocol version; this server speaks versions 2 to 4"),
    ],
)
def test_without_a_common_version_it_says_who_has_to_be_updated(
    client_oldest: int, client_newest: int, words: str
) -> None:
    """The fault names the versions of both sides."""
    with pytest.raises(VersionFault, match=words):
        common_version(client.Open(protocol=client_newest, oldest_protocol=client_oldest), 2, 4)


def test_this_server_speaks_the_first_version() -> None:
    """What clients of today send is taken."""
    assert common_version(client.Open(protocol=1)) == 1
    assert common_version(client.Open(protocol=7, oldest_protocol=1)) == 1
