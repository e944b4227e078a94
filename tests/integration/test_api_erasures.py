"""Erasing a person by the REST API (B7): what is known, the confirmation, the erasure, and what sources propose."""

from __future__ import annotations

import pytest
from tests.api_client import ApiClient
from tests.story import Story

from heliograph.accounts.models import Role, TokenScope
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.registrations.erasures import erasure_job
from heliograph.setup.services.account_creation import AccountFacts, create_account
from heliograph.store import erasures

PERSON = {"first_name": "Noor", "last_name": "Haddad", "email": "noor@example.org"}


@pytest.fixture
def api(story: Story) -> ApiClient:
    story.record("R1", status="Attended", profile=PERSON)
    story.record("R2", status="Attended", profile=PERSON)
    return ApiClient.for_account(story.account)


def test_B7_a_person_is_read_confirmed_and_erased_once_for_a_key(story: Story, api: ApiClient) -> None:
    id = str(story.registrations["R1"])
    person = api.get(f"registrations/{id}/person")
    assert [each["code"] for each in person["registrations"]] == ["R1", "R2"]
    assert (person["confirmation"], person["changes"], person["applications"], person["undelivered"]) == ("noor@example.org", 2, [], 0)
    asked = {"registration": id, "confirmation": "noor@example.com", "reference": "DSR-7"}
    problem = api.post("erasures", asked, status=400)
    assert [each["field"] for each in problem["errors"]] == ["confirmation"]
    asked["confirmation"] = "NOOR@example.org"
    made = api.post("erasures", asked, Idempotency_Key="k1")
    assert api.post("erasures", asked, Idempotency_Key="k1") == made
    assert (made["why"], made["reference"], made["registrations"], made["ended"]) == ("asked", "DSR-7", 2, None)
    Runner(JobKinds([erasure_job.kind()])).run_one(int(made["job"]))
    done = api.get(f"erasures/{made['id']}")
    assert done["ended"] is not None
    assert done["counts"]["registrations"] == 2
    assert api.get("erasures")["items"] == [done]
    api.get(f"registrations/{id}/person", status=404)
    api.get(f"registrations/{id}", status=404)
    again = api.post("registrations", {"event": "SUMMIT", "code": "R1", "profile": PERSON}, status=200)
    assert again == {"outcome": "erased", "registration": None, "version": 0, "changes": []}


def test_B7_proposals_are_listed_and_declined(story: Story, api: ApiClient) -> None:
    with story.db.transaction():
        erasures.propose(story.db, story.account, [story.registrations["R1"]], "source:1")
    (proposal,) = api.get("erasure-proposals")["items"]
    assert (proposal["registration"], proposal["by"]) == (str(story.registrations["R1"]), "source:1")
    api.delete(f"erasure-proposals/{proposal['id']}")
    assert api.get("erasure-proposals")["items"] == []
    api.delete(f"erasure-proposals/{proposal['id']}", status=404)


def test_B7_another_account_and_a_lesser_token_reach_nobody(story: Story, api: ApiClient) -> None:
    other = ApiClient.for_account(create_account(AccountFacts("OTHER", "Other"), by="test").pk)
    id = str(story.registrations["R1"])
    other.get(f"registrations/{id}/person", status=404)
    other.post("erasures", {"registration": id, "confirmation": "noor@example.org"}, status=404)
    planner = ApiClient.for_account(story.account, role=Role.PLANNER, name="planner")
    planner.post("erasures", {"registration": id, "confirmation": "noor@example.org"}, status=403)
    reader = ApiClient.for_account(story.account, (TokenScope.READ, TokenScope.OPERATE), name="reader")
    reader.get(f"registrations/{id}/person", status=403)
