"""Sections: every kind of value, and what is said of one that is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.document import Node, parse
from services.common.errors import SettingsFault
from services.common.section import Section
from services.common.settings import Environment

FILE = Path("x.yaml")


def section(text: str, file: Path = FILE, **env: str) -> Section:
    """Return the section that holds these keys."""
    return Section(file, "part", parse(text, file), 1, Environment(env))


def fault(read: Callable[[], object]) -> str:
    """Return the fault of reading something."""
    with pytest.raises(SettingsFault) as error:
        read()
    return error.value.message


def test_values_of_every_kind_are_read() -> None:
    """White space around a text is not part of it."""
    part = section(
        "mood: calm\nname: ' Ada '\nwords: [no, ' yes ']\nspeed: 2\ncount: 3\nafter_s: 1.5\nis_on: true\n"
        "inner: {url: a}\nlist:\n- {url: b}\n- {url: c}\n"
        "headers: {x-a: b, no: off}\nschema: {type: object, a: [1, null]}\n"
    )
    assert part.choice("mood", 0, {"calm": 1}) == 1
    assert part.text("name") == "Ada"
    assert part.words("words") == ("no", "yes")
    assert part.number("speed", 1, 0.25, 4) == 2.0
    assert part.whole("count", 1, 0, 9) == 3
    assert part.seconds("after_s", 1, 0, 9) == 1.5
    assert part.flag("is_on", False) is True
    assert part.section("inner").text("url") == "a"
    assert [inner.text("url") for inner in part.sections("list")] == ["b", "c"]
    assert part.texts("headers") == {"x-a": "b", "no": "off"}
    assert part.json("schema") == {"type": "object", "a": [1, None]}
    part.finish()


def test_what_is_absent_is_the_default() -> None:
    """Also a key with nothing behind it."""
    part = section("mood:\nname: null\nwords: ~\n")
    assert part.choice("mood", 7, {"calm": 1}) == 7
    assert part.text("name", "Bo") == "Bo"
    assert part.words("words") is None
    assert part.number("speed", 1, 0.25, 4) == 1
    assert part.whole("count", 1, 0, 9) == 1
    assert part.flag("is_on", True) is True
    assert part.section("inner").text("url") == ""
    assert part.sections("list") == ()
    assert part.texts("headers") == part.json("schema") == {}
    assert part.secret("key") == ""
    assert not part.has("mood")
    part.finish()


@pytest.mark.parametrize(
    ("text", "read", "told"),
    [
        (
            "\nmood: angry",
            lambda s: s.choice("mood", 1, {"calm": 1}),
            ":2: mood in part must be \"calm\", not 'angry'.",
        ),
        ("name: 7", lambda s: s.text("name"), ":1: name in part must be text: put it in quotes."),
        ("name: [a]", lambda s: s.text("name"), ":1: name in part must be text, not a list."),
        ("name: abc", lambda s: s.text("name", most=2), ":1: name in part has 3 characters; it may have 2."),
        ("w: no", lambda s: s.words("w"), ":1: w in part must be a list of words, such as [one, two], not 'no'."),
        (
            "w:\n- a\n- true",
            lambda s: s.words("w"),
            ":3: w in part must be a list of words; true is none: put it in quotes.",
        ),
        ("w: [a, '']", lambda s: s.words("w"), ":1: w in part must be a list of words; '' is none."),
        ("w: [a, b]", lambda s: s.words("w", most=1), ":1: w in part has 2 words; it may have 1."),
        ("n: 5", lambda s: s.number("n", 1, 0, 4), ":1: n in part must be a number from 0 to 4, not 5."),
        ("n: true", lambda s: s.number("n", 1, 0, 4), ":1: n in part must be a number from 0 to 4, not true."),
        ("n: 1.0", lambda s: s.whole("n", 1, 0, 4), ":1: n in part must be a whole number from 0 to 4, not 1.0."),
        ("n: soon", lambda s: s.seconds("n", 1, 0, 4), ":1: n in part must be seconds from 0 to 4, not 'soon'."),
        ("f: yes", lambda s: s.flag("f", False), ":1: f in part must be true or false, not 'yes'."),
        ("f: 1", lambda s: s.flag("f", False), ":1: f in part must be true or false, not 1."),
        ("s: 1", lambda s: s.section("s"), ":1: s in part must be a section: keys of its own"),
        ("s: {a: 1}", lambda s: s.sections("s"), ":1: s in part must be a list of sections"),
        ("s:\n- {}\n- 1", lambda s: s.sections("s"), ":3: s in part must be a list of sections; 1 is none."),
        ("s: [{}, {}]", lambda s: s.sections("s", most=1), ":1: s in part has 2 entries; it may have 1."),
        ("s:\n  a: 1", lambda s: s.texts("s"), ":2: a in part.s must be text: put it in quotes."),
        ("s: [1]", lambda s: s.json("s"), ":1: s in part must be a section, not a list."),
        ("n: " + "x" * 99, lambda s: s.flag("n", False), f"not '{'x' * 55} …'."),
    ],
)
def test_what_is_wrong_is_told_with_what_there_should_be(
    text: str, read: Callable[[Section], object], told: str
) -> None:
    """File, line, key, section; long values are cut."""
    assert told in fault(lambda: read(section(text)))


def test_keys_that_nobody_asked_for_are_found_in_sections_within_too() -> None:
    """With their own line, and the keys that there are; a file without sections names none."""
    part = section("inner:\n  url: a\n  ulr: b\n")
    part.section("inner").text("url")
    assert fault(part.finish) == "x.yaml:3: ulr in part.inner is unknown; there are: url."
    assert fault(section("b: 1").finish) == "x.yaml:1: b in part is unknown; there are: none."
    assert fault(Section(FILE, "", parse("b: 1", FILE)).finish) == "x.yaml:1: b is unknown; there are: none."


def test_secrets_are_named_never_written(tmp_path: Path) -> None:
    """A variable or a file holds them; what stands in the profile itself is refused without being repeated."""
    (tmp_path / "key").write_text(" s3cret\n")
    file = tmp_path / "x.yaml"
    assert section("key_env: K", K=" s3cret ").secret("key") == "s3cret"
    assert section("key_file: key", file).secret("key") == "s3cret"
    assert section("key_env: K").secret("key", optional=True) == ""
    (tmp_path / "mounted").write_text("of a file\n")
    assert section("key_env: K", K_FILE=str(tmp_path / "mounted")).secret("key") == "of a file"
    told = fault(lambda: section("key: s3cret").secret("key"))
    assert "name where it is by key_env or key_file" in told
    assert "s3cret" not in told
    assert "names K, which is not set" in fault(lambda: section("key_env: K").secret("key"))
    assert "key_env names one already" in fault(lambda: section("key_env: K\nkey_file: f", K="k").secret("key"))
    assert "names gone, which cannot be read: No such file" in fault(
        lambda: section("key_file: gone", file).secret("key")
    )
    (tmp_path / "key").write_text("\n")
    assert "names key, which is empty" in fault(lambda: section("key_file: key", file).secret("key"))
    (tmp_path / "key").write_bytes(b"\xff\xfe\x00")
    assert "it holds no text" in fault(lambda: section("key_file: key", file).secret("key"))
    for key in ("sk-a\r\nX-Evil: 1", "clé"):
        told = fault(lambda key=key: section("key_env: K", K=key).secret("key"))  # type: ignore[misc]
        assert "characters that no key has" in told
        assert "Evil" not in told


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def node(value: object) -> Node:
    """Make a node of a value."""
    if isinstance(value, list):
        return Node(tuple(map(node, value)), 1)
    if isinstance(value, dict):
        return Node({key: node(inner) for key, inner in value.items()}, 1)
    assert value is None or isinstance(value, bool | int | float | str)
    return Node(value, 1)


@given(VALUES)
def test_any_value_is_taken_or_a_fault(value: object) -> None:
    """Never anything else: a service that starts with it says what to do about it."""
    part = Section(FILE, "part", {"key": node(value)}, 1)
    readers: list[Callable[[], object]] = [
        lambda: part.choice("key", 1, {"a": 2}),
        lambda: part.text("key"),
        lambda: part.words("key"),
        lambda: part.number("key", 1, 0, 2),
        lambda: part.whole("key", 1, 0, 2),
        lambda: part.flag("key", True),
        lambda: part.section("key"),
        lambda: part.sections("key"),
        lambda: part.texts("key"),
        lambda: part.json("key"),
        lambda: part.secret("key"),
        part.finish,
    ]
    told = []
    for read in readers:
        try:
            read()
        except SettingsFault as error:
            told.append(error.message)
    assert all(message.startswith("x.yaml:1: ") for message in told)
