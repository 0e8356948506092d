"""Held replies: what egress knows of replies that another broker has given it, put into the words of this one."""

from __future__ import annotations

from collections.abc import Sequence

from parley.v1 import egress_service_pb2 as egress
from parley.v1 import session_pb2 as session
from services.broker.heard import Words
from services.broker.reply import Item, Reply


def reply_of(held: egress.HeldReply, *, aligned: bool, announcement: session.Announcement | None = None) -> Reply:
    """Return a reply without a copy of its audio: it goes on being heard, and may be cut to what was heard."""
    reply = Reply(held.reply, held.turn, aligned=aligned)
    words = Words(aligned=aligned)
    for position, piece in pieces_of(held):
        words.add(piece, position)
    reply.started = egress.ReplyStarted(reply=held.reply, turn=held.turn)
    reply.announcement = announcement
    reply.take_over(Item("", 0, words, samples=held.samples, is_done=held.complete), held.samples)
    reply.is_complete = held.complete
    return reply


def heard_samples(held: egress.HeldReply, silent: egress.Played) -> int:
    """Return how much was heard of a reply that was cut off, by the client's answer to the flush if that says so."""
    if held.ended:
        return held.samples
    if silent.reply == held.reply:
        return min(max(silent.position, held.played), held.samples)
    return min(held.played, held.samples)


def pieces_of(held: egress.HeldReply) -> list[tuple[int, str]]:
    """Return its words with their positions, and between two items the space that the whole line has there."""
    pieces = [(caption.position, caption.text) for caption in held.captions if not caption.final]
    line = next((caption.text for caption in reversed(held.captions) if caption.final), None)
    return _as_in(line, pieces) if line is not None else pieces


def _as_in(line: str, pieces: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    spaced: list[tuple[int, str]] = []
    at = 0
    for position, piece in pieces:
        found = line.find(piece.strip(), at)
        if found < 0:  # words that had no sound when the reply broke off stand in no line
            return spaced if at == len(line.rstrip()) else list(pieces)
        end = found + len(piece.strip())
        spaced.append((position, line[at:end]))
        at = end
    return spaced
