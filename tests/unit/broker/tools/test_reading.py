"""Reading: a toolbox out of a profile, and faults that name file and line."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from services.broker.tools.declaration import FunctionTool, HttpEndpoint, McpServer, PythonEntry, Retry, Toolbox
from services.broker.tools.reading import read_tools
from services.common.document import parse
from services.common.errors import SettingsFault
from services.common.section import Section
from services.common.settings import Environment
from tests.unit.broker.tools import foreign_tools

FILE = Path("clerk.yaml")


def read(text: str, **env: str) -> Toolbox:
    """Read the keys of a `tools` section."""
    section = Section(FILE, "tools", parse(dedent(text), FILE), 1, Environment(env))
    toolbox = read_tools(section)
    section.finish()
    return toolbox


def test_an_empty_section_has_no_tools() -> None:
    """An agent without tools is the usual one."""
    assert read("") == Toolbox()


def test_everything_is_read() -> None:
    """Each key, with secrets from the environment."""
    toolbox = read(
        """
        functions:
          - name: book_table
            description: Book a table.
            parameters:
              type: object
              properties: {place: {type: string}, people: {type: integer}}
              required: [place]
            http:
              url: https://book.example/{place}/tables
              method: PUT
              timeout_s: 4
              retries: 0
              headers: {X-Shop: "7"}
              auth: {bearer_env: BOOK_KEY}
            retry: never
          - name: notes
            description: Keep a note.
            http:
              url: http://notes:8080/
              auth: {header: X-Key, value_env: NOTES_KEY}
          - name: add
            description: Add.
            parameters:
              type: object
              properties: {a: {type: integer}, b: {type: integer}}
              required: [a]
            python: tests.unit.broker.tools.foreign_tools:add
            timeout_s: 2
        mcp:
          - label: docs
            url: https://mcp.example/
            authorization_env: DOCS_KEY
            allowed: [search]
        filler: One moment.
        filler_after_s: 2.5
        max_rounds: 4
        """,
        BOOK_KEY="k1",
        NOTES_KEY="k2",
        DOCS_KEY="k3",
    )
    book, notes, add = toolbox.functions
    assert book.way == HttpEndpoint(
        "https://book.example/{place}/tables", "PUT", 4, 0, {"X-Shop": "7", "Authorization": "Bearer k1"}
    )
    assert book.retry is Retry.NEVER
    assert book.parameters["required"] == ["place"]
    assert notes == FunctionTool("notes", "Keep a note.", HttpEndpoint("http://notes:8080/", headers={"X-Key": "k2"}))
    assert add.way == PythonEntry("tests.unit.broker.tools.foreign_tools:add", foreign_tools.add, 2)
    assert toolbox.mcp == (McpServer("docs", "https://mcp.example/", "k3", ("search",)),)
    assert (toolbox.filler, toolbox.filler_after_s, toolbox.max_rounds) == ("One moment.", 2.5, 4)


HTTP = "http: {url: 'https://a.example/'}"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["description: x", HTTP], ":2: name in tools.functions must be given"),
        (["name: a b", "description: x", HTTP], ":2: name .* 1 to 64 letters"),
        (["name: end_conversation", "description: x", HTTP], ":2: name .* built in"),
        (["name: a", HTTP], "description in tools.functions must be given"),
        (["name: a", "description: x"], "either http or python"),
        (["name: a", "description: x", HTTP, "python: os:getcwd"], "either http or python"),
        (["name: a", "description: x", HTTP, "colour: red"], ":5: colour in tools.functions is unknown"),
        (["name: a", "description: x", HTTP, "retry: sometimes"], ':5: retry .* must be "always" or "never"'),
        (["name: a", "description: x", HTTP, "parameters: {type: string}"], ":5: parameters .* `type: object`"),
        (["name: a", "description: x", HTTP, "parameters: {type: object, properties: {a: 1}}"], "properties. that are"),
        (["name: a", "description: x", HTTP, "parameters: {type: object, required: [b]}"], "'b' is none"),
        (["name: a", "description: x", "http: {url: 'ftp://a.example'}"], ":4: url .* must be like https://"),
        (["name: a", "description: x", "http: {url: 'http://a.example:x/'}"], "must be like https://"),
        (["name: a", "description: x", "http: {url: 'https://u:p@a.example/'}"], "no password"),
        (["name: a", "description: x", "http: {url: 'https://{h}/'}"], "in its path only"),
        (["name: a", "description: x", "http: {url: 'https://a/?q={h}'}"], "in its path only"),
        (["name: a", "description: x", "http: {url: 'https://a/{h}'}"], "one of the `required`"),
        (["name: a", "description: x", "http: {url: 'https://a/', method: TRACE}"], "method .* must be"),
        (["name: a", "description: x", "http: {url: 'https://a/', headers: {Host: b}}"], "Host .* cannot be"),
        (["name: a", "description: x", "http: {url: 'https://a/', headers: {X: é}}"], "plain ASCII"),
        (["name: a", "description: x", "http: {url: 'https://a/', auth: {bearer_env: NO}}"], "NO, which is not set"),
        (["name: a", "description: x", "http: {url: 'https://a/', auth: {header: X}}"], "either bearer_env"),
        (
            ["name: a", "description: x", "http: {url: 'http://a.example/', auth: {bearer_env: KEY}}"],
            "unencrypted to a.example: use https://",
        ),
        (
            ["name: a", "description: x", "retry: never", "http: {url: 'https://a/', retries: 1}"],
            "retries .* must be 0",
        ),
        (["name: a", "description: x", "python: os.getcwd"], ":4: python .* like package.module:callable"),
        (["name: a", "description: x", "python: no.such:thing"], ":4: python .* ModuleNotFoundError"),
        (["name: a", "description: x", "python: os:nothing"], "AttributeError"),
        (["name: a", "description: x", "python: os:sep"], "it cannot be called"),
        (["name: a", "description: x", "python: tests.unit.broker.tools.foreign_tools:add"], "missing a required"),
        (["name: a", "description: x", "python: tests.unit.broker.tools.broken:tool"], "RuntimeError: at import"),
    ],
)
def test_what_is_wrong_is_named(lines: list[str], told: str) -> None:
    """File, line, key, and what to write instead."""
    text = "functions:\n  - " + "\n    ".join(lines)
    with pytest.raises(SettingsFault, match=told) as raised:
        read(text, KEY="k")
    assert raised.value.message.startswith("clerk.yaml:")


def test_no_two_tools_share_a_name() -> None:
    """A model could not tell them apart."""
    tool = "\n  - name: a\n    description: x\n    http: {url: 'https://a/'}"
    with pytest.raises(SettingsFault, match=r"clerk.yaml:5: name .* another 'a' above"):
        read(f"functions:{tool}{tool}")
    server = "\n  - label: a\n    url: https://a/"
    with pytest.raises(SettingsFault, match=r"label .* another 'a' above"):
        read(f"mcp:{server}{server}")
