"""Tokens: JSON Web Tokens, signed with HMAC-SHA-256 and nothing else. No I/O, and time is an argument."""

from __future__ import annotations

import secrets
from typing import Any, Final

import jwt

from services.ingress.locks.grant import MISSING, WRONG, BadToken, Grant
from services.ingress.locks.keys import SECRET_BYTES, Keys, SigningKey

ALGORITHM: Final = "HS256"
"""The only one: what a token's own header says of it is compared, and never followed."""
AUDIENCE: Final = "parley"
LONGEST: Final = 4_096
"""Characters; one of ours has 350."""
LEEWAY_S: Final = 10
"""How far the clocks of who signs and who checks may be apart."""
LATE_S: Final = 24 * 3600
"""A session that goes on is resumed with the token that it began with, though that has expired meanwhile."""

_DECOY: Final = SigningKey("", secrets.token_bytes(SECRET_BYTES))
"""Checked against where there is no such key, so that it takes as long to say no."""
_CHECKED_HERE: Final[Any] = {
    "require": ["jti", "sub", "aud", "iat", "exp"],
    "verify_exp": False,  # by us, with the time that we are given
    "verify_iat": False,
    "verify_nbf": False,
}


def sign(grant: Grant, key: SigningKey, audience: str = AUDIENCE) -> str:
    """Return the token that says so."""
    return jwt.encode(grant.claims(audience), key.secret, algorithm=ALGORITHM, headers={"kid": key.id})


def verify(shown: str, keys: Keys, now_s: float, *, resumes: bool = False, audience: str = AUDIENCE) -> Grant:
    """Return what a token grants. `resumes`: it is shown to go on with a session, and may have expired.

    Raises:
        BadToken: there is none, it is not signed by one of `keys`, it has expired, or it is none of ours.
    """
    if not shown:
        raise BadToken("missing", MISSING)
    if len(shown) > LONGEST or not shown.isascii():
        raise BadToken("wrong", WRONG)
    try:
        name = jwt.get_unverified_header(shown).get("kid")
        key = keys.find(name) if isinstance(name, str) else None
        said = jwt.decode(
            shown, (key or _DECOY).secret, algorithms=[ALGORITHM], audience=audience, options=_CHECKED_HERE
        )
    except (jwt.PyJWTError, ValueError, RecursionError):
        # The last is for a header of a thousand brackets: it is parsed before the signature can be checked.
        raise BadToken("wrong", WRONG) from None
    if key is None:
        raise BadToken("wrong", WRONG)
    grant = Grant.of(said, key)
    if grant.issued_s > now_s + LEEWAY_S:
        raise BadToken("early", "the token is not valid yet: one of the clocks is wrong.")
    if grant.expires_s + LEEWAY_S + (LATE_S if resumes else 0) <= now_s:
        raise BadToken("expired", "the token has expired: get a new one.")
    return grant
