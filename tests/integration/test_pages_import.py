"""The import wizard: upload, columns, dry run with what the account lacks, the import and its refused lines (I1, I4)."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.builders import platform_account
from tests.builders.account import inside
from tests.builders.platform_account import EVENT, PlatformAccount, count_changes, planned, registration_state
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.page_text import text_of

from heliograph.accounts.models import Role
from heliograph.domain.delivery.action import ActionState
from heliograph.jobs.models import Job, JobState
from heliograph.registrations.imports import uploads
from heliograph.setup.models import CustomField, RegistrationStatus
from heliograph.store.config_cache import Committed
from heliograph.store.instants import from_micros

HEAD = "Reg no;First;Surname;Mail;Status;Ticket;Food\n"
ROWS = [
    "A-1;Zoë;Marin;zoe@example.org;Attended;Guest;Vegan",
    "A-2;山田;花子;hanako@example.net;Visa pending;Volunteer;Halal",
    "A-3;Joe;Citizen;joe@example.org;Visa pending;Volunteer;",
    ";No;Code;;New;Guest;",
    'A-5;"=1+1";Evil;evil@example.org;New;Guest;Mud',
]


def upload(client: Client, text: str | bytes, name: str = "Teilnehmer März.csv", event: str = EVENT) -> str:
    """The upload's id."""
    data = text.encode() if isinstance(text, str) else text
    answer = client.post("/import/", {"file": SimpleUploadedFile(name, data), "event": event})
    assert answer.status_code == 302, text_of(answer.content)
    return str(answer["Location"].split("/")[2])


def to_dry_run(site: PlatformAccount, client: Client, id: str, **changed: str) -> str:
    """Through the columns and the dry run; its page."""
    url = f"/import/{id}/columns/"
    form = posted(client.get(url).content.decode(), "columns") | {name.replace("_", "-"): [value] for name, value in changed.items()}
    answer = client.post(url, form)
    assert answer.status_code == 302, text_of(answer.content)
    (job,) = site.run_jobs()
    assert job.state == JobState.DONE, job.error
    page = client.get(f"/import/{id}/dry-run/")
    assert page.status_code == 200
    return page.content.decode()


