"""The process that sends dies at the worst instants: no message is lost, and none comes twice under two Message-IDs (B4)."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django_scopes import scope
from tests.authority import Authority
from tests.databases import DatabaseFacts
from tests.mail_server import Mailbox
from tests.story import Story
from tests.waiting import until

from heliograph.accounts.models import Role
from heliograph.failpoints import VARIABLE, Instant
from heliograph.jobs.models import Job, JobState
from heliograph.notifications.models import Message, MessageState
from heliograph.store.instants import from_micros

pytestmark = pytest.mark.django_db(transaction=True)

JOBS = 6


@pytest.mark.parametrize(
    ("instant", "copies"), [(Instant.NOTIFICATION_CLAIMED, 1), (Instant.NOTIFICATION_SENT, 2)], ids=["claimed", "taken"]
)
def test_B4_a_killed_process_loses_no_message(story: Story, database: DatabaseFacts, tmp_path: Path, instant: Instant, copies: int) -> None:
    """Two processes, one killed: before it sent a message, or after the server took it and before that was recorded.

    The message that the server has taken comes once more, with the same Message-ID. All others come once.
    """

    people = [story.person(Role.VIEWER, name=f"P{number}", email=f"p{number}@example.org") for number in range(JOBS)]
    with scope(account=story.account):
        for person in people:
            Job.objects.create(
                account_id=story.account, kind="import", state=JobState.DONE, created_by=person.actor, finished=from_micros(story.db.now())
            )
    points = tmp_path / "points"
    points.mkdir()
    authority = Authority(tmp_path)
    with Mailbox(tls=authority.server("127.0.0.1")) as mailbox:
        env = database.env(
            HELIOGRAPH_SMTP_URL=mailbox.url,
            HELIOGRAPH_MAIL_FROM="Heliograph <signal@example.org>",
            SSL_CERT_FILE=str(authority.ca_file),
            **{VARIABLE: str(points)},
        )
        command = [sys.executable, "-m", "tests.notification_process"]
        (points / instant).touch()
        with subprocess.Popen(command, env=env) as first:
            first.wait(60)
        assert first.returncode == -9
        with subprocess.Popen(command, env=env) as second:
            try:
                until(lambda: not open_messages(story) and len({mail["To"] for mail in mailbox.mails}) == JOBS)
            finally:
                second.kill()
    ids = Counter(str(mail["Message-ID"]) for mail in mailbox.mails)
    assert len(ids) == JOBS
    assert sorted(ids.values()) == [1] * (JOBS - 1) + [copies]
    assert {str(mail["To"]) for mail in mailbox.mails} == {person.email for person in people}


def open_messages(story: Story) -> bool:
    with scope(account=story.account):
        return not Message.objects.exists() or Message.objects.filter(state__lt=MessageState.SENT).exists()
