"""The command line of the desktop client."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from . import config_file, help_words
from .conversation import DEFAULT_SERVER
from .failures import EXIT_USAGE, UsageError
from .grpc_transport import SCHEME
from .reply_format import REPLY_FORMATS
from .script import PATIENCE_S
from .settings import BACKENDS, ECHO_WAYS, SETTINGS, THEMES, Setting, WrongValue, merged


@dataclass(frozen=True)
class Options:
    """What the person asked for."""

    server: str
    agent: str
    token: str = field(repr=False)
    """Proof that we may call; "" where nobody asks for one."""
    say: tuple[Path, ...]
    wait_s: float
    record: Path | None
    transcript: Path | None
    ca: Path | None = None
    input: str = ""
    """The microphone's name, a part of it, or its number; "" the system's default."""
    output: str = ""
    backend: str = "auto"
    echo: str = "auto"
    reply_format: str = "auto"
    theme: str = "auto"
    plain: bool = False
    """Lines instead of a screen, also on a terminal."""
    devices: bool = False
    """Only tell which sound devices there are."""
    bug_report: Path | None = None
    """Record the conversation for a bug report, from its beginning."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: {message}. Try --help.\n")


def parse(arguments: list[str] | None = None) -> Options:
    """Return the options; exits with code 1 and one line on a wrong one, wherever it stands."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    named = given.pop("config", None) or os.environ.get("PARLEY_CONFIG")
    file = Path(named).expanduser() if named else config_file.default_path()
    try:
        settings = merged(given, os.environ, config_file.read(file, is_needed=bool(named)), str(file))
    except UsageError as problem:
        parser.exit(EXIT_USAGE, f"{problem}\n")
    rest = {name: value for name, value in given.items() if name not in settings}
    if settings.pop("tls"):
        settings["server"] = _encrypted(str(settings["server"]))
    return Options(**{**settings, **rest, "say": tuple(given["say"])})


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m clients.desktop",
        description=help_words.DESCRIPTION,
        epilog=help_words.EPILOG.replace("CONFIG_PATH", str(config_file.default_path())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    setting = {setting.name: setting for setting in SETTINGS}

    def add(name: str, help_: str, metavar: str = "", section: argparse._ArgumentGroup | None = None) -> None:
        to = section or parser
        default = argparse.SUPPRESS
        if isinstance(setting[name].default, bool):
            to.add_argument(setting[name].flag, action="store_true", default=default, help=help_)
        else:
            read = _type(setting[name])
            to.add_argument(setting[name].flag, type=read, metavar=metavar, default=default, help=help_)

    called = parser.add_argument_group("whom to call")
    add(
        "server",
        "where Parley answers: HOST:PORT or grpcs://HOST:PORT (gRPC), ws://HOST:PORT or wss://HOST (WebSocket); of "
        f"several the first that takes the call, and another when that one is lost; default {DEFAULT_SERVER}",
        "ADDRESS[,ADDRESS…]",
        called,
    )
    add("tls", "call over TLS: HOST:PORT means grpcs://HOST:PORT then", section=called)
    add(
        "ca",
        "over TLS: who may sign the server's certificate, in PEM form (default: whom this machine trusts)",
        "FILE",
        called,
    )
    add("agent", "whom to talk to (default: the server's choice)", "NAME", called)
    add(
        "token",
        "proof that you may call, or @ and the file that holds it: others on this machine can read your command line",
        "TOKEN|@FILE",
        called,
    )
    sound = parser.add_argument_group("sound")
    add("input", "the microphone: its name, a part of it, or its number in --devices", "DEVICE", sound)
    add("output", "the speaker or headphones, likewise", "DEVICE", sound)
    sound.add_argument("--devices", action="store_true", help="tell which sound devices there are, and end")
    add("backend", f"which library works them: {', '.join(BACKENDS)}", "NAME", sound)
    add(
        "echo",
        f"how the speaker is kept out of the microphone: {', '.join(ECHO_WAYS)}. device: cancelled here; headphones: "
        "you wear some; server: left to it",
        "WAY",
        sound,
    )
    add(
        "reply_format",
        f"how replies come over the network: {', '.join(REPLY_FORMATS)}. auto: Opus, a twelfth of the bytes, unless "
        "the server is this machine",
        "FORMAT",
        sound,
    )
    screen = parser.add_argument_group("screen")
    add("plain", "write lines instead of the full screen; so it is where output is no terminal", section=screen)
    add("theme", f"colours: {', '.join(THEMES)} (terminal: its own)", "NAME", screen)
    scripts = parser.add_argument_group("files")
    scripts.add_argument(
        "--say", type=Path, metavar="WAV", nargs="+", default=[], help="headless: say these files, one after the other"
    )
    add("wait_s", f"headless: wait so long for an answer, in seconds (default {PATIENCE_S:g})", "N", scripts)
    scripts.add_argument(
        "--record", type=Path, metavar="OUT.wav", help="write both voices: stereo, the person left, Parley right"
    )
    scripts.add_argument("--transcript", type=Path, metavar="OUT.txt", help="write what was said, line by line")
    scripts.add_argument(
        "--bug-report",
        type=Path,
        metavar="OUT.zip",
        help="record the conversation for a bug report: the voices of all who can be heard, their words, what the "
        "client did. It stays on this machine until you send it to somebody",
    )
    parser.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help="another config file, see below")
    return parser


def _type(setting: Setting) -> Callable[[str], object]:
    """Return what reads a setting from the command line, and tells a wrong one as argparse does."""

    def read(text: str) -> object:
        try:
            return setting.read(text)
        except WrongValue as problem:
            raise argparse.ArgumentTypeError(str(problem)) from None

    return read


def _encrypted(addresses: str) -> str:
    """Return the addresses as they are called over TLS."""
    return ",".join(
        f"{SCHEME}{address}" if "://" not in address else address.replace("ws://", "wss://")
        for address in addresses.split(",")
    )
