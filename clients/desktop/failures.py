"""What can go wrong for the person at the desktop: each failure is one line that says what to do, and an exit code."""

from __future__ import annotations

from pathlib import Path

EXIT_OK = 0
EXIT_USAGE = 1
"""A wrong option, an unreadable file, no sound device."""
EXIT_REFUSED = 2
"""The server can't be reached, or won't take this client."""
EXIT_BROKEN = 3
"""The conversation began, and went wrong."""
EXIT_INTERRUPTED = 130
"""Ctrl-C before the end, as shells have it. A live conversation that is hung up ends with EXIT_OK."""


class ClientError(Exception):
    """Ends the client. Its text is one line for the person; `exit_code` is for the shell."""

    exit_code = EXIT_BROKEN


class UsageError(ClientError):
    """An option, a file or the sound device is not usable."""

    exit_code = EXIT_USAGE


class ServerRefused(ClientError):
    """The server could not be reached, or answered Open with an error."""

    exit_code = EXIT_REFUSED


class ConversationBroken(ClientError):
    """The conversation ended otherwise than by its own Closed."""


class DeviceLost(ClientError):
    """The microphone stopped in mid-conversation."""


def cannot_write(path: Path | str, problem: OSError) -> UsageError:
    """Return the line about a file that can't be written."""
    return UsageError(f"Cannot write {path}: {problem.strerror or problem}. Name another place.")
