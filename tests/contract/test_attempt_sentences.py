"""Every sentence that a worker writes into an attempt stands in one place, and pages find it again in the stored text (35.10)."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import polib
import pytest
from django.utils import translation

from heliograph.deliveries.message_words import is_known, message_sentence, message_words
from heliograph.domain.connection.connection import Auth, Connection, OAuthGrant
from heliograph.domain.connection.oauth_access import ByCode, ByCredentials, ByRefresh, denied
from heliograph.domain.delivery.attempt_sentences import AttemptReason, AttemptSentence
from heliograph.domain.flow.request_lacks import RequestLack
from heliograph.domain.sentence_template import Sentence
from heliograph.outbound.failures import explain
from heliograph.outbound.guard import Policy, allow
from heliograph.outbound.target import read_target

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "heliograph"
VALUES = {
    "sentence": AttemptSentence.NOT_REACHED.fill(target="id.example"),
    "said": "The user: gone. It says nothing",
    "reason": "its certificate has expired",
    "why": AttemptReason.NO_ADDRESS.fill(address="'x'"),
    "what": "a private address",
    "problem": "is not a header name: letters, digits and dashes make one",
    "secret": "client secret",
    "grant": "Client Credentials",
    "kind": "a private address",
    "then": "Live",
    "now": "Test",
    "scope": "read write",
    "error": "invalid_request",
    "status": 503,
    "seconds": 9,
    "most": "8,192",
    "place": "account",
    "method": "'PUT'",
}
"""Values of sentences, by their names; any other is a host."""
WRITERS = {"Refused", "CouldNotBegin", "ValidationFailed", "Failure", "NoAddress", "Closed", "AddressPermission"} | {
    "oauth_refused",
    "classify_transport_error",
    "_refuse",
}
"""What takes a sentence for an attempt."""
WRITTEN_IN = ("domain/delivery", "domain/connection", "domain/flow", "outbound", "engine/worker", "connections/services")


def filled(template: AttemptSentence | AttemptReason) -> str:
    names = re.findall(r"%\((\w+)\)s", template)
    return template.fill(**{name: VALUES.get(name, "crm.example:8443") for name in names})


@pytest.mark.needs("gettext")
def test_every_sentence_is_a_message(messages: Sequence[polib.POEntry]) -> None:
    assert {*map(str, AttemptSentence), *map(str, AttemptReason), *map(str, RequestLack)} <= {entry.msgid for entry in messages}


@pytest.mark.parametrize("template", AttemptSentence)
def test_every_sentence_is_found_again_in_its_text(template: AttemptSentence) -> None:
    sentence = message_sentence(filled(template))
    assert isinstance(sentence, Sentence)
    assert (sentence.template, str(sentence)) == (template.value, filled(template))


@pytest.mark.needs("gettext")
@pytest.mark.parametrize("template", AttemptReason)
def test_every_reason_is_found_again_in_its_sentence(template: AttemptReason, german: None) -> None:
    text = AttemptSentence.BLOCKED.fill(target="crm.example", why=filled(template))
    assert message_words(text) == text
    with translation.override("de"):
        assert message_words(text).startswith("⟦crm.example is blocked: ⟦")


def test_no_text_for_an_attempt_is_written_elsewhere() -> None:
    """A sentence that stands in its writer's file would stay English on every page."""
    wrong = []
    for path in (path for folder in WRITTEN_IN for path in sorted((PACKAGE / folder).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            texts = [each for argument in _written(node) for each in ast.walk(argument) if isinstance(each, ast.Constant | ast.JoinedStr)]
            wrong += [f"{path.name}:{each.lineno}" for each in texts if " " in ast.unparse(each) and not _allowed(node)]
    assert wrong == []


def _written(node: ast.AST) -> Sequence[ast.expr]:
    """What a writer is given, or a cause has beside it."""
    if isinstance(node, ast.Call) and (getattr(node.func, "id", "") or getattr(node.func, "attr", "")) in WRITERS:
        return node.args
    return node.elts if isinstance(node, ast.Tuple) and ast.unparse(node).startswith("(Cause.") else ()


def _allowed(node: ast.AST) -> bool:
    """Whether it is why an address may be reached, which no attempt says, or a field with its problem."""
    text = ast.unparse(node)
    return text.startswith(("AddressPermission(True", "ValidationFailed(tuple("))


@pytest.mark.needs("gettext")
def test_every_answer_of_an_authority_is_translated(german: None) -> None:
    connection = Connection(
        "CRM", "https://crm.example", auth=Auth.OAUTH2, grant=OAuthGrant.AUTHORIZATION_CODE, access_token_url="https://id.example/token"
    )
    asks = (ByCredentials(), ByCode("c", "v", "https://a.example"), ByRefresh("r"))
    errors = ("invalid_client", "invalid_grant", "invalid_scope", "unauthorized_client", "unsupported_grant_type", "server_error")
    for facts, ask, error, description in product((connection, replace(connection, scope="a b")), asks, errors, ("", "No. Never: ever")):
        text = denied(facts, ask, error, description).refused.message
        assert message_words(text) == text
        with translation.override("de"):
            shown = message_words(text)
        assert shown.startswith("⟦")
        assert shown.replace("⟦", "").replace("⟧", "") == text
        assert shown.endswith(" It says: No. Never: ever⟧" if description else "⟧")


@pytest.mark.needs("gettext")
@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.1.2.3", "169.254.169.254", "224.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "9000::1", "192.31.196.0", "x"],
)
def test_every_refusal_of_the_guard_is_translated(address: str, german: None) -> None:
    permission = allow(address, 443, Policy())
    if permission.allowed:
        permission = allow(address, 80, Policy(), plain=True)
    text = AttemptSentence.BLOCKED.fill(target="crm.example", why=permission.reason)
    with translation.override("de"):
        shown = message_words(text)
    assert shown.startswith("⟦crm.example is blocked: ⟦")
    assert shown.replace("⟦", "").replace("⟧", "") == text
    assert " is a" not in re.sub("⟦[^⟦⟧]*⟧", "", shown)


