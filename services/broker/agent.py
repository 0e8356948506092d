"""Agent: what the broker makes of a profile: model, manner and tools. docs/agents.md has all keys."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from services.broker.detection import Detection
from services.broker.languages import LANGUAGES, instructed
from services.broker.manner import Closing, Manner, TurnMode
from services.broker.model_settings import ModelSettings
from services.broker.servers.profile import OFF, Servers
from services.broker.servers.server import Server
from services.broker.tools.declaration import Toolbox
from services.broker.tools.reading import read_tools
from services.broker.upstream.capabilities import Billing
from services.broker.webhook import Webhook, read_webhook
from services.common.agents import Agents, read_agents
from services.common.section import Section
from services.common.settings import Environment

log = logging.getLogger("parley.broker")

SECTIONS: Final = ("model", "voice", "tools", "session")
LONGEST_INSTRUCTIONS: Final = 64_000
"""Characters, about half of what the smaller models can take at all."""

_TURNS: Final = {mode.value: mode for mode in TurnMode}
_EAGERNESS: Final = {word: word for word in ("auto", "low", "medium", "high")}
_NOISE: Final = {OFF: "", "near_field": "near_field", "far_field": "far_field"}
_EFFORT: Final = {word: word for word in ("minimal", "low", "medium", "high", "xhigh")}
_CAPTIONS: Final = {word: word for word in (OFF, "transcription", "engine")}
_TRUNCATION: Final[Mapping[str, str]] = {"auto": "auto", "disabled": "disabled", "ratio": "ratio"}
_A_DAY_S: Final = 86_400.0


@dataclass(frozen=True)
class Agent:
    """One agent, shared by all its conversations."""

    name: str
    model: ModelSettings
    manner: Manner
    toolbox: Toolbox
    webhook: Webhook | None = None
    captions: ModelSettings | None = None
    """A transcription session beside the conversation, for captions while the person speaks; None for none."""


def read_broker_agents(env: Environment) -> Agents[Agent]:
    """Read all agents. Without PARLEY_AGENTS the environment alone describes the only one.

    Raises SettingsFault for whatever is wrong in the environment, a profile, or the profile of a server that one names.
    """
    servers = Servers(env)
    usual = ModelSettings.read(env, servers)

    def built(model: Section, voice: Section, tools: Section, session: Section) -> Agent:
        return agent(usual, servers, model, voice, tools, session)

    return read_agents(env, built, *SECTIONS)


def agent(
    usual: ModelSettings, servers: Servers, model: Section, voice: Section, tools: Section, session: Section
) -> Agent:
    """Make an agent of its sections; what they don't say is `usual`. Raises SettingsFault, naming file and line."""
    settings = _model(usual, servers, model)
    settings = _voice(settings, voice)
    toolbox, closing = read_tools(tools), _closing(session)
    can = settings.capabilities
    if toolbox.mcp and not can.takes_mcp:
        raise tools.fault("mcp", f"is of no use: the server {_named(settings.server)} calls no remote tools.")
    given = toolbox.for_model(takes_mcp=can.takes_mcp, end_tool=closing.end_tool) if can.takes_tools else []
    settings = replace(settings, tools=tuple(given))
    prices = settings.server.prices_of(settings.model, settings.transcription_model)
    if closing.budget_micros and prices.are_known and prices.currency != "USD":
        named = _named(settings.server)
        raise session.fault("budget_usd", f"can't be kept: {named} has its prices in {prices.currency}.")
    if closing.budget_micros and not prices.are_known and can.billing is not Billing.NOTHING:
        log.warning(
            "agent %s has a budget that cannot be kept: nobody knows what the model %s costs at %s (docs/models.md)",
            model.profile, settings.model, settings.place,
        )  # fmt: skip
    manner = Manner(
        capabilities=can,
        turns=settings.detection.turns,
        instructions=settings.instructions,
        greeting=voice.text("greeting"),
        answer_s=settings.answer_s,
        speculate=settings.speculate,
        filler=toolbox.filler,
        filler_after_s=toolbox.filler_after_s,
        max_tool_rounds=toolbox.max_rounds,
        closing=closing,
        prices=prices,
    )
    captions = _captions(settings, servers, model)
    return Agent(model.profile, settings, manner, toolbox, read_webhook(session), captions)


def _model(usual: ModelSettings, servers: Servers, section: Section) -> ModelSettings:
    base = usual
    if (server := _server(servers, section, "server")) and server.name != usual.server.name:
        base = usual.at(server)
    said = section.text("transcription", base.transcription_model, most=200)
    settings = replace(
        base,
        model=section.text("name", base.model, most=200),
        instructions=section.text("instructions", base.instructions, most=LONGEST_INSTRUCTIONS),
        transcription_model="" if said == OFF else said,
        languages=_languages(section),
        detection=_detection(section),
        noise_reduction=section.choice("noise_reduction", "", _NOISE),
        reasoning=section.choice("reasoning", "", _EFFORT),
        max_output_tokens=section.whole("max_output_tokens", 0, 1, 4_096),
        truncation=_truncation(section),
        speculate=section.flag("speculate", base.speculate),
    )
    _check_turns(section, settings)
    return settings


