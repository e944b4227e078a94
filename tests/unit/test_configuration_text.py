"""The text of a configuration file, and its references to secrets (B5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.api.configuration.configuration_text import DEEPEST, LONGEST_TEXT, BadText, read_text, write_json, write_yaml
from heliograph.api.configuration.secret_references import BadReference, SecretReference, proposed_reference, take_references, values_of

SURPRISES = [
    *(
        "no",
        "yes",
        "on",
        "Off",
        "null",
        "~",
        "1",
        "010",
        "0x1F",
        "1e3",
        "12:30:45",
        "2027-01-31",
        "2027-01-31T10:00:00Z",
        "-",
        "# x",
        "a: b",
    ),
    *(
        "&a",
        "*a",
        "!!int 1",
        "<<",
        "=",
        "line\nline",
        " space",
        "tab\there",
        "“quotes”",
        "'",
        '"',
        "{",
        "[x]",
        "\u2028",
        "NaN",
        ".inf",
        "true",
    ),
]
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20) | st.sampled_from(SURPRISES)
CONTENTS = st.dictionaries(
    TEXTS,
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    ),
    min_size=1,
    max_size=4,
)


@given(CONTENTS)
def test_B5_what_is_written_is_read_again(content: dict[str, Any]) -> None:
    assert read_text(write_yaml(content)) == content
    assert read_text(write_json(content)) == content


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("2027-01-31", "2027-01-31"),
        ("2027-01-31T10:00:00Z", "2027-01-31T10:00:00Z"),
        ("12:30", "12:30"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        (".inf", ".inf"),
        ("true", True),
        ("12", 12),
        ("1.5", 1.5),
        ("~", None),
        ('"12"', "12"),
    ],
)
def test_B5_only_true_false_null_and_numbers_are_not_texts(text: str, value: object) -> None:
    read = read_text(f"code: {text}\n")["code"]
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The file is empty"),
        ("# nothing\n", "The file is empty"),
        ("- tags\n", "must be a mapping of sections"),
        ("tags: [\n", "Line 2: This is not YAML"),
        ("tags: []\nflows: []\ntags: []\n", "Line 3: “tags” occurs twice"),
        ("a: &x [1]\nb: *x\n", "Line 1: aliases and anchors"),
        ("a: !!python/object/apply:os.system [ls]\n", "Line 1: tags of YAML"),
        ("1: a\n", "Line 1: a key must be a text"),
        ("a: " + "[" * (DEEPEST + 1), f"nested more than {DEEPEST} levels"),
        ("a: " + "[" * 200_000, "maximum nesting depth"),
        ('{"a": ' + "[" * 200_000, "nested"),
        ('{"a": ' + "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1) + "}", f"nested more than {DEEPEST} levels"),
        ('{"tags": [], "flows": [], "tags": []}', "“tags” occurs twice"),
        ('{"a": NaN}', "no number of JSON"),
        ('{"a": "\\u0000"}', "nul character"),
        ('a: "\\0"', "nul character"),
        ('{"a": "\\ud800"}', "half a character"),
        ('{"a": 1', "not YAML"),
        ("a: \x00", "not YAML"),
        ("x" * (LONGEST_TEXT + 1), "longer than"),
        ("a: '\ud800'", "not YAML|half a character"),
        ("a: b\n---\nc: d\n", "not YAML"),
    ],
    ids=range(22),
)
def test_B5_what_is_no_file_is_refused_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(BadText, match=sentence):
        read_text(text)


def test_B5_the_values_of_secrets_are_read_from_the_environment_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "crm.pem").write_text("secret\n")
    (tmp_path / "odd").write_bytes(b"\xff")
    (tmp_path / "large").write_bytes(b"x" * 80_000)
    value = values_of({"HELIOGRAPH_SECRET_X": "from the environment"}, tmp_path)
    assert value(SecretReference("env", "HELIOGRAPH_SECRET_X")) == "from the environment"
    assert value(SecretReference("env", "HELIOGRAPH_SECRET_Y")) is None
    assert value(SecretReference("file", "crm.pem")) == "secret"
    assert value(SecretReference("file", "absent")) is None
    assert values_of({}, None)(SecretReference("file", "crm.pem")) is None
    with pytest.raises(BadReference, match="UTF-8"):
        value(SecretReference("file", "odd"))
    with pytest.raises(BadReference, match="longer than"):
        value(SecretReference("file", "large"))


@pytest.mark.parametrize(
    "member",
    [{"env": "HELIOGRAPH_KEYS"}, {"env": "PATH"}, {"env": 1}, {"file": "../key"}, {"file": "/etc/passwd"}, {"file": ".."}, {"file": ""}],
)
def test_B5_no_reference_leads_anywhere_else(member: dict[str, object]) -> None:
    with pytest.raises(BadReference):
        take_references({"password": member})


def test_B5_references_are_taken_out_of_a_document() -> None:
    raw = {"name": "CRM", "headers": [{"name": "X", "value": {"file": "x"}}], "password": {"env": "HELIOGRAPH_SECRET_P"}}
    without, references = take_references(raw)
    assert without == {"name": "CRM", "headers": [{"name": "X"}]}
    assert references == {
        ("headers", 0, "value"): SecretReference("file", "x"),
        ("password",): SecretReference("env", "HELIOGRAPH_SECRET_P"),
    }


def test_B5_an_export_proposes_a_name_for_each_secret() -> None:
    taken: set[str] = set()
    for owner, name in (
        ("Sales CRM", "HELIOGRAPH_SECRET_SALES_CRM_URL"),
        ("sales/crm", "HELIOGRAPH_SECRET_SALES_CRM_URL_2"),
        ("Überweisungen", "HELIOGRAPH_SECRET_UBERWEISUNGEN_URL"),
        ("営業", "HELIOGRAPH_SECRET_URL"),
    ):
        reference = proposed_reference(owner, "url", taken)
        assert reference.name == name
        assert SecretReference.from_member(reference.member) == reference
        taken.add(reference.name)