def test_I4_a_reason_is_named_without_the_numbers_of_one_of_its_rows(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        rows = [f"{code};Joe;Citizen;joe@example.org;New;Guest;" for code in ("B-1", "B-2", "B-1", "B-2")]
        id = upload(client, HEAD + "\n".join([*rows, ROWS[3]]))
        page = to_dry_run(site, client, id, c_6="attendee_type", c_7="answers.diet")
        assert "Line … has this code already <span" in page
        assert "Line 2 has this code already <span" not in page


def test_I4_a_file_goes_through_the_wizard_and_what_is_lacking_is_created_as_ticked(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.record("A-1", status="New", profile={"first_name": "Zoë"}, answers={"diet": ["Halal"]})
        site.signs_in(client, Role.PLANNER)
        assert "None yet." in text_of(client.get("/import/").content)
        id = upload(client, HEAD + "\n".join(ROWS))
        page = client.get(f"/import/{id}/columns/").content.decode()
        form = posted(page, "columns")
        assert form["c-1"] == ["code"]
        assert form["c-5"] == ["status"]
        assert "separated by semicolons" in page
        before = count_changes(site)
        page = to_dry_run(site, client, id, c_6="attendee_type", c_7="answers.diet")
        text = text_of(page.encode())
        assert count_changes(site) == before
        for words in (
            "What the 5 rows would do",
            "New 3",
            "Changed 1",
            "Skipped 1",
            "Visa pending",
            "Custom status",
            "Volunteer",
            "Attendee type",
        ):
            assert words in text, (words, text)
        assert 'class="error"' not in page
        form = posted(page, "dry")
        # The class and the tag of the status are chosen; the attendee type is not created, nor the option that looks like nothing.
        lacks = {row["name"]: n for n, row in enumerate(_result(site)["lacks"])}
        status = lacks["Visa pending"]
        form |= {"create": [str(status)], f"class-{status}": ["Denied"], f"tags-{status}": ["Nonsense"]}
        bad = client.post(f"/import/{id}/dry-run/", form | {"do": ["import"], "quiet": ["1"]})
        assert bad.status_code == 422
        assert "The tag “Nonsense” can’t be used" in bad.content.decode()
        form |= {f"tags-{status}": ["registered"]}
        assert client.post(f"/import/{id}/dry-run/", form | {"do": ["again"]}).status_code == 302
        (job,) = site.run_jobs()
        assert job.counts["refused"] == 4
        page = client.get(f"/import/{id}/dry-run/").content.decode()
        shown = text_of(page.encode())
        assert "4 rows would be skipped" in shown
        assert "4 of 5 rows are skipped." in shown
        assert "Download the skipped rows" in shown
        assert "refused" not in shown.lower()
        reasons = re.findall(rf'<a href="(/import/{id}/dry-run/\?kind=\d+)#refused"[^>]*>([^<]*?) <span class="count">(\d+)</span>', page)
        assert sum(int(number) for _href, _reason, number in reasons) >= 4
        assert len(reasons) > 1
        assert page.count('class="row-lead"') > client.get(reasons[0][0]).content.decode().count('class="row-lead"')
        for href, reason, _number in reasons:
            of_reason = client.get(href).content.decode()
            assert re.search(rf'href="{re.escape(href)}#refused" aria-current="true"', of_reason), reason
        form = posted(page, "dry")
        assert form["create"] == [str(status)]
        assert form[f"tags-{status}"] == ["Registered"]
        assert form[f"class-{status}"] == ["Denied"]
        begun = client.post(f"/import/{id}/dry-run/", form | {"do": ["import"], "quiet": ["1"]})
        assert begun["Location"].startswith("/jobs/")
        assert "Importing" in text_of(client.get(begun["Location"]).content)
        (job,) = site.run_jobs()
        assert (job.state, job.counts["refused"]) == (JobState.DONE, 4)
        made = next(s for s in site.acme.event_config().statuses.values() if s.name == "Visa pending")
        assert (str(made.cls), set(made.tags)) == ("Denied", {site.acme.tags["Registered"].pk})
        assert "Volunteer" not in {t.name for t in site.acme.event_config().types.values()}
        text = text_of(client.get(begun["Location"]).content)
        for words in (
            "4 lines were refused",
            "Recorded without sending.",
            "Also created: custom status Visa pending",
            "Download the refused lines",
        ):
            assert words in text, (words, text)
        ((quiet,),) = site.store.all(
            "SELECT quiet FROM change c JOIN registration r ON r.id = c.registration_id WHERE r.code = 'A-1' ORDER BY c.id DESC LIMIT 1"
        )
        assert quiet
        file = client.get(f"{begun['Location']}refused.csv")
        lines = b"".join(file.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
        assert "attachment" in file["Content-Disposition"]
        assert "A-2;" not in lines
        assert "花子" in lines
        assert lines.count("\n") >= 5
        assert "Teilnehmer März.csv" in text_of(client.get("/import/").content)
        again = upload(client, HEAD + ROWS[0])
        assert posted(client.get(f"/import/{again}/columns/").content.decode(), "columns")["c-7"] == ["answers.diet"], (
            "as the import before had it"
        )


def _result(site: PlatformAccount) -> dict[str, list[dict[str, object]]]:
    with inside(site.acme):
        found: dict[str, list[dict[str, object]]] = Job.objects.latest("pk").result
    return found


def test_I2_flows_act_on_an_import_unless_it_is_quiet(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        id = upload(client, "code,status\nB-1,Paid\n")
        page = to_dry_run(site, client, id)
        assert "No row is skipped, and nothing is missing." in text_of(page.encode())
        acting = [flow.name for flow in site.acme.config().flows.values() if f"{flow.name} on 1" in text_of(page.encode())]
        assert f"1 change is checked. By today’s rules 1 flow acts: {acting[0]} on 1." in text_of(page.encode())
        answers = [client.post(f"/import/{id}/dry-run/", posted(page, "dry") | {"do": ["import"], "quiet": ["0"]}) for _ in range(2)]
        assert answers[0]["Location"] == answers[1]["Location"], "a second click imports nothing twice"
        site.run_jobs()
        assert registration_state(site, "B-1").status == site.ids["Paid"]
        assert site.store.all("SELECT decision FROM run") == [(2,)], "as the dry run said"
        again = to_dry_run(site, client, upload(client, "code,status\nB-1,Paid\n"))
        assert "0 changes are checked." in text_of(again.encode())


def test_35_8_parts_of_the_bar_lead_to_their_rows(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.record("A-1", status="New", profile={"first_name": "Zoë"})
        site.record("A-2", status="New", profile={"first_name": "Ana"})
        site.signs_in(client, Role.PLANNER)
        new = [f"B-{number:02};New;Ida" for number in range(30)]
        id = upload(client, "\n".join(["code;status;first name", "A-1;Attended;Zoë", "A-2;New;Ana", *new]))
        page = to_dry_run(site, client, id)
        assert "registrations would be new" not in text_of(page.encode())
        href = {words: each for each, words in re.findall(r'<a href="([^"]*\?rows=[^"]*)">([^<]*)</a>', page)}
        assert set(href) == {"New", "Changed", "The same"}
        text = text_of(client.get(href["New"].partition("#")[0]).content)
        assert "30 registrations would be new" in text
        assert "The first 25 of them, in the order of the file." in text
        assert ("B-24" in text, "B-25" in text) == (True, False)
        changed = client.get(href["Changed"].partition("#")[0]).content.decode()
        assert "1 registration would change" in text_of(changed.encode())
        assert f'<a href="/registrations/{EVENT}/A-1/">' in changed
        assert f'<a href="/registrations/{EVENT}/A-2/">' in client.get(href["The same"].partition("#")[0]).content.decode()
        assert 'id="rows"' not in client.get(f"/import/{id}/dry-run/?rows=erased").content.decode()


def test_35_8_a_part_without_rows_is_no_link(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        page = to_dry_run(site, client, upload(client, "code,status\nB-1,New\n"))
        assert re.findall(r"\?rows=(\w+)#rows", page) == ["created"]


def test_35_8_the_result_says_what_was_sent(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        id = upload(client, "code,status\nB-1,Paid\nB-2,Paid\nB-3,Paid\nB-4,Visa pending\n")
        url, page = f"/import/{id}/dry-run/", to_dry_run(site, client, id)
        form = posted(page, "dry")
        form["create"] = [str(number) for number, lack in enumerate(_result(site)["lacks"]) if lack["name"] == "Visa pending"]
        client.post(url, form | {"do": ["again"]})
        site.run_jobs()
        page = client.get(url).content.decode()
        assert "1 time a flow would wait, because a status or another name has no tag. Tag coverage" in text_of(page.encode())
        begun = client.post(url, posted(page, "dry") | {"do": ["import"], "quiet": ["0"]})["Location"]
        assert "What was sent" not in text_of(client.get(begun).content)
        site.run_jobs()
        site.record("C-1", status="Paid")
        site.store.run("UPDATE action SET state = 10 WHERE id = (SELECT min(id) FROM action)", {})
        with inside(site.acme):  # what somebody else recorded while it ran is not its own
            Job.objects.filter(parameters__dry_run=False).update(finished=datetime.now(UTC) + timedelta(minutes=1))
        result = client.get(begun).content.decode()
        assert "What was sent Delivered 1 Being sent 2 Waiting 0 Failed 0 Wait for a tag 1 All 4" in text_of(result.encode())
        feed = re.findall(r'href="(/signal/metrics/feed/[^"]*result=success[^"]*)"', result)
        assert len(feed) == 1
        assert "B-1" in text_of(client.get(feed[0].replace("&amp;", "&")).content)
        assert re.search(r"Teilnehmer März\.csv\. \d+ \w+ \d{4}, \d\d:\d\d, by \w+", text_of(result.encode()))
        site.store.run(f"UPDATE action SET state = {ActionState.SUPERSEDED:d} WHERE state = {ActionState.SUCCESS:d}", {})
        site.store.run("UPDATE stuck_run SET message = 'off'", {})  # it waits for its flow
        result = text_of(client.get(begun).content)
        assert "Delivered 0 Being sent 2 Waiting 0 Failed 0 Replaced by newer data 1 Not checked yet 1 All 4" in result


def test_I2_an_import_without_sending_says_nothing_of_deliveries(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        id = upload(client, "code,status\nB-1,Paid\n")
        form = posted(to_dry_run(site, client, id), "dry") | {"do": ["import"], "quiet": ["1"]}
        begun = client.post(f"/import/{id}/dry-run/", form)["Location"]
        site.run_jobs()
        result = text_of(client.get(begun).content)
        assert "Recorded without sending." in result
        assert "What was sent" not in result


def test_I4_what_is_sent_is_chosen_in_the_bar_and_by_nobody_before(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        id = upload(client, "code,status\nB-1,Paid\nB-2,Paid\n")
        url, page = f"/import/{id}/dry-run/", to_dry_run(site, client, id)
        bar = page[page.index('<div class="savebar"') :]
        assert bar.count('name="quiet"') == page.count('name="quiet"') == 2
        assert "checked" not in bar
        assert "Let flows act 2 times 1 flow: what they do" in text_of(f"<main>{bar}".encode())
        assert "Import 2 rows" in text_of(f"<main>{bar}".encode())
        form = posted(page, "dry")
        assert "quiet" not in form
        for unsaid in ({}, {"quiet": [""]}, {"quiet": ["nonsense"]}):
            refused = client.post(url, form | {"do": ["import"]} | unsaid)
            assert refused.status_code == 422, unsaid
            assert "Choose whether flows act on it" in refused.content.decode()
            assert not site.run_jobs()
        assert client.post(url, form | {"do": ["again"]}).status_code == 302, "another dry run sends nothing anyway"
        site.run_jobs()
        begun = client.post(url, form | {"do": ["import"], "quiet": ["1"]})
        (job,) = site.run_jobs()
        assert begun["Location"] == f"/jobs/{job.pk}/"
        assert job.parameters["quiet"] is True
        assert site.store.all("SELECT decision FROM run") == []


def test_I4_the_import_does_what_was_tried_and_nothing_else(database: DatabaseFacts, client: Client) -> None:
    """Another tick, class or tag than the last dry run had: it is tried again first, and the numbers are those of the import."""
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        id = upload(client, "code,status\n" + "".join(f"T-{n},Visa pending\n" for n in range(30)))
        url, page = f"/import/{id}/dry-run/", to_dry_run(site, client, id)
        assert "Let flows act 0 times" in text_of(page.encode()), "the status has no tag yet"
        form = posted(page, "dry") | {"do": ["import"], "quiet": ["0"]}
        (n,) = form["create"]
        for changed in ({f"tags-{n}": ["registered"]}, {"create": []}, {f"tags-{n}": ["registered"], f"class-{n}": ["Denied"]}):
            again = client.post(url, form | changed)
            assert again["Location"] == url, changed
            (tried,) = site.run_jobs()
            assert tried.parameters["dry_run"] is True
            assert "Not started: you changed what is created" in client.get(url).content.decode()
        acting = sum(tried.result["acts"].values())
        page = client.get(url).content.decode()
        assert acting > 0
        assert f"Let flows act {acting} times" in text_of(page.encode()), "as the tag makes them"
        client.post(url, posted(page, "dry") | {"do": ["import"], "quiet": ["0"]})
        (job,) = site.run_jobs()
        assert (job.counts["created"], job.counts["refused"]) == (tried.counts["created"], tried.counts["refused"]) == (30, 0)
        assert site.store.all("SELECT decision FROM run") == [(2,)] * acting


def test_I4_a_dry_run_under_way_says_checking_from_its_beginning(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        id = upload(client, "code\nC-1\n")
        url = f"/import/{id}/columns/"
        assert client.post(url, posted(client.get(url).content.decode(), "columns")).status_code == 302
        for phase in ("", "scanning", "checking"):
            with inside(site.acme):
                Job.objects.update(state=JobState.RUNNING, phase=phase)
            for page in (f"/import/{id}/dry-run/", f"/jobs/{uploads.find(site.pk, id).checked}/"):
                text = text_of(client.get(page).content)
                assert "Checking" in text, phase
                assert not {"Importing", "Imported rows stay"} & {words for words in ("Importing", "Imported rows stay") if words in text}


def test_what_is_no_table_is_refused_and_kept_nowhere(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        folder = database.data / "imports" / "uploads" / str(site.pk)  # of the data folder that all tests of a run share
        before = set(folder.iterdir()) if folder.exists() else set()
        for name, data, said in (
            ("registrations.pages", b"\x00\x01\x02binary" * 50, "is not a table"),
            ("empty.csv", b"", "is empty"),
            ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "Save it as .xlsx"),
            ("bomb.xlsx", b"PK\x03\x04 no zip at all", ""),
        ):
            answer = client.post("/import/", {"file": SimpleUploadedFile(name, data), "event": EVENT})
            assert answer.status_code == 422, name
            assert said in answer.content.decode(), name
        assert client.post("/import/", {"event": EVENT}).status_code == 422
        assert set(folder.iterdir()) == before


def test_columns_that_make_no_document_are_refused_and_stay_as_chosen(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        id = upload(client, "nr,who,mail\nC-1,Joe,joe@example.org\n", event="")
        url = f"/import/{id}/columns/"
        form = posted(client.get(url).content.decode(), "columns")
        for wrong, said in (
            ({"c-1": [""], "c-2": ["profile.first_name"]}, "No column contains the registration code"),
            ({"c-1": ["code"], "c-2": ["code"]}, "only one can"),
            ({"c-1": ["code"], "c-2": ["nonsense.x"]}, "There is no target"),
            ({"c-1": ["code"], "c-2": ["profile.first_name"]}, "No column names the event"),
        ):
            answer = client.post(url, form | wrong)
            assert answer.status_code == 422, said
            assert said in answer.content.decode()
            assert posted(answer.content.decode(), "columns")["c-2"] in (wrong["c-2"], [""])
        assert client.post(url, form | {"c-1": ["code"], "c-2": ["profile.first_name"], "event": [EVENT]}).status_code == 302


def test_a_file_is_read_another_way(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        id = upload(client, "code;name\nD-1;Müller\n".encode("cp1252"))
        url = f"/import/{id}/columns/"
        assert client.post(url, {"do": "read", "encoding": "klingon", "separator": ";"}).status_code == 422
        assert client.post(url, {"do": "read", "encoding": "cp437", "separator": "|"}).status_code == 302
        assert "separated by vertical bars" in client.get(url).content.decode()


def test_I4_the_order_of_dates_is_said_where_it_matters(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        shown = {
            date: client.get(f"/import/{upload(client, f'code,modified\nD-1,{date}\n')}/columns/").content.decode()
            for date in ("2026-05-13T10:00", "13/05/2026")
        }
        assert "Dates are read" not in shown["2026-05-13T10:00"]
        assert "Dates are read day first" in shown["13/05/2026"]


def import_dates(site: PlatformAccount, client: Client, code: str, *dates: str, column: str = "modified") -> datetime:
    """Imports a file with these dates, the column going to Modified; the first row's moment as it was read."""
    rows = "".join(f"{code if n == 0 else f'{code}-{n}'},{date}\n" for n, date in enumerate(dates))
    id = upload(client, f"code,{column}\n{rows}")
    page = to_dry_run(site, client, id, c_2="modified")
    client.post(f"/import/{id}/dry-run/", posted(page, "dry") | {"do": ["import"], "quiet": ["1"]})
    site.run_jobs()
    ((micros,),) = site.store.all("SELECT sent_modified FROM registration WHERE code = :code", {"code": code})
    return from_micros(int(micros))


@pytest.mark.parametrize("column", ["modified", "changed"])
def test_I2_the_dates_of_the_whole_file_decide_their_order(database: DatabaseFacts, client: Client, column: str) -> None:
    """For a target that was guessed and for a chosen one; the rows that columns are guessed from do not show the order."""
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        dates = ["05/06/2026"] * 2_000
        assert import_dates(site, client, "G-1", *dates, "05/13/2026", column=column).month == 5
        assert import_dates(site, client, "G-2", *dates, "13/05/2026", column=column).month == 6, (
            "the columns are as before, the dates are not"
        )


def test_I2_doubt_about_the_order_of_dates_is_reported_though_an_import_had_the_columns(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        assert import_dates(site, client, "G-1", "05/06/2026", "05/13/2026", column="changed").month == 5
        page = client.get(f"/import/{upload(client, 'code,changed\nG-2,05/06/2026\n')}/columns/").content.decode()
        assert posted(page, "columns")["c-2"] == ["modified"]
        assert "Dates could be read day or month first" in page


@pytest.mark.parametrize(("role", "refused"), [(Role.PLANNER, 2), (Role.ADMINISTRATOR, 0)])
def test_P1_the_dry_run_counts_what_this_person_cannot_create(database: DatabaseFacts, client: Client, role: Role, refused: int) -> None:
    with planned(database) as site:
        site.signs_in(client, role)
        page = to_dry_run(site, client, upload(client, "code;shirt\nE-1;XL\nE-2;XL\nE-3;S\n", event=EVENT), c_2="profile.custom.shirt")
        with inside(site.acme):
            assert Job.objects.latest("pk").counts["refused"] == refused
        assert ("An Administrator can add it, under Profile Data." in page) == bool(refused)
        assert "Profile Data has no tags" in page
        assert "tag of their question" not in page


@pytest.mark.parametrize(("role", "made"), [(Role.PLANNER, False), (Role.ADMINISTRATOR, True)])
def test_P1_only_an_administrator_creates_fields_of_the_account(database: DatabaseFacts, client: Client, role: Role, made: bool) -> None:
    with planned(database) as site:
        site.signs_in(client, role)
        id = upload(client, "code,profile.custom.Badge colour\n" + "".join(f"E-{n},red\n" for n in range(20)))
        page = to_dry_run(site, client, id)
        assert ("An Administrator can add it" in page) is not made
        form = posted(page, "dry") | {"create": ["0"], "do": ["import"], "quiet": ["0"]}
        client.post(f"/import/{id}/dry-run/", form)
        site.run_jobs()
        with inside(site.acme):
            assert CustomField.objects.filter(label="Badge colour").exists() is made


def test_P1_viewers_and_other_accounts_see_no_upload(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        other = platform_account.made(site.store)
        site.signs_in(client, Role.PLANNER)
        id = upload(client, "code\nF-1\n")
        page = to_dry_run(site, client, id)
        started = client.post(f"/import/{id}/dry-run/", posted(page, "dry") | {"do": ["import"], "quiet": ["0"]})["Location"]
        site.run_jobs()
        site.signs_in(client, Role.VIEWER)
        for url in ("/import/", f"/import/{id}/columns/", f"/import/{id}/dry-run/", f"{started}refused.csv"):
            assert client.get(url).status_code == 403, url
            assert client.post(url).status_code in (403, 405), url
        other.signs_in(client)
        for url in (
            f"/import/{id}/columns/",
            f"/import/{id}/dry-run/",
            started,
            f"{started}refused.csv",
            "/import/~2E~2E~2F~2E~2E~2F/columns/",
            f"/import/{'0' * 32}/columns/",
        ):
            assert client.get(url).status_code == 404, url
        assert client.post(f"/import/{id}/dry-run/", {"do": "import"}).status_code == 404


def test_a_files_name_cannot_lead_elsewhere_and_old_uploads_go(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        found = uploads.keep(site.pk, "../../etc/pass\x00wd\u202e<b>.csv", [b"code\nG-1\n"], event=EVENT, by="user:1")
        assert found.path.parent.parent == database.data / "imports" / "uploads" / str(site.pk) / found.id
        assert found.name == "passwdb.csv"
        old = found.path.parents[1]
        os.utime(old, (0, 0))
        newer = uploads.keep(site.pk, "x" * 300 + ".csv", [b"code\nG-2\n"], event=EVENT, by="user:1")
        assert not old.exists()
        assert Path(newer.path).is_file()
        assert Committed(site.store).account(site.pk).id == site.pk


def test_A7_an_account_has_one_dry_run_at_a_time_and_the_next_is_told_which(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        first, second = (upload(client, f"code\nF-{n}\n", f"{n}.csv") for n in "12")
        form = posted(client.get(f"/import/{first}/columns/").content.decode(), "columns")
        assert client.post(f"/import/{first}/columns/", form).status_code == 302
        job = uploads.find(site.pk, first).checked
        refused = client.post(f"/import/{second}/columns/", form)
        assert refused.status_code == 409
        assert "A dry run of “1.csv” is under way" in refused.content.decode()
        assert f'href="/jobs/{job}/"' in refused.content.decode()
        with inside(site.acme):
            assert Job.objects.count() == 1
        # The same file again, with other columns: the first one gives way.
        assert client.post(f"/import/{first}/columns/", form).status_code == 302
        with inside(site.acme):
            assert [each.state for each in Job.objects.order_by("pk")] == [JobState.CANCELLED, JobState.QUEUED]
        other = platform_account.made(site.store)
        other.signs_in(client)
        theirs = upload(client, "code\nF-3\n", "3.csv")
        assert client.post(f"/import/{theirs}/columns/", form).status_code == 302
        site.run_jobs()
        site.signs_in(client, Role.PLANNER)
        assert client.post(f"/import/{second}/columns/", form).status_code == 302


def test_A8_how_a_file_is_read_is_chosen_from_a_list(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        id = upload(client, "code;name\nD-1;Müller\n".encode("cp1252"))
        url = f"/import/{id}/columns/"
        page = client.get(url).content.decode()
        assert '<option value="cp1252" selected' in page
        for name in ("idna", "unicode_escape", "hex", "x" * 900, "../os"):
            answer = client.post(url, {"do": "read", "encoding": name, "separator": ";"})
            assert (answer.status_code, "is not a supported encoding" in answer.content.decode()) == (422, True), name
        for text in ("a\0b", "x" * 300_000):
            for field in ("encoding", "separator", "sheet"):
                assert client.post(url, {"do": "read", field: text}).status_code == 400


def test_I4_a_typing_error_is_corrected_with_one_click_and_undone(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        id = upload(client, HEAD + "\n".join([*ROWS, "A-9;Max;Weber;max@example.org;Atended;Guest;Vegan"]))
        page = to_dry_run(site, client, id, c_6="attendee_type", c_7="answers.diet")
        (number,) = [n for n, lack in enumerate(_result(site)["lacks"]) if lack["name"] == "Atended"]
        assert "Use Attended" in text_of(page.encode())
        address = f"/import/{id}/dry-run/"
        assert client.post(address, posted(page, "dry") | {"use": [str(number)]}).status_code == 302
        site.run_jobs()
        page = client.get(address).content.decode()
        assert "“Atended” is read as Attended" in text_of(page.encode())
        assert "Atended" not in {lack["name"] for lack in _result(site)["lacks"]}
        assert client.post(address, posted(page, "dry") | {"undo": ["0"]}).status_code == 302
        site.run_jobs()
        assert "Use Attended" in text_of(client.get(address).content)


def test_I4_a_name_has_one_row_with_all_its_events(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        platform_account.event_in_testing(site, "FORUM-26")
        site.signs_in(client, Role.PLANNER)
        rows = [f"{event},F-{n},Visa pending" for n in range(30) for event in (EVENT, "FORUM-26")]
        rows += [f"{event},Z-{n},Atended" for n in range(2) for event in (EVENT, "FORUM-26")]
        id = upload(client, "event,code,status\n" + "\n".join(rows))
        url, page = f"/import/{id}/dry-run/", to_dry_run(site, client, id)
        text = text_of(page.encode())
        assert "2 names aren’t in Heliograph yet" in text
        assert f"FORUM-26 30 {EVENT} 30" in text
        assert "4 rows; it looks like Attended" in text
        form = posted(page, "dry")
        (number,) = form["create"]
        form |= {f"tags-{number}": ["registered"], "do": ["again"], "use": re.findall(r'name="use" value="(\d+)"', page)}
        assert client.post(url, form).status_code == 302
        site.run_jobs()
        page = client.get(url).content.decode()
        assert f"“Atended” is read as Attended custom status, FORUM-26, {EVENT} Undo" in text_of(page.encode())
        assert page.count('name="undo"') == 1
        assert client.post(url, posted(page, "dry") | {"do": ["import"], "quiet": ["1"]})["Location"].startswith("/jobs/")
        (job,) = site.run_jobs()
        assert (job.counts["created"], job.counts["refused"]) == (64, 0)
        with inside(site.acme):
            assert [status.tags.count() for status in RegistrationStatus.objects.filter(name="Visa pending")] == [1, 1]


@pytest.mark.parametrize(
    ("rows", "words"), [("", "The file has no rows."), (",New\n,New\n", "No row can be imported.")], ids=["empty", "refused"]
)
def test_I4_a_file_of_which_nothing_can_be_imported_says_so(database: DatabaseFacts, client: Client, rows: str, words: str) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        page = text_of(to_dry_run(site, client, upload(client, f"code,status\n{rows}")).encode())
        assert words in page
        assert "the other rows are imported" not in page.lower()
        assert "What is sent" not in page


def test_I4_of_many_accepted_values_the_likeliest_stand_first_and_all_below(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        id = upload(client, "code,status\n" + "Q-1,Atended\n" + "".join(f"R-{n},New\n" for n in range(9)))
        page = to_dry_run(site, client, id)
        assert re.search(r"<bdi>Attended, [^,<]+, [^,<]+</bdi>\s*<details>\s*<summary class=\"sub\">All \d+</summary>", page)
