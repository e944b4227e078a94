"""The pages of sources: for every role, without anything of another account (S1)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django_scopes import scope, scopes_disabled
from tests.builders import planted_sources, signal_account
from tests.builders.signal_account import SignalAccount
from tests.confirming import confirms
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.page_text import text_of
from tests.tables import table_rows

from heliograph.accounts.models import AuditEntry
from heliograph.accounts.vault import vault
from heliograph.domain.source.source_states import SourceState
from heliograph.sources.models import Source, SourceSecret
from heliograph.sources.source_list import progress_of
from heliograph.store.secrets import load_secrets

LIST = "/settings/sources/"


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[SignalAccount]:
    with signal_account.site(database) as made:
        yield made


def stored(site: SignalAccount, id: int) -> Source:
    with scope(account=site.account.pk):
        row: Source = Source.objects.get(pk=id)
    return row


def test_S1_an_account_without_sources_is_shown_how_to_begin(site: SignalAccount, client: Client) -> None:
    site.signs_in(client, site.planner)
    assert "Add a source" not in text_of(client.get(LIST).content)
    site.signs_in(client)
    page = text_of(client.get(LIST).content)
    assert "No sources yet" in page
    assert "Ticket Tailor" in page


def test_S1_each_source_says_how_it_is_in_words(site: SignalAccount, client: Client) -> None:
    with scopes_disabled():
        planted = planted_sources.plant(site.store, site.account.pk, by=site.administrator.actor)
    site.signs_in(client, site.viewer)
    content = client.get(LIST).content
    page = text_of(content)
    for words in (
        "Receiving",
        "Refusing calls since",
        "41 refused",
        "No verification",
        "Anyone who knows the address can send registrations.",
        "Paused",
        "When you resume, it continues where it stopped.",
        "1 call kept",
        "Not switched on",
        "Can’t be read since",
        "It answers 401: the token was revoked.",
        "1 changed",
        "1 call waiting",
    ):
        assert words in page, words
    assert len(table_rows(content)) == len(planted)
    assert "Resume" not in page


def test_S1_the_page_of_a_source_lists_its_calls(site: SignalAccount, client: Client) -> None:
    with scopes_disabled():
        made = planted_sources.plant(site.store, site.account.pk)
    site.signs_in(client, site.viewer)
    address = f"{LIST}{made['Works']}/"
    page = text_of(client.get(address).content)
    assert "4 calls in the last 24 hours" in page
    assert "Call, 2 registrations" in page
    assert len(table_rows(client.get(address).content)) == 4
    assert len(table_rows(client.get(f"{address}?show=waiting").content)) == 1
    assert len(table_rows(client.get(f"{address}?show=changed").content)) == 1
    assert "/in/" not in page
    site.signs_in(client)
    html = client.get(address).content.decode()
    assert "…/in/test…" in html
    assert stored(site, made["Works"]).path not in html


def test_S1_a_source_is_added_renamed_paused_resumed_and_removed(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    assert "Add a source: Any webhook" in text_of(client.get(f"{LIST}new/webhook/").content)
    added = client.post(f"{LIST}new/tito/", {"name": "Press list"})
    assert added.status_code == 302
    (id,) = map(int, re.findall(r"/(\d+)/proof/$", added["Location"]))
    row = stored(site, id)
    assert (row.state, row.platform) == (SourceState.DRAFT, "tito")
    assert re.fullmatch(r"([0-9a-z]{4}-){3}[0-9a-z]{4}", row.path)
    again = client.post(f"{LIST}new/luma/", {"name": " press LIST"})
    assert again.status_code == 422
    assert "There is a source of this name already." in text_of(again.content)
    assert client.post(f"{LIST}{id}/name/", {"name": "Journalists"}).status_code == 302
    assert stored(site, id).name == "Journalists"
    with scopes_disabled():
        Source.objects.filter(pk=id).update(state=SourceState.ON)
    client.post(f"{LIST}{id}/pause/")
    assert stored(site, id).paused_by == site.administrator.actor
    client.post(f"{LIST}{id}/resume/")
    assert (stored(site, id).state, stored(site, id).paused) == (SourceState.ON, None)
    with scopes_disabled():
        SourceSecret(account_id=site.account.pk, source_id=id, created=1, created_by="x").save()
    confirms(client, f"{LIST}{id}/remove/", {})
    gone = stored(site, id)
    assert gone.deleted_at is not None
    assert gone.path == ""
    with scopes_disabled():
        assert not SourceSecret.objects.filter(source_id=id).exists()
        entries = list(AuditEntry.objects.filter(kind="source").order_by("id").values_list("what", "name"))
        bodies = [*AuditEntry.objects.filter(kind="source").values_list("before", "after")]
    assert entries == [
        ("created", "Press list"),
        ("changed", "Journalists"),
        ("changed", "Journalists"),
        ("changed", "Journalists"),
        ("deleted", "Journalists"),
    ]
    assert row.path not in str(bodies)
    assert client.get(f"{LIST}{id}/").status_code == 404
    assert client.post(f"{LIST}new/press/", {"name": "x"}).status_code == 404


def test_S1_who_may_change_sources(site: SignalAccount, client: Client) -> None:
    with scopes_disabled():
        made = planted_sources.plant(site.store, site.account.pk)
    id = made["Works"]
    for who in (site.viewer, site.planner):
        site.signs_in(client, who)
        for path in ("new/", "new/tito/", f"{id}/name/", f"{id}/remove/"):
            assert client.get(LIST + path).status_code == 403, path
        for path in ("new/tito/", f"{id}/name/", f"{id}/pause/", f"{id}/resume/", f"{id}/remove/"):
            assert client.post(LIST + path, {"name": "x"}).status_code == 403, path
    assert stored(site, id).name == "Works"


def test_P1_another_accounts_sources_are_not_there(site: SignalAccount, client: Client) -> None:
    other = signal_account.made(site.store, name="Others")
    with scopes_disabled():
        theirs = planted_sources.plant(site.store, other.account.pk)["Works"]
    site.signs_in(client)
    assert "No sources yet" in text_of(client.get(LIST).content)
    for path in ("", "name/", "remove/"):
        assert client.get(f"{LIST}{theirs}/{path}").status_code == 404, path
    for path in ("name/", "pause/", "resume/", "remove/"):
        assert client.post(f"{LIST}{theirs}/{path}", {"name": "x"}).status_code == 404, path
    with scopes_disabled():
        assert Source.objects.get(pk=theirs).name == "Works"


def test_S1_what_is_not_on_is_neither_paused_nor_resumed(site: SignalAccount, client: Client) -> None:
    with scopes_disabled():
        made = planted_sources.plant(site.store, site.account.pk)
    site.signs_in(client)
    for what in ("pause", "resume"):
        answer = client.post(f"{LIST}{made['Not switched on']}/{what}/")
        assert answer.status_code == 302
    assert stored(site, made["Not switched on"]).state == SourceState.DRAFT


def test_S3_a_source_asks_about_many_missing_registrations(site: SignalAccount, client: Client) -> None:
    with scopes_disabled():
        made = planted_sources.plant(site.store, site.account.pk)
    id = made["Asks"]
    site.signs_in(client, site.viewer)
    page = text_of(client.get(f"{LIST}{id}/").content)
    assert "120 of 800 are no longer in its list." in page
    assert "37 changes skipped" in page
    assert client.get(f"{LIST}{id}/missing/").status_code == 403
    site.signs_in(client)
    assert client.get(f"{LIST}{made['Works']}/missing/").status_code == 404
    confirms(client, f"{LIST}{id}/missing/", {"then": "inactive"})
    progress = progress_of(stored(site, id))
    assert (progress.missing, progress.is_removing, progress.passed) == (0, True, 37)
    assert client.get(f"{LIST}{id}/missing/").status_code == 404


# --- how calls prove themselves


def test_S2_a_known_senders_settings_are_filled_in(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    assert "Add a source: Any webhook" in text_of(client.get(f"{LIST}new/webhook/").content)
    added = client.post(f"{LIST}new/tito/", {"name": "Press list"})
    assert added["Location"].endswith("/proof/")
    page = text_of(client.get(added["Location"]).content)
    assert "The header Tito-Signature must contain the signature (HMAC with SHA-256, Base64) of: the body." in page
    assert "None yet, so every call is refused." in page
    assert "calls are only kept" not in page
    assert "The previous secret" not in page
    (row,) = _all(Source)
    assert f"/in/{row.path}" in client.get(added["Location"]).content.decode()


def test_S2_secrets_are_added_made_and_ended(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    address = client.post(f"{LIST}new/tito/", {"name": "Press list"})["Location"]
    assert client.post(address, {"do": "add", "secret": ""}).status_code == 422
    assert client.post(address, {"do": "add", "secret": "from Tito"}).status_code == 302
    made = client.post(address, {"do": "make"})
    assert "Copy it now: it is shown only once" in text_of(made.content)
    (new,) = re.findall(r'id="made" value="([^"]+)"', made.content.decode())
    first, second = _all(SourceSecret)
    assert first.ends is not None
    assert second.ends is None
    assert opened(site, first) == "from Tito"
    assert opened(site, second) == new
    again = client.get(address).content.decode()
    assert new not in again
    assert "from Tito" not in again
    assert "Two secrets are valid. End one of them first." in text_of(client.post(address, {"do": "make"}).content)
    assert client.post(address, {"do": f"end {first.pk}"}).status_code == 302
    assert client.post(address, {"do": "end 999999"}).status_code == 404
    assert client.post(address, {"do": "make"}).status_code == 200
    assert [secret.ends is None for secret in _all(SourceSecret)] == [False, False, True]
    with scopes_disabled():
        kept = str(list(AuditEntry.objects.filter(kind="source").values_list("before", "after")))
    assert new not in kept
    assert "from Tito" not in kept


def test_S2_a_secret_has_the_form_that_its_verification_expects(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    address = client.post(f"{LIST}new/webhook/", {"name": "Shop"})["Location"]
    page = text_of(client.get(address).content)
    assert "Nobody has chosen yet how calls prove themselves, so every call is refused." in page
    assert "Waiting for a first call Choose how a call proves where it comes from, and save. Until then every call is refused." in page
    assert "calls are only kept" not in page
    assert "First choose how calls prove themselves" in text_of(client.post(address, {"do": "make"}).content)
    assert client.post(address, {"how": "preset", "preset": "standard-webhooks"}).status_code == 302
    assert "It does not have the form" in text_of(client.post(address, {"do": "add", "secret": "whsec_§"}).content)
    made = client.post(address, {"do": "make"}).content.decode()
    assert re.search(r'value="whsec_[A-Za-z0-9+/]{43}="', made)
    assert "Waiting for a first call Nothing is recorded yet: calls are only kept. Paste the address" in text_of(
        client.get(address).content
    )


PARTS = {
    "how": "signature",
    "header": "X-Shop-Signature",
    "before": "sha256=",
    "encoding": "hex",
    "algorithm": "sha256",
    "signed": "{timestamp}.{body}",
    "timestamp": "X-Shop-Timestamp",
    "unit": "seconds",
    "tolerance": "300",
    "id": "body: id",
    "secret_form": "text",
    "handshake": "slack",
}


def test_S2_a_verification_is_put_together_from_parts(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    address = client.post(f"{LIST}new/webhook/", {"name": "Shop"})["Location"]
    assert client.post(address, PARTS).status_code == 302
    page = client.get(address)
    assert (
        "The header X-Shop-Signature must contain “sha256=” and the signature (HMAC with SHA-256, Hex) of: X-Shop-Timestamp, “.”, the body."
        " Not older or newer than 5 minutes. The same “id” in the body is taken once."
    ) in text_of(page.content)
    shown = posted(page.content.decode(), "proof")
    assert {name: shown[name] for name in PARTS} == {name: [text] for name, text in PARTS.items()}
    (row,) = _all(Source)
    assert row.version == 2
    before = row.settings
    client.post(address, shown)
    (row,) = _all(Source)
    assert row.settings == before
    for wrong, sentence in (
        ({"header": ""}, "The header that proves the sender is missing."),
        ({"signed": "{timestamp}"}, "The signature must cover the body."),
        ({"timestamp": ""}, "The signed text contains the timestamp, so its place is needed."),
        ({"id": "body: [["}, "body"),
        ({"header": "X Y"}, "is not a header name"),
    ):
        refused = client.post(address, PARTS | wrong)
        assert refused.status_code == 422, wrong
        assert sentence in text_of(refused.content), wrong


def test_S2_no_verification_is_chosen_by_its_name_and_shown_in_red(site: SignalAccount, client: Client) -> None:
    site.signs_in(client)
    address = client.post(f"{LIST}new/webhook/", {"name": "Desk"})["Location"]
    client.post(address, {"how": "none"})
    html = client.get(address).content.decode()
    assert 'class="callout failed"' in html
    assert "Anyone who knows the address can send registrations" in html
    with scopes_disabled():
        Source.objects.update(state=SourceState.ON)
    listed = client.get(LIST).content.decode()
    assert "No verification" in listed


def test_P1_only_an_administrator_sees_an_address(site: SignalAccount, client: Client) -> None:
    with scopes_disabled():
        made = planted_sources.plant(site.store, site.account.pk)
        theirs = planted_sources.plant(site.store, signal_account.made(site.store, name="Others").account.pk)["Works"]
    for who in (site.viewer, site.planner):
        site.signs_in(client, who)
        assert client.get(f"{LIST}{made['Works']}/proof/").status_code == 403
        assert client.post(f"{LIST}{made['Works']}/proof/", {"how": "none"}).status_code == 403
    site.signs_in(client)
    assert client.get(f"{LIST}{theirs}/proof/").status_code == 404
    assert client.post(f"{LIST}{theirs}/proof/", {"how": "none"}).status_code == 404
    page = text_of(client.get(f"{LIST}{made['Refuses calls']}/proof/").content)
    assert "39" in page


def _all[Row: (Source, SourceSecret)](model: type[Row]) -> list[Row]:
    with scopes_disabled():
        return list(model.objects.order_by("pk"))


def opened(site: SignalAccount, secret: SourceSecret) -> str:
    texts = load_secrets(site.store, vault(), site.account.pk, "source", [secret.source_id])
    return texts[secret.source_id][str(secret.pk)]
