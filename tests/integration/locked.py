"""A locked ring: keys in a file, tokens made with them, and callers who show what they like, where they like."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from parley.v1 import conversation_service_pb2 as wire
from parley.v1 import stream_pb2
from services.ingress.locks.grant import Grant
from services.ingress.locks.keys import SigningKey, new_key
from services.ingress.locks.tokens import sign
from tests.fakes.realtime import FakeRealtime
from tests.integration.bad_input.raw_caller import RawCaller, raw_caller
from tests.integration.pressure import RING, PressedRing, pressed_ring

UNAUTHENTICATED: Final = stream_pb2.Error.CODE_UNAUTHENTICATED
CLOSE_CODE: Final = "4012"


class Keyring:
    """The file of keys that a ring's ingress watches, and what is revoked."""

    def __init__(self, folder: Path) -> None:
        self.key = new_key()
        self.path = folder / "keys"
        self.path.write_text(f"{self.key}\n")
        self.revoked = folder / "keys.revoked"

    @property
    def env(self) -> dict[str, str]:
        """What ingress has to be told."""
        return {"PARLEY_TOKEN_KEYS": str(self.path)}

    def write(self, *keys: SigningKey) -> None:
        """Have these keys, and no others."""
        self.path.write_text("".join(f"{key}\n" for key in keys))

    def grant(self, **changes: Any) -> Grant:
        """Return what the usual token says, but for these."""
        now_s = int(time.time())
        usual = Grant("anna.1", "anna", agents=frozenset({"default"}), issued_s=now_s, expires_s=now_s + 900)
        return replace(usual, **changes)

    def token(self, key: SigningKey | None = None, **changes: Any) -> str:
        """Return a token."""
        return sign(self.grant(**changes), key or self.key)

    def expired(self) -> str:
        """Return one that was good until a minute ago."""
        now_s = int(time.time())
        return self.token(issued_s=now_s - 900, expires_s=now_s - 60)


@asynccontextmanager
async def locked_ring(
    fake: FakeRealtime, keyring: Keyring, env: Mapping[str, str] | None = None
) -> AsyncIterator[PressedRing]:
    """Start a ring whose ingress asks for tokens."""
    prompt = {name: {"PARLEY_MAX_LATE_MS": "0"} for name in RING}  # how busy the machine is is no matter here
    own = prompt["ingress"] | keyring.env | dict(env or {})
    async with pressed_ring(fake, env=prompt | {"ingress": own}) as pressed:
        yield pressed


async def outcome(door: str, pressed: PressedRing, token: str, **fields: object) -> RawCaller:
    """Call with a token in `open`, hang up if let in, and return the caller when it has heard all."""
    async with raw_caller(door, pressed.ring) as caller:
        await caller.send(wire.ConverseRequest(open=wire.Open(protocol=1, token=token, **fields)))  # type: ignore[arg-type]
        await hang_up(caller)
    return caller


async def hang_up(caller: RawCaller) -> None:
    """Say the end as soon as it is let in; hear all."""
    await caller.until_any("opened", "error")
    if caller.has_heard("opened"):
        await caller.send(wire.ConverseRequest(end=wire.End()))
    await caller.hear()


def error_of(caller: RawCaller) -> stream_pb2.Error:
    """Return the one error that it was told."""
    errors = [response.error for response in caller.responses if response.HasField("error")]
    assert len(errors) == 1, caller.kinds()
    assert caller.kinds()[-2:] == ["error", "closed"]
    return errors[0]
