"""The pages of errors say what is true: whatever has failed, none promises what it cannot know (O7)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from django.db import OperationalError
from django.test import RequestFactory
from tests.page_text import text_of

from heliograph.web.server_errors import server_error

TEMPLATES = Path(server_error.__code__.co_filename).parent / "templates"
pytestmark = pytest.mark.once


@pytest.mark.parametrize("page", ["400.html", "403.html", "403_csrf.html", "404.html", "429.html", "500.html"])
def test_O7_no_page_of_an_error_speaks_of_deliveries_which_it_cannot_see(page: str) -> None:
    assert "deliver" not in (TEMPLATES / page).read_text("utf-8").replace("such as deliveries", "")


def test_O7_every_page_of_an_error_is_looked_at() -> None:
    pages = {path.name for path in TEMPLATES.glob("[45][0-9][0-9]*.html")}
    assert pages == {"400.html", "403.html", "403_csrf.html", "404.html", "429.html", "500.html"}


def answer_to(error: Exception) -> tuple[int, str | None, str]:
    """Status, Retry-After and text of the page for an error."""
    try:
        raise error
    except type(error):
        response = server_error(RequestFactory().get("/"))
    return response.status_code, response.get("Retry-After"), text_of(response.content)


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("connection refused"),
        sqlite3.OperationalError("database or disk is full"),
        sqlite3.OperationalError("database is locked"),
        sqlite3.OperationalError("unable to open database file"),
    ],
    ids=str,
)
def test_O7_a_database_that_cannot_be_used_is_said_and_asked_again(error: Exception) -> None:
    status, retry_after, text = answer_to(error)
    assert (status, retry_after) == (503, "5")
    assert "cannot use its database right now" in text
    assert "check whether it was saved" in text


@pytest.mark.parametrize("error", [ValueError("a bug"), sqlite3.OperationalError("no such column: x")], ids=str)
def test_O7_a_bug_is_no_matter_of_the_database(error: Exception) -> None:
    status, retry_after, text = answer_to(error)
    assert (status, retry_after) == (500, None)
    assert "We couldn’t show this page." in text
    assert "database" not in text
