"""Run inside a container, from standard input: prints which of the addresses given as arguments can be reached."""

import socket
import sys
from concurrent.futures import ThreadPoolExecutor

PATIENCE_S = 3.0


def reached(address: str) -> bool:
    """Tell whether somebody takes a connection at host:port."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), PATIENCE_S).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    with ThreadPoolExecutor(len(sys.argv)) as pool:
        for address, answer in zip(sys.argv[1:], pool.map(reached, sys.argv[1:]), strict=True):
            if answer:
                print(address)
