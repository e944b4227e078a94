"""Account Settings: tags, statuses, custom fields and the account itself, with every role (N1, P1, P6, P12)."""

from __future__ import annotations

import pytest
from django.test import Client
from tests.builders.account import inside
from tests.builders.people import user
from tests.builders.platform_account import PlatformAccount, planned
from tests.confirming import confirms
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.page_text import text_of

from heliograph.accounts.models import Account, AuditEntry, Role
from heliograph.domain.setup.standard_tags import TAG_BY_STATUS
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.services.flows import delete_flow
from heliograph.setup.models import CustomField, Tag
from heliograph.setup.services.object_tags import set_tags

STATUS = TagKind.REGISTRATION_STATUS.value


def shown(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, (url, answer.status_code)
    return text_of(answer.content)


def named(site: PlatformAccount, name: str) -> Tag | None:
    with inside(site.acme):
        found: Tag | None = Tag.objects.filter(name=name).first()
    return found


# --- tags


def test_P12_the_list_says_who_carries_and_who_uses_each_tag(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client)
        page = shown(client, "/settings/tags/")
        assert "Registered Registered Registration Statuses, Events 2 statuses 1 flow" in page
        assert "Dietary needs Diet Registration Questions 1 question 1 mapping" in page
        assert "VIP VIP Custom Registration Properties Nothing Nothing" in page
        assert "Registered Registered" not in shown(client, "/settings/tags/?use=nowhere")
        assert "VIP VIP" in shown(client, "/settings/tags/?use=nowhere")
        assert "Diet Registration" in shown(client, "/settings/tags/?q=DIETARY+needs")
        assert "No tag matches" in shown(client, "/settings/tags/?q=nothing+like+it")
        assert "Speaker Speaker" in shown(client, "/settings/tags/?object=attendee_type")


def test_a_tag_is_added_and_what_is_refused_is_still_in_the_form(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client)
        answer = client.post("/settings/tags/", {"name": " complete ", "label": "Whole <b>", "objects": [STATUS, "event"]})
        assert answer.status_code == 422
        page = answer.content.decode()
        assert "standard registration property" in page
        assert 'value="Whole &lt;b&gt;"' in page
        assert 'value="event" checked' in page
        assert client.post("/settings/tags/", {"name": "x", "objects": []}).status_code == 422
        assert client.post("/settings/tags/", {"name": "REGISTERED", "objects": [STATUS]}).status_code == 422
        assert client.post("/settings/tags/", {"name": "x" * 500, "objects": [STATUS]}).status_code == 422
        assert client.post("/settings/tags/", {"name": "wait", "label": "Wait; list", "objects": [STATUS]}).status_code == 302
        found = named(site, "wait")
        assert found is not None
        assert found.label == "Wait; list"
        assert "Tag Wait; list created." in client.get("/settings/tags/").content.decode()


def test_a_tag_is_renamed_and_everything_keeps_it(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client)
        tag = site.acme.tags["Registered"]
        url = f"/settings/tags/{tag.pk}/"
        page = client.get(url).content.decode()
        assert "Assigned to 2 statuses: stays" in page
        form = posted(page, "form") | {"name": ["enrolled"], "label": ["Enrolled"]}
        refused = client.post(url, form | {"objects": ["event"]})
        assert refused.status_code == 422
        assert "Remove it from these first" in refused.content.decode()
        assert client.post(url, form).status_code == 302
        assert site.acme.config().tags[tag.pk].label == "Enrolled"
        assert site.acme.flow_facts().statuses == (tag.pk,)


def test_a_merge_is_shown_first_and_then_made(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        other = site.tag("Confirmed", TagKind.REGISTRATION_STATUS)
        site.signs_in(client)
        old = site.acme.tags["Registered"]
        url = f"/settings/tags/{old.pk}/merge/"
        looked = client.post(url, {"into": other.pk, "look": "1"})
        page = text_of(looked.content)
        assert "2 statuses will get Confirmed" in page
        assert "1 flow may act on more from then on" in page
        assert "when a status becomes Confirmed" in page
        assert named(site, "Registered") is not None, "nothing is done by looking"
        assert client.post(url, {}).status_code == 422
        assert client.post(url, {"into": "99999999999999999999"}).status_code == 422
        assert confirms(client, url, {"into": other.pk}).status_code == 302
        assert named(site, "Registered") is None
        assert site.acme.flow_facts().statuses == (other.pk,)


def test_P12_a_deletion_says_what_it_breaks_and_widens_no_rule(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client)
        tag = site.acme.tags["Registered"]
        url = f"/settings/tags/{tag.pk}/delete/"
        page = shown(client, url)
        assert "1 flow becomes incomplete and sends nothing" in page
        assert "when a status becomes choose statuses" in page
        assert "Left without a tag: 2 statuses" in page
        assert "Paid SUMMIT-26" in page
        assert confirms(client, url).status_code == 302
        assert named(site, "Registered") is None
        assert site.acme.flow_facts().emptied == ("statuses",)


def test_P12_a_tag_that_a_mapping_names_is_not_deletable(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client)
        url = f"/settings/tags/{site.acme.tags['Diet'].pk}/delete/"
        page = shown(client, url)
        assert "cannot be deleted yet" in page
        assert "Mapping Lead" in page
        assert "Delete the tag</button>" not in client.get(url).content.decode()
        assert client.post(url).status_code == 409
        assert named(site, "Diet") is not None


# --- statuses of the account


@pytest.mark.parametrize(
    ("here", "tag", "kind", "of"),
    [
        ("registration-statuses", "R", TagKind.REGISTRATION_STATUS, "statuses"),
        ("session-registration-statuses", "S", TagKind.SESSION_STATUS, "session_statuses"),
        ("event-statuses", "E", TagKind.EVENT_STATUS, "event_statuses"),
    ],
)
def test_tags_are_put_on_statuses_and_only_what_was_changed_is_saved(
    database: DatabaseFacts, client: Client, here: str, tag: str, kind: TagKind, of: str
) -> None:
    with planned(database) as site:
        made, other = site.tag(tag, kind, label="Chosen"), site.tag(tag + "2", kind, label="chosen")
        site.signs_in(client)
        url = f"/settings/{here}/"
        form = posted(client.get(url).content.decode(), "rows")
        assert "Each has one or more tags" not in client.get(url).content.decode(), "they are optional"
        first, second = list(getattr(site.acme.config(), of))[:2]
        # Two tags share a label: the name tells them apart. Somebody else tags the second row meanwhile.
        form[f"tags-{first}"] = [f"Chosen ({tag})"]
        client.post(url, posted(client.get(url).content.decode(), "rows") | {f"tags-{second}": [f"{tag}2"]})
        assert client.post(url, form).status_code == 302
        found = getattr(site.acme.config(), of)
        assert found[first].tags == {made.pk}
        assert found[second].tags == {other.pk}
        typed = form | {f"tags-{first}": ["Chosn; Chosen"]}
        refused = client.post(url, typed)
        assert refused.status_code == 422
        assert "The tag “Chosn” can’t be used for these" in refused.content.decode()
        assert 'value="Chosn; Chosen"' in refused.content.decode()
        assert getattr(site.acme.config(), of)[first].tags == {made.pk}


def test_P11_new_without_a_tag_is_warned_of(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client)
        assert "New has no tag" not in shown(client, "/settings/registration-statuses/")
        url, new = "/settings/registration-statuses/", site.acme.status("New")
        form = posted(client.get(url).content.decode(), "rows") | {f"tags-{new}": [""]}
        client.post(url, form)
        assert "New has no tag" in shown(client, url)


@pytest.mark.parametrize("here", ["registration-statuses", "event-statuses"])
def test_P11_nothing_is_warned_of_where_no_flow_uses_the_statuses(database: DatabaseFacts, client: Client, here: str) -> None:
    with planned(database) as site:
        site.signs_in(client)
        with site.acme.setting_up() as transaction:
            for flow in list(site.acme.config().flows):
                delete_flow(transaction, flow)
        with site.acme.setting_up() as transaction:
            set_tags(transaction, TagKind.REGISTRATION_STATUS, site.acme.status("New"), [])
        page = shown(client, f"/settings/{here}/")
        assert "No tag yet" not in page
        assert "New has no tag" not in page


def test_P3_P11_the_standard_tags_come_with_one_click_and_go_with_one(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client)
        url = "/settings/registration-statuses/"
        before = {status.name: status.tags for status in site.acme.config().statuses.values()}
        untagged = {name for name, tags in before.items() if not tags}
        assert f"{len(untagged)} statuses have no tag. They would get" in shown(client, url)
        assert client.post(url, {"do": "standard"}).status_code == 302
        after, tags = site.acme.config().statuses.values(), site.acme.config().tags
        assert {s.name: [tags[t].name for t in s.tags] for s in after if s.name in untagged} == {n: [TAG_BY_STATUS[n]] for n in untagged}
        assert all(status.tags == before[status.name] for status in after if status.name not in untagged)
        page = shown(client, url)
        assert f"{len(untagged)} statuses got their standard tag" in page
        assert "Use the standard tags" not in page
        assert client.post(url, {"do": "standard"}).status_code == 302  # once more changes nothing
        assert "each status has a tag" in shown(client, url)
        assert client.post(url, {"do": "undo"}).status_code == 302
        assert {status.name: status.tags for status in site.acme.config().statuses.values()} == before
        assert "got their standard tag" not in shown(client, url)
        assert client.post(url, {"do": "undo"}).status_code == 302
        assert "nothing to undo" in shown(client, url)


# --- custom fields and the account


@pytest.mark.parametrize("here", ["event-data", "profile-data"])
def test_P6_custom_fields_are_added_changed_and_deleted(database: DatabaseFacts, client: Client, here: str) -> None:
    with planned(database) as site:
        site.signs_in(client)
        url = f"/settings/{here}/"
        refused = client.post(url, {"label": "Cost centre", "code": "cost", "type": "select", "options": ""})
        assert refused.status_code == 422
        assert "Add at least one option to choose from" in refused.content.decode()
        assert 'value="Cost centre"' in refused.content.decode()
        assert client.post(url, {"label": "Cost centre", "code": "cost centre", "type": "text"}).status_code == 422
        good = {"label": "Cost centre", "code": "cost", "type": "select", "options": "4410\r\n\r\n4420 \r\n"}
        assert client.post(url, good).status_code == 302
        with inside(site.acme):
            row = CustomField.objects.get(code="cost")
        assert row.options == ["4410", "4420"]
        assert "Cost centre cost select 4410, 4420" in shown(client, url)
        assert client.post(f"{url}{row.pk}/", good | {"label": "Centre", "type": "text", "options": ""}).status_code == 302
        assert "Nothing uses it" in shown(client, f"{url}{row.pk}/delete/")
        assert confirms(client, f"{url}{row.pk}/delete/").status_code == 302
        with inside(site.acme):
            assert not CustomField.objects.filter(code="cost").exists()


def test_P12_a_field_with_answers_is_not_deletable(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.record("R-1", profile={"custom": {"shirt": "M"}})
        site.signs_in(client)
        with inside(site.acme):
            shirt = CustomField.objects.get(code="shirt")
        url = f"/settings/profile-data/{shirt.pk}/delete/"
        assert "1 registration of all events" in shown(client, url)
        assert client.post(url).status_code == 409
        with inside(site.acme):
            assert CustomField.objects.filter(pk=shirt.pk).exists()


def test_the_accounts_code_and_timezone_are_saved_and_audited(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client)
        url = "/settings/account/"
        form = posted(client.get(url).content.decode(), "form")
        assert form["timezone"] == ["Europe/Berlin"]
        assert client.post(url, form | {"timezone": ["Mars/Olympus"], "name": ["Acme & Co"]}).status_code == 422
        assert client.post(url, form | {"code": ["two words"]}).status_code == 422
        assert client.post(url, form | {"timezone": ["Asia/Tokyo"], "name": ["Acme & Co"]}).status_code == 302
        row = Account.objects.get(pk=site.pk)
        assert (row.timezone, row.name) == ("Asia/Tokyo", "Acme & Co")
        assert site.acme.config().timezone == "Asia/Tokyo"
        with inside(site.acme):
            entry = AuditEntry.objects.filter(kind="account").latest("pk")
        assert entry.by == f"user:{site.people[Role.ADMINISTRATOR].pk}"


# --- roles and empty states


def test_P1_only_an_administrator_changes_account_settings(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        tag = site.acme.tags["Registered"].pk
        with inside(site.acme):
            field = CustomField.objects.get(code="shirt").pk
        lists = [f"/settings/{n}/" for n in ("tags", "registration-statuses", "session-registration-statuses", "event-statuses", "event-data", "profile-data", "account")]  # fmt: skip
        asks = [
            f"/settings/tags/{tag}/merge/",
            f"/settings/tags/{tag}/delete/",
            f"/settings/profile-data/{field}/",
            f"/settings/profile-data/{field}/delete/",
        ]
        before = site.acme.config()
        for role in (Role.PLANNER, Role.VIEWER):
            site.signs_in(client, role)
            for url in (*lists, f"/settings/tags/{tag}/"):
                page = client.get(url)
                assert page.status_code == 200, url
                assert "Administrator" in page.content.decode(), url
                assert not posted(page.content.decode(), "form"), url
                assert client.post(url, {"name": "x", "label": "x", "code": "x", "type": "text", "objects": STATUS}).status_code == 403, url
            for url in asks:
                assert client.get(url).status_code == 403, url
                assert client.post(url).status_code == 403, url
        after = site.acme.config()
        assert (after.tags, after.version) == (before.tags, before.version)


def test_another_accounts_ids_are_not_there(database: DatabaseFacts, client: Client) -> None:
    from tests.builders import platform_account

    with planned(database) as site:
        other = platform_account.made(site.store)
        tag = other.acme.tags["Registered"].pk
        with inside(other.acme):
            field = CustomField.objects.get(code="shirt").pk
        site.signs_in(client)
        for url in (f"/settings/tags/{tag}/", f"/settings/tags/{tag}/merge/", f"/settings/tags/{tag}/delete/", f"/settings/profile-data/{field}/", f"/settings/profile-data/{field}/delete/"):  # fmt: skip
            assert client.get(url).status_code == 404, url
            assert client.post(url, {"name": "x", "objects": STATUS, "into": site.acme.tags["Diet"].pk}).status_code == 404, url
        mine = site.acme.tags["Diet"].pk
        assert confirms(client, f"/settings/tags/{mine}/merge/", {"into": tag}).status_code == 422
        new = site.acme.status("New")
        assert (
            client.post("/settings/registration-statuses/", {f"tags-{other.acme.status('New')}": "x", f"tags-{new}": "Speaker"}).status_code
            == 422
        )
        assert named(other, "Registered") is not None


def test_N1_the_menu_leads_everywhere_and_signal_has_its_own_window(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        for role in Role:
            site.signs_in(client, role)
            page = client.get("/settings/tags/").content.decode()
            for words in ("Tags", "Registration Statuses", "Session Registration Statuses", "Event Statuses", "Event Data", "Profile Data"):
                assert f">{words}</a>" in page or f"{words}</a>" in page, words
            assert 'target="signal">Signal Real-Time Data Integration' in page
            assert 'target="signal">Signal<svg' in page
        Account.objects.filter(pk=site.pk).update(signal_enabled=False)
        assert "Signal" not in shown(client, "/settings/event-data/")


def test_an_empty_account_says_what_to_do(database: DatabaseFacts, client: Client) -> None:
    from heliograph.setup.services.account_creation import AccountFacts, create_account

    with planned(database):
        account = create_account(AccountFacts("EMPTY", "Empty", "UTC"), by="test")
        client.force_login(user(account))
        assert "Add your first tag" in shown(client, "/settings/tags/")
        assert "No fields of your own" in shown(client, "/settings/event-data/")
        assert "No events yet" in shown(client, "/events/")
        assert "No registrations yet" in shown(client, "/registrations/")
