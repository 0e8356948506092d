"""Redis settings: the address, the password and the CA are put together, and told of when they do not go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.common.errors import SettingsFault
from services.common.redis_address import read_address
from services.common.redis_client import connect
from services.common.settings import CommonSettings, Environment
from tests.fakes.certificates import Authority


def url(**values: str) -> str:
    """Return the address of this environment."""
    return CommonSettings.read(
        Environment({f"PARLEY_REDIS_{name}": value for name, value in values.items()}), 1
    ).redis_url


def test_a_password_comes_into_the_address_whatever_stands_in_it() -> None:
    """With a user before it, or without; with characters that mean something in an address."""
    assert url(URL="redis://redis:6379/0", PASSWORD="se/c@ret") == "redis://:se%2Fc%40ret@redis:6379/0"
    assert url(URL="rediss://parley@redis:6379", PASSWORD="secret") == "rediss://parley:secret@redis:6379"
    assert url(PASSWORD="secret") == "redis://:secret@127.0.0.1:6379/0"
    sentinels = read_address(url(URL="redis+sentinel://parley@a:1,b:2/voice/0", PASSWORD="se@cret"))
    assert sentinels is not None
    assert (sentinels.options["username"], sentinels.options["password"]) == ("parley", "se@cret")
    keywords = connect(url(URL="redis://parley@redis/3", PASSWORD="a b")).connection_pool.connection_kwargs
    assert [keywords[name] for name in ("username", "password", "db")] == ["parley", "a b", 3]


def test_a_password_from_a_file_has_no_newline(tmp_path: Path) -> None:
    """As editors leave one; the whole address may stand in a file, too."""
    (tmp_path / "password").write_text("secret\n")
    assert url(URL="redis://redis/0", PASSWORD_FILE=str(tmp_path / "password")) == "redis://:secret@redis/0"
    (tmp_path / "url").write_text("redis://:secret@redis/0\n")
    assert url(URL_FILE=str(tmp_path / "url")) == "redis://:secret@redis/0"


def test_a_ca_is_for_encrypted_addresses(tmp_path: Path) -> None:
    """Also of sentinels, who are asked over TLS as well."""
    ca = str(Authority(tmp_path).ca_file)
    keywords = connect(url(URL="rediss://redis:6379/0", CA=ca)).connection_pool.connection_kwargs
    assert keywords["ssl_ca_certs"] == ca
    sentinels = read_address(url(URL="rediss+sentinel://a:1/voice", CA=ca))
    assert sentinels is not None
    assert sentinels.is_encrypted
    assert sentinels.options["ssl_ca_certs"] == sentinels.own_options["ssl_ca_certs"] == ca


def test_what_does_not_go_together_is_told_with_its_variable(tmp_path: Path) -> None:
    """And never with the secret."""
    (tmp_path / "empty").write_text("\n")
    cases = [
        ({"URL": "redis://:old@redis/0", "PASSWORD": "secret"}, "holds a password, too"),
        ({"URL": "redis://redis/0?password=old", "PASSWORD": "secret"}, "holds a password, too"),
        ({"URL": "unix:///run/redis.sock", "PASSWORD": "secret"}, "does not go with a socket"),
        ({"PASSWORD": "secret", "PASSWORD_FILE": "/nowhere"}, "PASSWORD and PARLEY_REDIS_PASSWORD_FILE are both set"),
        ({"PASSWORD_FILE": str(tmp_path / "none")}, "PARLEY_REDIS_PASSWORD_FILE='.*none' can't be read: No such file"),
        ({"PASSWORD_FILE": str(tmp_path / "empty")}, "PARLEY_REDIS_PASSWORD_FILE='.*empty' is empty"),
        ({"CA": "/ca.pem"}, "PARLEY_REDIS_CA is set, and PARLEY_REDIS_URL is not encrypted"),
        ({"URL": "rediss://redis/0", "CA": str(tmp_path / "none")}, "PARLEY_REDIS_CA='.*none' can't be read"),
        ({"URL": "rediss://redis/0", "CA": str(tmp_path / "empty")}, "PARLEY_REDIS_CA='.*empty' holds no certificate"),
    ]
    for values, words in cases:
        with pytest.raises(SettingsFault, match=words) as fault:
            url(**values)
        assert "secret" not in fault.value.message
    assert "secret" not in repr(CommonSettings.read(Environment({"PARLEY_REDIS_PASSWORD": "secret"}), 1))
