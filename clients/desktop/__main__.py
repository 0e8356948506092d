"""`python -m clients.desktop`: talk with Parley, live or from files."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

from .bug_report import BugReport, VoiceTap
from .conversation import Conversation
from .device import AudioDevice, is_choosable
from .failures import EXIT_INTERRUPTED, EXIT_OK, ClientError, ConversationBroken
from .headless import HeadlessDevice
from .live import LiveDevice
from .options import Options, parse
from .recording import claim
from .script import Script, Step
from .signals import leaving
from .sound_card.backends import open_card
from .sound_card.choice import SoundChoice
from .terminal.reporter import Reporter
from .terminal.sound_choices import listed
from .transcript import Transcript, open_transcript
from .transport import connect
from .trust import Trust
from .wav import read_speech

SCRIPT_TICK_S = 0.05


def main(arguments: list[str] | None = None) -> int:
    """Run the client; return its exit code. Every failure is one line on stderr."""
    options = parse(arguments)
    try:
        if options.devices:
            _list_devices(options)
        else:
            asyncio.run(_way(options)(options))
    except ClientError as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return EXIT_OK


def _way(options: Options) -> Callable[[Options], Coroutine[None, None, None]]:
    """Return how to talk: from files, in lines, or on the whole screen where there is one."""
    if options.say:
        return headless
    is_screen = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return live if options.plain or not is_screen else on_screen


async def headless(options: Options) -> None:
    """Say the files one after the other and hear each answer. Raises ClientError."""
    speeches = [read_speech(path) for path in options.say]
    device = HeadlessDevice(keep_recording=options.record is not None or options.bug_report is not None)
    report = BugReport()
    with ExitStack() as put_away:
        transcript = _transcript(options, put_away)
        if options.record:
            claim(options.record)
            put_away.callback(device.write_stereo, options.record)
        if options.bug_report:
            claim(options.bug_report)
            put_away.callback(lambda: report.write(options.bug_report or Path(), options, device.recording()))
        async with _conversation(options, device) as conversation:
            await _follow_script(conversation, device, speeches, transcript, report, options.wait_s)


async def live(options: Options) -> None:
    """Talk through the sound card, in lines, until Ctrl-C or until the server closes. Raises ClientError."""
    tap, reporter = VoiceTap(keep=options.record is not None), Reporter(options)
    device = _sound_card(_choice(options), tap)
    with ExitStack() as put_away:
        transcript = _transcript(options, put_away, show_state=True)
        if options.record:
            claim(options.record)
            put_away.callback(tap.write_stereo, options.record)
        if options.bug_report:
            claim(options.bug_report)
            put_away.callback(lambda: reporter.write(reporter.stop()))
            reporter.begin()
            reporter.attach(device, tap)
            print(f"This conversation is recorded for a bug report: {options.bug_report}, kept on this machine.")
        async with _conversation(options, device) as conversation:
            print("Connected. Speak; Ctrl-C hangs up.", flush=True)
            put_away.enter_context(_hangs_up_on_ctrl_c(conversation))
            async for event in conversation:
                transcript.feed(event)
                reporter.feed(event)
    print("\nThe conversation is over.")


async def on_screen(options: Options) -> None:
    """Talk through the sound card on the whole terminal. Raises ClientError."""
    from .terminal.run import screen  # Textual takes a moment to load, and only this way needs it

    device: AudioDevice | None = None

    def call(tap: VoiceTap) -> Conversation:
        """Begin a conversation with what was chosen of the sound in the one before."""
        nonlocal device
        choice = device.choice if is_choosable(device) else _choice(options)
        device = _sound_card(choice, tap)
        return _conversation(options, device)

    await screen(options, call)


def _list_devices(options: Options) -> None:
    card = open_card(_choice(options).backend)
    try:
        print("\n".join(listed(card.devices())) or "There are no sound devices.")
    finally:
        card.close()


def _sound_card(choice: SoundChoice, tap: VoiceTap) -> LiveDevice:
    return LiveDevice(tap, choice)


def _choice(options: Options) -> SoundChoice:
    return SoundChoice(options.input, options.output, options.backend, options.echo)


def _conversation(options: Options, device: AudioDevice) -> Conversation:
    dial = partial(connect, trust=Trust.of(options.ca))
    return Conversation(
        options.server,
        device,
        agent=options.agent,
        token=options.token,
        reply_format=options.reply_format,
        dial=dial,
    )


async def _follow_script(
    conversation: Conversation,
    device: HeadlessDevice,
    speeches: list[bytes],
    transcript: Transcript,
    report: BugReport,
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
            report.feed(event)
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


def _hangs_up_on_ctrl_c(conversation: Conversation) -> AbstractContextManager[None]:
    """Let Ctrl-C say goodbye instead of tearing the connection."""
    goodbyes: list[asyncio.Task[None]] = []
    return leaving(lambda: goodbyes.append(asyncio.create_task(conversation.hang_up())))


if __name__ == "__main__":
    sys.exit(main())
