"""Imports that run to their end, for the tests of files: an account, and a file from its first row to the finished job."""

from __future__ import annotations

from pathlib import Path

import pytest
from django_scopes import scopes_disabled

from heliograph.jobs.models import JobState
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.registrations.imports import import_job
from heliograph.registrations.imports.preparation import FileSettings, Wishes, draft, parameters, start
from heliograph.registrations.imports.setup_choice import SetupChoice
from heliograph.setup.services.account_creation import AccountFacts, create_account

EXPORT = Path(__file__).parent / "data" / "registrations-export.csv"
ALL = SetupChoice(everything=True)


@pytest.fixture(autouse=True)
def no_scope():
    with scopes_disabled():
        yield


@pytest.fixture
def account():
    return create_account(AccountFacts("ACME", "Acme", "Europe/Berlin"), by="test").pk


def run(account, path, wishes=None, said=None):
    """Imports a file completely. Returns the job's row."""
    found = draft(path, account, said or FileSettings())
    job = start(account, parameters(found, wishes or Wishes(choice=ALL)), by="test")
    ended = Runner(JobKinds([import_job.kind()])).run_one(job.pk)
    assert ended.state == JobState.DONE, ended.error
    return ended
