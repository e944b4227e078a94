"""The pages of an event: its details, its set-up, leaving Testing, a copy (P2-P6, P9, N1)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from tests.builders import platform_account
from tests.builders.account import BY, inside
from tests.builders.platform_account import EVENT, PlatformAccount, event_in_testing, planned, registration_state
from tests.confirming import confirms
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.page_text import text_of

from heliograph.accounts.models import Role
from heliograph.domain.setup.compiled_setup import EventState
from heliograph.domain.setup.tag_kinds import StandardProperty, TagKind
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.setup import mark_test_job
from heliograph.setup.models import AttendeeType, Question, RegistrationProperty, Session
from heliograph.setup.services.events import save_event
from heliograph.setup.services.setup_save import saving
from heliograph.store.config_cache import Committed

DETAILS = f"/events/{EVENT}/details/"


def shown(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, (url, answer.status_code)
    return text_of(answer.content)


def event_changes(site: PlatformAccount, event: int) -> list[tuple[int, bool]]:
    """(facets, quiet) of the event's own changes."""
    return [(f, bool(q)) for f, q in site.store.all("SELECT facets, quiet FROM change WHERE subject_id = :id ORDER BY id", {"id": event})]


# --- list and new


def test_P2_the_choice_of_the_event_has_a_search_where_there_are_many(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        assert "Search events" not in client.get(DETAILS).content.decode()
        for n in range(20):
            event_in_testing(site, f"GALA-{n}")
        page = client.get(DETAILS).content.decode()
        assert "Search events" in page
        assert "All events" in page
        assert "GALA-7" in shown(client, "/events/?q=gala-7")


def test_P2_an_event_is_added_and_begins_in_testing(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        form = posted(client.get("/events/add/").content.decode(), "form")
        assert form["timezone"] == ["Europe/Berlin"]
        bad = client.post(
            "/events/add/",
            form | {"code": ["no spaces here"], "name": ["Gala <i>"], "start": ["2026-12-11T18:00"], "end": ["2026-12-10T18:00"]},
        )
        assert bad.status_code == 422
        assert "Letters, digits and dashes only" in bad.content.decode()
        assert 'value="Gala &lt;i&gt;"' in bad.content.decode()
        taken = client.post("/events/add/", form | {"code": [EVENT], "name": ["Again"]})
        assert taken.status_code == 422
        good = form | {"code": ["GALA-26"], "name": ["Gala"], "start": ["2026-12-11T18:00"], "timezone": ["America/New_York"]}
        assert client.post("/events/add/", good)["Location"] == "/events/GALA-26/details/"
        config = Committed(site.store)
        ((id,),) = site.store.all("SELECT id FROM event WHERE code = 'GALA-26'")
        state = config.event(id).state
        assert site.acme.config().event_statuses[state.status].name == "Testing"
        assert state.start == datetime(2026, 12, 11, 23, tzinfo=UTC)
        assert "Gala GALA-26 Testing 11 Dec 2026, 18:00 America/New_York 0" in shown(client, "/events/")
        assert "GALA-26" not in shown(client, "/events/?q=summit").partition("All events")[2].partition("Location")[2]


def test_the_list_of_events_is_paged_there_and_back(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        with saving(site.pk, by=BY) as transaction:
            for n in range(30):
                save_event(transaction, EventState(f"E-{n:02}", f"Event {n}", site.acme.event_status("Testing")))
        site.signs_in(client, Role.VIEWER)
        first = client.get("/events/").content.decode()
        assert "E-29" in first
        assert "E-05" in first.partition("<main")[2]
        assert "E-04" not in first.partition("<main")[2]
        older = first.partition('rel="next" href="')[2].partition('"')[0]
        second = client.get(f"/events/{older}").content.decode().partition("<main")[2]
        assert "E-04" in second
        newer = second.partition('rel="prev" href="')[2].partition('"')[0]
        assert "E-29" in client.get(f"/events/{newer}").content.decode().partition("<main")[2]
        assert "Add an event" not in first


# --- details


def test_P10_saving_details_records_one_change_and_only_what_was_changed(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        tag = site.tag("Customer", TagKind.EVENT)
        site.signs_in(client, Role.PLANNER)
        form = posted(client.get(DETAILS).content.decode(), "form")
        before = len(event_changes(site, site.acme.event))
        assert client.post(DETAILS, form).status_code == 302
        assert len(event_changes(site, site.acme.event)) == before, "nothing was changed"
        region = next(id for id, f in site.acme.config().event_fields.items() if f.code == "region")
        mine = form | {
            "name": ["Summit of summits"],
            "tags": ["customer"],
            f"custom.{region}": ["South"],
            "start": ["2026-03-29T02:30"],
            "timezone": ["Europe/Vienna"],
        }
        gap = client.post(DETAILS, mine)
        assert gap.status_code == 422, "clocks leave this hour out"
        assert "leave out this time" in gap.content.decode()
        # Another person changes the location meanwhile: both changes are kept.
        client.post(DETAILS, form | {"location": ["Vienna"]})
        assert client.post(DETAILS, mine | {"start": ["2026-03-29T03:30"]}).status_code == 302
        state = site.acme.event_config().state
        assert (state.name, state.location, state.tags, state.custom) == ("Summit of summits", "Vienna", (tag.pk,), {region: ("South",)})
        assert state.start == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
        assert len(event_changes(site, site.acme.event)) == before + 2


def test_two_people_who_change_the_same_field_are_told(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        form = posted(client.get(DETAILS).content.decode(), "form")
        client.post(DETAILS, form | {"name": ["Theirs"]})
        met = client.post(DETAILS, form | {"name": ["Mine"], "location": ["Linz"]})
        assert met.status_code == 422
        assert "Somebody made this “Theirs”" in met.content.decode()
        assert site.acme.event_config().state.name == "Theirs"
        assert client.post(DETAILS, posted(met.content.decode(), "form")).status_code == 302
        state = site.acme.event_config().state
        assert (state.name, state.location) == ("Mine", "Linz")


def test_an_event_moves_with_its_code(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client)
        form = posted(client.get(DETAILS).content.decode(), "form")
        assert client.post(DETAILS, form | {"code": ["SUMMIT-27"]})["Location"] == "/events/SUMMIT-27/details/"
        assert client.get(DETAILS).status_code == 404
        assert client.get("/events/SUMMIT-27/questions/").status_code == 200


# --- out of Testing


def test_P9_leaving_testing_is_explained_marked_quietly_and_then_made(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        event = event_in_testing(site)
        test = {"Test": False}
        for n in range(3):
            site.record(f"G-{n}", event="GALA-26", properties=test)
        site.record("G-3", event="GALA-26")  # Test from its creation on
        site.signs_in(client, Role.PLANNER)
        url = "/events/GALA-26/details/"
        live = str(site.acme.event_status("Live"))
        form = posted(client.get(url).content.decode(), "form") | {"status": [live], "name": ["Gala"]}
        asked = client.post(url, form)
        assert asked["Location"] == f"/events/GALA-26/leave-testing/?to={live}"
        assert Committed(site.store).event(event).state.name == "Gala", "the rest is saved at once"
        assert site.acme.config().is_test_event(Committed(site.store).event(event).state.status)
        page = shown(client, asked["Location"])
        for said in (
            "Take GALA-26 from Testing to Live?",
            "3 registrations that are not Test are marked Test",
            "1 Live flow will take",
            "Leads",
            "Mark 3 as Test, then go Live",
        ):
            assert said in page, said
        before = event_changes(site, event)
        assert confirms(client, "/events/GALA-26/leave-testing/", {"to": live})["Location"] == url
        assert confirms(client, "/events/GALA-26/leave-testing/", {"to": live}).status_code == 302, "a second person gets the same job"
        part = {"HX-Request": "true"}
        assert "hx-refresh" not in client.get(url, headers=part).headers, "it is marked still"
        marking_page = shown(client, url)
        assert "0 of 3" in marking_page
        assert "It cannot be changed until the marking is done" in marking_page
        (job,) = site.run_jobs()
        assert (job.state, job.counts) == (JobState.DONE, {"marked": 3})
        assert client.get(url, headers=part)["HX-Refresh"] == "true"
        config = Committed(site.store).event(event)
        assert site.acme.config().event_statuses[config.state.status].name == "Live"
        assert len(event_changes(site, event)) == len(before) + 1, "the switch itself is one change"
        for n in range(4):
            assert registration_state(site, f"G-{n}", "GALA-26").is_test
        quiet = site.store.all(
            "SELECT quiet, by FROM change c JOIN registration r ON r.id = c.registration_id WHERE r.code = 'G-0' ORDER BY c.id"
        )
        assert [bool(q) for q, _ in quiet] == [False, True]
        assert quiet[-1][1] == f"user:{site.people[Role.PLANNER].pk}"
        judged = site.store.all(
            "SELECT count(*) FROM run JOIN change c ON c.id = run.change_id WHERE c.event_id = :id AND c.quiet", {"id": event}
        )
        assert judged == [(0,)]


def test_an_event_without_registrations_counts_none_of_one(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        event = event_in_testing(site)
        site.signs_in(client)
        job = mark_test_job.start(site.pk, event, site.acme.event_status("Live"), by=BY)
        text = text_of(client.get("/events/GALA-26/details/").content)
        assert "Marking registrations Test None to mark" in text
        assert "0 of 1" not in text
        assert mark_test_job.progress(job) == {"n": 0, "of": 0, "percent": 100, "left": None}


def test_P9_who_comes_while_it_is_marked_is_marked_too(database: DatabaseFacts) -> None:
    with planned(database) as site:
        event = event_in_testing(site)
        site.record("G-0", event="GALA-26", properties={"Test": False})
        job = mark_test_job.start(site.pk, event, site.acme.event_status("On-Site"), by=BY)
        run = mark_test_job.Marking(job)
        site.record("G-1", event="GALA-26", properties={"Test": False})
        assert list(run.read().codes) == ["G-0", "G-1"]
        (done,) = site.run_jobs()
        assert done.state == JobState.DONE
        assert all(registration_state(site, code, "GALA-26").is_test for code in ("G-0", "G-1"))


def test_P9_a_job_that_failed_can_be_tried_again(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        event = event_in_testing(site)
        site.record("G-0", event="GALA-26", properties={"Test": False})
        job = mark_test_job.start(site.pk, event, site.acme.event_status("Live"), by=BY)
        with inside(site.acme):
            Job.objects.filter(pk=job.pk).update(state=JobState.FAILED, error="The disk was full.")
        site.signs_in(client, Role.PLANNER)
        assert "The disk was full." in shown(client, "/events/GALA-26/details/")
        client.post("/events/GALA-26/leave-testing/", {"again": "1"})
        assert control.find(job.pk).state == JobState.QUEUED
        site.run_jobs()
        assert registration_state(site, "G-0", "GALA-26").properties == (StandardProperty.TEST.value,)


def test_P9_a_live_event_goes_on_without_a_question(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.record("R-1")
        site.signs_in(client, Role.PLANNER)
        form = posted(client.get(DETAILS).content.decode(), "form")
        on_site = str(site.acme.event_status("On-Site"))
        assert client.post(DETAILS, form | {"status": [on_site]})["Location"] == DETAILS
        assert site.acme.event_config().state.status == int(on_site)
        assert client.get(f"/events/{EVENT}/leave-testing/?to={on_site}").status_code == 302
        assert not registration_state(site, "R-1", EVENT).is_test


# --- its set-up


def test_P3_P5_custom_statuses_and_types_are_added_tagged_and_changed(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.record("R-1", status="Paid", attendee_type="Guest")
        site.signs_in(client, Role.PLANNER)
        url = f"/events/{EVENT}/custom-statuses/"
        page = shown(client, url)
        assert "Paid PAID Accepted 1" in page
        assert "No tag yet: a flow needs one, so changes wait in Retry." in page
        assert "Tags are optional" not in page, "each is to have one"
        partner = site.ids["Invited by partner"]
        form = posted(client.get(url).content.decode(), "rows") | {f"tags-{partner}": ["Registered"]}
        assert client.post(url, form).status_code == 302
        assert site.acme.event_config().statuses[partner].tags == {site.acme.tags["Registered"].pk}
        standard = client.post(url, {"do": "add", "name": "Attended", "cls": "Pending", "tags": "Registered"})
        assert standard.status_code == 422
        assert "This is a standard registration status" in standard.content.decode()
        assert client.post(url, {"do": "add", "name": "Visa pending", "cls": "Pending", "tags": "registered"}).status_code == 302
        made = next(s for s in site.acme.event_config().statuses.values() if s.name == "Visa pending")
        assert (made.code, str(made.cls), set(made.tags)) == ("Visa-pending", "Pending", {site.acme.tags["Registered"].pk})
        assert client.post(f"{url}{made.id}/", {"name": "Visa", "code": "VISA", "cls": "Denied", "tags": ""}).status_code == 302
        made = site.acme.event_config().statuses[made.id]
        assert (made.name, made.code, str(made.cls), made.tags) == ("Visa", "VISA", "Denied", frozenset())
        types = f"/events/{EVENT}/attendee-types/"
        assert "Guest GST 1" in shown(client, types)
        assert client.post(types, {"do": "add", "name": "speaker"}).status_code == 422


def test_P4_thirty_properties_are_the_most(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.record("R-1", properties={"VIP guest": True})
        site.signs_in(client, Role.PLANNER)
        url = f"/events/{EVENT}/configure/"
        page = shown(client, url)
        assert "Custom Registration Properties 1 of 30" in page
        assert "VIP guest VIP 1" in page
        assert client.post(url, {"do": "add", "name": "complete"}).status_code == 422
        for n in range(29):
            assert client.post(url, {"do": "add", "name": f"Flag {n}", "tags": "VIP"}).status_code == 302, n
        page = shown(client, url)
        assert "30 is the most an event can have" in page
        assert "Add a property" not in page
        assert client.post(url, {"do": "add", "name": "One more"}).status_code == 422
        with inside(site.acme):
            assert RegistrationProperty.objects.filter(event=site.acme.event).count() == 30


def test_P6_a_question_has_one_tag_and_two_of_a_tag_are_warned_of(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        url, diet = f"/events/{EVENT}/questions/", str(site.acme.tags["Diet"].pk)
        arrival = site.ids["Day of arrival"]
        form = posted(client.get(url).content.decode(), "rows")
        assert form[f"tags-{arrival}"] == [""]
        assert client.post(url, form | {f"tags-{arrival}": [diet]}).status_code == 302
        assert site.acme.event_config().questions[arrival].tag == int(diet)
        assert "Also on Day of arrival: a mapping joins their answers" in shown(client, url)
        assert client.post(url, form | {f"tags-{arrival}": [str(site.acme.tags["Registered"].pk)]}).status_code == 422
        added = {"do": "add", "label": "Company size", "code": "size", "type": "select", "options": "1-9\n10-99", "tag": ""}
        assert client.post(url, added).status_code == 302
        with inside(site.acme):
            row = Question.objects.get(code="size")
        assert row.options == ["1-9", "10-99"]
        assert client.post(f"{url}{row.pk}/", added | {"label": "Size", "tag": diet}).status_code == 302
        assert site.acme.event_config().questions[row.pk].tag == int(diet)


def test_P5_sessions_keep_their_times_in_the_events_timezone(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        client.post(DETAILS, posted(client.get(DETAILS).content.decode(), "form") | {"timezone": ["Asia/Tokyo"]})
        url = f"/events/{EVENT}/sessions/"
        assert "Opening KEYNOTE 1 Mar 2026, 18:00" in shown(client, url)
        assert client.post(url, {"do": "add", "name": "Panel", "code": "", "start": "x"}).status_code == 422
        assert (
            client.post(
                url, {"do": "add", "name": "Panel", "code": "PANEL", "start": "2026-03-02T10:15", "end": "2026-03-02T11:00"}
            ).status_code
            == 302
        )
        with inside(site.acme):
            panel = Session.objects.get(code="PANEL")
        assert panel.start == datetime(2026, 3, 2, 1, 15, tzinfo=UTC)
        edit = f"{url}{panel.pk}/"
        form = posted(client.get(edit).content.decode(), "form")
        assert form["start"] == ["2026-03-02T10:15"]
        assert client.post(edit, form | {"end": ["2026-03-01T09:00"]}).status_code == 422


@pytest.mark.parametrize(
    ("here", "name", "document"),
    [
        ("custom-statuses", "Paid", {"status": "Paid"}),
        ("attendee-types", "Guest", {"attendee_type": "Guest"}),
        ("configure", "VIP guest", {"properties": {"VIP guest": True}}),
        ("questions", "Day of arrival", {"answers": {"arrival": "2026-03-01"}}),
        ("sessions", "KEYNOTE", {"sessions": [{"code": "KEYNOTE", "status": "Registered"}]}),
    ],
)
def test_P12_what_registrations_use_is_not_deletable(
    database: DatabaseFacts, client: Client, here: str, name: str, document: dict[str, object]
) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        url = f"/events/{EVENT}/{here}/{site.ids[name]}/delete/"
        assert "Nothing uses it" in shown(client, url)
        site.record("R-1", **document)
        page = shown(client, url)
        assert "1 registration of SUMMIT-26" in page
        assert client.post(url).status_code == 409
        if here != "questions":
            assert "In use" in shown(client, f"/events/{EVENT}/{here}/")


def test_what_is_not_used_is_deleted_after_a_question(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.PLANNER)
        url = f"/events/{EVENT}/attendee-types/{site.ids['Guest']}/delete/"
        assert confirms(client, url)["Location"] == f"/events/{EVENT}/attendee-types/"
        with inside(site.acme):
            assert not AttendeeType.objects.filter(pk=site.ids["Guest"]).exists()


# --- copy


def test_P2_a_copy_has_the_set_up_and_no_registrations(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.record("R-1")
        site.signs_in(client, Role.PLANNER)
        url = f"/events/{EVENT}/copy/"
        page = shown(client, url)
        assert "2 custom statuses, 2 attendee types, 2 questions, 1 session, 1 custom registration property" in page
        assert "4 of them have no tag here" in page
        assert f'href="/events/{EVENT}/attendee-types/"' in client.get(url).content.decode().partition("What is copied")[2], (
            "where to tag it"
        )
        form = posted(client.get(url).content.decode(), "dialog") | {"name": ["Summit 27"], "start": ["2027-03-01T09:00"]}
        assert client.post(url, form | {"code": [EVENT]}).status_code == 422
        assert client.post(url, form | {"code": ["SUMMIT-27"]})["Location"] == "/events/SUMMIT-27/details/"
        ((id,),) = site.store.all("SELECT id FROM event WHERE code = 'SUMMIT-27'")
        copy, original = Committed(site.store).event(id), site.acme.event_config()
        assert [s.name for s in copy.statuses.values()] == [s.name for s in original.statuses.values()]
        assert [(q.code, q.tag) for q in copy.questions.values()] == [(q.code, q.tag) for q in original.questions.values()]
        assert site.acme.config().event_statuses[copy.state.status].name == "Testing"
        assert copy.state.start == datetime(2027, 3, 1, 9, tzinfo=UTC)
        assert site.store.all("SELECT count(*) FROM registration WHERE event_id = :id", {"id": id}) == [(0,)]


# --- roles, other accounts, empty states

LISTS = ("custom-statuses", "attendee-types", "questions", "sessions", "configure")


def test_P1_a_viewer_reads_event_pages_and_changes_nothing(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client, Role.VIEWER)
        before = site.acme.event_config().version
        for here in ("details", *LISTS):
            url = f"/events/{EVENT}/{here}/"
            page = client.get(url)
            assert page.status_code == 200, url
            assert "A Planner or an Administrator" in page.content.decode(), url
            for form in ("form", "adder"):
                assert not posted(page.content.decode(), form), url
            assert (
                client.post(url, {"do": "add", "name": "X", "label": "X", "code": "X", "type": "text", "opened": "{}"}).status_code == 403
            ), url
        one = site.ids
        for url in (
            "/events/add/",
            f"/events/{EVENT}/copy/",
            f"/events/{EVENT}/leave-testing/",
            f"/events/{EVENT}/custom-statuses/{one['Paid']}/",
            f"/events/{EVENT}/custom-statuses/{one['Paid']}/delete/",
            f"/events/{EVENT}/sessions/{one['KEYNOTE']}/",
        ):
            assert client.get(url).status_code == 403, url
            assert client.post(url, {"name": "X"}).status_code == 403, url
        assert site.acme.event_config().version == before


def test_another_accounts_events_are_not_there(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        other = platform_account.made(site.store)
        mine = event_in_testing(site)
        with saving(other.pk, by=BY) as transaction:
            save_event(transaction, EventState("THEIRS", "Theirs", other.acme.event_status("Testing")))
        site.signs_in(client)
        for here in ("details", "copy", "leave-testing", *LISTS):
            assert client.get(f"/events/THEIRS/{here}/").status_code == 404, here
            assert client.post(f"/events/THEIRS/{here}/", {"name": "X", "do": "add"}).status_code == 404, here
        # An id from the other account's event, or from another event of the same account, under an existing event.
        for here, name in zip(LISTS, ("Paid", "Guest", "Day of arrival", "KEYNOTE", "VIP guest"), strict=True):
            for url in (f"/events/{EVENT}/{here}/{other.ids[name]}/", f"/events/GALA-26/{here}/{site.ids[name]}/"):
                assert client.get(url).status_code == 404, url
                assert client.post(url, {"name": "X", "label": "X", "code": "X", "type": "text", "cls": "Pending"}).status_code == 404, url
                assert client.post(f"{url}delete/").status_code == 404, url
        assert mine
        assert "THEIRS" not in client.get("/events/").content.decode()
        assert (
            client.post(f"/events/{EVENT}/questions/", {f"tags-{other.ids['Day of arrival']}": str(site.acme.tags["Diet"].pk)}).status_code
            == 302
        )
        assert other.acme.event_config().questions[other.ids["Day of arrival"]].tag is None


@pytest.mark.parametrize("here", LISTS)
def test_an_event_without_a_set_up_says_what_to_do(database: DatabaseFacts, client: Client, here: str) -> None:
    with planned(database) as site:
        event_in_testing(site)
        site.signs_in(client, Role.PLANNER)
        page = client.get(f"/events/GALA-26/{here}/").content.decode()
        assert 'class="empty"' in page
        assert 'name="do" value="add"' in page
