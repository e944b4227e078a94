"""Tag coverage (P11): what is listed, suggested and waiting, and tagging in bulk."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from tests.builders import platform_account
from tests.builders.account import BY
from tests.builders.platform_account import PlatformAccount, planned
from tests.counted import counting_pages
from tests.databases import DatabaseFacts
from tests.page_text import text_of

from heliograph.accounts.models import Role
from heliograph.domain.setup.compiled_setup import EventState
from heliograph.domain.setup.statuses import StatusClass
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup import coverage
from heliograph.setup.services import event_setup
from heliograph.setup.services.events import save_event
from heliograph.setup.services.object_tags import set_tags
from heliograph.setup.services.setup_save import saving
from heliograph.store.queue import stuck_runs

URL = "/settings/tags/coverage/"
STATUS, PROPERTY = TagKind.REGISTRATION_STATUS, TagKind.REGISTRATION_PROPERTY


def elsewhere(site: PlatformAccount, code: str, *, tagged: bool = True) -> int:
    """Another event, where "Invited by partner" has the tag Registered."""
    with saving(site.pk, by=BY, whole_account=True) as transaction:
        event = save_event(transaction, EventState(code, code, site.acme.event_status("Live")))
        tags = (site.acme.tags["Registered"].pk,) if tagged else ()
        event_setup.save_status(transaction, event, event_setup.StatusFacts("P", "invited by PARTNER", StatusClass.PENDING, tags))
    return event


def gaps(site: PlatformAccount) -> dict[str, coverage.Gap]:
    """By kind and name."""
    with saving(site.pk, by=BY) as transaction:
        found = coverage.coverage(transaction.db, site.pk)
    return {f"{kind.value} {gap.name}": gap for kind, rows in found.gaps.items() for gap in rows}


def test_P11_what_a_flow_asks_for_and_every_custom_status_and_property(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        elsewhere(site, "FORUM-26")
        elsewhere(site, "GALA-26")
        found = gaps(site)
        partner = found["registration_status Invited by partner"]
        assert partner.suggested is not None
        assert (partner.suggested.label, partner.others, partner.where) == ("Registered", 2, "SUMMIT-26")
        vip = found["registration_property VIP guest"]
        assert (vip.suggested, vip.others) == (None, 0)
        assert "registration_status Attended" in found, "a flow decides by statuses"
        assert "registration_status New" not in found, "it carries a tag"
        assert found["question Day of arrival"].suggested is None
        assert "attendee_type Guest" not in found, "no flow filters by types"
        assert "event Summit" not in found
        site.signs_in(client, Role.VIEWER)
        page = text_of(client.get(URL).content)
        for words in (
            "1 flow decides by them: Leads.",
            "Invited by partner SUMMIT-26 Registered as in 2 other events",
            "1 mapping reads answers by their tags: Lead.",
            "Flows can’t act on a property without a tag",
        ):
            assert words in page, words
        assert "untagged" in text_of(client.get("/settings/tags/").content)
        narrow = text_of(client.get(f"{URL}?object=registration_property&event=SUMMIT-26").content)
        assert "1 without a tag" in narrow
        assert "Nothing is untagged here" in text_of(client.get(f"{URL}?event=NOPE").content)


def test_P11_new_is_shown_though_no_flow_asks_and_all_is_well_when_all_is_tagged(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        from heliograph.flows.services.flows import delete_flow

        with site.acme.setting_up() as transaction:
            delete_flow(transaction, site.acme.flow.pk)
            set_tags(transaction, STATUS, site.acme.status("New"), [])
        found = gaps(site)
        assert "registration_status New" in found
        assert "registration_status Attended" not in found
        site.tag("VIP guest", PROPERTY)
        site.signs_in(client)
        keys = [gap.key for gap in found.values()]
        client.post(URL, {"row": keys, "tag": ""})
        left = gaps(site)
        assert "registration_property VIP guest" not in left, "a tag with this name"
        client.post(URL, {"row": [g.key for g in left.values()], "tag": site.acme.tags["Registered"].pk})
        client.post(URL, {"row": [g.key for g in left.values()], "tag": site.acme.tags["Diet"].pk})
        assert gaps(site) == {}
        assert "Every flow finds a tag" in text_of(client.get(URL).content)


def test_P11_ticked_rows_get_their_tags_and_what_cannot_is_named(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        elsewhere(site, "FORUM-26")
        site.record("R-1", status="Invited by partner")
        found = gaps(site)
        partner, vip = found["registration_status Invited by partner"], found["registration_property VIP guest"]
        assert partner.waits.number == 1
        site.signs_in(client, Role.PLANNER)
        page = " ".join(client.get(URL).content.decode().split())
        assert f'value="{partner.key}" aria-label="Invited by partner, SUMMIT-26" checked' in page
        attended = found["registration_status Attended"]
        assert f'value="{attended.key}"' not in page, "an Administrator tags those of the account"
        unread = client.post(URL, {"row": [partner.key], "tag": "Registered"})
        assert "the tag is not for such objects" in text_of(unread.content), "it is not the suggested one in its place"
        assert site.acme.event_config().statuses[partner.id].tags == frozenset()
        answer = client.post(URL, {"row": [partner.key, vip.key, attended.key, "registration_status:999999", "x"], "tag": ""})
        text = text_of(answer.content)
        assert "1 row got its tag" in text
        assert "VIP guest, SUMMIT-26: no suggestion" in text
        assert site.acme.event_config().statuses[partner.id].tags == {site.acme.tags["Registered"].pk}
        with site.store.transaction():
            stuck_runs.compare_next(site.store, site.pk)
        ((due,),) = site.store.all("SELECT count(*) FROM stuck_run WHERE due_at <= :now", {"now": site.store.now()})
        assert due == 1, "what waited is judged again at once (D7)"
        client.post(URL, {"row": [attended.key], "tag": site.acme.tags["Registered"].pk})
        assert site.acme.config().statuses[attended.id].tags == frozenset()
        wrong = client.post(URL, {"row": [vip.key], "tag": site.acme.tags["Registered"].pk})
        assert "the tag is not for such objects" in text_of(wrong.content)
        client.post(URL, {"row": [vip.key], "tag": site.acme.tags["VIP"].pk})
        assert site.acme.event_config().properties[vip.id].tags == {site.acme.tags["VIP"].pk}


def test_P11_a_tag_of_several_objects_stands_once_in_the_list_and_in_natural_order(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        made = [site.tag(name, TagKind.REGISTRATION_STATUS, TagKind.REGISTRATION_PROPERTY) for name in ("Prop 10", "Prop 2", "Prop 1")]
        site.signs_in(client, Role.ADMINISTRATOR)
        choices = client.get(URL).content.decode().partition('name="tag"')[2].partition("</select>")[0]
        values = re.findall(r'<option value="(\d+)"', choices)
        assert len(values) == len(set(values))
        assert {str(tag.pk) for tag in made} <= set(values)
        assert [choices.index(f">{name}<") for name in ("Prop 1", "Prop 2", "Prop 10")] == sorted(
            choices.index(f">{name}<") for name in ("Prop 1", "Prop 2", "Prop 10")
        )


@pytest.mark.parametrize(
    ("url", "depends"),
    [
        ("/settings/registration-statuses/", True),
        ("/settings/session-registration-statuses/", False),
        ("/settings/event-statuses/", False),
        ("/events/SUMMIT-26/custom-statuses/", True),
        ("/events/SUMMIT-26/attendee-types/", False),
        ("/events/SUMMIT-26/questions/", True),
        ("/events/SUMMIT-26/configure/", False),
    ],
)
def test_P11_a_missing_tag_is_amber_only_where_something_depends_on_it(
    database: DatabaseFacts, client: Client, url: str, depends: bool
) -> None:
    """The flow of this account decides by registration statuses, and its mapping reads answers."""
    with planned(database) as site:
        site.signs_in(client, Role.ADMINISTRATOR)
        page = client.get(url).content.decode()
        assert 'name="tags-' in page, "there are rows with tags"
        assert ("data-until-filled" in page) is depends
        site.signs_in(client, Role.VIEWER)
        read = client.get(url).content.decode()
        assert "No tag" in text_of(read.encode())


def test_P1_viewers_tag_nothing_and_other_accounts_stay_apart(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        other = platform_account.made(site.store)
        partner = gaps(other)["registration_status Invited by partner"]
        site.signs_in(client, Role.VIEWER)
        assert "<select" not in client.get(URL).content.decode().partition("cover-form")[2]
        assert client.post(URL, {"row": [partner.key], "tag": ""}).status_code == 403
        site.signs_in(client)
        client.post(URL, {"row": [partner.key], "tag": site.acme.tags["Registered"].pk})
        client.post(URL, {"row": [partner.key], "tag": other.acme.tags["Registered"].pk})
        assert other.acme.event_config().statuses[partner.id].tags == frozenset()


def test_the_number_of_queries_does_not_grow_with_events(database: DatabaseFacts, client: Client) -> None:
    def queries() -> int:
        with counting_pages() as cost:
            assert client.get(URL).status_code == 200
        return cost.statements

    with planned(database) as site:
        site.signs_in(client)
        elsewhere(site, "E-0")
        queries()
        few = queries()
        for n in range(1, 12):
            elsewhere(site, f"E-{n}", tagged=bool(n % 2))
        assert queries() <= few
