"""Files of a watched folder are imported once they are complete, and kept with their report; nothing outside of the folder is read (S7)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from tests.builders.folder_source import FolderSource, folder_source, look_twice, take_files
from tests.builders.platform_account import EVENT, PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.page_text import text_of

from heliograph.accounts.models import Role
from heliograph.jobs import control
from heliograph.jobs.models import JobState
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.folder_import import FolderImport
from heliograph.sources.folder_place import FolderPlace
from heliograph.sources.folder_watch import FolderWatch
from heliograph.sources.services.sources import add_source, pause, resume
from heliograph.store import source_reads

BY = "user:1"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        yield site


@pytest.fixture
def source(site: PlatformAccount, incoming: Path) -> FolderSource:
    return folder_source(site.store, site.pk, incoming)


@pytest.fixture
def watch(incoming: Path) -> FolderWatch:
    return FolderWatch(incoming)


def test_S7_a_complete_file_is_imported_and_kept_with_its_report(site: PlatformAccount, source: FolderSource, watch: FolderWatch) -> None:
    path = source.drop("guests.csv", "A-1,North,a@example.org,first", "A-2,South,b@example.org,")
    watch.look()
    assert not site.run_jobs()  # it may still be written to
    with path.open("a") as file:
        file.write("A-3,East,c@example.org,\n")
    watch.look()
    assert not site.run_jobs()
    take_files(site, watch)
    assert source.firms() == {"A-1": "North", "A-2": "South", "A-3": "East"}
    assert (source.names(), source.names("failed")) == ([], [])
    assert source.names("done") == ["guests.csv", "guests.csv.report.txt"]
    report = source.report("done", "guests.csv.report.txt")
    for line in ("File: guests.csv", "Rows: 3", "Created: 3", "Columns that are not imported: Remark"):
        assert line in report.splitlines()
    assert source.calls() == [("", 3, 3, 0)]
    source.drop("guests.csv", "A-1,North,a@example.org,", "A-2,West,b@example.org,")
    take_files(site, watch)
    assert source.firms()["A-2"] == "West"
    assert source.calls()[1:] == [("", 2, 1, 0)]
    assert source.names("done").count("guests.csv") == 2


def test_S7_a_file_is_complete_at_once_if_its_program_renames_it(site: PlatformAccount, source: FolderSource, watch: FolderWatch) -> None:
    for name in ("one.csv.part", ".two.csv"):
        source.drop(name, "A-1,North,a@example.org,")
    look_twice(watch)
    assert not site.run_jobs()
    for name, last in (("one.csv.part", "one.csv"), (".two.csv", "two.csv")):
        (source.folder / name).rename(source.folder / last)
    watch.look()
    assert [job.parameters["name"] for job in site.run_jobs()] == ["one.csv"]
    watch.look()
    assert [job.parameters["name"] for job in site.run_jobs()] == ["two.csv"]  # one after another
    watch.look()
    assert source.names("done").count("two.csv") == 1


def test_S7_refused_rows_are_named_beside_the_file_with_line_and_reason(
    site: PlatformAccount, source: FolderSource, watch: FolderWatch
) -> None:
    source.drop("guests.csv", "A-1,North,a@example.org,", ",No code,b@example.org,", "A-1,Twice,,")
    take_files(site, watch)
    assert source.firms() == {"A-1": "North"}
    assert source.names("done") == ["guests.csv", "guests.csv.refused.csv", "guests.csv.report.txt"]
    refused = source.report("done", "guests.csv.refused.csv").splitlines()
    assert refused[0].startswith("refused_line,")
    assert [line.partition(",")[0] for line in refused[1:]] == ["3", "4"]
    assert "Refused: 2" in source.report("done", "guests.csv.report.txt")
    assert source.calls() == [("", 3, 1, 2)]
    source.drop("bad.csv", ",No code,b@example.org,")
    take_files(site, watch)
    assert source.names("failed") == ["bad.csv", "bad.csv.refused.csv", "bad.csv.report.txt"]


def test_S7_a_file_whose_columns_do_not_fit_fails_with_what_to_do(
    site: PlatformAccount, source: FolderSource, watch: FolderWatch, client: Client
) -> None:
    source.drop("other.csv", "A-1,North", head="Code,Company")
    source.drop("empty.csv")
    (source.folder / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    for _file in range(3):
        take_files(site, watch)
    assert source.names("done") == ["empty.csv", "empty.csv.report.txt"]
    assert source.names("failed") == ["other.csv", "other.csv.report.txt", "picture.csv", "picture.csv.report.txt"]
    report = source.report("failed", "other.csv.report.txt")
    assert "The file has no column 'Reg no'" in report
    assert "import this file by hand once" in report
    assert source.firms() == {}
    site.signs_in(client)
    page = text_of(client.get(f"/settings/sources/{source.id}/").content)
    assert "The file has no column" in page
    assert source.row.failures == 0
    source.drop("good.csv", "A-1,North,a@example.org,")
    take_files(site, watch)
    assert "is in the folder failed" not in text_of(client.get(f"/settings/sources/{source.id}/").content)


def test_S7_nothing_outside_of_the_folder_is_read_or_moved(
    site: PlatformAccount, source: FolderSource, watch: FolderWatch, incoming: Path
) -> None:
    other = folder_source(site.store, site.pk, incoming, "Another box")
    outside = incoming / "secret.csv"
    outside.write_text("Reg no,Firm,Mail\nX-1,Secret,x@example.org\n")
    other.drop("theirs.csv.part", "X-2,Theirs,y@example.org,")
    source.folder.mkdir(exist_ok=True)
    (source.folder / "link.csv").symlink_to(outside)
    (source.folder / "up.csv").symlink_to("../secret.csv")
    os.link(outside, source.folder / "hard.csv")
    os.mkfifo(source.folder / "pipe.csv")
    (source.folder / "deep").mkdir()
    (source.folder / "deep" / "below.csv").write_text(outside.read_text())
    (source.folder / "theirs").symlink_to(other.folder)
    take_files(site, watch)
    assert source.firms() == {}
    assert source.calls() == []
    assert outside.exists() and (other.folder / "theirs.csv.part").exists()  # noqa: PT018


@pytest.mark.parametrize("name", ["", "done"])
def test_S7_a_folder_that_is_a_link_to_elsewhere_is_not_used(
    site: PlatformAccount, source: FolderSource, watch: FolderWatch, tmp_path: Path, name: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if name:
        source.folder.mkdir()
    (source.folder / name).symlink_to(elsewhere)
    (elsewhere / "guests.csv").write_text("Reg no,Firm,Mail\nX-1,Secret,x@example.org\n")
    take_files(site, watch)
    assert source.firms() == {}
    assert "cannot be used" in source.row.failure
    assert list(elsewhere.iterdir()) == [elsewhere / "guests.csv"]


def test_S7_a_folder_that_is_gone_is_said_and_watched_again(
    site: PlatformAccount, source: FolderSource, watch: FolderWatch, incoming: Path, client: Client
) -> None:
    gone = incoming.rename(incoming.with_name("unmounted"))
    for number in range(1, 4):
        watch.look()
        assert source.row.failures == number
        with site.store.transaction():
            site.store.run("UPDATE source SET due_at = 1 WHERE id = :id", {"id": source.id})
    site.signs_in(client)
    assert "HELIOGRAPH_FOLDERS" in text_of(client.get("/signal/retry/").content)
    gone.rename(incoming)
    source.drop("guests.csv", "A-1,North,a@example.org,")
    take_files(site, watch)
    assert source.row.failures == 0
    assert source.firms() == {"A-1": "North"}


def test_S7_of_two_processes_one_imports(site: PlatformAccount, source: FolderSource, incoming: Path) -> None:
    one, two = FolderWatch(incoming), FolderWatch(incoming)
    source.drop("guests.csv", "A-1,North,a@example.org,")
    for watch in (one, two, one, two):
        watch.look()
    assert len(site.run_jobs()) == 1
    for watch in (one, two, one, two):
        watch.look()
    assert not site.run_jobs()
    assert source.calls() == [("", 1, 1, 0)]
    assert source.names("done") == ["guests.csv", "guests.csv.report.txt"]


def test_S7_a_process_that_stood_still_imports_nothing_twice(site: PlatformAccount, source: FolderSource, incoming: Path) -> None:
    """It reads where the folder stands before another process takes, imports and moves the file, and goes on afterwards."""
    source.drop("guests.csv", "A-1,North,a@example.org,")
    stale = source_reads.read_source_to_read(site.store, source.id)
    assert stale is not None
    kept = (source.folder / "guests.csv").read_bytes()
    take_files(site, FolderWatch(incoming))
    (source.folder / "guests.csv").write_bytes(kept)
    with contextlib.closing(FolderPlace.open(incoming, source.id)) as place:
        assert not FolderImport(stale, place).advance(list(place.files().items()))
    assert not site.run_jobs()
    assert source.calls() == [("", 1, 1, 0)]


def test_S7_a_file_that_is_replaced_during_its_import_is_imported_too(
    site: PlatformAccount, source: FolderSource, watch: FolderWatch
) -> None:
    source.drop("guests.csv", "A-1,North,a@example.org,")
    look_twice(watch)
    source.drop("guests.csv", "A-1,South,a@example.org,", "A-2,East,b@example.org,")
    site.run_jobs()
    watch.look()
    assert source.firms() == {"A-1": "North"}
    assert source.names() == ["guests.csv"]
    take_files(site, watch)
    assert source.firms() == {"A-1": "South", "A-2": "East"}
    assert source.names() == []


def test_S7_an_import_that_was_stopped_keeps_its_file_under_failed(site: PlatformAccount, source: FolderSource, watch: FolderWatch) -> None:
    source.drop("guests.csv", "A-1,North,a@example.org,")
    look_twice(watch)
    file = source.progress.file
    assert file is not None and file.job is not None  # noqa: PT018
    control.cancel(file.job, site.pk)
    watch.look()
    assert source.names("failed") == ["guests.csv", "guests.csv.report.txt"]
    assert "was stopped" in source.report("failed", "guests.csv.report.txt")


def test_S7_a_paused_folder_waits(site: PlatformAccount, source: FolderSource, watch: FolderWatch) -> None:
    with saving(site.pk, by=BY) as transaction:
        pause(transaction, source.id)
    source.drop("guests.csv", "A-1,North,a@example.org,")
    look_twice(watch)
    assert not site.run_jobs()
    with saving(site.pk, by=BY) as transaction:
        resume(transaction, source.id)
    take_files(site, watch)
    assert source.firms() == {"A-1": "North"}


def test_S7_without_a_folder_of_the_operator_there_is_no_such_source(site: PlatformAccount, client: Client) -> None:
    site.signs_in(client)
    assert "Watched folder" not in text_of(client.get("/settings/sources/new/").content)
    with pytest.raises(Invalid, match="HELIOGRAPH_FOLDERS"), saving(site.pk, by=BY) as transaction:
        add_source(transaction, "folder", "Drop box")


def test_S7_the_first_file_teaches_the_columns_by_the_pages(
    site: PlatformAccount, incoming: Path, watch: FolderWatch, client: Client
) -> None:
    site.signs_in(client)
    assert "Watched folder" in text_of(client.get("/settings/sources/new/").content)
    answer = client.post("/settings/sources/new/folder/", {"name": "Weekly export"})
    (_settings, _sources, id, *_rest) = answer["Location"].strip("/").split("/")
    page = f"/settings/sources/{id}/"
    source = FolderSource(site.store, site.pk, int(id), incoming)
    assert "Nobody has imported a file yet" in text_of(client.get(f"{page}folder/").content)
    answer = client.post(f"{page}first-file/", follow=True)
    assert "There is no file in the folder yet." in text_of(answer.content)
    source.drop("week.csv", "A-1,North,a@example.org,")
    answer = client.post(f"{page}first-file/")
    columns = answer["Location"]
    form = posted(client.get(columns).content.decode(), "columns") | {"event": [EVENT], "c-1": ["code"], "c-2": ["profile.organization"]}
    dry_run = client.post(columns, form)["Location"]
    site.run_jobs()
    client.post(dry_run, posted(client.get(dry_run).content.decode(), "dry-run") | {"quiet": ["1"], "do": ["import"]})
    (job,) = site.run_jobs()
    assert (job.state, source.names()) == (JobState.DONE, ["week.csv"])
    folder = client.get(f"{page}folder/").content.decode()
    assert "week.csv" in folder
    form = posted(folder, "folder") | {"reading": [str(job.pk)]}
    assert source.row.switched_on is None
    answer = client.post(f"{page}folder/", form, follow=True)
    assert "It is on" in text_of(answer.content)
    source.drop("next.csv", "A-2,South,b@example.org,")
    take_files(site, watch)
    take_files(site, watch)
    assert source.firms() == {"A-1": "North", "A-2": "South"}
    shown = text_of(client.get(page).content)
    for words in ("week.csv", "next.csv", f"source-{id}", "Watching its folder"):
        assert words in shown
    call = source.db.all("SELECT max(id) FROM source_call")[0][0]
    assert client.get(f"{page}calls/{call}/")["Location"].startswith("/jobs/")


def test_S7_only_an_administrator_changes_a_folder(site: PlatformAccount, source: FolderSource, client: Client) -> None:
    site.signs_in(client, Role.PLANNER)
    page = f"/settings/sources/{source.id}/"
    assert client.get(page).status_code == 200
    assert client.get(f"{page}folder/").status_code == 403
    assert client.post(f"{page}first-file/").status_code == 403


def test_S7_files_of_any_name_are_imported(site: PlatformAccount, source: FolderSource, watch: FolderWatch, client: Client) -> None:
    source.folder.mkdir()
    for number, name in enumerate([b"\xff\xfe.csv", b"new\nline.csv", "<b>Gäste<b>.csv".encode(), b"x" * 250 + b".csv"]):
        (source.folder / os.fsdecode(name)).write_bytes(b"Reg no,Firm,Mail\nA-%d,North,a@example.org\n" % number)
    for _file in range(4):
        take_files(site, watch)
    assert len(source.firms()) == 4
    assert source.names() == []
    site.signs_in(client)
    page = client.get(f"/settings/sources/{source.id}/").content.decode()
    assert "&lt;b&gt;Gäste" in page
