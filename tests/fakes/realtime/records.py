"""What a test asks the fake afterwards: what was said, and what the model believes of it."""

from __future__ import annotations

from tests.fakes.position_code import PositionDecoder
from tests.fakes.realtime.connection import Connection
from tests.fakes.realtime.conversation import Item
from tests.fakes.realtime.memory import Remembered
from tests.fakes.realtime.response import Response


class Records:
    """Answers over all connections of a server."""

    connections: list[Connection]

    def memory(self, connection: int = -1) -> list[Remembered]:
        """What the model remembers, on the newest connection unless another is asked for: each has its own."""
        return self.connections[connection].memory

    @property
    def responses(self) -> list[Response]:
        """Every response of the server, in the order of its tracks."""
        found = (response for connection in self.connections for response in connection.responses.values())
        return sorted(found, key=lambda response: response.track)

    @property
    def tracks(self) -> dict[int, int]:
        """Samples sent of each track so far."""
        return {response.track: response.sent_samples for response in self.responses}

    def decoder(self) -> PositionDecoder:
        """Make a decoder for everything sent so far."""
        return PositionDecoder(self.tracks)

    def response(self, track: int) -> Response:
        """Find a response by its track. Raises KeyError."""
        for response in self.responses:
            if response.track == track:
                return response
        raise KeyError(f"no response speaks track {track}")

    def item(self, item_id: str) -> Item:
        """Find an item, deleted ones too. Raises KeyError."""
        for connection in self.connections:
            for shelf in (connection.conversation.items, connection.conversation.graveyard):
                if item_id in shelf:
                    return shelf[item_id]
        raise KeyError(f"no item {item_id}")

    def believed_ms(self, item_id: str) -> float:
        """How much of an assistant item's audio the model believes was heard."""
        item = self.item(item_id)
        if item.deleted:
            return 0.0
        return item.generated_ms if item.truncated_ms is None else float(item.truncated_ms)

    def believed_samples(self, track: int) -> int:
        """The same over all items of a response, in samples of its track."""
        return sum(item.believed_samples for item in self.response(track).items)

    def believed_spans(self, track: int) -> list[tuple[int, int]]:
        """The same as positions of the track, [begin, end), one per item that was heard at all."""
        heard = (item for item in self.response(track).items if item.believed_samples)
        return [(item.track_start, item.track_start + item.believed_samples) for item in heard]
