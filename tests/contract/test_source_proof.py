"""What the services keep of a source's proof is what the doors find (S2, C5)."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django_scopes import scope
from tests.builders.account import Acme, acme
from tests.builders.inbound_calls import BODY, NOW, proven_call, secret_for

from heliograph.accounts.models import AuditEntry
from heliograph.accounts.vault import vault
from heliograph.domain.source.handshake import META, X_CRC, ZOOM, Handshake
from heliograph.domain.source.inbound_request import Accepted, RefusalReason, Refused
from heliograph.domain.source.verification import Algorithm, Verification
from heliograph.domain.source.verification_presets import PRESETS
from heliograph.domain.source.verifier import verify
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.sources.models import Source
from heliograph.sources.services.source_proof import STAYS_VALID, SourceProof, add_secret, end_secret, save_proof, secrets_of
from heliograph.sources.services.sources import add_source, remove
from heliograph.store.inbound_calls import DoorSource, find_source

pytestmark = pytest.mark.django_db

STANDARD = PRESETS["standard-webhooks"].verification
KEY = secret_for(STANDARD)


@pytest.fixture
def made() -> Acme:
    return acme()


def source(transaction: SetupTransaction, verification: Verification = STANDARD) -> Source:
    row = add_source(transaction, "webhook", "Hook")
    return save_proof(transaction, row.pk, SourceProof(verification, None))


def at_door(transaction: SetupTransaction, row: Source) -> DoorSource:
    door = find_source(transaction.db, vault(), row.path)
    assert door is not None
    return door


def test_S2_two_secrets_are_valid_at_the_door_until_one_is_ended(made: Acme) -> None:
    with made.setting_up() as transaction:
        row = source(transaction)
        assert add_secret(transaction, row.pk, f" {KEY}\n") == KEY
        second = add_secret(transaction, row.pk)
        now = transaction.db.now()
        newest, oldest = at_door(transaction, row).secrets
        assert (newest.value, newest.ends, oldest.value) == (second, None, KEY)
        assert oldest.ends is not None
        assert abs(oldest.ends - now - STAYS_VALID.total_seconds() * 1_000_000) < 60_000_000
        end_secret(transaction, row.pk, oldest.id)
        ended = at_door(transaction, row).secrets[1]
        assert not ended.is_valid(transaction.db.now())
        call = proven_call(STANDARD, KEY, at=transaction.db.now())
        assert verify(STANDARD, at_door(transaction, row).secrets, call, transaction.db.now()) == Refused(RefusalReason.ENDED_SECRET)


@pytest.mark.parametrize("slug", [slug for slug, preset in PRESETS.items() if preset.verification.algorithm is not Algorithm.ED25519])
def test_S2_a_secret_that_was_made_proves_calls_of_each_sender(made: Acme, slug: str) -> None:
    verification = PRESETS[slug].verification
    with made.setting_up() as transaction:
        row = source(transaction, verification)
        text = add_secret(transaction, row.pk)
        assert len(text) <= 150  # Cvent's bound
        door = at_door(transaction, row)
        assert door.verification == verification
        assert isinstance(verify(verification, door.secrets, proven_call(verification, text, BODY), NOW), Accepted)


def test_S2_with_ed25519_the_sender_makes_the_key(made: Acme) -> None:
    verification = PRESETS["standard-webhooks-ed25519"].verification
    with made.setting_up() as transaction:
        row = source(transaction, verification)
        with pytest.raises(Invalid, match="public"):
            add_secret(transaction, row.pk)
        assert add_secret(transaction, row.pk, secret_for(verification)).startswith("whpk_")


@pytest.mark.parametrize("text", ["with/a/slash", "ünicode", "?x", "a b", "a%20b"])
def test_S2_a_secret_in_the_path_must_be_able_to_stand_there(made: Acme, text: str) -> None:
    with made.setting_up() as transaction:
        row = source(transaction, PRESETS["eventbrite"].verification)
        with pytest.raises(Invalid) as refused:
            add_secret(transaction, row.pk, text)
        assert text not in str(refused.value)
        assert not secrets_of(row)


def test_S2_what_a_newer_release_has_saved_takes_nothing(made: Acme) -> None:
    with made.setting_up() as transaction:
        row = source(transaction)
        for settings in ('{"verification": {"proof": "passkey"}}', "[]", '{"verification": 1}', "{}"):
            Source.objects.filter(pk=row.pk).update(settings=settings)
            assert at_door(transaction, row).verification is None


@pytest.mark.parametrize(
    ("handshake", "proof", "marked"),
    [
        (X_CRC, "github", True),
        (replace(ZOOM, signed=False), "zoom", True),
        (ZOOM, "zoom", False),
        (META, "github", False),
        (None, "github", False),
    ],
)
def test_S2_an_update_marks_the_secrets_that_signed_for_strangers(
    made: Acme, handshake: Handshake | None, proof: str, marked: bool
) -> None:
    migration: Any = importlib.import_module("heliograph.sources.migrations.0010_exposed_secrets")
    with made.setting_up() as transaction:
        row = source(transaction, PRESETS[proof].verification)
        save_proof(transaction, row.pk, SourceProof(PRESETS[proof].verification, handshake))
        add_secret(transaction, row.pk)
        migration.mark(None, SimpleNamespace(connection=connection))
        assert [secret.exposed_until is not None for secret in secrets_of(row)] == [marked]
        add_secret(transaction, row.pk)
        assert [secret.exposed_until is not None for secret in secrets_of(row)] == [marked, False]


def test_C5_the_audit_holds_no_secret_and_no_token_of_a_handshake(made: Acme) -> None:
    with made.setting_up() as transaction:
        row = source(transaction)
        texts = [KEY, add_secret(transaction, row.pk), "hush-hush"]
        add_secret(transaction, row.pk, KEY)
        save_proof(transaction, row.pk, SourceProof(STANDARD, replace(META, token="hush-hush")))
        assert at_door(transaction, row).handshake == replace(META, token="hush-hush")
    with scope(account=made.account):
        entries = json.dumps(list(AuditEntry.objects.filter(kind="source").values_list("what", "before", "after")))
    assert "hub.challenge" in entries
    assert not [text for text in texts if text in entries]


def test_C5_a_secret_of_another_account_is_out_of_reach(made: Acme) -> None:
    other = acme()
    with other.setting_up() as transaction:
        theirs = source(transaction)
        add_secret(transaction, theirs.pk, KEY)
        (secret,) = secrets_of(theirs)
    with made.setting_up() as transaction:
        own = source(transaction)
        for act in (
            lambda: add_secret(transaction, theirs.pk, KEY),
            lambda: end_secret(transaction, theirs.pk, secret.pk),
            lambda: end_secret(transaction, own.pk, secret.pk),
            lambda: save_proof(transaction, theirs.pk, SourceProof(None, None)),
        ):
            with pytest.raises(NotThere):
                act()


def test_S2_a_removed_source_has_no_secrets_and_no_door(made: Acme) -> None:
    with made.setting_up() as transaction:
        row = source(transaction)
        path = row.path
        add_secret(transaction, row.pk, KEY)
        remove(transaction, row.pk)
        assert find_source(transaction.db, vault(), path) is None
        assert transaction.db.all("SELECT count(*) FROM secret WHERE kind = 'source'") == [(0,)]
