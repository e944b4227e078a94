"""A source that reads a list signs in by a connection: a key, or OAuth2 with a token that ends while it reads (S3, guide: Connections)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from tests.builders.account import BY
from tests.builders.connection import connection
from tests.builders.list_source import ListSource, list_source
from tests.builders.platform_account import PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.oauth import Authority
from tests.receiver import Receiver
from tests.rest_platform import Manners, Platform
from tests.rest_stub import RestStub

from heliograph.accounts.models import Account
from heliograph.domain.connection.secret import Secret
from heliograph.jobs.models import JobState
from heliograph.setup.services.setup_save import saving

KEY = "key of the platform"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        yield site


@pytest.fixture
def authority(receiver: Receiver) -> Authority:
    return Authority(receiver)


@pytest.fixture
def stub(authority: Authority) -> Iterator[RestStub]:
    """Takes the key, and tokens of the authority that are valid at that moment. A page has few items, so a reading needs many."""

    def accepts(header: str) -> bool:
        kind, _, token = header.partition(" ")
        return kind == "Bearer" and (token == KEY or token in authority.valid)

    with RestStub(Platform(Manners(largest_page=5), random.Random(3)), accepts) as stub:
        yield stub


def signed_in(site: PlatformAccount, stub: RestStub, secrets: dict[Secret, str], **fields: Any) -> ListSource:
    """A source that reads the stub by a connection of this kind."""
    Account.objects.filter(pk=site.pk).update(allowed_networks=["127.0.0.0/8"])
    with saving(site.pk, by=BY, whole_account=True) as transaction:
        made = connection(transaction, "Platform", f"{stub.origin}/items", secrets=secrets, http=True, **fields)
    return list_source(site.store, site.pk, stub.platform, stub.origin, connection=made.pk)


def test_a_key_goes_with_every_request(site: PlatformAccount, stub: RestStub) -> None:
    source = signed_in(site, stub, {Secret.KEY: KEY}, auth="API Key / Token")
    stub.edit(20)
    source.read()
    assert source.state() == source.expected()
    assert source.row.failures == 0


def test_one_token_reads_many_pages_and_a_revoked_one_is_replaced(site: PlatformAccount, stub: RestStub, authority: Authority) -> None:
    source = signed_in(site, stub, authority.secrets(), **authority.fields())
    stub.edit(40)
    source.read()
    assert source.state() == source.expected()
    assert len(stub.urls) > 3
    assert authority.requests == 1
    authority.revoke()
    for number in range(20):
        stub.write(f"k{number}", {"state": "paid", "number": number})
    source.read()
    assert source.expected().items() <= source.state().items()
    assert (authority.requests, source.row.failures) == (2, 0)


def test_a_sign_in_that_is_refused_is_said_and_loses_nothing(site: PlatformAccount, stub: RestStub, authority: Authority) -> None:
    source = signed_in(site, stub, {Secret.CLIENT_SECRET: "another"}, **authority.fields())
    stub.edit(10)
    assert source.read().state == JobState.DONE
    assert source.row.failures == 1
    assert source.state() == {}
    authority.secret = "another"
    source.read()
    assert source.state() == source.expected()
    assert (source.row.failures, source.row.failure) == (0, "")


def test_the_secret_is_in_no_failure(site: PlatformAccount, stub: RestStub) -> None:
    source = signed_in(site, stub, {Secret.KEY: "a wrong key"}, auth="API Key / Token")
    source.read()
    assert "401" in source.row.failure
    assert "a wrong key" not in source.row.failure + str(source.db.all("SELECT error, parameters FROM jobs_job"))
