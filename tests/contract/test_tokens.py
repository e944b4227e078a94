"""API tokens (O6; docs/design/security.md, section 3) and the commands that set an installation up."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django_scopes import scope
from tests.credentials import token_secret
from tests.databases import DatabaseFacts
from tests.processes import Starter

from heliograph.accounts.api_tokens import NoSuchToken, TokenRefused, create_token, revoke_token
from heliograph.accounts.models import ApiToken, AuditEntry
from heliograph.setup.services.account_creation import AccountFacts, create_account
from heliograph.store.django_database import of_django
from heliograph.store.token_check import ApiGrant, find_grant, note_use


@pytest.fixture
def account(db: None) -> int:
    return create_account(AccountFacts("TOKENS", "Tokens"), by="test").pk


def grant(token: str) -> ApiGrant | None:
    return find_grant(of_django(connection), token)


def test_a_token_is_found_and_only_its_digest_is_kept(account: int) -> None:
    made = create_token(account, "badge desk", by="user:1")
    assert grant(made.secret) == ApiGrant(made.row.pk, account, frozenset({"ingest"}))
    with scope(account=account):
        row = ApiToken.objects.values().get()
        assert not any(token_secret(made.secret) in str(value) for value in row.values())
        assert "token" in AuditEntry.objects.values_list("kind", flat=True)


def test_what_is_not_exactly_the_token_is_unknown(account: int) -> None:
    token = create_token(account, "badge desk", by="user:1").secret
    other = "A" if token[-1] != "A" else "B"
    for wrong in ("", token[:-1], token + "A", token[:-1] + other, token.upper(), token.replace("hg_", "hg-"), token.partition("_")[2]):
        assert grant(wrong) is None


def test_a_revoked_or_expired_token_is_unknown(account: int) -> None:
    revoked = create_token(account, "one", by="user:1")
    revoke_token(account, revoked.row.pk, by="user:1")
    revoke_token(account, revoked.row.pk, by="user:1")
    assert grant(revoked.secret) is None
    soon = create_token(account, "two", by="user:1", expires=datetime.now(UTC) + timedelta(days=1))
    assert grant(soon.secret) is not None
    with scope(account=account):
        ApiToken.objects.filter(pk=soon.row.pk).update(expires=1)
    assert grant(soon.secret) is None


def test_a_token_that_cannot_be_is_refused(account: int) -> None:
    for name in ("", " ", "x" * 101, "two\nlines"):
        with pytest.raises(TokenRefused):
            create_token(account, name, by="user:1")
    with pytest.raises(TokenRefused, match="expired"):
        create_token(account, "x", by="user:1", expires=datetime(2020, 1, 1, tzinfo=UTC))


def test_another_accounts_token_cannot_be_revoked(account: int) -> None:
    made = create_token(account, "x", by="user:1")
    other = create_account(AccountFacts("OTHER", "Other"), by="test").pk
    with pytest.raises(NoSuchToken):
        revoke_token(other, made.row.pk, by="user:1")


def test_last_used_only_rises(account: int) -> None:
    made = create_token(account, "x", by="user:1")
    db = of_django(connection)
    for at in (2_000_000, 1_000_000):
        note_use(db, [made.row.pk], at)
    assert db.all("SELECT last_used FROM api_token") == [(2_000_000,)]


def test_O6_account_user_and_token_from_the_command_line(fresh_database: DatabaseFacts, heliograph: Starter) -> None:
    """From a migrated database to a script's token; every mistake gives one sentence and exit code 1."""
    made = heliograph.run("createaccount", "ACME", "--name", "Acme", "--timezone", "Europe/Berlin", "--json")
    assert json.loads(made.output)["code"] == "ACME"
    again = heliograph.run("createaccount", "acme")
    assert (again.returncode, "already" in again.output) == (1, True)
    user = heliograph.run("createuser", "zoe@example.org", "--account", "ACME", "--role", "administrator", "--generate", "--json")
    facts = json.loads(user.output)
    assert (facts["role"], len(facts["password"])) == ("Administrator", 35)
    token = json.loads(heliograph.run("createtoken", "ACME", "--name", "desk", "--days", "7", "--json").output)
    assert token["scopes"] == ["ingest"]
    assert token["token"].startswith("hg_")
    unknown = heliograph.run("createtoken", "NOPE", "--name", "desk")
    assert (unknown.returncode, unknown.output.strip()) == (1, "There is no account NOPE. Accounts: ACME.")


def test_O6_a_password_comes_from_a_file(fresh_database: DatabaseFacts, heliograph: Starter, tmp_path: Path) -> None:
    heliograph.run("createaccount", "ACME")
    file = tmp_path / "password"
    file.write_text("short\n")
    weak = heliograph.run("createuser", "a@example.org", "--account", "ACME", "--password-file", str(file))
    assert (weak.returncode, "too short" in weak.output) == (1, True)
    file.write_text("correct horse battery staple\n")
    assert heliograph.run("createuser", "a@example.org", "--account", "ACME", "--password-file", str(file)).returncode == 0
    both = heliograph.run("createuser", "b@example.org", "--password-file", str(file), "--generate")
    assert both.returncode == 2
