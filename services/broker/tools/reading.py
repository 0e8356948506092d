"""Reading: an agent's toolbox out of the `tools` section of its profile. Every fault names file and line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from services.broker.tools.address import keep_secret, web_address
from services.broker.tools.declaration import (
    END_CONVERSATION,
    NO_PARAMETERS,
    FunctionTool,
    HttpEndpoint,
    McpServer,
    PythonEntry,
    Retry,
    Toolbox,
)
from services.broker.tools.foreign import ForeignFault
from services.broker.tools.python_tool import load
from services.broker.tools.request import PLACE
from services.common.section import Section

MOST_FUNCTIONS: Final = 100
MOST_SERVERS: Final = 20
LONGEST_S: Final = 120.0

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ENTRY: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_METHODS: Final = {method: method for method in ("POST", "GET", "PUT", "PATCH", "DELETE")}
_RETRIES: Final = {retry.value: retry for retry in Retry}
_OURS: Final = frozenset(
    {"accept-encoding", "connection", "content-length", "content-type", "host", "idempotency-key", "transfer-encoding"}
)


def read_tools(section: Section) -> Toolbox:
    """Read the section; an empty one has no tools. Raises SettingsFault."""
    functions: list[FunctionTool] = []
    for each in section.sections("functions", most=MOST_FUNCTIONS):
        functions.append(_function(each, {tool.name for tool in functions}))
    servers: list[McpServer] = []
    for each in section.sections("mcp", most=MOST_SERVERS):
        servers.append(_mcp_server(each, {server.label for server in servers}))
    return Toolbox(
        functions=tuple(functions),
        mcp=tuple(servers),
        filler=section.text("filler", most=300),
        filler_after_s=section.seconds("filler_after_s", Toolbox.filler_after_s, 0.2, 30),
        max_rounds=section.whole("max_rounds", Toolbox.max_rounds, 1, 50),
    )


def _function(section: Section, taken: set[str]) -> FunctionTool:
    name = _named(section, "name", taken)
    if name == END_CONVERSATION:
        raise section.fault("name", f"must not be {END_CONVERSATION}: that tool is built in (`end_tool` in session).")
    description = _required(section, "description", section.text("description", most=4_000))
    parameters = _parameters(section)
    retry = section.choice("retry", Retry.ALWAYS, _RETRIES)
    if section.has("http") == section.has("python"):
        raise section.fault("name", "names a tool that must have one way to be called: either http or python.")
    way = _endpoint(section.section("http"), parameters, retry) if section.has("http") else _entry(section, parameters)
    return FunctionTool(name, description, way, parameters, retry)


def _parameters(section: Section) -> Mapping[str, Any]:
    """Return the schema, checked as far as calls rely on it."""
    if not (schema := section.json("parameters")):
        return NO_PARAMETERS
    kind, properties, required = (schema.get(key) for key in ("type", "properties", "required"))
    if kind != "object":
        raise section.fault("parameters", "must be the JSON Schema of an object: begin with `type: object`.")
    if not isinstance(properties, dict | None) or not all(isinstance(one, dict) for one in (properties or {}).values()):
        raise section.fault("parameters", "must have `properties` that are sections, such as `city: {type: string}`.")
    if not isinstance(required, list | None) or (
        unknown := [one for one in required or () if one not in (properties or {})]
    ):
        what = f": {unknown[0]!r} is none" if isinstance(required, list) else ""
        raise section.fault("parameters", f"must have a list of names of its properties as `required`{what}.")
    return {"properties": {}, **schema}


def _endpoint(section: Section, parameters: Mapping[str, Any], retry: Retry) -> HttpEndpoint:
    url = web_address(section, "url")
    _check_places(section, url, parameters)
    retries = section.whole("retries", 0 if retry is Retry.NEVER else HttpEndpoint.retries, 0, 5)
    if retries and retry is Retry.NEVER:
        raise section.fault("retries", "must be 0, or left out, of a tool with `retry: never`.")
    headers = section.texts("headers")
    for name, value in headers.items():
        _check_header(section, name, value)
    return HttpEndpoint(
        url=url,
        method=section.choice("method", HttpEndpoint.method, _METHODS),
        timeout_s=section.seconds("timeout_s", HttpEndpoint.timeout_s, 0.1, LONGEST_S),
        retries=retries,
        headers={**headers, **_auth(section, url)},
    )


def _check_places(section: Section, url: str, parameters: Mapping[str, Any]) -> None:
    """See that `{name}` stands in the path only, for an argument that is always given."""
    parts = urlsplit(url)
    fixed = f"{parts.netloc}{PLACE.sub('', parts.path)}{parts.query}"
    if "{" in fixed or "}" in fixed:
        raise section.fault("url", "may hold {names} of parameters in its path only: the model chooses no host.")
    for name in PLACE.findall(parts.path):
        if name not in (parameters.get("required") or ()):
            raise section.fault("url", f"holds {{{name}}}, which must be one of the `required` parameters.")


def _auth(section: Section, url: str) -> dict[str, str]:
    """Return the header that holds the secret, if there is one."""
    auth = section.section("auth")
    if not section.has("auth"):
        return {}
    bearer, name, value = auth.secret("bearer"), auth.text("header"), auth.secret("value")
    if bool(bearer) == bool(name or value) or bool(name) != bool(value):
        raise section.fault("auth", "must hold either bearer_env, or header and value_env.")
    if name:
        _check_header(auth, "header", "", name)
    keep_secret(section, "auth", url)
    return {name: value} if name else {"Authorization": f"Bearer {bearer}"}


def _check_header(section: Section, key: str, value: str, name: str = "") -> None:
    name = name or key
    if not _HEADER.fullmatch(name) or name.lower() in _OURS or name.lower().startswith("parley-"):
        raise section.fault(key, f"cannot be: {name!r} is no header's name, or one that is set already.")
    if not (value.isascii() and (value.isprintable() or not value)):
        raise section.fault(key, "must be of plain ASCII characters, on one line.")


def _entry(section: Section, parameters: Mapping[str, Any]) -> PythonEntry:
    path = section.text("python")
    timeout_s = section.seconds("timeout_s", PythonEntry.timeout_s, 0.1, LONGEST_S)
    if not _ENTRY.fullmatch(path):
        raise section.fault("python", f"must be like package.module:callable, not {path!r}.")
    try:
        return load(path, parameters, timeout_s)
    except ForeignFault as error:
        raise section.fault("python", f"names {path}, which cannot be used: {error}.") from error


def _mcp_server(section: Section, taken: set[str]) -> McpServer:
    label = _named(section, "label", taken)
    url = web_address(section, "url")
    if authorization := section.secret("authorization"):
        keep_secret(section, "url", url)
    return McpServer(label, url, authorization, section.words("allowed"))


def _named(section: Section, key: str, taken: set[str]) -> str:
    name = _required(section, key, section.text(key))
    if not _NAME.fullmatch(name):
        raise section.fault(key, f"must have 1 to 64 letters, digits, - and _, not {name!r}.")
    if name in taken:
        raise section.fault(key, f"must be its own: there is another {name!r} above.")
    return name


def _required(section: Section, key: str, value: str) -> str:
    if not value:
        raise section.fault(key, "must be given.")
    return value
