"""What one document may cost others (A4, I5): counted in executed lines of our code, because timing tests would be unreliable."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.builders.running_account import RunningAccount
from tests.costly import OPTIONS, QUESTIONS, TYPES, CostlyAccount, body, mean, worst, worst_after
from tests.databases import DatabaseFacts

from heliograph.domain.registration.document import MAX_SESSIONS
from heliograph.domain.registration.item_plan import LARGEST_STATE
from heliograph.recording.json_documents import MOST_DIGITS, MOST_VALUES
from heliograph.store.registrations import SEARCHED

MOST = 20
WORST = worst()


@pytest.fixture(params=["flows", "no flows"])
def account(fresh_database: DatabaseFacts, request: pytest.FixtureRequest) -> Iterator[CostlyAccount]:
    """Without flows the usual document costs least, so the others weigh most in comparison; with flows each session is delivered."""
    acme = RunningAccount(fresh_database)
    yield CostlyAccount(acme, flows=request.param == "flows")
    acme.close()


def test_I5_A4_the_worst_document_of_a_megabyte_costs_at_most_twenty_usual_ones(account: CostlyAccount) -> None:
    """The usual document is that of `heliograph bench`: 40 fields, 2 KB, no sessions; the worst ones have 500 times its bytes.

    Names in the configuration are folded once, before; another test below covers that.
    """
    account.record(mean())
    usual, reply = account.lines_of(mean())
    assert reply.status == 201
    for made in WORST.values():
        account.record(made)
    found = {kind: account.lines_of(made) for kind, made in WORST.items()}
    for kind, (_, reply) in found.items():
        if kind.endswith("as many as are taken"):  # otherwise it would be cheap because the door refuses it
            assert "too many" not in reply.content.get("detail", ""), kind
    costs = {kind: lines / usual for kind, (lines, _) in found.items()}
    costs |= {kind: account.record_after(before, made)[0] / usual for kind, (before, made) in worst_after().items()}
    assert {kind: round(cost, 1) for kind, cost in costs.items() if cost > MOST} == {}


def test_I5_A4_what_is_refused_for_its_size_says_how_much_is_taken(account: CostlyAccount) -> None:
    """I2: the answer tells a sender what to send instead."""
    for kind, most in (
        ("numbers", f"{MOST_VALUES:,}"),
        ("more sessions than are taken", f"{MAX_SESSIONS}"),
        ("long texts", f"{LARGEST_STATE:,}"),
        ("numbers of 4,000 digits", f"{MOST_DIGITS}"),
    ):
        reply = account.record(WORST[kind])
        assert reply.status == 400, kind
        assert most in reply.content["detail"], kind


def test_I5_A4_a_long_registration_takes_so_many_sessions_that_its_changes_stay_bounded(account: CostlyAccount) -> None:
    """Each change contains the whole registration; a refused document changes nothing, and the number named in the answer is accepted."""
    long, many = worst_after()["too many sessions of a long registration"]
    assert account.record(long, "LONG").status == 201
    refused = account.record(many, "LONG")
    (error,) = refused.content["errors"]
    assert (refused.status, error["field"]) == (400, "sessions")
    most = int(error["reason"].rpartition("at most ")[2].split()[0])
    sessions = json.loads(many)["sessions"]
    assert account.record(body(sessions=sessions[:most]), "LONG").status == 200
    assert account.record(body(sessions=sessions[most : 2 * most + 1]), "LONG").status == 400
    assert account.acme.db.all("SELECT count(*) FROM session_registration") == [(most,)]


def test_I5_A4_a_registration_does_not_grow_beyond_its_bound_document_by_document(account: CostlyAccount) -> None:
    texts = [f"q{n}" for n in range(0, QUESTIONS, len(TYPES))]
    statuses = [account.record(body(answers={name: name * 6_000}), "GROWS").status for name in texts]
    assert set(statuses[:10]) <= {200, 201}
    assert set(statuses[-10:]) == {400}
    ((length,),) = account.acme.db.all("SELECT length(state) FROM registration WHERE code = 'GROWS'")
    assert length <= LARGEST_STATE
    assert account.record(body(answers={texts[0]: "short"}), "GROWS").status == 200


def test_I5_A4_what_is_searched_stays_short_whatever_letters_become(account: CostlyAccount) -> None:
    """PostgreSQL refuses index rows of more than a third of a page."""
    assert account.record(WORST["names: one letter becomes eighteen"], "FDFA").status == 201
    ((length,),) = account.acme.db.all("SELECT length(search) FROM registration WHERE code = 'FDFA'")
    assert length <= 8 * SEARCHED


def test_I5_A4_configuration_is_folded_once_however_many_documents_name_it_otherwise(account: CostlyAccount) -> None:
    first, second = (account.lines_of(body(answers={"q4": ["OPTION 999"], "QUESTION 3": "OPTION 998"}))[0] for _ in range(2))
    assert first > second + OPTIONS
    assert second < 2 * account.lines_of(body(answers={"q4": ["Option 999"], "q3": "Option 998"}))[0]
