"""What the broker needs to know: where to listen, and which agents it is to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.broker.agent import Agent, read_broker_agents
from services.broker.model_settings import ENGINE_URL, OPENAI_URL, ModelSettings
from services.common.agents import Agents
from services.common.settings import CommonSettings, Environment

__all__ = ["DEFAULT_PORT", "ENGINE_URL", "OPENAI_URL", "BrokerSettings", "ModelSettings"]

DEFAULT_PORT: Final = 7702


@dataclass(frozen=True)
class BrokerSettings:
    """PARLEY_LISTEN, PARLEY_REDIS_URL and the agents."""

    common: CommonSettings
    agents: Agents[Agent]

    @classmethod
    def read(cls, env: Environment) -> BrokerSettings:
        """Read everything from the environment and the files that it names. Raises SettingsFault."""
        return cls(common=CommonSettings.read(env, DEFAULT_PORT), agents=read_broker_agents(env))

    @property
    def model(self) -> ModelSettings:
        """The model of the agent for clients that name none."""
        return self.agents.find("").model
