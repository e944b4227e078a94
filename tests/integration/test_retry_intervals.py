"""Retry intervals of an account (D5): set on their page and by command, used by the worker, on both databases."""

from __future__ import annotations

import pytest
from django.test import Client
from django_scopes import scope
from tests.page_text import text_of
from tests.processes import Starter
from tests.receiver import Answer
from tests.story import Story

from heliograph.accounts.models import AuditEntry, Role
from heliograph.domain.delivery.retry_policy import MINUTE, SECOND, STANDARD, Category
from heliograph.setup.services.retry_intervals import save_intervals
from heliograph.setup.setup_errors import Invalid

PAGE = "/settings/retry/"
SHORT = {"system": "0.01, 0.01, 0.01", "connection": "0.01, 0.01, 0.01", "source_api": "0.01, 0.01, 0.01", "general": "0.01, 0.02, 0.03"}


def in_force(story: Story) -> dict[Category, tuple[int, int, int]]:
    return dict(story.provider.account(story.account).retry.intervals)


def test_D5_an_administrator_sets_intervals_on_their_page(story: Story, client: Client) -> None:
    ada = story.signs_in(client, Role.ADMINISTRATOR)
    shown = ada.get(PAGE).content.decode()
    assert 'value="15, 60, 240"' in shown
    assert 'href="/settings/retry/"' in ada.get("/settings/account/").content.decode()
    typed = {"system": "1, 5, 15", "connection": "2, 10, 30", "source_api": "5, 15, 60", "general": "20, 90, 300", "config": ""}
    assert ada.post(PAGE, typed).status_code == 302
    assert in_force(story) == {**STANDARD, Category.GENERAL: (20 * MINUTE, 90 * MINUTE, 300 * MINUTE)}
    assert 'value="20, 90, 300"' in ada.get(PAGE).content.decode()
    with scope(account=story.account):
        entry = AuditEntry.objects.filter(kind="account").latest("pk")
    assert (entry.before, entry.after) == ({"retry General (minutes)": "15, 60, 240"}, {"retry General (minutes)": "20, 90, 300"})
    assert "20, 90, 300" in text_of(ada.get("/settings/audit/").content)
    assert ada.post(PAGE, dict.fromkeys(typed, "")).status_code == 302
    assert in_force(story) == dict(STANDARD)


@pytest.mark.parametrize(
    "wrong", ["15, 60", "15, 60, 240, 300", "a, b, c", "0, 1, 2", "-1, 2, 3", "1, 2, 43201", "1e3, 2, 3", "١, 2, 3", "." * 3]
)
def test_D5_what_are_no_three_times_stands_at_its_field_and_keeps_what_was_typed(story: Story, client: Client, wrong: str) -> None:
    ada = story.signs_in(client, Role.ADMINISTRATOR)
    refused = ada.post(PAGE, {"general": wrong, "config": "99, 999, 9999"})
    assert refused.status_code == 422
    assert 'id="general-error"' in refused.content.decode()
    assert 'value="99, 999, 9999"' in refused.content.decode()
    assert in_force(story) == dict(STANDARD)


def test_D5_the_order_of_severity_is_kept(story: Story, client: Client) -> None:
    ada = story.signs_in(client, Role.ADMINISTRATOR)
    refused = ada.post(PAGE, {"connection": "20, 90, 300"})
    assert refused.status_code == 422
    assert 'id="source_api-error"' in refused.content.decode()  # which would be tried sooner than a failed connection
    assert in_force(story) == dict(STANDARD)


@pytest.mark.parametrize("role", [Role.PLANNER, Role.VIEWER])
def test_P1_others_read_the_intervals(story: Story, client: Client, role: Role) -> None:
    other = story.signs_in(client, role)
    page = text_of(other.get(PAGE).content)
    assert "15, 60, 240 minutes" in page
    assert other.post(PAGE, {"general": "20, 90, 300"}).status_code == 403
    assert in_force(story) == dict(STANDARD)


def test_D5_the_worker_waits_as_the_account_says(story: Story) -> None:
    with story.saving() as transaction:
        save_intervals(transaction, {**SHORT, "config": ""})
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    story.receiver.answer("/crm", Answer(500), Answer(500), Answer(200))
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
    first, second, third = story.arrived("/crm", 3)
    assert second.at - first.at > 0.5
    assert third.at - second.at > 1.0
    with pytest.raises(Invalid), story.saving() as transaction:
        save_intervals(transaction, {"general": "1, 2"})
    assert in_force(story)[Category.GENERAL] == (round(0.6 * SECOND), round(1.2 * SECOND), round(1.8 * SECOND))


def test_D5_a_command_shows_and_sets_them(story: Story, heliograph: Starter) -> None:
    said = heliograph.run("retry-intervals", "ACME")
    assert "Config: 30, 120, 2880 minutes" in said.output
    changed = heliograph.run("retry-intervals", "ACME", "--set", "Source API=10,20,90", "--set", "General=20,90,300", "--json")
    assert changed.returncode == 0, changed.output
    assert in_force(story) == {
        **STANDARD,
        Category.SOURCE_API: (10 * MINUTE, 20 * MINUTE, 90 * MINUTE),
        Category.GENERAL: (20 * MINUTE, 90 * MINUTE, 300 * MINUTE),
    }
    reset = heliograph.run("retry-intervals", "ACME", "--set", "General=")
    assert reset.returncode == 0, reset.output
    assert in_force(story) == {**STANDARD, Category.SOURCE_API: (10 * MINUTE, 20 * MINUTE, 90 * MINUTE)}
    assert heliograph.run("retry-intervals", "ACME", "--set", "", "--set", "General=20,90,300").returncode == 0
    assert in_force(story) == {**STANDARD, Category.GENERAL: (20 * MINUTE, 90 * MINUTE, 300 * MINUTE)}
    assert heliograph.run("retry-intervals", "ACME", "--set", "").returncode == 0
    assert in_force(story) == dict(STANDARD)
    assert "Give it as General=15,60,240." in heliograph.run("retry-intervals", "ACME", "--set", "General").output
    assert "There is no category" in heliograph.run("retry-intervals", "ACME", "--set", "Validation=1,2,3").output
    assert "may not be tried sooner" in heliograph.run("retry-intervals", "ACME", "--set", "Connection=60,60,60").output
    with scope(account=story.account):
        assert AuditEntry.objects.filter(kind="account", by="command").exists()
