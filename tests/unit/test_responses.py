"""Response rules (C7): what each condition checks, what a clause makes of an answer, and the proposal made from one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from heliograph.domain.connection.connection import Connection
from heliograph.domain.connection.response_rule import (
    Condition,
    Rule,
    Then,
    classify_response,
    counts_leads,
    first_match,
    read_rule,
    refuses_token,
)
from heliograph.domain.connection.rule_proposal import propose
from heliograph.domain.connection.setup_error import ConnectionSetupError
from heliograph.domain.connection.target_response import TargetResponse
from heliograph.domain.delivery.outcomes import Cause, Delivered, HoldConnection, Lead, PauseConnection, Refused, effect_on_connection
from heliograph.domain.delivery.retry_policy import MINUTE, SECOND, Category
from heliograph.domain.mapping.json_bodies import Body, BodyError

NOW = 1_800_000_000_000_000
ANSWER: dict[str, Any] = {
    "ok": False,
    "error": "channel_not_found",
    "code": 602,
    "share": 1.0,
    "none": None,
    "empty": [],
    "tags": ["Alpha", "Beta"],
    "result": [{"status": "Skipped", "reasons": [{"code": "1006", "message": "Field not found"}]}],
}


def reply(body: object = b"", status: int = 200, **headers: str) -> TargetResponse:
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return TargetResponse(status, [(name.replace("_", "-"), value) for name, value in headers.items()], data)


def rule(*clauses: dict[str, Any]) -> Rule:
    return read_rule(Body({"rule": list(clauses)}))


def failed(*conditions: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"if": list(conditions), "then": "failed", **more}


OK_FALSE = {"in": "json", "name": "ok", "is": ["false"]}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"in": "status", "is": ["200-299"]}, True),
        ({"in": "status", "is": ["404", "200"]}, True),
        ({"in": "status", "is": ["201-299"]}, False),
        ({"in": "body", "contains": ["CHANNEL_not"]}, True),
        ({"in": "body", "contains": ["nothing", "Alpha"]}, True),
        ({"in": "body", "is": ["channel_not_found"]}, False),
        ({"in": "body", "filled": True}, True),
        (OK_FALSE, True),
        ({**OK_FALSE, "unless": True}, False),
        ({"in": "json", "name": "ok", "is": ["0"]}, False),
        ({"in": "json", "name": "code", "is": ["601", "602"]}, True),
        ({"in": "json", "name": "share", "is": ["1"]}, True),
        ({"in": "json", "name": "none", "is": ["null"]}, True),
        ({"in": "json", "name": "none", "filled": True}, False),
        ({"in": "json", "name": "empty", "filled": True}, False),
        ({"in": "json", "name": "ok", "filled": True}, True),
        ({"in": "json", "name": "away", "filled": True}, False),
        ({"in": "json", "name": "away", "is": ["null"]}, False),
        ({"in": "json", "name": "away", "is": ["x"], "unless": True}, True),
        ({"in": "json", "name": "tags", "is": ["beta"]}, True),
        ({"in": "json", "name": "tags", "contains": ["bet"]}, True),
        ({"in": "json", "name": "result", "is": ["skipped"]}, False),
        ({"in": "json", "name": "result[0].status", "is": [" skipped "]}, True),
        ({"in": "json", "name": "result[0].reasons[0].code", "is": ["1006"]}, True),
        ({"in": "json", "name": "result[1].status", "is": ["skipped"]}, False),
        ({"in": "header", "name": "Content-Type", "contains": ["JSON"]}, True),
        ({"in": "header", "name": "content-type", "is": ["application/json"]}, False),
        ({"in": "header", "name": "x-away", "filled": True}, False),
        ({"in": "header", "name": "x-two", "is": ["b"]}, True),
    ],
)
def test_C7_each_condition(condition: dict[str, Any], holds: bool) -> None:
    answer = TargetResponse(
        200, [("content-type", "application/json; charset=utf-8"), ("x-two", "a"), ("x-two", "b")], json.dumps(ANSWER).encode()
    )
    read = Condition.from_body(condition, "if[0]")
    assert read.holds(answer) is holds
    assert Condition.from_body(read.to_body(), "if[0]") == read


def test_C7_a_list_at_the_top_is_read_too() -> None:
    answer = reply([{"errorCode": "DUPLICATE_VALUE", "message": "There is one"}], 400)
    made = rule(failed({"in": "json", "name": "[0].errorCode", "is": ["DUPLICATE_VALUE"]}, says="It is there already", shows="[0].message"))
    outcome = classify_response(made, answer, NOW)
    assert isinstance(outcome, Refused)
    assert outcome.message == "It is there already: There is one"


def test_C7_the_first_clause_that_matches_decides() -> None:
    made = rule(
        {"if": [{"in": "json", "name": "created", "is": ["true"]}], "then": "delivered", "lead": "created"},
        {"if": [{"in": "json", "name": "created", "is": ["false"]}], "then": "delivered", "lead": "updated"},
        failed({"in": "status", "is": ["200-299"]}, category="Config"),
        {"if": [{"in": "status", "is": ["409"]}], "then": "delivered"},
    )
    assert classify_response(made, reply({"created": True}, 201), NOW) == Delivered(201, Lead.CREATED)
    assert classify_response(made, reply({"created": False}), NOW) == Delivered(200, Lead.UPDATED)
    assert classify_response(made, reply("<html>"), NOW) == Refused(
        Category.CONFIG, Cause.RULE, "The response rule says that this answer (200) is a failure.", left=True, status=200
    )
    assert classify_response(made, reply(b"", 409), NOW) == Delivered(409)
    assert first_match(made, reply(b"", 500)) is None
    assert counts_leads(made)
    assert not counts_leads(made[2:])


def test_C7_where_no_clause_matches_the_status_decides() -> None:
    made = rule(failed(OK_FALSE))
    assert classify_response(made, reply({"ok": True}), NOW) == Delivered(200)
    outcome = classify_response(made, reply(b"", 503, retry_after="30"), NOW)
    assert outcome == Refused(Category.CONNECTION, Cause.ANSWER, "The target answered 503.", left=True, status=503, retry_after=30 * SECOND)
    assert effect_on_connection(classify_response(made, reply(b"", 410), NOW), NOW) == PauseConnection()


def test_C7_a_clause_says_how_long_the_connection_rests() -> None:
    made = rule(failed(OK_FALSE, category="Connection", retry_after=60, shows="error"))
    outcome = classify_response(made, reply(ANSWER), NOW)
    assert isinstance(outcome, Refused)
    assert (outcome.category, outcome.retry_after, outcome.reached) == (Category.CONNECTION, MINUTE, True)
    assert outcome.message.endswith("is a failure: channel_not_found")
    assert effect_on_connection(outcome, NOW) == HoldConnection(NOW + MINUTE)
    asked = classify_response(rule(failed(OK_FALSE)), reply({"ok": False}, retry_after="5"), NOW)
    assert isinstance(asked, Refused)
    assert asked.retry_after == 5 * SECOND  # the target's own wait counts too


def test_C7_a_rule_can_say_what_410_is() -> None:
    made = rule({"if": [{"in": "status", "is": ["410"]}], "then": "failed"})
    assert effect_on_connection(classify_response(made, reply(b"", 410), NOW), NOW) is None


def test_C4_a_clause_can_say_that_the_access_token_was_refused() -> None:
    made = rule(failed({"in": "json", "name": "errors[0].code", "is": ["601", "602"]}, renew=True, says="The token has expired."))
    answer = reply({"success": False, "errors": [{"code": "602"}]})
    assert refuses_token(made, answer)
    assert not refuses_token(made, reply({"success": True}))
    outcome = classify_response(made, answer, NOW)
    assert outcome == Refused(Category.CONFIG, Cause.OAUTH, "The token has expired.", left=True, status=200)


@pytest.mark.parametrize(
    "data",
    [b"[" * 100_000, b'{"ok":' * 50_000, b"\xff\xfe\x00", b"1" * 10_000, b'{"ok": fal', b"\xef\xbb\xbf{}", b'{"ok": "\\ud800"}', b"NaN"],
)
def test_C7_a_hostile_answer_breaks_nothing(data: bytes) -> None:
    made = rule(failed(OK_FALSE, shows="ok"), failed({"in": "body", "contains": ["zzz"]}))
    assert classify_response(made, reply(data), NOW) == Delivered(200)
    assert propose(reply(data), Then.FAILED)


@pytest.mark.parametrize(
    ("clause", "where", "reason"),
    [
        ({"if": [], "then": "failed"}, "rule[0].if", "a condition"),
        ({"if": [OK_FALSE], "then": "maybe"}, "rule[0].then", "expected one of"),
        ({"if": [OK_FALSE], "then": "delivered", "retry_after": 5}, "rule[0].then", "only a failure has a category, a reason or a rest"),
        ({"if": [OK_FALSE], "then": "failed", "lead": "created"}, "rule[0].lead", "a failure has created and updated nothing"),
        ({"if": [OK_FALSE], "then": "failed", "category": "Validation"}, "rule[0].category", "expected one of"),
        ({"if": [OK_FALSE], "then": "failed", "retry_after": 90_000}, "rule[0].retry_after", "from 1 to 86400"),
        ({"if": [OK_FALSE], "then": "failed", "shows": "a..b"}, "rule[0].shows", "A name is missing"),
        (failed({"in": "json", "name": "a[", "is": ["x"]}), "rule[0].if[0].name", "bracket"),
        (failed({"in": "json", "name": "a[1000]", "is": ["x"]}), "rule[0].if[0].name", "at most 100 entries"),
        (failed({"in": "json", "name": ".".join("abcdefghijklmnopq"), "is": ["x"]}), "rule[0].if[0].name", "at most 16 steps"),
        (failed({"in": "json", "name": "a", "is": []}), "rule[0].if[0].is", "compare with"),
        (failed({"in": "json", "name": "a", "is": [" "]}), "rule[0].if[0].is", "compare with"),
        (failed({"in": "json", "name": "a"}), "rule[0].if[0]", "expected one of"),
        (failed({"in": "json", "name": "a", "is": [False]}), "rule[0].if[0].is[0]", "expected a text"),
        (failed({"in": "body", "name": "a", "is": ["x"]}), "rule[0].if[0].name", "no parts"),
        (failed({"in": "header", "name": "a b", "is": ["x"]}), "rule[0].if[0].name", "not a header name"),
        (failed({"in": "status", "is": ["2xx"]}), "rule[0].if[0].is", "neither a status"),
        (failed({"in": "status", "is": ["299-200"]}), "rule[0].if[0].is", "after its end"),
        (failed({"in": "status", "contains": ["200"]}), "rule[0].if[0].contains", "a range"),
        (failed({"in": "status", "filled": True}), "rule[0].if[0]", "which status"),
        (failed({"in": "body", "filled": False}), "rule[0].if[0].filled", "unless"),
    ],
)
def test_C7_what_cannot_be_a_rule_says_where_and_why(clause: dict[str, Any], where: str, reason: str) -> None:
    with pytest.raises(BodyError) as caught:
        rule(clause)
    assert caught.value.where == where
    assert reason in caught.value.reason
    with pytest.raises(ConnectionSetupError) as refused:
        Connection.from_body({"name": "C", "origin": "https://x.example", "auth": "Open / No Auth", "rule": [clause]})
    assert refused.value.field == where


def test_C7_the_rule_is_part_of_the_connections_body() -> None:
    made = rule(failed(OK_FALSE, category="Config", says="No.", shows="error", retry_after=9), failed({"in": "body", "filled": True}))
    connection = Connection("C", "https://x.example", rule=made)
    assert Connection.from_body(connection.to_body()) == connection
    assert "rule" not in Connection("C", "https://x.example").to_body()


@pytest.mark.parametrize(
    ("answer", "conditions", "shows"),
    [
        (reply({"ok": False, "error": "no_text"}), [{"in": "json", "name": "ok", "is": ["false"]}], "error"),
        (
            reply({"success": False, "errors": [{"code": "1006", "message": "Field not found"}]}),
            [{"in": "json", "name": "success", "is": ["false"]}],
            "errors[0].message",
        ),
        (
            reply([{"message": "Required fields are missing", "errorCode": "REQUIRED_FIELD_MISSING"}]),
            [{"in": "json", "name": "[0].errorCode", "is": ["REQUIRED_FIELD_MISSING"]}],
            "[0].message",
        ),
        (
            reply("<html>", content_type="text/html; charset=utf-8"),
            [{"in": "header", "name": "content-type", "contains": ["text/html"]}],
            "",
        ),
        (reply("Hook rules were not satisfied."), [{"in": "body", "is": ["Hook rules were not satisfied."]}], ""),
        (reply("A long story\n" + "x" * 200), [{"in": "body", "contains": ["A long story"]}], ""),
        (reply({"unknown": {"shape": 1}}), [{"in": "body", "is": ['{"unknown": {"shape": 1}}']}], ""),
        (reply('{\n  "id": 17,\n  "note": "nothing"\n}'), [{"in": "body", "contains": ['"id": 17,']}], ""),
        (reply({"error": "one\ntwo"}), [{"in": "body", "is": ['{"error": "one\\ntwo"}']}], "error"),
        (reply("key … is not known to us"), [{"in": "body", "contains": ["is not known to us"]}], ""),
        (reply(b""), [{"in": "body", "filled": True, "unless": True}], ""),
        (reply(b" \r\n"), [{"in": "body", "filled": True, "unless": True}], ""),
    ],
    ids=["flag", "errors", "list", "page", "text", "long", "unknown", "laid_out", "lines", "masked", "empty", "blank"],
)
def test_C7_a_rule_is_proposed_from_an_answer_that_is_really_a_failure(
    answer: TargetResponse, conditions: list[dict[str, Any]], shows: str
) -> None:
    (clause,) = propose(answer, Then.FAILED)
    assert [c.to_body() for c in clause.conditions] == [{"in": "status", "is": ["200-299"]}, *conditions]
    assert clause.shows == shows
    assert isinstance(classify_response((clause,), answer, NOW), Refused)


@pytest.mark.parametrize("bad", [b"", b" ", b"{}", b"[]", b'{"unknown": 1}', b"<html>", b"\xff\xff"])
def test_C7_a_failure_that_was_made_a_rule_leaves_the_next_good_answer_alone(bad: bytes) -> None:
    made = propose(reply(bad), Then.FAILED)
    assert isinstance(classify_response(made, reply(bad), NOW), Refused)
    for good in (b"Saved, thank you", b'{"id": 17, "status": "created"}'):
        assert classify_response(made, reply(good), NOW) == Delivered(200), made


PARTLY = [
    ({"in": "status", "is": ["200"]}, True),
    ({"in": "header", "name": "x-a", "is": ["1"]}, True),
    ({"in": "header", "name": "x-b", "is": ["1"]}, False),
    ({"in": "body", "contains": ["begin"]}, True),
    ({"in": "body", "contains": ["end"]}, None),
    ({"in": "body", "contains": ["end"], "unless": True}, None),
    ({"in": "body", "filled": True}, True),
    ({"in": "body", "is": ["the beginning of it"]}, None),
    ({"in": "body", "is": ["another"]}, False),
    ({"in": "json", "name": "ok", "is": ["false"]}, None),
    ({"in": "json", "name": "ok", "filled": True, "unless": True}, None),
]


@pytest.mark.parametrize(("condition", "holds"), PARTLY)
def test_C7_of_a_part_of_an_answer_only_what_it_tells_is_said(condition: dict[str, Any], holds: bool | None) -> None:
    answer = TargetResponse(200, [("x-a", "1")], b"The beginning", cut=True)
    assert Condition.from_body(condition, "").holds(answer) is holds


def test_C7_an_answer_too_long_to_judge_is_never_delivered() -> None:
    made = rule(failed(OK_FALSE), {"if": [{"in": "status", "is": ["200-299"]}], "then": "delivered"})
    long = TargetResponse(200, [], b'{"padding": "', cut=True)
    outcome = classify_response(made, long, NOW)
    assert isinstance(outcome, Refused)
    assert (outcome.category, outcome.cause, outcome.left) == (Category.GENERAL, Cause.RULE, True)
    assert "too long to read" in outcome.message
    assert first_match(made, long) is None
    assert not refuses_token(rule(failed(OK_FALSE, renew=True)), long)
    by_status = classify_response(made, TargetResponse(503, [], b"{", cut=True), NOW)
    assert isinstance(by_status, Refused)
    assert by_status.category is Category.CONNECTION
    assert classify_response(rule(failed({"in": "status", "is": ["409"]})), long, NOW) == Delivered(200)  # which needs no more of it


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("Zu spät".encode("latin-1"), "text/plain; charset=ISO-8859-1"),
        ("Zu spa\u0308t".encode(), "text/plain"),
        ("\ufeffZU SPÄT".encode(), "text/plain; charset=latin-1"),
        ("Zu spät".encode("utf-16"), 'text/plain; charset="utf-16"'),
        ('{"says": "Zu spät"}'.encode("cp1252"), "application/json; charset=windows-1252"),
        ('{"says": "Zu spät"}'.encode("utf-16-le"), "application/json"),
    ],
)
def test_C7_texts_are_compared_in_their_charset_and_however_accents_are_written(body: bytes, content_type: str) -> None:
    place = {"in": "json", "name": "says"} if "json" in content_type else {"in": "body"}
    for wanted in ("zu spät", "zu spa\u0308t"):
        condition = Condition.from_body({**place, "is": [wanted]}, "")
        assert condition.holds(TargetResponse(200, [("content-type", content_type)], body)), wanted


@pytest.mark.parametrize("charset", ["idna", "zip", "rot13", "unicode_escape", "punycode", "no such", "\0", "x" * 5_000, ""])
def test_C7_a_charset_that_is_none_of_the_web_is_utf_8(charset: str) -> None:
    assert TargetResponse(200, [("content-type", f"text/plain; charset={charset}")], "spät".encode()).text == "spät"


def test_C7_a_rule_is_proposed_from_an_answer_that_is_a_success() -> None:
    made = propose(reply("Saved, thank you"), Then.DELIVERED)
    assert classify_response(made, reply("saved, thank you "), NOW) == Delivered(200)
    assert isinstance(classify_response(made, reply("Please sign in"), NOW), Refused)
    exists = propose(reply({"code": "exists"}, 409), Then.DELIVERED)
    assert classify_response(exists, reply({"code": "exists"}, 409), NOW) == Delivered(409)
    assert isinstance(classify_response(exists, reply({"code": "locked"}, 409), NOW), Refused)


@pytest.mark.parametrize(
    ("created", "updated"),
    [
        ({"id": "1", "success": True, "created": True}, {"id": "1", "success": True, "created": False}),
        ({"success": True, "result": [{"id": 1, "status": "created"}]}, {"success": True, "result": [{"id": 1, "status": "updated"}]}),
    ],
)
def test_X2_a_proposed_rule_counts_what_the_target_created_and_updated(created: object, updated: object) -> None:
    made = propose(reply(created), Then.DELIVERED)
    assert classify_response(made, reply(created), NOW) == Delivered(200, Lead.CREATED)
    assert classify_response(made, reply(updated), NOW) == Delivered(200, Lead.UPDATED)
