"""Account Settings > Management > Erase a person (B7): who it is, what is known, the confirmation, the report, and what sources propose."""

from __future__ import annotations

import pytest
from django.test import Client
from tests.builders.people import user
from tests.forms import posted
from tests.page_text import text_of
from tests.story import Story

from heliograph.accounts.models import Role
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.registrations.erasures import erasure_job
from heliograph.setup.services.account_creation import AccountFacts, create_account
from heliograph.store import erasures

PERSON = {"first_name": "Noor", "last_name": "Haddad", "email": "noor@example.org"}


def text(client: Client, address: str, *, status: int = 200) -> str:
    response = client.get(address)
    assert response.status_code == status, response.status_code
    return text_of(response.content)


def run_job(story: Story) -> Job:
    ((job,),) = story.db.all("SELECT max(id) FROM jobs_job")
    return Runner(JobKinds([erasure_job.kind()])).run_one(job)


def test_B7_a_person_is_found_looked_at_confirmed_and_erased(story: Story, client: Client) -> None:
    story.flow("Leads", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        story.record("R1", status="Attended", profile=PERSON)
        story.record("R2", status="Attended", profile=PERSON)
        story.record("R3", status="Attended", first="Somebody")
        story.wait_for(lambda: story.states() == ["success"] * 3)
    story.signs_in(client)
    id = story.registrations["R1"]
    assert "Before anything is erased, you see what is known" in text(client, "/settings/erase/")
    assert "Nobody matches" in text(client, "/settings/erase/?q=nobody-at-all")
    listed = text(client, "/settings/erase/?q=haddad")
    assert listed.count("See what is known of Noor Haddad") == 1, "two registrations of one person"
    known = text(client, f"/settings/erase/person/{id}/")
    for words in ("R1 in SUMMIT, R2 in SUMMIT", "What other applications got", "CRM", "Next: confirm"):
        assert words in known, words
    file = client.get(f"/settings/erase/person/{id}/told.csv")
    assert file["Content-Disposition"].startswith("attachment")
    assert "CRM" in file.content.decode()
    assert client.get(f"/settings/erase/person/{id}/confirm/").status_code == 302, "without a reason it leads back"
    address = f"/settings/erase/person/{id}/confirm/?why=asked&reference=DSR-7"
    page = client.get(address).content.decode()
    for words in ("Erase Noor Haddad?", "2 registrations are emptied", "1 application keeps what it got", "Backups"):
        assert words in text_of(page.encode()), words
    form = posted(page, "dialog")
    refused = client.post(address, form | {"confirmation": "noor@example.com"})
    assert refused.status_code == 422
    assert "This is not noor@example.org." in text_of(refused.content)
    done = client.post(address, form | {"confirmation": "Noor@example.org"})
    assert done.status_code == 302
    assert "Being erased: DSR-7" in text(client, done["Location"])
    assert run_job(story).state == JobState.DONE
    report = text(client, done["Location"])
    for words in ("Erased: DSR-7", "The person asked", "Registrations emptied", "Tell 1 application"):
        assert words in report, words
    assert "Haddad" not in report
    assert "DSR-7" in client.get(f"{done['Location']}report.csv").content.decode()
    assert "DSR-7" in text(client, "/settings/erase/")
    assert "Erased the person" in text(client, "/settings/audit/")
    text(client, f"/settings/erase/person/{id}/", status=404)
    listed = text(client, "/registrations/")
    assert "R3" in listed
    assert "erased-" not in listed
    text(client, "/registrations/SUMMIT/R1/", status=404)
    assert "Somebody who was erased" in text(client, "/signal/metrics/feed/")


def test_B7_an_erasure_that_has_stopped_goes_on_from_its_page(story: Story, client: Client) -> None:
    story.record("R1", status="Attended", profile=PERSON)
    story.signs_in(client)
    address = f"/settings/erase/person/{story.registrations['R1']}/confirm/?why=asked"
    form = posted(client.get(address).content.decode(), "dialog")
    done = client.post(address, form | {"confirmation": PERSON["email"]})["Location"]
    story.db.run("UPDATE jobs_job SET state = 'failed', error = 'Job 7 began before.'")
    assert "Job 7 began before." in text(client, done)
    assert client.post(f"{done}resume/").status_code == 302
    assert run_job(story).state == JobState.DONE
    assert "Erased: Erasure" in text(client, done)


def test_B7_what_a_source_proposes_is_reviewed_or_kept(story: Story, client: Client) -> None:
    for code in ("R1", "R2"):
        story.record(code, status="Attended", profile=PERSON | {"email": f"{code}@example.org"})
    with story.db.transaction():
        erasures.propose(story.db, story.account, list(story.registrations.values()), "source:1")
    story.signs_in(client)
    assert "Sources have erased 2 registrations" in text(client, "/settings/erase/")
    page = client.get("/settings/erase/proposed/").content.decode()
    assert "Review and erase R1" in text_of(page.encode())
    first, second = erasures.open_proposals(story.db, story.account)
    assert client.post("/settings/erase/proposed/", {"keep": str(first.id)}).status_code == 302
    assert client.post("/settings/erase/proposed/", {"keep": str(first.id)}).status_code == 404
    assert client.post("/settings/erase/proposed/", {"keep": "x"}).status_code == 404
    assert [each.id for each in erasures.open_proposals(story.db, story.account)] == [second.id]


@pytest.mark.parametrize("role", [Role.PLANNER, Role.VIEWER])
def test_B7_only_an_administrator_of_the_account_may(story: Story, client: Client, role: Role) -> None:
    story.record("R1", status="Attended", profile=PERSON)
    id = story.registrations["R1"]
    addresses = (
        "/settings/erase/",
        "/settings/erase/proposed/",
        f"/settings/erase/person/{id}/",
        f"/settings/erase/person/{id}/confirm/?why=asked",
    )
    story.signs_in(client, role)
    for address in addresses:
        assert client.get(address).status_code == 403
    assert "Erase a person" not in text(client, "/settings/users/")
    other = create_account(AccountFacts("OTHER", "Other"), by="test")
    client.force_login(user(other, Role.ADMINISTRATOR, name="Eve", email="eve@example.net"))
    for address in addresses[2:]:
        assert client.get(address).status_code == 404
    assert "Haddad" not in text(client, "/settings/erase/?q=haddad")
