"""Valid names."""

import pytest

from heliograph.domain.mapping.json_bodies import is_one_line


@pytest.mark.parametrize(
    "name",
    ["Zoë Marin", "علی\u200cرضا", "क्\u200dष", "👩\u200d👩\u200d👧", "Jean\u00a0Luc", "O'Brien <b>", "二〇二六年", ""],
)
def test_a_name_can_be_of_any_script(name: str) -> None:
    assert is_one_line(name)


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "a\0", "a\u2028b", "a\u2029b", "a\x7f", "\ud800", "a\u202eb", "a\u2066b"])
def test_a_name_is_one_line_and_turns_no_other_text(name: str) -> None:
    assert not is_one_line(name)
