"""Limits: what one client may cost. Each has a setting, a counter `limit_<name>`, and an error that says what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from parley.v1 import conversation_service_pb2 as client
from services.common.parking import PARKED_S
from services.common.settings import Environment
from services.ingress.resumption import SLACK_S

BURST_S: Final = 10
"""The message rate is an average over this long: a client may catch up after a hiccup of its network."""


@dataclass(frozen=True)
class Limits:
    """What one ingress allows; 0 switches `max_idle_s`, `max_session_s` and `resume_s` off."""

    max_sessions: int = 100
    """Conversations at a time; the next caller is told to go elsewhere."""
    max_message_bytes: int = 1 << 16
    """One message of a client: 200 ms of PCM16 at 48 kHz is 19 200 bytes."""
    max_frame_ms: int = 200
    """One message's audio."""
    max_messages_per_s: int = 200
    """A client that sends 20 ms frames and its reports sends 56."""
    max_ahead_ms: int = 10_000
    """Audio that may come faster than it was spoken."""
    handshake_s: float = 5.0
    """From the connection to Open."""
    client_silent_s: float = 10.0
    """A client that has sent neither audio nor a heartbeat for this long has gone."""
    slow_reader_s: float = 10.0
    """A client that has not kept up with what it is sent for this long is closed."""
    max_idle_s: float = 900.0
    """A session in which nobody has spoken or typed for this long is ended. A net below the agent's own, polite end by
    silence, which comes after half a minute or so."""
    max_session_s: float = 0.0
    """The longest session."""
    resume_s: float = 30.0
    """A session whose client lost its connection waits for it for so long; less than the stages behind it wait. 0: it
    ends."""
    drain_s: float = 1.0
    """How long clients have to resume elsewhere when this ingress is to stop."""
    max_waiting: int = 400
    """Connections that have not opened a conversation yet, at a time."""
    max_waiting_per_address: int = 100
    """Those of one address; an IPv6 one is known by its first 64 bits. Behind a proxy all come from the proxy's."""

    @property
    def max_at_once(self) -> int:
        """How many messages may come in no time; so many may wait for a stage, or it would be taken for asleep."""
        return self.max_messages_per_s * BURST_S

    @classmethod
    def read(cls, env: Environment) -> Limits:
        """Read PARLEY_MAX_SESSIONS and its like. Raises SettingsFault for what is no number, or out of bounds."""
        return cls(
            max_sessions=int(env.number("PARLEY_MAX_SESSIONS", cls.max_sessions, 1, 100_000)),
            max_message_bytes=int(env.number("PARLEY_MAX_MESSAGE_BYTES", cls.max_message_bytes, 4_096, 1 << 20)),
            max_frame_ms=int(env.number("PARLEY_MAX_FRAME_MS", cls.max_frame_ms, 20, 1_000)),
            max_messages_per_s=int(env.number("PARLEY_MAX_MESSAGES_PER_S", cls.max_messages_per_s, 60, 10_000)),
            max_ahead_ms=int(env.number("PARLEY_MAX_AHEAD_MS", cls.max_ahead_ms, 500, 60_000)),
            handshake_s=env.number("PARLEY_HANDSHAKE_S", cls.handshake_s, 0.1, 60),
            client_silent_s=env.number("PARLEY_CLIENT_SILENT_S", cls.client_silent_s, 1, 600),
            slow_reader_s=env.number("PARLEY_SLOW_READER_S", cls.slow_reader_s, 1, 600),
            max_idle_s=env.number("PARLEY_MAX_IDLE_S", cls.max_idle_s, 0, 86_400),
            max_session_s=env.number("PARLEY_MAX_SESSION_S", cls.max_session_s, 0, 86_400),
            resume_s=env.number("PARLEY_RESUME_S", cls.resume_s, 0, PARKED_S - SLACK_S),
            drain_s=env.number("PARLEY_DRAIN_S", cls.drain_s, 0, 600),
            max_waiting=int(env.number("PARLEY_MAX_WAITING", cls.max_waiting, 1, 100_000)),
            max_waiting_per_address=int(
                env.number("PARLEY_MAX_WAITING_PER_ADDRESS", cls.max_waiting_per_address, 1, 100_000)
            ),
        )

    def to_wire(self) -> client.Limits:
        """Return what a client is told of them."""
        return client.Limits(
            max_frame_ms=self.max_frame_ms,
            max_session_s=int(self.max_session_s),
            max_message_bytes=self.max_message_bytes,
            max_messages_per_s=self.max_messages_per_s,
            max_ahead_ms=self.max_ahead_ms,
            max_idle_s=int(self.max_idle_s),
        )
