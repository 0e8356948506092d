"""Meter: what the broker counts, over all sessions of a process. docs/metrics.md has the list.

Labels are bounded: agents, models and tools are those that profiles declare, outcomes those that are known; whatever
else somebody sends is "unknown".
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.broker.agent import Agent
from services.common import names

TOKENS: Final = ("text_in", "text_cached", "text_out", "audio_in", "audio_cached", "audio_out")
RESPONSES: Final = ("completed", "cancelled", "incomplete", "failed")
SPECULATIONS: Final = ("used", "wasted", "failed")
UNKNOWN: Final = "unknown"

RECONNECTED: Final = "reconnected"
REPLACED: Final = "replaced"
GIVEN_UP: Final = "given_up"

ADOPTED: Final = "adopted"
RESTORED: Final = "restored"
RESTORED_BLIND: Final = "restored_without_history"
PARKED: Final = "parked"
PARKED_LOST: Final = "parked_lost"
REROUTED: Final = "rerouted"
TAKEOVERS: Final = (ADOPTED, RESTORED, RESTORED_BLIND, PARKED, PARKED_LOST, REROUTED)

RESPONSE_S: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.5, 5.0)
STOP_S: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4)
YIELD_S: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5)
_TOOL_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0)


class Meter:
    """The counters. They only add in memory: counting waits for nothing, and can't fail a session."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(name, what, labels, registry=registry)

        model = ("agent", "model")
        self.active = Gauge(names.SESSIONS_ACTIVE, "Sessions under way.", ("agent",), registry=registry)
        self.ended = counter(names.SESSIONS_ENDED, "Sessions that have ended, by why.", "agent", "reason")
        self.takeovers = counter(
            names.TAKEOVERS, "What became of sessions whose neighbours were lost.", "agent", "what"
        )
        self.turns = counter(names.TURNS_ENDED, "Turns of people's that have ended.", "agent")
        self.tokens = counter(names.MODEL_TOKENS, "Tokens used, by the model's own count.", *model, "kind")
        self.transcribed = counter(names.MODEL_TRANSCRIBED, "Audio written down, in seconds.", *model)
        self.cost = counter(names.MODEL_COST, "Cost by the price table, in its currency.", *model, "currency")
        self.responses = counter(names.MODEL_RESPONSES, "Responses that the model has ended.", *model, "outcome")
        self.reconnects = counter(names.MODEL_RECONNECTS, "Connections renewed, or given up.", *model, "outcome")
        self.prepared = counter(names.SPECULATIONS_PREPARED, "Answers begun before a turn was surely over.", "agent")
        self.speculations = counter(names.SPECULATIONS, "What became of such answers.", "agent", "outcome")
        self.tool_calls = counter(names.TOOL_CALLS, "Tool calls that were answered.", "tool", "outcome")
        self.tool_seconds = Histogram(
            names.TOOL_SECONDS, "From a tool's call to its answer.", ("tool",), buckets=_TOOL_SECONDS, registry=registry
        )
        self.response_latency = Histogram(
            names.RESPONSE_LATENCY,
            "From the person's last sound to the first sample of the answer that is heard, by the client's clock.",
            ("agent",),
            buckets=RESPONSE_S,
            registry=registry,
        )
        self.stop_latency = Histogram(
            names.STOP_LATENCY,
            "From the decision to interrupt to the client's silence, by the client's clock.",
            ("agent",),
            buckets=STOP_S,
            registry=registry,
        )
        self.yield_latency = Histogram(
            names.YIELD_LATENCY,
            "From the first sound of an interruption to the client's silence, by the client's clock.",
            ("agent",),
            buckets=YIELD_S,
            registry=registry,
        )
        self.lines_dropped = counter(names.TURN_LOG_DROPPED, "Lines of the turn log that could not be written.")

    def know(self, agent: Agent) -> None:
        """Show an agent's counters at 0: a rate needs to have seen them before they count."""
        model = (agent.name, agent.model.model)
        for each in (self.active, self.turns, self.prepared):
            each.labels(agent.name)
        for latency in (self.response_latency, self.stop_latency, self.yield_latency):
            latency.labels(agent.name)
        for kind in TOKENS:
            self.tokens.labels(*model, kind)
        self.transcribed.labels(agent.name, transcriber(agent))
        self.cost.labels(*model, agent.manner.prices.currency)
        for outcome in RESPONSES:
            self.responses.labels(*model, outcome)
        for outcome in (RECONNECTED, REPLACED, GIVEN_UP):
            self.reconnects.labels(*model, outcome)
        for what in TAKEOVERS:
            self.takeovers.labels(agent.name, what)
        for outcome in SPECULATIONS:
            self.speculations.labels(agent.name, outcome)

    def answered(self, agent: str, ms: float, trace: str) -> None:
        """An answer is heard, so long after the person's last sound; `trace` is an example of it."""
        self.response_latency.labels(agent).observe(ms / 1000, _exemplar(trace))

    def stopped(self, agent: str, ms: float, onset_ms: float | None, trace: str) -> None:
        """A reply is silent, so long after that was decided, and after the person's first sound where one was heard."""
        self.stop_latency.labels(agent).observe(ms / 1000, _exemplar(trace))
        if onset_ms is not None:
            self.yield_latency.labels(agent).observe(onset_ms / 1000, _exemplar(trace))


def _exemplar(trace: str) -> dict[str, str] | None:
    return {"trace_id": trace} if trace else None


def transcriber(agent: Agent) -> str:
    """Return what writes down the person's words; where nothing does, the model's own name."""
    return agent.model.transcription_model or agent.model.model
