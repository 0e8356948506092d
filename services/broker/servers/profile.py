"""Profiles of servers: a YAML file makes a `Server`."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Final

from services.broker.money import Prices
from services.broker.servers.server import FREEZE_S, Auth, Dialect, Server, all_reachable, all_shown, with_query
from services.broker.upstream.capabilities import SESSION_S, Billing, Capabilities
from services.common.audio import REPLY_HZ
from services.common.document import read
from services.common.errors import SettingsFault
from services.common.section import Section
from services.common.settings import Environment

VARIABLE: Final = "PARLEY_SERVERS"
SHIPPED: Final = Path(__file__).parent
OFF: Final = "off"

_AUTH: Final = {auth.value: auth for auth in Auth}
_DIALECTS: Final = {dialect.value: dialect for dialect in Dialect}
_BILLING: Final = {billing.value: billing for billing in Billing}
_IN_QUERY: Final = {"model": "model", "deployment": "deployment", "none": ""}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_A_DAY_S: Final = 86_400.0
_DEAREST: Final = 1e6


class Servers:
    """The shipped profiles, and those of the folder that PARLEY_SERVERS names. A file is read when it is asked for."""

    def __init__(self, env: Environment) -> None:
        """Raises SettingsFault when PARLEY_SERVERS names no folder."""
        self._env = env
        self._files = _profiles(SHIPPED)
        if folder := env.text(VARIABLE):
            try:
                self._files |= _profiles(Path(folder))
            except OSError as error:
                raise SettingsFault(f"{VARIABLE}={folder!r} must be a folder: {error.strerror or error}.") from error

    def names(self) -> list[str]:
        """Return the names of all profiles, in order."""
        return sorted(self._files)

    def find(self, name: str, *, url: str = "") -> Server:
        """Return a server by its profile's name; with a `url`, at that instead of the profile's.

        Raises SettingsFault for a name that there is not, and for whatever is wrong in the file.
        """
        if (file := self._files.get(name)) is None:
            raise SettingsFault(f"there is no server {name!r}; there are: {', '.join(self.names())}.")
        section = Section(file, "", read(file), env=self._env)
        made = server(section, url=url)
        section.finish()
        return made


def _profiles(folder: Path) -> dict[str, Path]:
    files = (file for file in folder.iterdir() if file.suffix == ".yaml")
    return {file.stem: file for file in files if _NAME.fullmatch(file.stem)}


def server(section: Section, *, url: str = "") -> Server:
    """Make a server of a profile. Raises SettingsFault, naming file, line and key."""
    auth = section.choice("auth", Auth.BEARER, _AUTH)
    key = section.secret("key", optional=section.flag("key_optional", False))
    given = _listed(section, "base_url")
    base = url or _filled(section, "base_url", given)
    if not base:
        raise section.fault("base_url", "is missing: it says where the server is.")

    def unreachable(what: str) -> SettingsFault:
        return SettingsFault(f"PARLEY_MODEL_URL={all_shown(url)!r} {what}") if url else section.fault("base_url", what)

    dialled = all_reachable(base, unreachable, has_key=bool(key) and auth is not Auth.NONE)
    query = _all_filled(section, "query")
    said = section.text("transcription_model", most=200) if section.has("transcription_model") else None
    first, *others = (with_query(address, query) for address in dialled)
    return Server(
        url=first,
        others=tuple(others),
        freeze_s=section.seconds("freeze_s", FREEZE_S, 0.5, 120),
        name=section.profile,
        key="" if auth is Auth.NONE else key,
        auth=auth,
        auth_name=_header(section, "auth_name", section.text("auth_name", most=100)),
        headers={_header(section, "headers", name): text for name, text in _all_filled(section, "headers").items()},
        subprotocols=section.words("subprotocols", most=10) or (),
        model_parameter=section.choice("model_in_query", "model", _IN_QUERY),
        dialect=section.choice("dialect", Dialect.GA, _DIALECTS),
        capabilities=_capabilities(section),
        model=section.text("model", most=200),
        voice=section.text("voice", most=200),
        transcription_model="" if said == OFF else said,
        captions_model=section.text("captions_model", most=200),
        prices=_prices(section.section("prices")),
    )


def _capabilities(section: Section) -> Capabilities:
    usual = Capabilities()
    inner = section.section("capabilities")
    given: dict[str, bool] = {}
    for capability in fields(Capabilities):
        if isinstance(default := getattr(usual, capability.name), bool):
            given[capability.name] = inner.flag(capability.name, default)
    return Capabilities(
        **given,
        input_hz=section.whole("input_hz", REPLY_HZ, 8_000, 48_000),
        output_hz=section.whole("output_hz", REPLY_HZ, 8_000, 48_000),
        billing=section.choice("billing", Billing.TOKENS, _BILLING),
        max_session_s=section.seconds("max_session_s", SESSION_S, 60, _A_DAY_S),
    )


def _prices(section: Section) -> dict[str, Prices]:
    return {model: _price(section.section(model)) for model in section.keys}


def _price(section: Section) -> Prices:
    usual = Prices()
    given = {name: section.number(name, 0.0, 0, _DEAREST) for name in usual.by_name()}
    return Prices(**given, currency=section.text("currency", usual.currency, most=3))


def _all_filled(section: Section, key: str) -> dict[str, str]:
    inner = section.section(key)
    filled = {name: _filled(inner, name, inner.text(name)) for name in inner.keys}
    for name, text in filled.items():
        if not (text.isascii() and text.isprintable()):
            raise inner.fault(name, "holds characters that cannot be sent.")
    return filled


def _listed(section: Section, key: str) -> str:
    """Return a text, or a list of texts with commas between them."""
    is_list = key in section.keys and isinstance(section.keys[key].value, tuple)
    return ",".join(section.words(key) or ()) if is_list else section.text(key)


def _filled(section: Section, key: str, text: str) -> str:
    """Put the environment's variables in the place of ${NAME}. Raises SettingsFault for one that is not set."""

    def value(reference: re.Match[str]) -> str:
        if not (found := section.env.text(reference[1]).strip()):
            raise section.fault(key, f"names ${{{reference[1]}}}, which is not set.")
        return found

    return _REFERENCE.sub(value, text)


def _header(section: Section, key: str, name: str) -> str:
    if name and not _HEADER.fullmatch(name):
        raise section.fault(key, f"holds {name!r}, which is no name that can be sent.")
    return name
