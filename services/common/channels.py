"""Channels: one gRPC connection from this process to each address, shared by all sessions."""

from __future__ import annotations

import grpc

from services.common.rpc import channel


class Channels:
    """Hands out channels and closes them all at the end."""

    def __init__(self) -> None:
        self._channels: dict[str, grpc.aio.Channel] = {}

    def to(self, address: str) -> grpc.aio.Channel:
        """Return the channel to host:port."""
        if address not in self._channels:
            self._channels[address] = channel(address)
        return self._channels[address]

    async def close(self) -> None:
        """Close every channel."""
        for open_channel in self._channels.values():
            await open_channel.close()
