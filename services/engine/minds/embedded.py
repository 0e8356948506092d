"""The embedded mind: the small conversationalist behind the interface of minds."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from services.engine.minds.conversationalist import answer
from services.engine.parts import Context, TextDelta, Thought


class EmbeddedMind:
    """Thinks without a model, at once."""

    async def think(self, context: Context) -> AsyncGenerator[Thought, None]:
        """Give the reply whole."""
        yield TextDelta(answer(context.lines, context.now, context.instructions))
