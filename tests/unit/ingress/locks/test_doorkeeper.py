"""The doorkeeper without Redis: who is let in, who is refused ever later, and who is put out."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from parley.v1 import conversation_service_pb2 as wire
from services.common.errors import ParleyError
from services.ingress.limits import Limits
from services.ingress.locks import doorkeeper
from services.ingress.locks.doorkeeper import Doorkeeper
from services.ingress.locks.grant import EVERYBODY, BadToken
from services.ingress.locks.keys import SigningKey
from services.ingress.locks.knock import Knock
from services.ingress.locks.settings import LockSettings
from services.ingress.locks.tokens import sign
from tests.fakes.eventually import eventually
from tests.unit.ingress.locks.makings import KEY, granted

CALLER = Knock("192.0.2.1")


class Door:
    """A doorkeeper with a file of keys, and the file of what is revoked."""

    def __init__(self, folder: Path, *keys: SigningKey) -> None:
        self.keys, self.revoked = folder / "keys", folder / "revoked"
        self.keys.write_text("".join(f"{key}\n" for key in keys))
        self.keeper = Doorkeeper(Limits(), LockSettings(self.keys, self.revoked))


def fresh(key: SigningKey = KEY, **changes: object) -> str:
    """Return a token that is good just now."""
    now_s = int(time.time())
    return sign(granted(**{"issued_s": now_s, "expires_s": now_s + 900, **changes}), key)


def opening(token: str = "", agent: str = "") -> wire.Open:
    """Return an Open."""
    return wire.Open(protocol=1, token=token, agent=agent)


async def test_without_keys_everybody_comes_in() -> None:
    """And nothing that they show is looked at."""
    assert await Doorkeeper(Limits()).admit(CALLER, opening("nonsense")) is EVERYBODY


async def test_the_token_in_open_goes_before_the_one_that_came_with_the_call(tmp_path: Path) -> None:
    """Either is enough."""
    keeper = Door(tmp_path, KEY).keeper
    assert (await keeper.admit(CALLER, opening(fresh()))).holder == "anna"
    with_call = Knock("192.0.2.1", fresh(holder="ben", id="ben.1"))
    assert (await keeper.admit(with_call, opening())).holder == "ben"
    assert (await keeper.admit(with_call, opening(fresh()))).holder == "anna"


async def test_refusals_are_counted_by_why(tmp_path: Path) -> None:
    """Three of them at once."""
    door = Door(tmp_path, KEY)
    door.revoked.write_text("")
    for shown, agent in (("", ""), ("x.y.z", ""), (fresh(), "tutor")):
        with pytest.raises(BadToken):
            await door.keeper.admit(CALLER, opening(shown, agent))
    assert door.keeper.counters == {"token_missing": 1, "token_wrong": 1, "token_other": 1}


async def test_the_fourth_refusal_takes_longer_and_a_good_token_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is slept is what the answer waits for."""
    keeper, slept = Door(tmp_path, KEY).keeper, list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    for _ in range(5):
        with pytest.raises(BadToken):
            await keeper.admit(CALLER, opening("x"))
    await keeper.admit(CALLER, opening(fresh()))
    assert slept == [0.1, 0.2]


@pytest.mark.parametrize("how", ["id", "holder", "key", "deleted key"])
async def test_who_is_revoked_is_put_out(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, with words; who is not goes on; and neither comes in again."""
    monkeypatch.setattr(doorkeeper, "LOOK_S", 0.0)
    other = SigningKey("k2", bytes(32))
    door = Door(tmp_path, KEY, other)
    ends: dict[str, list[ParleyError]] = {"lost": [], "kept": []}
    lost, kept = fresh(id="lost.1", holder="lost"), fresh(other, id="kept.1", holder="kept")
    for name, shown in (("lost", lost), ("kept", kept)):
        door.keeper.watch(await door.keeper.admit(CALLER, opening(shown)), name, ends[name].append)
    looking = asyncio.create_task(door.keeper.run())
    match how:
        case "id":
            door.revoked.write_text("lost.1\n")
        case "holder":
            door.revoked.write_text("lost\n")
        case "key":
            door.keys.write_text(f"{SigningKey(KEY.id, KEY.secret, 'revoked')}\n{other}\n")
        case "deleted key":
            door.keys.write_text(f"{other}\n")
    await eventually(lambda: bool(ends["lost"]))
    looking.cancel()
    await asyncio.wait([looking])
    assert [each.message for each in ends["lost"]] == ["the token was revoked: get a new one, if you may."]
    assert ends["kept"] == []
    with pytest.raises(BadToken):
        await door.keeper.admit(CALLER, opening(lost))
    await door.keeper.admit(CALLER, opening(kept))
