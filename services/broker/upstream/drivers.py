"""Which driver speaks to which server."""

from __future__ import annotations

from services.broker.model_settings import ModelSettings
from services.broker.servers.server import Dialect
from services.broker.upstream.beta import BetaDriver
from services.broker.upstream.driver import Driver
from services.broker.upstream.ga import GaDriver


def driver_for(settings: ModelSettings) -> Driver:
    """Return the driver of a new connection."""
    match settings.server.dialect:
        case Dialect.GA:
            return GaDriver(settings)
        case Dialect.BETA:
            return BetaDriver(settings)
