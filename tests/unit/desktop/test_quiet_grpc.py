"""What gRPC writes by itself stays away from the person's terminal."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread

ROOT = Path(__file__).parents[3]
SETTINGS_FRAME = b"\0\0\0\4\0\0\0\0\0"
GOAWAY = b"\0\0\0\1" + b"\0\0\0\2" + b"connection_idle"
GOAWAY_FRAME = len(GOAWAY).to_bytes(3, "big") + b"\7\0\0\0\0\0" + GOAWAY
RESET_FRAME = b"\0\0\4\3\0\0\0\0\1" + b"\0\0\0\2"
CALLER = """
import asyncio, sys
from clients.desktop.connection_failures import ConnectionFailed
from clients.desktop.grpc_transport import grpc_transport
from clients.desktop.trust import Trust

async def call():
    async with grpc_transport(sys.argv[1], Trust.of(None)) as transport:
        try:
            await transport.receive()
        except ConnectionFailed as failure:
            print("failed:", failure.cause.name)

asyncio.run(call())
"""


def _goes_away(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.sendall(SETTINGS_FRAME)
        came = b""
        while b"/Converse" not in came:
            came += connection.recv(4096)
        connection.sendall(GOAWAY_FRAME + RESET_FRAME)
        with suppress(ConnectionResetError):
            while connection.recv(4096):  # until the client leaves
                pass


def _stderr_of_a_call(environment: dict[str, str]) -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=_goes_away, args=(listener,), daemon=True).start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        environment["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT, ROOT / "protos/gen")))
        command = [sys.executable, "-c", CALLER, address]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60)
    return done.stderr


def test_a_server_that_goes_away_leaves_no_line_on_the_terminal() -> None:
    """The library's own word on it ("Got goaway…") is written only for whoever asked for it."""
    quiet = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    assert _stderr_of_a_call(dict(quiet)) == ""
    assert "Got goaway" in _stderr_of_a_call(quiet | {"GRPC_VERBOSITY": "INFO"})
