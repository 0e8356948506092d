"""Documents: YAML without its traps, and every fault at its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.document import MOST_BYTES, parse, read
from services.common.errors import SettingsFault

FILE = Path("x.yaml")


def plain(text: str) -> dict[str, object]:
    """Parse a text and forget its lines."""
    return {key: node.plain() for key, node in parse(text, FILE).items()}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, word) for word in ("no", "yes", "on", "off", "No", "NO", "y", "n", "True", "FALSE", "Null")),
        *((word, word) for word in ("12:30", "2026-11-28", "0123", "0x1F", "1_000", ".inf", ".nan", "1e999", "+")),
        *((f"'{word}'", word) for word in ("true", "3", "null", "no")),
        ("true", True),
        ("false", False),
        ("", None),
        ("null", None),
        ("-7", -7),
        ("0", 0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-2.5e3", -2500.0),
        ("1e3", 1000.0),
        ("|\n  one\n  two", "one\ntwo\n"),
        (">\n  one\n  two", "one two\n"),
        ("[no, [1], {a: true}]", ["no", [1], {"a": True}]),
    ],
)
def test_a_value_is_what_it_looks_like(text: str, value: object) -> None:
    """Only true and false are booleans, a leading zero is kept, and what is quoted is text."""
    (found,) = plain(f"key: {text}\n").values()
    assert (found, type(found)) == (value, type(value))


def test_keys_are_words_whatever_they_look_like() -> None:
    """Words of the wrong kind do not turn into booleans as keys either; << merges nothing."""
    assert plain("no: 1\n3: 2\ntrue: 3\n<<: {a: 1}") == {"no": 1, "3": 2, "true": 3, "<<": {"a": 1}}


def test_every_value_knows_its_line() -> None:
    """That of its key, also where the value begins further down."""
    tree = parse("a: 1\n\nb:\n  - x\n  -\n    c: |\n      text\n    d: 2\n", FILE)
    assert (tree["a"].line, tree["b"].line) == (1, 3)
    items = tree["b"].value
    assert isinstance(items, tuple)
    assert [item.line for item in items] == [4, 6]
    inner = items[1].value
    assert isinstance(inner, dict)
    assert (inner["c"].line, inner["d"].line) == (6, 8)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3", "x.yaml:3: a stands here again: line 1 has it already."),
        ("a:\n  b: 1\n  b: 2", "x.yaml:3: b stands here again: line 2 has it already."),
        ("a: &x [1]\nb: *x", "x.yaml:1: anchors and aliases (& and *) are not taken"),
        ("b: *x", "x.yaml:1: anchors and aliases (& and *) are not taken"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]", "x.yaml:2: tags (!) are not taken"),
        ("a: !!str 1", "x.yaml:1: tags (!) are not taken"),
        ("? [a, b]\n: 1", "x.yaml:1: a key is one word"),
        ("- a\n- b", "x.yaml:1: here stands no key"),
        ("just words", "x.yaml:1: here stands no key"),
        ("a: 1\n---\nb: 2", "x.yaml:2: a second document begins here"),
        ("a:\n\tb: 1", "x.yaml:2: this is no YAML: a tab cannot stand here: indent with spaces."),
        ("a: 1\n  b: 2", "x.yaml:2: this is no YAML: mapping values are not allowed here."),
        ("a: [1, 2", "x.yaml:1: this is no YAML"),
        ("a: 1\nb: \x07", "x.yaml:2: this is no YAML: it holds a character that no text has."),
        (f"a: {'[' * 5000}", "x.yaml:1: this is nested more than 24 deep."),
        (f"a: {'{a: ' * 5000}", "x.yaml:1: this is nested more than 24 deep."),
    ],
)
def test_what_is_no_profile_is_told_with_its_line(text: str, told: str) -> None:
    """Nothing is guessed, nothing grows, nothing of Python's is made."""
    with pytest.raises(SettingsFault) as error:
        parse(text, FILE)
    assert error.value.message.startswith(told)


def test_a_file_is_read_as_utf_8_up_to_a_bound(tmp_path: Path) -> None:
    """A mark at its beginning is no part of it; another encoding, a folder and a huge file are named."""
    file = tmp_path / "a.yaml"
    file.write_bytes("\ufeffname: Žofie\n".encode())
    assert read(file)["name"].value == "Žofie"
    file.write_bytes(b"# nothing but this\n")
    assert read(file) == {}
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsFault, match=r"a\.yaml is not in UTF-8"):
        read(file)
    file.write_bytes(b"# " * MOST_BYTES)
    with pytest.raises(SettingsFault, match=r"a\.yaml is longer than 128 KiB"):
        read(file)
    with pytest.raises(SettingsFault, match="cannot be read"):
        read(tmp_path)


@given(st.text(max_size=200) | st.text(alphabet="ab:-[]{}'\"|>#&*!?%@\n\t ,1", max_size=60))
def test_any_text_is_a_document_or_a_fault(text: str) -> None:
    """Never anything else."""
    told = "x.yaml:"
    try:
        parse(text, FILE)
    except SettingsFault as error:
        told = error.message
    assert told.startswith("x.yaml:")
