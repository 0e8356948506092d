"""Verbatim: how a model is asked to say exactly what an operator wrote.

The protocol can't put speech into the assistant's mouth: only the model speaks. So it is asked for a response without
any context to answer to, and with instructions that leave it nothing to make up. A response's instructions replace the
session's, and its item joins the conversation: the model knows afterwards what it has said.
"""

from __future__ import annotations

from typing import Any, Final

LEAD_IN: Final = "Say exactly the following, word for word, in its own language, and nothing else before or after it: "
"""OpenAI's own words for it, made stricter. The words follow in quotes and end the instructions."""


def rest_of(words: str, said: str) -> str:
    """Return what is left to be said of words; "" where all of them were said, or something else."""
    wanted, done = words.split(), said.split()
    return " ".join(wanted[len(done) :]) if wanted[: len(done)] == done else ""


def verbatim(words: str) -> dict[str, Any]:
    """Return the fields of a `response.create` that has `words` said."""
    return {"conversation": "auto", "input": [], "instructions": f'{LEAD_IN}"{words}"', "tool_choice": "none"}
