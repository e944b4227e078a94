"""Errors of jobs are stored in English with their template and values, and pages show them in the reader's language (35.10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import translation
from tests.builders.account import inside
from tests.builders.platform_account import EVENT, PlatformAccount, event_in_testing, planned
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.marked_german import marked_german, source_messages
from tests.page_text import text_of

from heliograph.accounts.languages import translated
from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import Sentence
from heliograph.domain.source.platforms import COMMAND
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.page import error_text, queue_place
from heliograph.jobs.registry import JobError, JobKind, JobKinds
from heliograph.jobs.runner import Runner
from heliograph.registrations.imports.columns import Known, guess_unchecked
from heliograph.setup.mark_test_job import start as start_marking
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.command_job import last_run
from heliograph.sources.models import Source

BY = "user:1"
ROWS = "Reg no;Status;Ticket\n" + "".join(f"A-{n};Attended;Guest\n" for n in range(40)) + "B-1;Attendad;Guest\n"


@pytest.fixture
def german(tmp_path: Path) -> Iterator[None]:
    """German is every English message, marked."""
    with marked_german(tmp_path, source_messages()):
        yield


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as account:
        yield account


def in_german(client: Client, url: str) -> str:
    return text_of(client.get(url, headers={"accept-language": "de"}).content)


def failed(site: PlatformAccount, error: Exception) -> Job:
    """A job whose first chunk raises the error."""

    def refuse(_job: Job) -> Any:
        raise error

    job = control.create("refused", site.pk, {}, by=BY)
    return Runner(JobKinds([JobKind("refused", refuse)])).run_one(job.pk)


# --- what is stored


def test_an_error_keeps_its_template_and_values_until_the_job_goes_on(site: PlatformAccount) -> None:
    job = failed(site, JobError("At most %(most)s rows fit, %(reason)s.", most=1_500, reason=Sentence("there are more")))
    assert (job.state, job.error) == (JobState.FAILED, "At most 1,500 rows fit, there are more.")
    sentence = control.find(job.pk).error_sentence
    assert isinstance(sentence, Sentence)
    assert (sentence.template, sentence.values["most"]) == ("At most %(most)s rows fit, %(reason)s.", 1_500)
    again = control.resume(job.pk)
    assert (again.error, again.error_sentence, again.result) == ("", "", {})


def test_an_error_keeps_the_result_that_the_job_has(site: PlatformAccount) -> None:
    job = Job(result={"rows": 7})
    job.set_error(Sentence("At most %(most)s.", most=1))
    job.set_error("The file is gone.")
    assert (job.error_sentence, job.result) == ("The file is gone.", {"rows": 7})


def test_a_command_that_never_ran_has_no_last_run_though_its_job_has_an_error(site: PlatformAccount) -> None:
    job = failed(site, JobError("At most %(most)s rows fit.", most=1_500))
    assert job.result
    with inside(site.acme):
        assert last_run(Source(platform=COMMAND, reader_job=job.pk)) is None


@pytest.mark.parametrize("result", [{}, {"error_sentence": {"template": "Of another error.", "values": {}}}, {"error_sentence": 7}])
def test_an_error_of_an_earlier_release_is_shown_as_it_is(result: dict[str, object]) -> None:
    job = Job(error="Job 7 (import) began before this one.", result=result)
    with translation.override("de"):
        assert error_text(job) == "Job 7 (import) began before this one."
        assert error_text(Job()) == ""


@pytest.mark.needs("gettext")
def test_an_invalid_value_keeps_its_sentences(german: None) -> None:
    error = Invalid({"name": [Sentence("At most %(most)s rows are possible.", most=1_500)], "": ["It is gone."]})
    assert str(error) == "name: At most 1,500 rows are possible. It is gone."
    with translation.override("de"):
        assert translated(error) == "⟦name: At most 1.500 rows are possible.⟧ ⟦It is gone.⟧"
    assert str(Invalid({})) == 'A value is wrong. fields: sentences by the name of the field, "" for the whole.'


# --- what pages show


@pytest.mark.needs("gettext")
def test_the_page_of_an_import_says_in_german_that_its_file_is_gone(site: PlatformAccount, client: Client, german: None) -> None:
    site.signs_in(client)
    page = started_import(site, client, dry_run_page(site, client))
    with inside(site.acme):
        job = Job.objects.get(state=JobState.QUEUED)
    Path(job.parameters["file"]).unlink()
    (ended,) = site.run_jobs()
    assert ended.state == JobState.FAILED
    sentence = "people.csv is missing or has changed since the import began. Put it back and resume the job, or import it again."
    assert sentence in text_of(client.get(page).content).replace(job.parameters["file"], "people.csv")
    assert f"⟦{sentence}⟧" in in_german(client, page).replace(job.parameters["file"], "people.csv")


@pytest.mark.needs("gettext")
def test_the_page_of_an_event_says_in_german_why_marking_stopped(site: PlatformAccount, client: Client, german: None) -> None:
    event = event_in_testing(site)
    site.record("G-0", event="GALA-26", properties={"Test": False})
    job = start_marking(site.pk, event, site.acme.event_status("Live"), by=BY)
    with inside(site.acme):
        job.set_error(
            Sentence(
                "A registration could not be marked: %(reason)s",
                reason=Sentence("is too long: %(count)s characters, at most %(most)s.", count=6_000, most=5_000),
            )
        )
        job.state = JobState.FAILED
        job.save()
    site.signs_in(client)
    assert "⟦A registration could not be marked: ⟦is too long: 6.000 characters, at most 5.000.⟧⟧" in in_german(
        client, "/events/GALA-26/details/"
    )


@pytest.mark.needs("gettext")
@pytest.mark.parametrize(
    ("refuse", "words"),
    [
        (lambda site: control.check_rows(site.pk, 1_000), "may create 500 rows within 24 hours"),
        (
            lambda site: JobKinds()["newer"],
            "⟦This release does not know jobs of the kind “newer”; a newer release may have created this one.⟧",
        ),
    ],
)
def test_errors_of_every_kind_of_job_are_translated(
    refuse: Callable[[PlatformAccount], object], words: str, site: PlatformAccount, german: None, settings: Any
) -> None:
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"jobs_rows": 500})
    with pytest.raises(HeliographError) as refusal:
        refuse(site)
    job = failed(site, refusal.value)
    with translation.override("de"):
        shown = error_text(control.find(job.pk))
    assert words in shown
    assert shown.startswith("⟦")


@pytest.mark.needs("gettext")
def test_a_job_that_the_database_has_put_back_says_so_in_german(site: PlatformAccount, german: None) -> None:
    job = control.create("refused", site.pk, {}, by=BY)
    job.set_error(Sentence("The database refused: %(error)s", error="disk full"))
    with translation.override("de"):
        assert queue_place(job) == "⟦The database refused: disk full⟧"


# --- what an import finds


def dry_run_page(site: PlatformAccount, client: Client) -> str:
    """Uploads a file and runs its dry run. Returns the address of its page."""
    answer = client.post("/import/", {"file": SimpleUploadedFile("people.csv", ROWS.encode()), "event": EVENT})
    url = f"/import/{answer['Location'].split('/')[2]}"
    form = posted(client.get(f"{url}/columns/").content.decode(), "columns")
    assert client.post(f"{url}/columns/", form).status_code == 302
    (done,) = site.run_jobs()
    assert done.state == JobState.DONE, done.error
    return f"{url}/dry-run/"


def started_import(site: PlatformAccount, client: Client, url: str) -> str:
    """Chooses to create the status that is in doubt, repeats the dry run, and starts the import. Returns the address of its page."""
    chosen = {"create": ["0"], "tags-0": ["registered"], "quiet": ["1"]}
    assert client.post(url, posted(client.get(url).content.decode(), "dry") | chosen | {"do": ["again"]}).status_code == 302
    site.run_jobs()
    started = client.post(url, posted(client.get(url).content.decode(), "dry") | {"quiet": ["1"], "do": ["import"]})
    assert started["Location"].startswith("/jobs/")
    return started["Location"]


@pytest.mark.needs("gettext")
def test_the_dry_run_says_in_german_what_is_in_doubt_and_what_was_created(site: PlatformAccount, client: Client, german: None) -> None:
    site.signs_in(client)
    url = dry_run_page(site, client)
    assert "1 of 41 rows; it looks like Attended" in text_of(client.get(url).content)
    in_doubt = in_german(client, url)
    assert "⟦1 of 41 rows; it looks like Attended⟧" in in_doubt
    assert "⟦custom status⟧" in in_doubt
    page = started_import(site, client, url)
    site.run_jobs()
    assert "Also created: custom status Attendad (SUMMIT-26)" in text_of(client.get(page).content)
    assert "⟦⟦custom status⟧ Attendad (SUMMIT-26)⟧" in in_german(client, page)


DATES = (["03/04/2026"], ["25/12/2026"], ["13/01/2026"])


@pytest.mark.needs("gettext")
@pytest.mark.parametrize(
    ("names", "cells", "doubt"),
    [
        (["Code", "code"], [["A", "B"]], "⟦“Code” is code already, so this column is left out.⟧"),
        (
            ["modified"],
            [*DATES, ["12/25/2026"]],
            "⟦2 of 3 dates can only be read ⟦day first⟧, the others only the other way round; unless later rows say otherwise, ⟦day first⟧.⟧",
        ),
        (
            ["modified"],
            [DATES[1], *[DATES[0]] * 9],
            "⟦Only 1 of 10 dates shows whether the day or the month comes first; unless later rows say otherwise, ⟦day first⟧.⟧",
        ),
    ],
)
def test_a_column_says_in_german_why_it_is_in_doubt(
    names: list[str], cells: list[list[str]], doubt: str, site: PlatformAccount, german: None
) -> None:
    column = guess_unchecked(names, cells, Known(site.acme.config(), ()))[-1]
    assert translated(column.doubt) == doubt.replace("⟦", "").replace("⟧", "")
    with translation.override("de"):
        assert translated(column.doubt) == doubt
