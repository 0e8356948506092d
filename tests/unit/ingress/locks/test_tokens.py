"""Tokens: what we sign is taken until it expires, and nothing else ever is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingress.locks.grant import BadToken, Grant
from services.ingress.locks.keys import Keys, SigningKey
from services.ingress.locks.tokens import AUDIENCE, LATE_S, LEEWAY_S, LONGEST, sign, verify
from tests.unit.ingress.locks.makings import GRANT, KEY, KEYS, NOW_S, forged, granted, segment

HEADER = {"alg": "HS256", "kid": KEY.id, "typ": "JWT"}
CLAIMS = GRANT.claims(AUDIENCE)


def why(shown: str, now_s: float = NOW_S, keys: Keys = KEYS, **how: Any) -> str:
    """Return why a token is refused; "" if it is not."""
    try:
        verify(shown, keys, now_s, **how)
    except BadToken as bad:
        return bad.why
    return ""


@pytest.mark.parametrize(
    "grant",
    [
        GRANT,
        granted(kind="device", expires_s=NOW_S + 365 * 86_400, minutes_per_day=60, max_sessions=1),
        granted(agents=frozenset({"*"}), session="0" * 32, max_session_s=600, max_messages_per_s=80),
    ],
)
def test_what_we_sign_is_what_is_granted(grant: Grant) -> None:
    """Every limit and bound survives the way there and back."""
    assert verify(sign(grant, KEY), KEYS, NOW_S) == grant


def test_the_usual_way_of_making_one_is_the_same() -> None:
    """A token made by hand, as another language would, is taken: so the forgeries fail for what is wrong in them."""
    assert why(forged(HEADER, CLAIMS)) == ""


@pytest.mark.parametrize(
    "shown",
    [
        forged(HEADER, CLAIMS, secret=bytes(32)),
        forged(HEADER, CLAIMS, secret=b""),
        forged({**HEADER, "kid": "k2"}, CLAIMS),
        forged({"alg": "HS256"}, CLAIMS),
        forged({**HEADER, "kid": 1}, CLAIMS),
        forged({**HEADER, "alg": "HS512"}, CLAIMS, digest="sha512"),
        forged({**HEADER, "alg": "HS384"}, CLAIMS, digest="sha384"),
        forged({**HEADER, "crit": ["b64"], "b64": False}, CLAIMS),
        f"{segment({**HEADER, 'alg': 'none'})}.{segment(CLAIMS)}.",
        f"{segment({**HEADER, 'alg': 'None'})}.{segment(CLAIMS)}.",
        f"{segment({'alg': 'none'})}.{segment(CLAIMS)}.{segment(b'x')}",
        f"{segment({**HEADER, 'alg': 'RS256'})}.{segment(CLAIMS)}.{segment(b'x' * 256)}",
        f"{segment({**HEADER, 'jwk': {'kty': 'oct', 'k': ''}})}.{segment(CLAIMS)}.{segment(b'')}",
        sign(GRANT, KEY)[:-2],
        sign(GRANT, KEY) + "A",
        sign(GRANT, KEY).replace(".", ".."),
        f"{segment(b'[' * 2_000)}.{segment(CLAIMS)}.",
        "x" * (LONGEST + 1),
        "ünïcode.is.none",
        "\x00.\x00.\x00",
        "..",
        ".",
        " ",
    ],
)
def test_forgeries_are_refused_alike(shown: str) -> None:
    """Whatever the header says of algorithms and keys: nobody learns how near it was."""
    assert why(shown) == "wrong"
    assert why(shown, resumes=True) == "wrong"


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "another"},
        {"aud": None},
        {"exp": None},
        {"iat": None},
        {"exp": NOW_S + 86_401},
        {"exp": NOW_S - 1, "iat": NOW_S},
        {"exp": "soon"},
        {"exp": 1e308},
        {"iat": True},
        {"jti": ""},
        {"jti": "a\nb"},
        {"sub": "x" * 65},
        {"sub": 7},
        {"agents": []},
        {"agents": "default"},
        {"agents": ["a"] * 33},
        {"agents": [["default"]]},
        {"kind": "master"},
        {"kind": ["token"]},
        {"sid": 5},
        {"max_sessions": -1},
        {"max_sessions": "many"},
        {"minutes_per_day": 1 << 60},
    ],
)
def test_a_signature_is_not_all(change: dict[str, Any]) -> None:
    """Who has a key may still have said something that is none of ours."""
    claims = {name: value for name, value in {**CLAIMS, **change}.items() if value is not None}
    assert why(forged(HEADER, claims)) == "wrong"


def test_it_lives_from_its_issue_to_its_expiry_and_a_little_leeway() -> None:
    """Clocks may be apart by so much, and not by more."""
    token = sign(GRANT, KEY)
    assert why(token, NOW_S - LEEWAY_S) == ""
    assert why(token, NOW_S - LEEWAY_S - 1) == "early"
    assert why(token, GRANT.expires_s + LEEWAY_S - 1) == ""
    assert why(token, GRANT.expires_s + LEEWAY_S) == "expired"


def test_who_resumes_may_be_late_but_not_for_ever() -> None:
    """A conversation outlives the token that it began with; the same token begins no other."""
    token = sign(GRANT, KEY)
    assert why(token, GRANT.expires_s + 3_600, resumes=True) == ""
    assert why(token, GRANT.expires_s + LATE_S + LEEWAY_S, resumes=True) == "expired"
    assert why(token, GRANT.expires_s + 3_600) == "expired"


def test_a_device_key_lives_long_and_a_token_does_not() -> None:
    """A token for a year is none, whoever signed it."""
    year = NOW_S + 365 * 86_400
    assert why(sign(granted(kind="device", expires_s=year), KEY), NOW_S + 300 * 86_400) == ""
    assert why(sign(granted(expires_s=year), KEY)) == "wrong"


def test_keys_are_rotated_under_the_tokens() -> None:
    """Of two keys each checks its own; one that is revoked checks nothing."""
    new = SigningKey("k2", bytes(32))
    both = Keys({new.id: new, KEY.id: SigningKey(KEY.id, KEY.secret, "checks")})
    assert both.signing() is new
    assert [why(sign(GRANT, key), keys=both) for key in (KEY, new)] == ["", ""]
    gone = Keys({new.id: new, KEY.id: SigningKey(KEY.id, KEY.secret, "revoked")})
    assert why(sign(GRANT, KEY), keys=gone) == "wrong"


def test_none_is_told_how_to_get_one() -> None:
    """Without a token the message says so."""
    with pytest.raises(BadToken, match="takes no call without a token") as refused:
        verify("", KEYS, NOW_S)
    assert refused.value.why == "missing"


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_\-.]{0,300}", fullmatch=True))
def test_noise_is_never_more_than_a_bad_token(shown: str) -> None:
    """No text whatever raises anything else, or is let in."""
    assert why(shown) in ("missing", "wrong")


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_one_changed_character_spoils_it(at: int, to: int) -> None:
    """Wherever it is changed, unless to itself."""
    token = sign(GRANT, KEY)
    at %= len(token)
    changed = token[:at] + chr(to) + token[at + 1 :]
    assert (why(changed) == "") == (changed == token)
