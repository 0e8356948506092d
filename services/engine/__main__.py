"""`python -m services.engine`: run the Realtime API server until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from services.engine.server import PATH, engine
from services.engine.settings import Settings, SettingsError
from services.engine.worker import WorkerError

_log = logging.getLogger("parley.engine")


def read_settings() -> Settings:
    """Take the settings from the environment. Raises SettingsError."""
    try:
        return Settings(
            host=os.environ.get("PARLEY_ENGINE_HOST", "127.0.0.1"),
            port=int(os.environ.get("PARLEY_ENGINE_PORT", "8765")),
            pace=float(os.environ.get("PARLEY_ENGINE_SPEED", "8")),
            key=os.environ.get("PARLEY_ENGINE_KEY", ""),
            decoders=int(os.environ.get("PARLEY_ENGINE_DECODERS", "2")),
        )
    except ValueError as error:
        message = f"PARLEY_ENGINE_PORT, _SPEED and _DECODERS must be numbers: {error}"
        raise SettingsError(message) from error


async def run(settings: Settings) -> None:
    """Serve until a signal asks to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with engine(settings) as (host, port):
        name = f"[{host}]" if ":" in host else host
        _log.info("engine listening on ws://%s:%d%s", name, port, PATH)
        await stop.wait()


def main() -> int:
    """Run, and give the exit status: 0 after a signal, 2 for wrong settings, 1 if it could not start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("parley.engine.websockets").setLevel(logging.WARNING)
    try:
        asyncio.run(run(read_settings()))
    except SettingsError as error:
        print(f"engine: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"engine: cannot listen: {error.strerror or error}. Is another engine running?", file=sys.stderr)
        return 1
    except WorkerError as error:
        print(f"engine: {error}. Is the 'engine' extra installed?", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
