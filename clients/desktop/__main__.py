"""`python -m clients.desktop`: talk with Parley, live or from files."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import ExitStack, suppress
from functools import partial

from .conversation import Conversation
from .device import AudioDevice
from .failures import EXIT_INTERRUPTED, EXIT_OK, ClientError, ConversationBroken
from .headless import HeadlessDevice
from .live import LiveDevice
from .options import Options, parse
from .recording import Recording, claim
from .script import Script, Step
from .transcript import Transcript, open_transcript
from .transport import connect
from .trust import Trust
from .wav import read_speech

SCRIPT_TICK_S = 0.05


def main(arguments: list[str] | None = None) -> int:
    """Run the client; return its exit code. Every failure is one line on stderr."""
    options = parse(arguments)
    try:
        asyncio.run(headless(options) if options.say else live(options))
    except ClientError as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return EXIT_OK


async def headless(options: Options) -> None:
    """Say the files one after the other and hear each answer. Raises ClientError."""
    speeches = [read_speech(path) for path in options.say]
    device = HeadlessDevice(keep_recording=options.record is not None)
    with ExitStack() as put_away:
        transcript = _transcript(options, put_away)
        if options.record:
            claim(options.record)
            put_away.callback(device.write_stereo, options.record)
        async with _conversation(options, device) as conversation:
            await _follow_script(conversation, device, speeches, transcript, options.wait_s)


async def live(options: Options) -> None:
    """Talk through the sound card until Ctrl-C or until the server closes. Raises ClientError."""
    recording = Recording() if options.record else None
    device = LiveDevice(recording)
    with ExitStack() as put_away:
        transcript = _transcript(options, put_away, show_state=True)
        if recording and options.record:
            claim(options.record)
            put_away.callback(recording.write_stereo, options.record)
        async with _conversation(options, device) as conversation:
            print("Connected. Speak; Ctrl-C hangs up.", flush=True)
            _hang_up_on_ctrl_c(conversation, put_away)
            async for event in conversation:
                transcript.feed(event)
    print("\nThe conversation is over.")


def _conversation(options: Options, device: AudioDevice) -> Conversation:
    dial = partial(connect, trust=Trust.of(options.ca))
    return Conversation(options.server, device, agent=options.agent, token=options.token, dial=dial)


async def _follow_script(
    conversation: Conversation,
    device: HeadlessDevice,
    speeches: list[bytes],
    transcript: Transcript,
    patience_s: float,
) -> None:
    script = Script(len(speeches), patience_s)
    waiting = iter(speeches)

    async def keep_time() -> None:
        while True:
            talking, audible = device.talking, conversation.playout.underway
            match script.tick(time.monotonic(), talking=talking, audible=audible):
                case Step.SAY:
                    device.say(next(waiting))
                case Step.HANG_UP:
                    return await conversation.hang_up()
            await asyncio.sleep(SCRIPT_TICK_S)

    async def watch() -> None:
        async for event in conversation:
            script.feed(event)
            transcript.feed(event)
        clock.cancel()
        if not script.done:
            raise ConversationBroken(script.cut_short())

    try:
        async with asyncio.TaskGroup() as tasks:
            clock = tasks.create_task(keep_time())
            tasks.create_task(watch())
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


def _transcript(options: Options, put_away: ExitStack, *, show_state: bool = False) -> Transcript:
    file = put_away.enter_context(open_transcript(options.transcript)) if options.transcript else None
    return Transcript(sys.stdout, file, show_state=show_state)


def _hang_up_on_ctrl_c(conversation: Conversation, put_away: ExitStack) -> None:
    """Let Ctrl-C say goodbye instead of tearing the connection."""
    loop = asyncio.get_running_loop()
    goodbyes: list[asyncio.Task[None]] = []

    def hang_up() -> None:
        goodbyes.append(loop.create_task(conversation.hang_up()))

    for name in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: there Ctrl-C cancels, and leaving the conversation hangs up
            loop.add_signal_handler(name, hang_up)
            put_away.callback(loop.remove_signal_handler, name)


if __name__ == "__main__":
    sys.exit(main())
