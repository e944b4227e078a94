"""What pages say of a refusal: the target's own words first, and no cause that its answer and the way of signing in do not make likely (C3, D6)."""

from __future__ import annotations

from itertools import product

import pytest
from tests.refusal_facts import agrees

from heliograph.connections import diagnosis_words
from heliograph.deliveries.prospects import ConnectionHold, Hold, Prospect
from heliograph.deliveries.refusals import Refusal
from heliograph.domain.connection.connection import Auth, Connection, OAuthGrant, SignIn
from heliograph.domain.connection.diagnosis import (
    DiagnosisReport,
    DiagnosisStep,
    DiagnosisVerdict,
    Finding,
    Stepped,
    StepState,
    finding_of_answer,
    refusal_finding,
)
from heliograph.domain.connection.stated_error import OF_SIGN_IN, stated_error
from heliograph.domain.connection.target_response import TargetResponse
from heliograph.domain.delivery.outcomes import Cause, category_of_status
from heliograph.domain.delivery.retry_policy import Category
from heliograph.retry.cure_words import Failure, cure_of

STATUSES = (301, 400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 422, 425, 429, 500, 502, 503, 504, 520)
ERRORS = ("", "invalid_token", "invalid_client", "insufficient_scope")


@pytest.mark.parametrize(("sign_in", "status", "error"), list(product([None, *SignIn], STATUSES, ERRORS)))
def test_D6_a_cure_agrees_with_the_answer_and_with_how_the_connection_signs_in(sign_in: SignIn | None, status: int, error: str) -> None:
    category = category_of_status(status)
    failure = Failure(Cause.ANSWER, category, status, Refusal(error, error, sign_in), connection=1)
    waits, used_up = cure_of(failure, prospect=Prospect(connection=1)), cure_of(failure, prospect=Prospect(connection=1), used_up=True)
    for text in (waits, used_up):
        agrees(text, sign_in, status, error)
    assert ("sent right away" in waits) <= (category is Category.CONFIG)  # only these are due once their fix is saved (D7)
    assert "sent right away" not in used_up
    assert "submit" in used_up
    if status in (400, 401, 403, 404) and error in OF_SIGN_IN:
        assert "mapping" not in waits  # what is sent is not what was refused
    if status >= 500 or status in (408, 425, 429):
        assert waits == "Usually passes automatically." or error


@pytest.mark.parametrize(("sign_in", "status", "error"), list(product([None, *SignIn], STATUSES, ERRORS)))
def test_C3_a_test_says_the_same_of_an_answer_and_quotes_the_target_first(sign_in: SignIn | None, status: int, error: str) -> None:
    step_and_finding = finding_of_answer(status, {}, b"", wants_json=True, error=error)
    assert step_and_finding is not None
    step, finding = step_and_finding
    assert finding is refusal_finding(status, error)
    report = DiagnosisReport(
        DiagnosisVerdict.FAILED,
        tuple(Stepped(each, StepState.FAILED if each is step else StepState.DONE) for each in DiagnosisStep),
        "crm.example.com",
        finding=finding,
        status=status,
        sign_in=sign_in,
        says=error,
    )
    wrong, remedy = diagnosis_words.wrong(report), diagnosis_words.remedy(report)
    agrees(f"{wrong} {remedy}", sign_in, status, error)
    assert wrong.startswith(f"The target says: “{error}”." if error else "")
    if finding is not Finding.MOVED:
        assert remedy == diagnosis_words.remedy_of(finding, sign_in)
    assert DiagnosisReport.from_body(report.to_body()) == report


def test_C1_each_way_of_signing_in_is_told_apart() -> None:
    ways = {
        (Auth.OPEN, OAuthGrant.CLIENT_CREDENTIALS): SignIn.NOTHING,
        (Auth.BASIC, OAuthGrant.CLIENT_CREDENTIALS): SignIn.PASSWORD,
        (Auth.KEY, OAuthGrant.AUTHORIZATION_CODE): SignIn.KEY,
        (Auth.OAUTH2, OAuthGrant.CLIENT_CREDENTIALS): SignIn.CLIENT_TOKEN,
        (Auth.OAUTH2, OAuthGrant.AUTHORIZATION_CODE): SignIn.PERSON_TOKEN,
    }
    for (auth, grant), sign_in in ways.items():
        assert Connection("CRM", "https://crm.example.com", auth=auth, grant=grant).sign_in is sign_in


