"""The audit page describes changes in words, not in JSON and ids."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from heliograph.accounts.audit import MASK
from heliograph.administration.views.audit_words import AuditNames, words
from heliograph.domain.flow.sentence import SentenceNames

READING = AuditNames(
    tags={3: "Registered", 4: "Attended"},
    names=SentenceNames(
        fields={"event.code": "Event Code", "event.tags": "Event Tags"}, connections={7: "Sales CRM"}, mappings={9: "Lead mapping"}
    ),
    events={2: "Live"},
    custom={11: "Cost centre"},
    sources={"profile.first_name": "First Name"},
)
DESTINATION = {"id": 1, "name": "Leads", "connection": 7, "payload_mapping": 9, "header_mapping": None, "does": "updates"}


@pytest.mark.parametrize(
    ("kind", "key", "value", "text"),
    [
        ("flow", "statuses", [3, 4], "Registered, Attended"),
        ("question", "tag_id", 3, "Registered"),
        ("question", "tag_id", 99, "(deleted)"),
        (
            "flow",
            "filters",
            [{"field": "event.tags", "op": "is any of", "values": ["3", "99"]}],
            "Event Tags is any of Registered, (deleted)",
        ),
        ("flow", "filters", [{"field": "event.custom.77", "op": "is empty", "values": []}], "(deleted) is empty"),
        ("mapping", "rows", [{"target": "diet", "parts": [{"source": "answer.88"}]}], "diet: (deleted)"),
        ("event", "custom", {"77": ["4410"]}, "(deleted): 4410"),
        ("connection", "replaced", ["path", "password", "header x-token"], "URL: another path or query, Password, Header x-token"),
        ("connection", "secrets", ["path", "client_secret"], "URL, Client Secret"),
        ("flow", "restored", 3, "version 3"),
        ("flow", "filters", [{"field": "event.code", "op": "is none of", "values": ["WEBINAR-11"]}], "Event Code is none of WEBINAR-11"),
        (
            "flow",
            "destinations",
            [DESTINATION],
            "Name: Leads, Connection: Sales CRM, Payload mapping: Lead mapping, At the target: Updates the same record (CRM)",
        ),
        (
            "mapping",
            "rows",
            [{"target": "name", "parts": [{"source": "profile.first_name"}, {"text": " of "}], "required": True, "trim": False}],
            "name: First Name; “ of ” (Required)",
        ),
        ("event", "status", 2, "Live"),
        ("registration", "status", 2, "2"),
        ("event", "custom", {"11": ["4410"], "12": []}, "Cost centre: 4410"),
        ("connection", "password", MASK, "A secret, never shown"),
        ("connection", "answer_cap", 64, "64"),
        ("flow", "active", False, "No"),
    ],
)
def test_a_value_in_words(kind: str, key: str, value: Any, text: str) -> None:
    assert READING.text(key, value, kind) == text


def test_only_what_says_anything_and_what_differs() -> None:
    other = {**DESTINATION, "id": 2, "name": "Archive"}
    lines = READING.lines(
        "flow", {"properties": [], "destinations": [DESTINATION]}, {"properties": [], "destinations": [DESTINATION, other]}
    )
    assert [(line.name, line.before) for line in lines] == [("Destinations", "")]
    assert lines[0].after.startswith("Name: Archive")


def test_other_secrets_are_no_numbers() -> None:
    assert [(line.name, line.before, line.after) for line in READING.lines("mapping", {"edition": 1}, {"edition": 2})] == [
        ("A secret", "", "replaced")
    ]


def test_a_long_value_is_cut() -> None:
    assert len(READING.text("notes", "x" * 5000)) == 401


@pytest.mark.parametrize(
    ("key", "text"),
    [("end", "Endet"), ("rule", "Antwortregel"), ("kinds", "Objekt(e)"), ("subject", "Wofür es ist"), ("user_name", "Benutzername")],
)
def test_a_setting_has_the_name_of_its_page_in_german(key: str, text: str) -> None:
    with translation.override("de"):
        assert words(key) == text


def test_a_class_of_a_status_has_the_guide_s_name_in_every_language() -> None:
    with translation.override("de"):
        assert READING.text("cls", "Cancelled", "registration status") == "Cancelled"
