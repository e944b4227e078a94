"""Conditions are values: joined, never edited."""

from __future__ import annotations

import pytest

from heliograph.store.like import contains_words
from heliograph.store.where import Where


def test_conditions_are_joined_in_their_order() -> None:
    where = Where("a.id = :id", "", id=5) & Where("a.state = 1") & Where(account=3)
    assert where.sql == "a.id = :id AND a.state = 1"
    assert where.params == {"id": 5, "account": 3}


def test_a_condition_stands_once() -> None:
    one = Where("a.account_id = :account", account=3)
    assert (one & Where("a.state = 1") & one).sql == "a.account_id = :account AND a.state = 1"


def test_a_parameter_has_one_value() -> None:
    with pytest.raises(ValueError, match=":id is 5 and 6"):
        Where("a.id = :id", id=5) & Where("b.id = :id", id=6)


def test_joining_changes_neither() -> None:
    one = Where("a.id = :id", id=5)
    one & Where("a.state = :state", state=1)
    assert (one.sql, one.params) == ("a.id = :id", {"id": 5})


def test_words_are_searched_for_literally() -> None:
    where = contains_words("r.search", ["100%", "a_b!"])
    assert where.sql == "r.search LIKE :w0 ESCAPE '!' AND r.search LIKE :w1 ESCAPE '!'"
    assert where.params == {"w0": "%100!%%", "w1": "%a!_b!!%"}
