"""`python -m services.ingress.locks`, or `make token`: makes keys and tokens, and revokes them."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from redis.asyncio import Redis

from services.common.errors import ParleyError, SettingsFault
from services.common.redis_client import connect
from services.common.redis_settings import redis_url
from services.common.settings import Environment
from services.ingress.locks import revoked, settings
from services.ingress.locks.grant import DEFAULT_AGENT, DEVICE, FORMATS, LONGEST_DEVICE_S, LONGEST_TOKEN_S, TOKEN, Grant
from services.ingress.locks.keys import NAME, Keys, new_key
from services.ingress.locks.tokens import AUDIENCE, sign

HOME: Final = Path("run") / "token-keys.jsonl"
"""Where the keys are, where PARLEY_TOKEN_KEYS names no other file."""
DEVICE_DAYS: Final = 365
MOST_DEVICE_DAYS: Final = LONGEST_DEVICE_S // 86_400
MOST_MINUTES: Final = LONGEST_TOKEN_S // 60

ABOUT: Final = """\
Makes the tokens that callers show, the keys that sign them, and revokes what must not be taken any more.
A token is printed on standard output, alone; what it is, on standard error."""

MORE: Final = f"""\
The keys are in the file that PARLEY_TOKEN_KEYS names, or in {HOME}. Who has it can make any token.
What is revoked is written to the file PARLEY_TOKENS_REVOKED (or that of the keys, and .revoked), and to Redis if
PARLEY_REDIS_URL is set: an ingress looks at either every two seconds, and ends the sessions of it.

examples:
  make token ARGS=--new-key                            the first key, or another one that signs from now on
  make token AGENT=tutor MINUTES=60                    a token for an hour
  make token ARGS='--holder anna --max-sessions 1'     one that holds one conversation at a time
  make token ARGS='--device kitchen --minutes-per-day 120'   a device's own, for {DEVICE_DAYS} days
  make token ARGS='--revoke kitchen'                   all that the kitchen has; or the id of one token
  make token ARGS='--restore kitchen'                  take that back
  PARLEY_TOKEN=$(make -s token) make talk              show it

exit codes: 0 done, 1 it can't be done (a line says why), 2 a wrong argument"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. Try --help.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked for; return the exit code."""
    asked = _parser().parse_args(arguments)
    env = Environment.here()
    path = Path(env.text(settings.KEYS) or HOME)
    try:
        if asked.new_key:
            _add_key(path)
        elif asked.revoke or asked.restore:
            _change_revoked(env, path, asked.revoke, asked.restore)
        else:
            _make_token(env, path, asked)
    except (ParleyError, OSError) as problem:
        print(problem.message if isinstance(problem, ParleyError) else problem, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="make token ARGS=…", description=ABOUT, epilog=MORE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--new-key", action="store_true", help="make a key that signs tokens from now on")
    what.add_argument("--device", metavar="NAME", type=_name, help="make a device's key: a token that lives long")
    what.add_argument("--revoke", metavar="ID", type=_name, help="a token's id, or whose tokens: taken no more")
    what.add_argument("--restore", metavar="ID", type=_name, help="take a revocation back")
    parser.add_argument("--holder", metavar="NAME", type=_name, default="somebody", help="whose it is (%(default)s)")
    parser.add_argument(
        "--agent", metavar="NAME", type=_agent, action="append", help="whom it may talk to; * for all; may be repeated"
    )
    parser.add_argument(
        "--minutes", metavar="N", type=_up_to(MOST_MINUTES), default=15, help="it lives so long (%(default)s)"
    )
    parser.add_argument(
        "--days",
        metavar="N",
        type=_up_to(MOST_DEVICE_DAYS),
        default=DEVICE_DAYS,
        help="a device key lives so long (%(default)s)",
    )
    parser.add_argument("--session", metavar="ID", type=_name, help="it resumes this session, and no other")
    parser.add_argument(
        "--format",
        choices=sorted(FORMATS),
        action="append",
        help="how audio may be sent; may be repeated; all if left out",
    )
    for flag, most, what_for in (
        ("--max-session-s", 86_400, "seconds that each session may last"),
        ("--max-sessions", 10_000, "sessions at a time"),
        ("--minutes-per-day", 1_000_000, "minutes a day, all sessions together"),
        ("--max-messages-per-s", 10_000, "messages a second of each session"),
    ):
        parser.add_argument(flag, metavar="N", type=_up_to(most), default=0, help=what_for)
    return parser


def _make_token(env: Environment, path: Path, asked: argparse.Namespace) -> None:
    key = _keys(path).signing()
    now_s, holder = int(time.time()), asked.device or asked.holder
    grant = Grant(
        id=f"{holder[:48]}.{secrets.token_hex(6)}",
        holder=holder,
        kind=DEVICE if asked.device else TOKEN,
        agents=frozenset(asked.agent or [DEFAULT_AGENT]),
        session=asked.session or "",
        formats=frozenset(asked.format or ()),
        issued_s=now_s,
        expires_s=now_s + (asked.days * 86_400 if asked.device else asked.minutes * 60),
        max_session_s=asked.max_session_s,
        max_sessions=asked.max_sessions,
        minutes_per_day=asked.minutes_per_day,
        max_messages_per_s=asked.max_messages_per_s,
    )
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(grant.expires_s))
    kind = "device key" if asked.device else "token"
    _say(f"{kind} {grant.id} of {holder}, signed by {key.id}, for {', '.join(sorted(grant.agents))}, until {until}.")
    _say(f"It goes into `open.token`, or `Authorization: Bearer`. `--revoke {grant.id}` ends it, `--revoke {holder}`")
    _say(f"all that {holder} has.")
    print(sign(grant, key, env.text(settings.WHOM) or AUDIENCE), flush=True)


