"""Parley on one machine: `make run`, or `python -m local`."""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from clients.desktop.failures import ClientError
from local.child import ROOT, StartFault
from local.demonstrate import QUESTION_FILE, demonstrate
from local.lines import PrefixedLines
from local.redis_server import NoRedisError
from local.ring import DOOR_PORT, SERVICES, WEBSOCKET_PORT, Ring, RingSettings
from local.run_folder import claimed
from local.span_lines import FOLDER
from services.broker.servers.server import Server
from services.engine.parts import PartError

AGENTS = ROOT / "deploy" / "agents"
"""The agents' profiles, unless PARLEY_AGENTS names other ones."""
STAGES = ("ingress", "vad", "broker", "egress")
"""What may run several times: one engine is the model for all."""
MOST_COPIES = 9
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

ABOUT = """\
Starts the ring on this machine, each service a process of its own and a Redis for them, and holds a
demonstration conversation with it: a question and its answer, a long answer cut off by "Stop!", one
that goes on through an "mm-hmm", a goodbye. Then shows who spoke when, and where the time went."""

MORE = """\
The ring listens on 127.0.0.1 only. It talks to its own small model, unless OPENAI_API_KEY is set (then to
OpenAI) or PARLEY_MODEL_URL (then to the Realtime server there). Ctrl-C stops everything.

examples:
  make run                               the demonstration; on a terminal the ring then stays up
  make run ARGS=--no-demo                only the ring, its logs shown
  make run ARGS='--port 7800 --serve'    another door, and stay up wherever this runs
  make run ARGS='--copies 2 --no-demo'   each service twice; kill whichever you like while you talk
  make talk                              talk to the ring that is up (in another terminal)

exit codes: 0 all went well, 1 something did not (a line says what), 130 Ctrl-C before the end of the demonstration"""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        "python -m local", description=ABOUT, epilog=MORE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--no-demo", dest="demo", action="store_false", help="hold no conversation, only serve")
    parser.add_argument(
        "--serve",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="keep the ring up afterwards (default: on a terminal, or without the demonstration)",
    )
    parser.add_argument(
        "--port", type=_port, default=DOOR_PORT, help=f"where clients come in (default {DOOR_PORT}; 0: any free port)"
    )
    parser.add_argument(
        "--websocket-port",
        type=_port,
        default=WEBSOCKET_PORT,
        help=f"where clients come in over WebSocket (default {WEBSOCKET_PORT}; 0: any free port)",
    )
    parser.add_argument(
        "--copies",
        type=_copies,
        metavar="N",
        default=1,
        help=f"how often to run each of {', '.join(STAGES)} (default 1): with two, either may be killed",
    )
    parser.add_argument(
        "--logs",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="show what the services print (default: without the demonstration); run/logs/ has it all in any case",
    )
    parser.add_argument("--folder", type=Path, default=Path("run"), help="where to leave recording, transcript, logs")
    options = parser.parse_args(arguments)
    if options.serve is None:
        options.serve = not options.demo or (sys.stdin.isatty() and sys.stdout.isatty())
    if options.logs is None:
        options.logs = not options.demo
    return options


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to 65535")
    return int(text)