def _server(servers: Servers, section: Section, key: str) -> Server | None:
    if not (name := section.text(key, most=100)):
        return None
    if name not in servers.names():
        raise section.fault(key, f"must be one of the servers ({', '.join(servers.names())}), not {name!r}.")
    return servers.find(name)


def _detection(section: Section) -> Detection:
    usual, vad = Detection(), section.section("vad")
    return Detection(
        turns=section.choice("turns", TurnMode.PARLEY, _TURNS),
        eagerness=section.choice("eagerness", usual.eagerness, _EAGERNESS),
        threshold=vad.number("threshold", usual.threshold, 0, 1),
        prefix_ms=vad.whole("prefix_ms", usual.prefix_ms, 0, 5_000),
        silence_ms=vad.whole("silence_ms", usual.silence_ms, 100, 10_000),
    )


def _check_turns(section: Section, settings: ModelSettings) -> None:
    turns, can = settings.detection.turns, settings.capabilities
    named = _named(settings.server)
    if section.has("eagerness") and turns is not TurnMode.SEMANTIC_VAD:
        raise section.fault("eagerness", "counts with turns: semantic_vad only.")
    if section.has("vad") and turns is not TurnMode.SERVER_VAD:
        raise section.fault("vad", "counts with turns: server_vad only.")
    if turns is TurnMode.SEMANTIC_VAD and not can.semantic_vad:
        raise section.fault("turns", f"can't be semantic_vad: it does not work at {named}. Take server_vad or parley.")
    if turns is not TurnMode.PARLEY and not can.speech_events:
        raise section.fault("turns", f"must be parley: {named} does not say where its ear hears speech.")
    if turns is TurnMode.PARLEY and not can.manual_turns:
        raise section.fault("turns", f"must be server_vad: {named} ends turns by its own ear only.")


def _languages(section: Section) -> tuple[str, ...]:
    languages = section.words("languages") or ()
    if unknown := [language for language in languages if language not in LANGUAGES]:
        raise section.fault("languages", f"holds {unknown[0]!r}; there are: {', '.join(LANGUAGES)}.")
    return languages


def _truncation(section: Section) -> str | dict[str, Any]:
    chosen = section.choice("truncation", "", _TRUNCATION)
    ratio = section.number("truncation_ratio", 0.8, 0, 1)
    tokens = section.whole("context_tokens", 0, 500, 1_000_000)
    if chosen != "ratio":
        for key in ("truncation_ratio", "context_tokens"):
            if section.has(key):
                raise section.fault(key, "counts with truncation: ratio only.")
        return chosen
    limits = {"token_limits": {"post_instructions": tokens}} if tokens else {}
    return {"type": "retention_ratio", "retention_ratio": ratio, **limits}


def _voice(settings: ModelSettings, section: Section) -> ModelSettings:
    language = section.choice("language", "", {code: code for code in LANGUAGES})
    return replace(
        settings,
        voice=section.text("name", settings.voice, most=200),
        speed=section.number("speed", 1.0, 0.25, 1.5),
        instructions=instructed(settings.instructions, language),
        languages=settings.languages or ((language,) if language else ()),
    )


def _closing(section: Section) -> Closing:
    usual = Closing()
    return Closing(
        silence_s=section.seconds("silence_s", usual.silence_s, 0, 3_600),
        reprompt=section.text("reprompt", usual.reprompt, most=300),
        on_goodbye=section.flag("goodbye", usual.on_goodbye),
        end_tool=section.flag("end_tool", usual.end_tool),
        max_s=section.seconds("max_s", usual.max_s, 0, _A_DAY_S),
        budget_micros=round(section.number("budget_usd", 0, 0, 1_000, "US dollars") * 1_000_000),
        last_words=section.text("last_words", usual.last_words, most=300),
    )


def _captions(settings: ModelSettings, servers: Servers, section: Section) -> ModelSettings | None:
    by = section.choice("captions", OFF, _CAPTIONS)
    server = _server(servers, section, "captions_server")
    model = section.text("captions_model", most=200)
    if by == OFF:
        for key in ("captions_server", "captions_model"):
            if section.has(key):
                raise section.fault(key, "counts with captions: transcription only.")
        return None
    if by == "engine":
        server = server or (settings.server if settings.server.name == "engine" else servers.find("engine"))
    server = server or settings.server
    if not (model := model or server.captions_model):
        raise section.fault("captions", f"needs captions_model: {_named(server)} has none that is known.")
    return replace(settings.at(server), transcription_model=model, transcribes_only=True, tools=())


def _named(server: Server) -> str:
    return server.name or server.place
