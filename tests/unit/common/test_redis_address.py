"""Where Redis is: what a URL says, and plain words for one that says nothing."""

from __future__ import annotations

import pytest

from services.common.errors import SettingsFault
from services.common.redis_address import read_address
from services.common.redis_client import connect


def test_a_url_with_sentinels_says_all_that_is_needed() -> None:
    """Hosts with and without a port, a service, the master's database and password; % stands for what is special."""
    found = read_address("redis+sentinel://me:p%40ss@a:1,b,[::1]:3/my%20service/2")
    assert found is not None
    assert found.hosts == (("a", 1), ("b", 26379), ("::1", 3))
    assert found.service == "my service"
    assert found.options == {"username": "me", "password": "p@ss", "db": 2}
    assert found.own_options == {}
    assert not found.is_encrypted


def test_the_short_scheme_and_no_database_will_do() -> None:
    """Of everything that can be left out nothing is there."""
    found = read_address("sentinel://a/main")
    assert found is not None
    assert (found.hosts, found.service, found.options) == ((("a", 26379),), "main", {})


def test_sentinels_have_passwords_of_their_own() -> None:
    """They are other servers; over TLS they are dialled by the same authority."""
    url = "rediss+sentinel://:p@a,b/main?sentinel_user=s&sentinel_password=q&ssl_ca_certs=/ca.pem"
    found = read_address(url)
    assert found is not None
    assert found.options == {"password": "p", "ssl_ca_certs": "/ca.pem"}
    assert found.own_options == {"username": "s", "password": "q", "ssl_ca_certs": "/ca.pem"}
    assert found.is_encrypted


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:6379/0", "redis://h", "rediss://u:p@h:1/15?ssl_cert_reqs=none", "unix:///tmp/r?db=1"]
)
def test_a_url_of_a_server_names_no_sentinels(url: str) -> None:
    """The client library reads it."""
    assert read_address(url) is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "begins with none of"),
        ("127.0.0.1:6379", "begins with none of"),
        ("http://h/0", "begins with none of"),
        ("redis://h:port/0", "a port is no number"),
        ("redis://h:99999/0", "a port is no number"),
        ("redis://h/zero", "'zero' is no number of a database"),
        ("redis://a:1,b:2/0", "several hosts are sentinels"),
        ("redis://h/0?socket_timeout=soon", "can't be read"),
        ("redis+sentinel://a,b", "the name of the service is missing"),
        ("redis+sentinel://a,b/", "the name of the service is missing"),
        ("redis+sentinel:///main", "no sentinel is named"),
        ("redis+sentinel://a,:3/main", "':3' is no host:port"),
        ("redis+sentinel://a:b/main", "a port is no number"),
        ("redis+sentinel://a/main/x", "'x' is no number of a database"),
    ],
)
def test_a_wrong_url_is_told_in_plain_words(url: str, why: str) -> None:
    """Which variable, what it should look like, and what is wrong."""
    with pytest.raises(SettingsFault) as told:
        read_address(url)
    assert why in told.value.message
    assert f"PARLEY_REDIS_URL={url!r} must look like redis://host:6379/0" in told.value.message
    assert "redis+sentinel://host:26379,host:26379,host:26379/service/0" in told.value.message


@pytest.mark.parametrize("url", ["redis://h/0?colour=red", "redis+sentinel://a,b/main?colour=red"])
def test_an_option_that_there_is_not_is_told_at_the_start(url: str) -> None:
    """Not at the first call, and not by a traceback."""
    with pytest.raises(SettingsFault, match="PARLEY_REDIS_URL has an option that there is not: 'colour'"):
        connect(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://me:hush@h/zero",
        "redis://me:hu/sh@h/0",
        "redis://me:hush@x@h:b/0",
        "redis+sentinel://me:hush@a,b",
        "redis+sentinel://a,b?sentinel_password=hush&db=0",
    ],
)
def test_no_password_is_told(url: str) -> None:
    """Logs are read by many."""
    with pytest.raises(SettingsFault) as told:
        read_address(url)
    assert "hu" not in told.value.message
    assert "sh@" not in told.value.message
