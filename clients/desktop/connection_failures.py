"""How a connection fails, whatever it goes over, each in one line for the person."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from .failures import ClientError, ConversationBroken, ServerRefused


class Cause(Enum):
    """What kind of failure it is."""

    UNREACHABLE = auto()
    NOT_PARLEY = auto()
    """Something answers, but it does not know conversations."""
    UNTRUSTED = auto()
    """It may be somebody else, or does not speak TLS."""
    REFUSED = auto()
    """The server, or the connection, gave its own reason."""
    UNREADABLE = auto()
    """The server sent what this client can't make sense of."""


class ConnectionFailed(Exception):
    """The connection ended otherwise than by the server's last word. `why` is a few plain words."""

    def __init__(self, cause: Cause, why: str) -> None:
        super().__init__(why)
        self.cause = cause
        self.why = why


def lost(server: str, opened: bool, failure: ConnectionFailed) -> ClientError:
    """Return the failure as the person is told it."""
    if failure.cause == Cause.UNREADABLE:
        words = f"{server} sent what this client can't read ({failure.why}): update the client, or check --server."
        return ConversationBroken(words) if opened else ServerRefused(words)
    if opened:
        return ConversationBroken(f"The connection to {server} was lost ({failure.why}).")
    if failure.cause == Cause.UNREACHABLE:
        return ServerRefused(
            f"Cannot reach Parley at {server} ({failure.why}). Start it, or name another with --server."
        )
    if failure.cause == Cause.UNTRUSTED:
        return ServerRefused(f"Cannot talk with {server} in private: {failure.why}.")
    if failure.cause == Cause.NOT_PARLEY:
        return ServerRefused(f"{server} answers, but it is not Parley's ingress: check --server.")
    return ServerRefused(f"{server} refused the conversation ({failure.why}).")


def closed_early(server: str, opened: bool) -> ClientError:
    """Return the failure for a stream that ended without Closed."""
    if opened:
        return ConversationBroken(f"{server} ended the conversation without a word.")
    return ServerRefused(f"{server} hung up before the conversation began.")


def unanswered(server: str, patience_s: float) -> ClientError:
    """Return the failure for a server that never answered Open."""
    return ServerRefused(f"{server} did not answer within {patience_s:.0f} s: is it a Parley server?")


class Loss(NamedTuple):
    """A connection that was lost in mid-conversation."""

    why: str
    """What happened, as a part of a sentence."""
    problem: ClientError
    """The same for the person, where the conversation is over by it."""
    elsewhere: bool
    """Whether this server is silent or can't be reached, so that another is called first."""


def broken_off(server: str, failure: ConnectionFailed) -> Loss:
    """Return the loss of a connection that failed."""
    why = f"the connection to {server} was lost ({failure.why})"
    return Loss(why, lost(server, True, failure), elsewhere=failure.cause == Cause.UNREACHABLE)


def ended_early(server: str) -> Loss:
    """Return the loss of a stream that ended without Closed."""
    return Loss(f"{server} ended the connection without a word", closed_early(server, True), elsewhere=False)


def silent(server: str, silent_s: float) -> Loss:
    """Return the loss of a server whose heartbeats have stopped."""
    why = f"{server} has been silent for {silent_s:.1f} s"
    problem = ConversationBroken(f"{server} has been silent for {silent_s:.0f} s; the connection is lost.")
    return Loss(why, problem, elsewhere=True)


def going_away(server: str) -> Loss:
    """Return the loss of a server that stops."""
    return Loss(f"{server} is going away", ConversationBroken(f"{server} is going away."), elsewhere=True)


def given_up(server: str, words: str) -> Loss:
    """Return the loss of a server that has heard nothing from here for too long."""
    return Loss(f"{server} gave this client up", ConversationBroken(f"{server} gave this client up: {words}"), False)


def superseded(server: str) -> Loss:
    """Return the loss of a session that was taken over by a call of this client's own."""
    why = f"{server} was overtaken by another call"
    return Loss(why, ConversationBroken(f"{server} says that another connection has taken over."), elsewhere=False)


def not_taken_up(loss: Loss, why: str) -> ClientError:
    """Return the failure for a conversation that no server goes on with."""
    happened = loss.why[0].upper() + loss.why[1:]
    return ConversationBroken(f"{happened}, and the conversation could not be taken up again: {why}")