@pytest.mark.parametrize(
    ("headers", "body", "error"),
    [
        ((), b'{"error": "invalid_token", "error_description": "expired"}', "invalid_token"),
        ((), b'{"error": {"code": "invalid_client"}}', "invalid_client"),
        ((("www-authenticate", 'Bearer realm="x", error="insufficient_scope", scope="write"'),), b"", "insufficient_scope"),
        ((("www-authenticate", "Basic"),), b'{"error": "email is missing"}', ""),
        ((), b'["invalid_token"]', ""),
        ((), b'{"error": 7}', ""),
        ((), b"invalid_token\n", "invalid_token"),
        ((), b"invalid_token of somebody", ""),
    ],
)
def test_C4_the_error_that_an_answer_states(headers: tuple[tuple[str, str], ...], body: bytes, error: str) -> None:
    assert stated_error(TargetResponse(401, headers, body)) == error


@pytest.mark.parametrize(("sign_in", "status"), list(product([None, *SignIn], STATUSES)))
def test_D6_what_is_most_likely_is_said_once_and_not_of_the_targets_own_faults(sign_in: SignIn | None, status: int) -> None:
    text = diagnosis_words.likely_remedy(refusal_finding(status), sign_in)
    passes = status >= 500 or status in (408, 425, 429)
    assert text.lower().count("most likely") == (0 if passes else 1), text


@pytest.mark.parametrize(("status", "used_up"), [(401, True), (403, False), (422, True), (422, False)])
def test_D6_one_item_is_not_spoken_of_as_many(status: int, used_up: bool) -> None:
    failure = Failure(Cause.ANSWER, Category.GENERAL, status, Refusal("", "", SignIn.KEY), connection=1)
    assert "submit it again" in cure_of(failure, used_up=used_up, is_single=True)
    assert any(words in cure_of(failure, used_up=used_up) for words in ("submit them again", "submit the items again"))


# --- what keeps an item from being sent


@pytest.mark.parametrize("used_up", [False, True])
@pytest.mark.parametrize(
    ("prospect", "words"),
    [
        (Prospect(Cause.FLOW_INACTIVE, connection=1), "The flow is off"),
        (Prospect(Cause.FLOW_MODE, connection=1), "other mode"),
        (Prospect(Cause.FLOW_WATCH, connection=1), "now watches for something else"),
        (Prospect(Cause.FLOW_INCOMPLETE, connection=1), "incomplete"),
        (Prospect(Cause.CONNECTION_GONE), "no usable connection"),
        (Prospect(Cause.MAPPING_GONE, connection=1), "mapping of the flow was deleted"),
        (Prospect(connection=1, hold=ConnectionHold(Hold.PAUSED)), "is paused"),
        (Prospect(connection=1, hold=ConnectionHold(Hold.RELEASED)), "is being released"),
        (Prospect(connection=1, hold=ConnectionHold(Hold.RESTS, 1_800_000_000_000_000)), "paused until"),
        (Prospect(connection=1, hold=ConnectionHold(Hold.SILENT)), "Single requests test it"),
        (Prospect(connection=2, name="New CRM"), "The flow now sends over New CRM"),
        (Prospect(Cause.FLOW_DELETED), "Nothing is left to send"),
        (Prospect(Cause.DESTINATION_REMOVED), "Nothing is left to send"),
    ],
)
def test_D7_no_cure_promises_what_the_flow_and_the_connection_of_today_do_not_hold(prospect: Prospect, words: str, used_up: bool) -> None:
    failure = Failure(Cause.ANSWER, Category.CONFIG, 401, Refusal("", "", SignIn.KEY), connection=1)
    text = cure_of(failure, prospect=prospect, used_up=used_up)
    assert words in text
    assert "sent right away" not in text
    if prospect.is_over:
        assert "submit" not in text.lower()
