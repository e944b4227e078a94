"""The answer to one question is taken from a list of questions and answers, whatever their order (S2)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders.call_mapping import call_row

from heliograph.domain.mapping.paths import ABSENT, EntryWith, PathError, format_path
from heliograph.domain.mapping.row import FixedText
from heliograph.domain.source.call_documents import documents_of
from heliograph.domain.source.call_mapping import CallMapping
from heliograph.domain.source.json_fields import entries_of, format_field, lines_of, list_paths, parse_field, question_member, value_at

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
QUESTIONS = st.lists(TEXTS, min_size=1, max_size=6, unique=True)


@given(st.lists(st.text(max_size=8) | st.builds(EntryWith, TEXTS, st.text(max_size=8)), min_size=1, max_size=5))
def test_S2_a_path_by_content_is_read_back(steps: list[str | EntryWith]) -> None:
    path = tuple(steps)
    assert parse_field(format_path(path)) == path


@given(QUESTIONS, st.randoms())
def test_S2_a_click_on_an_answer_takes_that_answer_of_every_call(questions: list[str], dice: Any) -> None:
    answers = [{"questionId": question, "value": f"answer {number}"} for number, question in enumerate(questions)]
    lines = {line.text.strip('"'): line.path for line in lines_of({"answers": answers}, each="") if line.name == "value"}
    dice.shuffle(answers)
    for number in range(len(questions)):
        path = lines[f"answer {number}"]
        if path:  # a text that no path can hold cannot be chosen
            assert value_at({"answers": answers}, parse_field(path)) == f"answer {number}"
            assert value_at({"answers": []}, parse_field(path)) is ABSENT


def test_S2_answers_of_each_ticket_are_its_own() -> None:
    def ticket(code: str, *answers: str) -> dict[str, object]:
        names = ("size", "diet")
        return {"code": code, "answers": [{"question": name, "answer": text} for name, text in zip(names, answers, strict=False)]}

    order = {"tickets": [ticket("T1", "L", "vegan"), ticket("T2", "S")]}
    assert list_paths(order, answers=False) == {"tickets": 2}
    chosen = next(line.path for line in lines_of(order, each="tickets") if line.text == '"vegan"')
    assert chosen == 'tickets.answers[question="diet"].answer'
    rows = (call_row("event", FixedText("SUMMIT")), call_row("code", "tickets.code"), call_row("answers.dietary", chosen))
    first, second = documents_of(CallMapping("tickets", rows=rows), order).documents
    assert first["answers"] == {"dietary": ["vegan"]}
    assert "answers" not in second


def test_S2_only_lists_of_questions_with_answers_are_such_lists() -> None:
    assert question_member([{"question": "a", "answer": 1}, {"question": "b", "answer": 2}]) == "question"
    assert question_member([{"questionId": 7, "value": None}]) == "questionId"
    assert not question_member([{"question": "a", "answer": 1}, {"question": "a", "answer": 2}])
    assert not question_member([{"id": 1, "email": "a@example.org"}])
    assert not question_member([{"question": "a", "answer": 1}, "text"])
    assert not question_member([{"question": ["a"], "answer": 1}])


def test_S2_a_number_names_a_question_too_and_a_list_may_stand_below_one() -> None:
    value = {"forms": [{"field": 7, "value": [{"code": "A"}, {"code": "B"}]}]}
    path = parse_field('forms[field="7"].value')
    assert [entry.look_up((*path, "code"))[0] for entry in entries_of(value, path)] == [{"code": "A"}, {"code": "B"}]
    assert not next(entries_of(value, parse_field('forms[field="8"].value'))).is_there
    assert format_field(path) == 'forms[field="7"].value'


@pytest.mark.parametrize("text", ['a[b="c"', 'a[b="c]', "a[b=c]", 'a[="c"]', 'a[""="c"]', 'a["b"="c"'])
def test_S2_a_path_by_content_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(PathError):
        parse_field(text)