def _copies(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_COPIES:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of copies: 1 to {MOST_COPIES}")
    return int(text)


def tell(text: str) -> None:
    """Say something to the person."""
    print(text, flush=True)


def settings(options: argparse.Namespace, folder: Path) -> RingSettings:
    """Return the ring that the command line asks for."""
    copies = dict.fromkeys(STAGES, options.copies)
    names = [*SERVICES, *(f"{service}-{n}" for service in STAGES for n in range(2, options.copies + 1)), "redis"]
    traced = span_files(names, folder)
    show = PrefixedLines(names) if options.logs else None
    agents = {} if os.environ.get("PARLEY_AGENTS") else {"PARLEY_AGENTS": str(AGENTS)}
    return RingSettings(
        env={name: {**traced[name], **(agents if name in ("vad", "broker") else {})} for name in traced},
        copies=copies,
        port=options.port,
        websocket_port=options.websocket_port,
        log_folder=folder / "logs",
        show=show,
        notice=lambda text: tell(f"  {text}"),
    )


def span_files(names: Sequence[str], folder: Path) -> dict[str, dict[str, str]]:
    """Return what has each stage write its spans where `make trace` finds them."""
    stages = [name for name in names if name.partition("-")[0] in STAGES]
    return {name: {"PARLEY_TRACE_FILE": str(folder.resolve() / FOLDER / f"{name}.jsonl")} for name in stages}


async def live(options: argparse.Namespace, folder: Path) -> int:
    """Start the ring, demonstrate, serve, as asked; return the exit code."""
    tell("Starting the ring on this machine …")
    async with Ring(settings(options, folder)) as ring:
        tell(f"The ring is up at {' and '.join(ring.ingresses)}; its model is {model_in_words(ring)}.")
        tell(f"Over WebSocket it is at {' and '.join(ring.websockets)}")
        if ring.page:
            tell(f"The web page is at {ring.page}")
        if options.port and not ring.ingress.endswith(f":{options.port}"):
            tell(f"Port {options.port} is taken, so the door is at {ring.ingress} this time.")
        well = not options.demo or await demonstrate(ring, folder, tell)
        if not well:
            tell(f"\nThe conversation did not go as it should. The services' logs are in {folder / 'logs'}.")
        if options.serve:
            await serve(ring, folder)
    return 0 if well else EXIT_FAILED


async def serve(ring: Ring, folder: Path) -> None:
    """Say how to talk to the ring, and keep it up until Ctrl-C."""
    is_plain = ring.ingress.endswith(f":{DOOR_PORT}") and len(ring.ingresses) == 1
    server = [] if is_plain else [f"--server {','.join(ring.ingresses)}"]
    question = folder / QUESTION_FILE if (folder / QUESTION_FILE).exists() else "YOUR.wav"
    headless = [*server, f"--say {question}", f"--record {folder / 'answer.wav'}"]
    browser = f"  {ring.page}\n      in a browser, with its microphone and its echo canceller\n" if ring.page else ""
    tell(
        f"\nThe ring stays up until Ctrl-C. Talk to it:\n{browser}"
        "  or, in another terminal:\n"
        f"  {' '.join(['make talk', *_as_args(server)])}\n"
        "      with microphone and speaker (headphones, please; once before: make live)\n"
        f"  {' '.join(['make talk', *_as_args(headless)])}\n"
        "      without: a WAV file is said, both voices are recorded\n"
        f"  .venv/bin/python -m websockets {ring.websocket}\n"
        "      by hand: docs/protocol.md shows what to type"
    )
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        tell("\nStopping the ring …")


def _as_args(options: Sequence[str]) -> list[str]:
    return [f"ARGS='{' '.join(options)}'"] if options else []


def model_in_words(ring: Ring) -> str:
    """Say which model answers."""
    if ring.uses_engine:
        return "its own engine (no key needed)"
    named = os.environ.get("PARLEY_MODEL_SERVER", "")
    if ring.model_url:
        return Server(ring.model_url).place  # without what may be a key
    return f"{named}'s (PARLEY_MODEL_SERVER)" if named else "OpenAI's (OPENAI_API_KEY is set)"


async def until_told_to_stop(options: argparse.Namespace, folder: Path) -> int:
    """Run `live`; the first SIGINT, SIGTERM or SIGHUP ends it in good order, and further ones don't disturb that."""
    life = asyncio.create_task(live(options, folder))
    told = False

    def stop() -> None:
        nonlocal told
        if not told:
            life.cancel()
        told = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        return await life
    except asyncio.CancelledError:
        tell("\nStopped.")
        return EXIT_INTERRUPTED


def main() -> int:
    """Run; a fault is told in words, not in a traceback."""
    options = parse()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that can't show a character is no fault
    try:
        with claimed(options.folder) as folder:
            return asyncio.run(until_told_to_stop(options, folder))
    except (StartFault, NoRedisError, ClientError, PartError) as fault:
        print(f"\n{fault}", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads any more: end quietly
    except OSError as fault:
        print(f"\nA file could not be used: {fault}. --folder names another place.", file=sys.stderr)
    return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
