"""The command line of the desktop client."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from .conversation import DEFAULT_SERVER
from .failures import EXIT_USAGE
from .grpc_transport import SCHEME
from .script import PATIENCE_S
from .websocket_transport import SCHEMES

DESCRIPTION = """\
Talk with Parley. Without --say it is live: your microphone and your speaker.
With --say it is headless: it says the files, waits for each answer, and ends."""

EPILOG = """\
examples:
  python -m clients.desktop
      talk; Ctrl-C hangs up
  python -m clients.desktop --say question.wav --record out.wav
      ask one question, keep both voices: the person left, Parley right
  python -m clients.desktop --say hello.wav more.wav --transcript out.txt
      say the second file once the answer to the first has been heard
  python -m clients.desktop --server parley.example:7700 --agent tutor
  python -m clients.desktop --server wss://parley.example --token @token.txt
  python -m clients.desktop --server grpcs://parley.example:7700 --ca ca.pem
      over TLS, to a server whose certificate was signed by the CA in ca.pem
  python -m clients.desktop --server one.example:7700,two.example:7700
      call the second where the first is full or away; go on there when the first is lost

exit codes:
  0  the conversation ended well: you hung up, or Parley did, and has said why
  1  a wrong option, an unreadable file, or no sound device
  2  the server can't be reached, or refused
  3  the conversation went wrong: no answer in time, the connection was lost, or
     Parley hung up before all files were said
  130  stopped by Ctrl-C before the files were through

Wear headphones in a live conversation: Parley must not hear itself."""


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


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: {message}. Try --help.\n")


def parse(arguments: list[str] | None = None) -> Options:
    """Return the options; exits with code 1 and one line on a wrong one."""
    got = _parser().parse_args(arguments)
    server = _encrypted(got.server) if got.tls else got.server
    return Options(server, got.agent, got.token, tuple(got.say), got.wait_s, got.record, got.transcript, got.ca)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m clients.desktop",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--server",
        type=_addresses,
        metavar="ADDRESS[,ADDRESS…]",
        default=os.environ.get("PARLEY_SERVER") or DEFAULT_SERVER,
        help=f"where Parley answers: HOST:PORT or grpcs://HOST:PORT (gRPC), ws://HOST:PORT or wss://HOST (WebSocket); "
        "of several the first that takes the call, and another when that one is lost; default "
        f"{DEFAULT_SERVER}, or the environment's PARLEY_SERVER",
    )
    parser.add_argument("--tls", action="store_true", help="call over TLS: HOST:PORT means grpcs://HOST:PORT then")
    parser.add_argument(
        "--ca",
        type=Path,
        metavar="FILE",
        default=os.environ.get("PARLEY_CA") or None,
        help="over TLS: who may sign the server's certificate, in PEM form (default: whom this machine trusts, or the "
        "environment's PARLEY_CA)",
    )
    parser.add_argument("--agent", metavar="NAME", default="", help="whom to talk to (default: the server's choice)")
    parser.add_argument(
        "--token",
        type=_token,
        metavar="TOKEN|@FILE",
        default=os.environ.get("PARLEY_TOKEN", ""),
        help="proof that you may call, or @ and the file that holds it: others on this machine can read your command "
        "line; default: the environment's PARLEY_TOKEN",
    )
    parser.add_argument(
        "--say", type=Path, metavar="WAV", nargs="+", default=[], help="headless: say these files, one after the other"
    )
    parser.add_argument(
        "--wait-s",
        type=_seconds,
        metavar="N",
        default=PATIENCE_S,
        help=f"headless: wait so long for an answer, in seconds (default {PATIENCE_S:g})",
    )
    parser.add_argument(
        "--record", type=Path, metavar="OUT.wav", help="write both voices: stereo, the person left, Parley right"
    )
    parser.add_argument("--transcript", type=Path, metavar="OUT.txt", help="write what was said, line by line")
    return parser


def _token(text: str) -> str:
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise argparse.ArgumentTypeError(f"{text} can't be read: {type(error).__name__}") from None
    token = text.strip()
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise argparse.ArgumentTypeError("a token is one word of ASCII letters, digits and . _ -")
    return token


def _addresses(text: str) -> str:
    return ",".join(_address(address.strip()) for address in text.split(","))


def _encrypted(addresses: str) -> str:
    """Return the addresses as they are called over TLS."""
    return ",".join(
        f"{SCHEME}{address}" if "://" not in address else address.replace("ws://", "wss://")
        for address in addresses.split(",")
    )


def _address(text: str) -> str:
    if text.startswith(SCHEMES):
        return _url(text)
    host, colon, port = text.removeprefix(SCHEME).rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as in {DEFAULT_SERVER}, nor ws://HOST:PORT")
    return text


def _url(text: str) -> str:
    try:
        url = urlsplit(text)
        well = bool(url.hostname) and url.port != 0 and not (url.query or url.fragment)
    except ValueError:
        well = False
    if not well:
        raise argparse.ArgumentTypeError(f"{text!r} is not ws://HOST:PORT or wss://HOST:PORT")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds
