"""A source reads a real pretix with OAuth2: a person allows it there, and a token that has ended is replaced (S4, RFC 6749 §4.1, §6)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.builders.account import BY
from tests.builders.connection import connection
from tests.builders.platform_account import planned
from tests.builders.pretix_source import prepare
from tests.databases import DatabaseFacts
from tests.pretix import Pretix
from tests.pretix.consent import allowed, application
from tests.pretix.edits import Editor
from tests.pretix_trial import source_of

from heliograph.accounts.models import Account
from heliograph.connections.services import oauth_grant
from heliograph.domain.connection.secret import Secret
from heliograph.setup.services.setup_save import saving

pytestmark = pytest.mark.trial


@pytest.mark.timeout(900)
def test_S4_a_person_lets_a_source_read_pretix(database: DatabaseFacts, tmp_path: Path) -> None:
    with planned(database) as site, Pretix(tmp_path) as pretix:
        prepare(site)
        Account.objects.filter(pk=site.pk).update(allowed_networks=["127.0.0.0/8"])
        program = application(pretix, oauth_grant.redirect_url())
        oauth = f"{pretix.origin}/api/v1/oauth"
        with saving(site.pk, by=BY, whole_account=True) as transaction:
            made = connection(
                transaction,
                "pretix",
                f"{pretix.origin}/api/v1/",
                secrets={Secret.CLIENT_SECRET: program.secret},
                http=True,
                auth="OAuth2",
                grant="Authorization Code",
                client_id=program.client,
                scopes="read",
                authorization_url=f"{oauth}/authorize",
                access_token_url=f"{oauth}/token",
            )
        begun = oauth_grant.begin(site.pk, made.pk)
        oauth_grant.finish(site.pk, made.pk, begun.pending, allowed(pretix, begun.url), by=BY)
        source = source_of(site, pretix, made.pk)
        editor = Editor(pretix, 3)
        for _ in range(8):
            editor.edit()
        source.read()
        first = source.registrations()
        assert first
        assert source.row.failures == 0
        pretix.shell("from pretix.api.models import OAuthAccessToken\nOAuthAccessToken.objects.update(expires='2020-01-01T00:00:00Z')\n\n")
        for _ in range(8):
            editor.edit()
        source.read()
        assert (source.row.failures, source.row.failure) == (0, "")
        assert source.registrations() != first
