"""`python -m services.common.health_check [service]`: ask the process of this container how it is.

For the HEALTHCHECK of an image. `service` is startup, readiness, liveness or the name of a gRPC service; without one it
is readiness. It asks at PARLEY_HEALTH_LISTEN. Exit code 0: it serves; 1: it does not, or does not answer; 2: misused.
"""

from __future__ import annotations

import sys
from typing import Final

import grpc
from grpc_health.v1 import health_pb2 as wire
from grpc_health.v1 import health_pb2_grpc as rpc

from services.common.errors import SettingsFault
from services.common.health import VARIABLE, listen_address
from services.common.settings import Environment

PATIENCE_S: Final = 3.0
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}


def ask(listen: str, service: str, patience_s: float = PATIENCE_S) -> str:
    """Return "" for a process that serves, else what it says, or why it says nothing."""
    host, _, port = listen.rpartition(":")
    with grpc.insecure_channel(f"{_EVERYWHERE.get(host, host)}:{port}", [("grpc.enable_http_proxy", 0)]) as channel:
        stub = rpc.HealthStub(channel)
        try:
            answer = stub.Check(wire.HealthCheckRequest(service=service), timeout=patience_s, wait_for_ready=False)
        except grpc.RpcError as error:
            return _why(error)
    serves: bool = answer.status == wire.HealthCheckResponse.SERVING
    return "" if serves else wire.HealthCheckResponse.ServingStatus.Name(answer.status).lower().replace("_", " ")


def _why(error: grpc.RpcError) -> str:
    assert isinstance(error, grpc.Call)
    if error.code() == grpc.StatusCode.NOT_FOUND:
        return "there is no such service"
    return "no answer" if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED else "it can't be reached"


def main(arguments: list[str]) -> int:
    """Ask, say what was answered, and return the exit code."""
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        print(__doc__, file=sys.stderr)
        return 2
    service = arguments[0] if arguments else ""
    try:
        listen = listen_address(Environment.here())
    except SettingsFault as fault:
        print(fault.message, file=sys.stderr)
        return 2
    if not listen:
        print(f"{VARIABLE} is not set: there is nobody to be asked.", file=sys.stderr)
        return 2
    answer = ask(listen, service)
    print(f"{service or 'readiness'}: {answer or 'serving'}")
    return 1 if answer else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