@pytest.mark.needs("gettext")
def test_a_stored_message_is_shown_in_german(german: None) -> None:
    stored = {
        "email is not a number; phone is required and empty": "email ⟦is not a number⟧; phone ⟦is required and empty⟧",
        "The target answered 404: no such contact": "⟦The target answered 404.⟧: no such contact",
        "https://crm.example could not prove who it is: its certificate has expired.": (
            "⟦https://crm.example could not prove who it is: ⟦its certificate has expired⟧.⟧"
        ),
        "email is unheard of; phone is required and empty": "email is unheard of; phone is required and empty",
        "Say it: loud": "Say it: loud",
        "": "",
        "No access token: id.example did not answer within 9 s.": "⟦No access token: ⟦id.example did not answer within 9 s.⟧⟧",
        "No access token: id.example answered 503.": "⟦No access token: id.example answered 503.⟧",
        "id.example refused to give access (invalid_grant). Connect again. It says: Who: you?": (
            "⟦⟦id.example refused to give access (invalid_grant). Connect again.⟧ It says: Who: you?⟧"
        ),
        "It was made in Live, but the flow is now Test.": "⟦It was made in ⟦Live⟧, but the flow is now ⟦Test⟧.⟧",
        "127.0.0.1 is blocked: 127.0.0.1 is a loopback address (127.0.0.0/8), and the operator has not allowed that network.": (
            "⟦127.0.0.1 is blocked: ⟦127.0.0.1 is ⟦⟦a loopback address⟧ (127.0.0.0/8)⟧, and the operator has not allowed that network⟧.⟧"
        ),
        "The header 'X-A' is longer than 8,000 characters.": "⟦The header 'X-A' ⟦is longer than 8.000 characters⟧.⟧",
        "The request is wrong. It says: nothing": "The request is wrong. It says: nothing",
        "The destination has no connection.": "⟦The destination has no connection.⟧",
    }
    for text, in_german in stored.items():
        assert message_words(text) == text
        with translation.override("de"):
            assert message_words(text) == in_german


def test_every_failure_to_reach_a_target_has_words() -> None:
    target = read_target("https://crm.example/hook")
    for code in range(1, 101):
        for sent, answered, verify, seconds in product((True, False), (True, False), (0, 9, 10, 62), (0.2, 30.0)):
            message = explain(code, target, sent=sent, answered=answered, verify=verify, system=0, seconds=seconds)[1]
            assert is_known(message), message
