"""Runs the screen from the command line: begins conversations for it, and says afterwards what is left to be said."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from io import StringIO

from ..bug_report import VoiceTap
from ..conversation import Conversation
from ..options import Options
from ..recording import claim
from ..signals import leaving
from ..transcript import Transcript, open_transcript
from .app import ParleyApp
from .stderr_away import stderr_away


async def screen(options: Options, call: Callable[[VoiceTap], Conversation]) -> None:
    """Talk on the whole terminal until the person leaves. Raises the ClientError that ended it."""
    if options.record:
        claim(options.record)
    with ExitStack() as put_away:
        transcript = None
        if options.transcript:
            file = put_away.enter_context(open_transcript(options.transcript))
            transcript = Transcript(StringIO(), file)  # the screen has the captions
        app = ParleyApp(options, call, transcript)
        with stderr_away(), leaving(app.action_leave):
            await app.run_async(mouse=False)
    app.reporter.write(app.reporter.stop())  # a fault, or a second key to leave, has left it unwritten
    for path in app.reporter.written:
        print(f"The bug report is {path}. Nobody has it but you: look into it before you send it.")
    if app.problem:
        raise app.problem from app.faults.first
    print("The conversation is over.")
