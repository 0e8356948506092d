"""The documents of tools and sessions: what they show is what is read and sent."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from services.broker.report import report
from services.broker.tools.reading import read_tools
from services.broker.webhook import read_webhook
from services.common.document import parse
from services.common.errors import SettingsFault
from services.common.section import Section
from services.common.settings import Environment
from tests.unit.broker.test_report import STORY, ended

DOCS = Path(__file__).parents[4] / "docs"


def blocks(name: str, kind: str) -> list[str]:
    """Return the blocks of one kind in a document."""
    return re.findall(rf"```{kind}\n(.*?)```", (DOCS / name).read_text(encoding="utf-8"), re.DOTALL)


def section(name: str, key: str, text: str, **env: str) -> Section:
    """Return a section of a profile that a document shows."""
    file = Path(name)
    keys = parse(text, file)[key].value
    assert isinstance(keys, dict)
    return Section(file, key, keys, 1, Environment(env))


def test_the_toolbox_of_the_document_is_one() -> None:
    """All of it but the operator's own module, which is not here; and the fault it shows is one."""
    (text,) = blocks("tools.md", "yaml")
    shown = section(
        "tools.md", "tools", text.replace("shop.money:convert", "builtins:dict"), BOOK_KEY="a", MENU_TOKEN="b"
    )
    toolbox = read_tools(shown)
    shown.finish()
    assert [tool.name for tool in toolbox.functions] == ["book_table", "opening_hours", "convert"]
    assert [server.label for server in toolbox.mcp] == ["menu"]
    (fault,) = re.findall(r"`(clerk.yaml:12: .*parameters\.)`", (DOCS / "tools.md").read_text(encoding="utf-8"))
    with pytest.raises(SettingsFault) as raised:
        read_tools(section("clerk.yaml", "tools", text.replace("[day, people]", "[people]"), BOOK_KEY="a"))
    assert raised.value.message == fault


def test_the_webhook_of_the_document_is_one() -> None:
    """Its settings, and its body as it is made."""
    (text,) = blocks("sessions.md", "yaml")
    webhook = read_webhook(section("sessions.md", "session", text, PARLEY_WEBHOOK_SECRET="x" * 32))
    assert webhook is not None
    assert (webhook.url, webhook.summary) == ("https://crm.example/parley", True)
    (body,) = blocks("sessions.md", "json")
    assert json.loads(body) == report(ended(STORY))