def _add_key(path: Path) -> None:
    key = new_key()
    before = path.read_text() if path.exists() else ""
    if before:
        Keys.read(before, str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    # First, for the first one signs; and whole or not at all, for an ingress may be reading it.
    _replace(path, f"{key}\n{before}", 0o600)
    _say(f"{path} has a new key {key.id}, which signs from now on; set PARLEY_TOKEN_KEYS={path} for ingress.")
    if before:
        _say(
            "Tokens of the keys before are still taken: set their state to revoked, or delete their lines, to end that."
        )


def _change_revoked(env: Environment, path: Path, name: str, back: str) -> None:
    file = Path(env.text(settings.REVOKED) or f"{path}.revoked")
    names = revoked.names_in(file.read_text()) if file.exists() else frozenset()
    lines = file.read_text().splitlines() if file.exists() else []
    if name and name not in names:
        lines.append(f"{name}  # {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC")
    lines = [line for line in lines if not back or line.partition("#")[0].strip() != back]
    file.parent.mkdir(parents=True, exist_ok=True)
    _replace(file, "".join(f"{line}\n" for line in lines), 0o644)
    where = [str(file)]
    if env.secret("PARLEY_REDIS_URL"):
        until_s = time.time() + LONGEST_DEVICE_S
        asyncio.run(_in_redis(redis_url(env), lambda redis: _noted(redis, name, back, until_s)))
        where.append("Redis")
    _say(f"{name or back} is {'revoked' if name else 'taken again'}, by {' and '.join(where)}.")
    if len(where) == 1:
        _say("Redis was not told (PARLEY_REDIS_URL is not set): only an ingress that has this file knows.")


async def _noted(redis: Redis, name: str, back: str, until_s: float) -> None:
    await (revoked.revoke(redis, name, until_s) if name else revoked.restore(redis, back))


async def _in_redis(url: str, work: Callable[[Redis], Awaitable[None]]) -> None:
    redis = connect(url)
    try:
        await work(redis)
    finally:
        await redis.aclose()


def _keys(path: Path) -> Keys:
    if not path.exists():
        raise SettingsFault(f"there are no keys in {path} yet: `make token ARGS=--new-key` makes the first.")
    return Keys.read(path.read_text(), str(path))


def _replace(path: Path, text: str, mode: int) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    beside.replace(path)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to 64 letters, digits and any of . _ @ -")
    return text


def _agent(text: str) -> str:
    return text if text == "*" else _name(text)


def _up_to(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most}")
        return int(text)

    return read


if __name__ == "__main__":
    sys.exit(main())
