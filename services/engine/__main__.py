"""`python -m services.engine`: run the Realtime API server until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections import Counter
from contextlib import AsyncExitStack

from services.common import health, logs, metrics
from services.common.errors import SettingsFault
from services.common.health import Health
from services.common.log_settings import LogSettings
from services.common.process_meter import ProcessMeter
from services.common.room import FULL, Room
from services.common.settings import Environment
from services.engine.meter import EngineMeter
from services.engine.parts import PartError
from services.engine.server import PATH, engine
from services.engine.settings import Settings, SettingsError
from services.engine.worker import WorkerError

_log = logging.getLogger("parley.engine")

_HELP = """\
A Realtime API server of one's own: it hears, thinks and speaks with the parts you choose. Any client of OpenAI's
Realtime API can use it. All settings are environment variables; docs/engine.md explains them and has recipes.

where it listens
  PARLEY_ENGINE_HOST, _PORT     address (127.0.0.1, 8765)
  PARLEY_ENGINE_KEY             what clients must show; needed to listen beyond this machine (or _KEY_FILE)
  PARLEY_ENGINE_SPEED           how many times faster than real time it gives audio (8)
  PARLEY_METRICS_LISTEN         host:port for Prometheus, see docs/metrics.md (not served)
  PARLEY_LOG, _LEVEL, _WORDS    text or json; from which level on (info); with people's words or not, see docs/logs.md
  PARLEY_HEALTH_LISTEN          host:port for probes over gRPC (not served)
  PARLEY_ENGINE_SESSIONS        how many sessions at once (256); one more is answered HTTP 503

what hears                      PARLEY_ENGINE_STT=embedded, openai or whisper
  embedded                      PocketSphinx, English; PARLEY_ENGINE_DECODERS people at once (2)
  openai                        POST …/audio/transcriptions: PARLEY_ENGINE_STT_URL, _MODEL, _KEY, _STREAM
  whisper                       faster-whisper on this machine: PARLEY_ENGINE_STT_MODEL (base), _DEVICE, _COMPUTE
  either of the last two        PARLEY_ENGINE_STT_LANGUAGE, such as en

what thinks                     PARLEY_ENGINE_LLM=embedded or openai
  embedded                      knows the time, small sums and a story
  openai                        POST …/chat/completions: PARLEY_ENGINE_LLM_URL, _MODEL, _KEY, _PREAMBLE, _EXTRA

what speaks                     PARLEY_ENGINE_TTS=embedded, openai or piper
  embedded                      eSpeak NG
  openai                        POST …/audio/speech: PARLEY_ENGINE_TTS_URL, _MODEL, _KEY, _VOICE, _FORMAT, _RATE_HZ
  piper                         a Piper voice on this machine: PARLEY_ENGINE_TTS_MODEL, its .onnx file

every server                    _PATIENCE_S: how long it may send nothing (30); _KEY_FILE: the key from a file
                                PARLEY_ENGINE_ALLOW_PLAIN_HTTP=on: http:// beyond the local network

a language model of Ollama, with the rest as it is:
  PARLEY_ENGINE_LLM=openai PARLEY_ENGINE_LLM_URL=http://127.0.0.1:11434/v1 PARLEY_ENGINE_LLM_MODEL=llama3.2 \\
      python -m services.engine

ends with 0 after a signal, 2 for a wrong setting or a part that can't be had, 1 if it could not start
"""


async def run(settings: Settings) -> None:
    """Serve until a signal asks to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    env = Environment.here()
    vitals, metrics_listen = Health(health.listen_address(env)), metrics.listen_address(env)
    registry, room, tally = metrics.registry(), Room("engine", settings.sessions), Counter[str]()
    meter = EngineMeter(registry)
    looking_on = ProcessMeter(registry, room, tally, parked=lambda: 0, sessions=lambda: meter.sessions)
    async with AsyncExitStack() as stack:
        stack.enter_context(metrics.served(registry, metrics_listen))
        await stack.enter_async_context(vitals.served())
        serving = engine(settings, meter, lambda: room.refused.update([FULL]))
        host, port = await stack.enter_async_context(serving)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        looking = [group.create_task(each.run()) for each in (vitals, looking_on)]
        await vitals.opened()
        name = f"[{host}]" if ":" in host else host
        _log.info("%s", settings.parts.summary)
        _log.info("engine listening on ws://%s:%d%s", name, port, PATH)
        await stop.wait()
        await vitals.drain()
        for task in looking:
            task.cancel()


def main() -> int:
    """Run, and give the exit status."""
    form = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(prog="python -m services.engine", description=_HELP, formatter_class=form).parse_args()
    for chatty in ("parley.engine.websockets", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        with logs.written(LogSettings.read(Environment.here())):
            asyncio.run(run(Settings.read()))
    except (SettingsError, PartError) as error:
        print(f"engine: {error}", file=sys.stderr)
        return 2
    except SettingsFault as fault:
        print(f"engine: {fault.message}", file=sys.stderr)
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
