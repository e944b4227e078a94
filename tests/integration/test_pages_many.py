"""Adding registrations by hand and changing many: search in all scripts, columns, a new one, and setting a status as a job."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qsl, urlencode

import pytest
from django.test import Client
from tests.builders import platform_account
from tests.builders.account import inside
from tests.builders.platform_account import EVENT, count_changes, event_in_testing, planned, registration_state
from tests.confirming import confirms
from tests.counted import counting_pages
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.page_text import text_of
from tests.story import Story

from heliograph.accounts.models import Role
from heliograph.deliveries import choices
from heliograph.jobs.models import Job, JobState
from heliograph.registrations import bulk_change
from heliograph.registrations import list as registration_list
from heliograph.registrations.list import RegistrationFilter

NAMES = {
    "R-1": ("Zoë", "Marin"),
    "R-2": ("山田", "花子"),
    "R-3": ("ليلى", "الحداد"),
    "R-4": ("Дмитро", "Коваленко"),
    "R-5": ("Nguyễn", "Thị Thu Hà"),
    "R-6": ("Αλεξάνδρα", "Παπαδοπούλου"),
    "R-7": ("अनन्या", "शर्मा"),
    "R-8": ("ガブリエル", "O’Brien"),
}


def codes(page: str) -> list[str]:
    return re.findall(r'data-th="Code"><a href="[^"]+">([^<]+)', page)


@pytest.mark.parametrize("path", ["/registrations/", "/signal/retry/", "/signal/replay/"])
def test_an_event_that_is_no_longer_offered_stays_chosen(story: Story, client: Client, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(choices, "MOST", 1)
    monkeypatch.setattr(registration_list, "MOST_NAMES", 1)
    story.flow("Waiting list", [story.to(story.connection("CRM", "/crm"))], statuses=["Waiting"])
    story.record("R1", status="Waitlist Hold")
    story.signs_in(client, Role.PLANNER)
    page = client.get(f"{path}?event={story.events['SUMMIT']}").content.decode()
    assert re.search(rf'<option value="{story.events["SUMMIT"]}"[^>]*selected[^>]*>\s*SUMMIT', page)


def test_the_search_finds_names_in_every_script_without_accents(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        for code, (first, last) in NAMES.items():
            site.record(code, profile={"first_name": first, "last_name": last, "email": f"{code}@example.org"})
        site.signs_in(client, Role.VIEWER)
        for asked, found in {
            "ZOE": ["R-1"],
            "zoë marín": ["R-1"],
            "花子": ["R-2"],
            "花子 山田": ["R-2"],
            "الحداد": ["R-3"],
            "КОВАЛЕНКО": ["R-4"],
            "nguyen ha": ["R-5"],
            "αλεξανδρα": ["R-6"],
            "शर्मा": ["R-7"],
            "ガブリエル": ["R-8"],
            "カフリエル": [],
            "r-5@EXAMPLE.org": ["R-5"],
            "100%": [],
        }.items():
            page = client.get(f"/registrations/?{urlencode({'q': asked})}").content.decode()
            assert codes(page) == found, asked


def test_columns_are_chosen_and_stay_with_filters_and_pages(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        for n in range(30):
            site.record(
                f"R-{n:02}", order_code="O-77", profile={"email": "zoe@example.org"}, properties={"VIP guest": True, "Complete": True}
            )
        site.signs_in(client, Role.PLANNER)
        usual = client.get("/registrations/").content.decode()
        assert "zoe@example.org" not in usual
        url = "/registrations/?column=code&column=email&column=properties&column=order&column=created&column=nonsense"
        page = client.get(url).content.decode()
        assert "zoe@example.org" in page
        assert "Complete, VIP guest" in page
        assert "O-77" in page
        assert 'data-th="Organization"' not in page
        assert 'name="column" value="email">' in page, "the filter's form keeps them"
        following = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        assert "zoe@example.org" in client.get(f"/registrations/{following}").content.decode()


@pytest.mark.parametrize("query", ["", "?q=zoe", "?column=code&column=email"])
def test_the_number_of_queries_does_not_grow_with_the_rows(database: DatabaseFacts, client: Client, query: str) -> None:
    def queries() -> int:
        with counting_pages() as cost:
            assert client.get(f"/registrations/{query}").status_code == 200
        return cost.statements

    with planned(database) as site:
        site.signs_in(client)
        site.record("R-0", profile={"first_name": "Zoe"})
        queries()
        few = queries()
        for n in range(1, 25):
            site.record(f"R-{n}", profile={"first_name": "Zoe"})
        assert queries() <= few


# --- a new one


def test_P8_a_registration_is_written_by_hand(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        page = client.get("/registrations/add/").content.decode()
        form = posted(page, "form")
        assert form["status"] == ["New"]
        diet = site.ids["Dietary needs"]
        mine = form | {
            "code": [" H-1 "],
            "profile.first_name": ["Zoë"],
            "profile.email": ["zoe@example.org"],
            "status": ["Paid"],
            "attendee_type": ["Guest"],
            "properties": ["VIP guest"],
            f"answer.{diet}": ["Vegan", "Halal"],
            f"session.{site.ids['KEYNOTE']}": ["Registered"],
        }
        long = client.post("/registrations/add/", mine | {"code": ["x" * 300]})
        assert long.status_code == 422
        assert 'value="zoe@example.org"' in long.content.decode(), "nothing is lost"
        refused = client.post(
            "/registrations/add/", mine | {"profile.email": ["x" * 5000], f"answer.{site.ids['Day of arrival']}": ["31.02.2026"]}
        )
        assert refused.status_code == 422
        assert "2 fields are refused" in refused.content.decode()
        assert client.post("/registrations/add/", mine)["Location"] == f"/registrations/{EVENT}/H-1/"
        made = registration_state(site, "H-1")
        assert made.status == site.ids["Paid"]
        assert made.answers[diet] == ("Vegan", "Halal")
        assert made.attendee_type == site.ids["Guest"]
        ((facets, by),) = site.store.all(
            "SELECT facets, c.by FROM change c JOIN registration r ON r.id = c.registration_id WHERE r.code = 'H-1' AND kind = 1"
        )
        assert (facets, by) == (5, f"user:{site.people[Role.PLANNER].pk}"), "created and status changed, in one change"
        again = client.post("/registrations/add/", mine)
        assert again.status_code == 422
        assert "The event already has a registration with this code" in again.content.decode()
        plain = posted(page, "form") | {"code": ["H-2"]}
        assert client.post("/registrations/add/", plain).status_code == 302
        assert registration_state(site, "H-2").status == site.acme.status("New")


def test_another_events_fields_are_looked_at_without_losing_what_was_typed(database: DatabaseFacts, client: Client) -> None:

    with planned(database) as site:
        event_in_testing(site)
        site.signs_in(client, Role.PLANNER)
        form = posted(client.get("/registrations/add/?event=" + EVENT).content.decode(), "form")
        looked = client.post(
            "/registrations/add/", form | {"event": ["GALA-26"], "profile.first_name": ["Zoë"], "look": ["1"], "code": ["X"]}
        )
        page = looked.content.decode()
        assert looked.status_code == 200
        assert 'value="Zoë"' in page
        assert "Dietary needs" not in page
        assert count_changes(site) == 0


def test_a_code_is_made_that_no_registration_of_the_event_has(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        form = posted(client.get("/registrations/add/?event=" + EVENT).content.decode(), "form") | {"profile.first_name": ["Zoë"]}
        codes = set()
        for _ in range(3):
            page = client.post("/registrations/add/", form | {"look": ["code"]})
            assert page.status_code == 200
            made = posted(page.content.decode(), "form")
            assert made["profile.first_name"] == ["Zoë"], "what was typed stays"
            assert re.fullmatch(r"[A-Z2-9]{4}-[A-Z2-9]{4}", made["code"][0])
            codes.add(made["code"][0])
        assert len(codes) == 3
        assert count_changes(site) == 0, "nothing is saved by looking"
        assert client.post("/registrations/add/", made).status_code == 302
        assert registration_state(site, made["code"][0]).profile["first_name"] == "Zoë"


# --- many at once


def test_many_get_a_status_after_a_question_as_a_job(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        for n in range(7):
            site.record(f"R-{n}", status="Paid" if n == 6 else "Invited by partner")
        site.signs_in(client, Role.PLANNER)
        query = urlencode({"of": "all", "to": "Paid", "event": site.acme.event, "status": ""})
        url = f"/registrations/set-status/?{query}"
        before = count_changes(site)
        page = text_of(client.get(url).content)
        for words in (
            "Set 7 registrations to Paid?",
            "6 registrations change, 1 is Paid already",
            "1 Live flow may act on this",
            "Leads",
            "Set 6 to Paid",
        ):
            assert words in page, words
        assert count_changes(site) == before
        place = confirms(client, url)["Location"]
        assert "It starts in a moment" in text_of(client.get(place).content)
        assert 'id="job"' in client.get(place, headers={"HX-Request": "true"}).content.decode()
        site.record("R-5", status="Attended")  # another person, after the request
        with inside(site.acme):
            (job,) = Job.objects.all()
        (done,) = site.run_jobs()
        assert (done.pk, done.state) == (job.pk, JobState.DONE)
        assert done.counts == {"changed": 5, "already": 1, "refused": 1}
        assert client.get(place, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
        page = text_of(client.get(place).content)
        assert "1 was refused" in page
        assert "R-5 Attended Somebody gave it another status after you asked for this" in page
        assert registration_state(site, "R-0").status == site.ids["Paid"]
        assert registration_state(site, "R-5").status == site.acme.status("Attended")
        assert count_changes(site) == before + 6
        ((by,),) = site.store.all(
            "SELECT c.by FROM change c JOIN registration r ON r.id = c.registration_id WHERE r.code = 'R-0' ORDER BY c.id DESC LIMIT 1"
        )
        assert by == f"user:{site.people[Role.PLANNER].pk}"


def test_the_way_back_from_many_at_once_is_the_list_as_it_was_filtered_and_shown(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.record("R-1")
        site.signs_in(client, Role.PLANNER)
        asked = f"q=R&event={site.acme.event}&status=New&is=live&sort=code&column=code&column=email"
        listed = client.get(f"/registrations/?{asked}").content.decode()
        (form,) = re.findall(r'<form method="get" action="/registrations/set-status/">(.*?)<table', listed, re.DOTALL)
        hidden = re.findall(r'name="([^"]*)" value="([^"]*)"', form)
        assert hidden == parse_qsl(asked)
        for wish in ({"of": "all", "to": "Paid"}, {"of": "ticked", "to": ""}):
            answer = client.get(f"/registrations/set-status/?{urlencode([*hidden, *wish.items()])}")
            link = re.search(r'href="([^"]*)">Cancel<', answer.content.decode())
            back = html.unescape(link[1]) if link else answer.headers["Location"]
            assert back == f"/registrations/?{asked}"


def test_ticked_rows_get_a_status_and_other_events_that_lack_it_are_named(database: DatabaseFacts, client: Client) -> None:

    with planned(database) as site:
        event_in_testing(site)
        site.record("R 1")
        site.record("R-2")
        site.record("G-1", event="GALA-26")
        site.signs_in(client, Role.PLANNER)
        ticked = [("code", f"{EVENT} R 1"), ("code", "GALA-26 G-1"), ("code", "NOPE X"), ("of", "ticked"), ("to", "Paid")]
        url = f"/registrations/set-status/?{urlencode(ticked)}"
        page = text_of(client.get(url).content)
        assert "Set 2 registrations to Paid?" in page
        assert "1 cannot have it: its event has no such status" in page
        confirms(client, url)
        (done,) = site.run_jobs()
        assert done.counts == {"changed": 1, "refused": 1}
        assert registration_state(site, "R 1").status == site.ids["Paid"]
        assert registration_state(site, "R-2").status == site.acme.status("New")
        for nothing in ("of=ticked&to=Paid", "of=all", "of=ticked&code=X", ""):
            assert client.get(f"/registrations/set-status/?{nothing}").status_code == 302, nothing


def test_a_job_goes_on_where_it_stood_and_can_be_stopped(database: DatabaseFacts, client: Client) -> None:
    from heliograph.jobs import control

    with planned(database) as site:
        for n in range(5):
            site.record(f"R-{n}")
        wish = bulk_change.Wish("Paid", filters=RegistrationFilter(event=site.acme.event))
        with site.store.transaction():
            now = site.store.now()
        parameters = {"status": "Paid", "picked": [], "wanted": wish.filters.as_json(), "asked": now, "total": 5, "by": "user:1"}
        job = control.create(bulk_change.KIND, site.pk, parameters, by="user:1")
        ((third,),) = site.store.all("SELECT id FROM registration WHERE code = 'R-2'")
        with inside(site.acme):
            Job.objects.filter(pk=job.pk).update(cursor={"last": third}, done=3, counts={"changed": 3})
        (done,) = site.run_jobs()
        assert done.counts == {"changed": 5}
        assert registration_state(site, "R-0").status == site.acme.status("New"), "what was done before is not done again"
        waiting = control.create(bulk_change.KIND, site.pk, parameters, by="user:1")
        site.signs_in(client, Role.VIEWER)
        assert client.get(f"/jobs/{waiting.pk}/").status_code == 200
        assert client.post(f"/jobs/{waiting.pk}/", {"do": "stop"}).status_code == 403
        site.signs_in(client, Role.PLANNER)
        assert client.post(f"/jobs/{waiting.pk}/", {"do": "stop"}).status_code == 302
        assert control.find(waiting.pk).state == JobState.CANCELLED
        assert "Stopped before the end." in text_of(client.get(f"/jobs/{waiting.pk}/").content)


def test_P1_a_viewer_and_another_account_change_nothing(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        other = platform_account.made(site.store)
        site.record("R-1")
        query = urlencode({"of": "all", "to": "Attended", "event": site.acme.event})
        site.signs_in(client, Role.VIEWER)
        page = client.get("/registrations/").content.decode()
        assert "Change status of" not in page
        assert "Add a registration" not in page
        for url in ("/registrations/add/", f"/registrations/set-status/?{query}"):
            assert client.get(url).status_code == 403
            assert client.post(url, {"code": "X"}).status_code == 403
        other.signs_in(client)
        assert "Set 0 registrations" in text_of(client.get(f"/registrations/set-status/?{query}").content)
        confirms(client, f"/registrations/set-status/?{query}")
        assert other.run_jobs() == []
        site.signs_in(client)
        confirms(client, f"/registrations/set-status/?{query}")
        with inside(site.acme):
            job = Job.objects.get()
        other.signs_in(client)
        assert client.get(f"/jobs/{job.pk}/").status_code == 404
        assert client.post(f"/jobs/{job.pk}/", {"do": "stop"}).status_code == 404
