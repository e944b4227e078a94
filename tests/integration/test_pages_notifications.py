"""The pages of Notifications: settings, rules, what was sent, a test, and stopping e-mails without signing in (B4, P1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django_scopes import scope
from tests.api_client import ApiClient
from tests.mail_server import Mailbox, text_of
from tests.receiver import Answer
from tests.story import Story
from tests.told import Told

from heliograph.accounts.models import Account, AuditEntry, Role, User
from heliograph.domain.notification.audience import Topic
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.notification_settings import MAIL, Rule, Settings, way_of_connection
from heliograph.domain.notification.tries import MOST_REFUSED
from heliograph.flows.models import Flow
from heliograph.notifications import stored_settings
from heliograph.notifications.letters import Letter, Phase
from heliograph.notifications.models import Message, MessageState
from heliograph.notifications.unsubscribe_links import Subscription, link_of, path_of
from heliograph.notifications.views.log_page import MOST_COUNTED
from heliograph.setup.services.account_creation import AccountFacts, create_account

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(story: Story) -> Iterator[Told]:
    Account.objects.filter(pk=story.account).update(allowed_networks=["127.0.0.0/8"])
    with Mailbox() as mailbox, mailbox.settings():
        yield Told(story, mailbox)


@pytest.fixture
def ada(told: Told) -> User:
    return told.story.person(name="Ada", email="ada@example.org")


def saved(told: Told, user: int) -> Settings:
    with scope(account=told.story.account):
        return stored_settings.saved_settings(told.story.account, user).settings


def fields_of(page: str) -> dict[str, list[str]]:
    """What a browser would post of the page's largest form."""
    fields: dict[str, list[str]] = {}
    form = max(re.findall(r"<form.*?</form>", page, re.DOTALL), key=len)
    for tag in re.findall(r"<input[^>]*>", form, re.DOTALL):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ("checkbox" not in tag or re.search(r"\bchecked\b", tag)):
            text = (value[1] if value else "").replace("&quot;", '"').replace("&#x27;", "'").replace("&amp;", "&")
            fields.setdefault(name[1], []).append(text)
    for name, body in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)"[^>]*selected', body)
        fields[name] = [chosen[1] if chosen else ""]
    return fields


def test_B4_a_person_chooses_kinds_ways_and_quiet_hours(told: Told, ada: User, client: Client) -> None:
    slack = told.story.connection("Slack #events", "/slack")
    client.force_login(ada)
    url = reverse("notifications")
    page = client.get(url).text
    assert 'placeholder="22:00"' not in page  # it would look as if these hours were set
    assert "Times such as 22:00; empty means none." in page
    fields = fields_of(page)
    fields |= {
        "failed": [],
        "waits_minutes": ["60"],
        "quiet_from": ["22:00"],
        "quiet_to": ["07:00"],
        "weekend": ["1"],
        "add_connection": [f"c{slack}"],
    }
    assert client.post(url, fields).status_code == 302
    settings = saved(told, ada.pk)
    assert settings.ways_of(Kind.REFUSES) == {MAIL, f"c{slack}"}
    assert settings.ways_of(Kind.FAILED) == {f"c{slack}"}
    assert (settings.waits_minutes, settings.quiet.first, settings.quiet.last, settings.quiet.weekend) == (60, 1320, 420, True)
    page = client.get(url).text
    assert "Slack #events" in page
    fields = fields_of(page)
    assert client.post(url, fields | {"refuses": [MAIL], "failed": []}).status_code == 302
    assert saved(told, ada.pk).ways == ()  # a way that is told nothing goes
    for text in ("25:99", "9:00", "22:00 or so"):
        refused = client.post(url, fields_of(client.get(url).text) | {"quiet_from": [text]})
        assert refused.status_code == 422, text
        assert "Give a time, such as 22:00." in refused.text


def test_B4_a_viewer_chooses_for_themselves_and_adds_no_connection(told: Told, client: Client) -> None:
    slack = told.story.connection("Slack #events", "/slack")
    viewer = told.story.person(Role.VIEWER, name="Vic", email="vic@example.org")
    client.force_login(viewer)
    url = reverse("notifications")
    client.post(url, fields_of(client.get(url).text) | {"add_connection": [f"c{slack}"], "refuses": [MAIL, f"c{slack}"]})
    assert saved(told, viewer.pk).ways == ()
    assert client.post(reverse("notification-everything"), {}).status_code == 403
    assert client.post(reverse("notification-rule", args=("connection", slack)), {"users": [str(viewer.pk)]}).status_code == 403
    for name in ("notification-rules", "notification-everything", "notification-log"):
        assert client.get(reverse(name)).status_code == 200


def test_B4_P1_the_rules_say_which_of_them_one_may_change(told: Told, client: Client) -> None:
    told.story.connection("CRM", "/crm")
    words = {Role.VIEWER: ("Read", "Read"), Role.PLANNER: ("Read", "Change"), Role.ADMINISTRATOR: ("Change", "Change")}
    for role, (everything, connection) in words.items():
        client.force_login(told.story.person(role, name=role, email=f"{role}@example.org"))
        page = re.sub(r"<[^>]+>|\s+", " ", client.get(reverse("notification-rules")).text)
        shown = " ".join(page.split())
        assert f"{everything} Everything" in shown, role
        assert f"{connection} CRM" in shown, role


def test_B4_the_page_says_that_no_mail_server_is_set_up(story: Story, client: Client) -> None:
    title = "No e-mails are sent: no mail server is set up"
    for role, advice in ((Role.ADMINISTRATOR, "HELIOGRAPH_SMTP_URL"), (Role.VIEWER, "Ask an Administrator")):
        client.force_login(story.person(role, name=role, email=f"{role}@example.org"))
        page = client.get(reverse("notifications")).text
        assert title in page
        assert advice in page
    with Mailbox() as mailbox, mailbox.settings():
        assert title not in client.get(reverse("notifications")).text


def test_B4_rules_are_saved_removed_and_audited(told: Told, ada: User, client: Client) -> None:
    crm = told.story.connection("CRM", "/crm")
    flow = told.story.flow("Leads", [told.story.to(crm)])
    client.force_login(ada)
    for name, id in (("connection", crm), ("flow", flow)):
        url = reverse("notification-rule", args=(name, id))
        posted = fields_of(client.get(url).text) | {
            "users": [str(ada.pk)],
            "addresses": ["Team@example.org"],
            "kinds": ["refuses", "failed"],
        }
        assert client.post(url, posted).status_code == 302
        with scope(account=told.story.account):
            rule = stored_settings.rules_of(told.story.account)[name, id]
        assert rule == Rule(frozenset({ada.pk}), ("team@example.org",), frozenset({Kind.REFUSES, Kind.FAILED}))
        for wrong in ({"addresses": ["nobody"]}, {"users": [], "addresses": [""]}, {"kinds": []}):
            assert client.post(url, fields_of(client.get(url).text) | wrong).status_code == 422
    assert "team@example.org" in client.get(reverse("notification-rules")).text
    client.post(reverse("notification-rule", args=("flow", flow)), {"do": "remove"})
    with scope(account=told.story.account):
        assert list(stored_settings.rules_of(told.story.account)) == [("connection", crm)]
        assert AuditEntry.objects.filter(kind="notifications").count() == 3


def test_P1_a_rule_names_nobody_and_nothing_of_another_account(told: Told, ada: User, client: Client) -> None:
    other = create_account(AccountFacts("OTHER", "Other", "UTC"), by="user:1")
    stranger = User.objects.create_user("eve@example.org", name="Eve", account=other)
    crm = told.story.connection("CRM", "/crm")
    client.force_login(ada)
    url = reverse("notification-rule", args=("connection", crm))
    posted = fields_of(client.get(url).text) | {"users": [str(stranger.pk), str(ada.pk)], "connections": ["c999999"]}
    client.post(url, posted)
    with scope(account=told.story.account):
        rule = stored_settings.rules_of(told.story.account)["connection", crm]
    assert rule == Rule(frozenset({ada.pk}))
    client.force_login(stranger)
    assert client.get(url).status_code == 404
    assert "CRM" not in client.get(reverse("notification-rules")).text


def test_B4_a_test_says_what_each_way_answered(told: Told, ada: User, client: Client) -> None:
    told.story.receiver.answer("/slack", Answer(404, "no_service"))
    slack = told.story.connection("Slack #events", "/slack")
    told.settings(ada, ways=(f"c{slack}",), chosen={Kind.REFUSES: frozenset({MAIL, f"c{slack}"})})
    client.force_login(ada)
    sent = client.post(reverse("notification-test"))
    assert "Being sent" in client.get(sent["Location"]).text
    told.office.send_due()
    page = client.get(sent["Location"]).text
    assert "Taken" in page
    assert "It answers 404: “no_service”" in page
    (mail,) = told.mailbox.mails
    assert mail["Subject"] == "A test from Heliograph"
    assert "A test was just sent." in client.post(reverse("notification-test"), follow=True).text


def test_B4_the_log_says_what_was_sent_to_whom_and_why_not(told: Told, ada: User, client: Client) -> None:
    told.mailbox.refuse("team@example.org", "550 no such user")
    with scope(account=told.story.account):
        everything = Settings(("team@example.org",), {Kind.REFUSES: frozenset({"team@example.org"})})
        stored_settings.save_settings(told.story.account, stored_settings.ACCOUNT, everything, told.config, by="user:1")
    told.story.pause(told.story.connection("CRM", "/crm"))
    for _try in range(6):
        told.passes(61)
        told.turn()
    client.force_login(ada)
    page = client.get(reverse("notification-log")).text
    assert page.count("CRM is paused") == 2
    assert "The mail server answers 550: no such user" in page
    assert "team@example.org" not in client.get(f"{reverse('notification-log')}?to=me").text
    assert "Ada" not in client.get(f"{reverse('notification-log')}?state=not-sent").text.partition("<tbody>")[2]


def test_B4_the_log_says_when_a_message_is_tried_again(told: Told, ada: User, client: Client) -> None:
    told.story.pause(told.story.connection("CRM", "/crm"))
    told.passes(2)
    told.mailbox.close()
    told.turn()
    client.force_login(ada)
    page = client.get(reverse("notification-log")).text
    assert "Next try " in page
    assert "Tried 1 times" not in page


def test_B4_the_log_says_that_there_are_more_than_it_counts(told: Told, ada: User, client: Client) -> None:
    client.force_login(ada)
    with scope(account=told.story.account):
        now = told.story.db.now()
        facts = {"account_id": told.story.account, "kind": Kind.SUMMARY, "phase": Phase.SUMMARY, "way": MAIL, "address": ada.email}
        letter = Letter("This morning").to_body()
        Message.objects.bulk_create(
            Message(key=f"n:{number}", uid=str(number), title="This morning", body=letter, due=now, created=now, **facts)
            for number in range(MOST_COUNTED)
        )
        log = reverse("notification-log")
        assert "10,000 messages" in client.get(log).text
        assert "than 10,000" not in client.get(log).text
        Message.objects.create(key="last", uid="last", title="This morning", body=letter, due=now, created=now, **facts)
    assert "more than 10,000 messages" in client.get(log).text


def test_B4_one_click_stops_a_kind_without_signing_in(told: Told, ada: User, client: Client) -> None:
    told.story.pause(told.story.connection("CRM", "/crm"))
    told.passes(2)
    told.turn()
    (mail,) = told.mailbox.mails
    path = mail["List-Unsubscribe"].strip("<>").removeprefix("http://127.0.0.1:8700")
    assert path in text_of(mail)
    page = client.get(path)
    assert page.status_code == 200
    assert MAIL in saved(told, ada.pk).ways_of(Kind.REFUSES)  # opening it changes nothing
    assert Client(enforce_csrf_checks=True).post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    settings = saved(told, ada.pk)
    assert MAIL not in settings.ways_of(Kind.REFUSES)
    assert MAIL in settings.ways_of(Kind.FAILED)
    client.post(path, {"do": "all"})
    assert not any(saved(told, ada.pk).ways_of(kind) for kind in Kind)
    client.post(path, {"do": "undo"})
    assert all(saved(told, ada.pk).ways_of(kind) == {MAIL} for kind in Kind)


def test_B4_whoever_stops_one_kind_is_not_told_of_everything_else(told: Told, ada: User, client: Client) -> None:
    bob = told.story.person(Role.PLANNER, name="Bob", email="bob@example.org")
    path = path_of(Subscription(told.story.account, bob.pk, bob.email, Kind.FAILED))

    def told_of(kind: Kind, *flows: int) -> list[str]:
        with scope(account=told.story.account):
            audience = stored_settings.audience_of(told.account, told.config, frozenset())
        return [each.address for each in audience.recipients(Topic(kind, None, frozenset(flows)))]

    flow = told.story.flow("Leads", [told.story.to(told.story.connection("CRM", "/crm"))])
    with scope(account=told.story.account):
        Flow.objects.filter(pk=flow).update(created_by=bob.actor)
    assert told_of(Kind.REFUSES) == [ada.email]
    client.post(path, {"do": "stop"})
    assert told_of(Kind.FAILED, flow) == [ada.email]
    assert told_of(Kind.REFUSES, flow) == [ada.email, bob.email]
    assert told_of(Kind.REFUSES) == [ada.email]
    client.post(path, {"do": "undo"})
    assert told_of(Kind.FAILED, flow) == [ada.email, bob.email]
    assert told_of(Kind.REFUSES) == [ada.email]
    told.settings(bob)
    client.post(path, {"do": "stop"})
    assert told_of(Kind.REFUSES) == [ada.email, bob.email]


def test_B4_a_rule_whose_people_have_all_left_tells_everybody(told: Told, ada: User, client: Client) -> None:
    bob = told.story.person(Role.PLANNER, name="Bob", email="bob@example.org")
    crm = told.story.connection("CRM", "/crm")

    def told_of() -> list[str]:
        with scope(account=told.story.account):
            audience = stored_settings.audience_of(told.account, told.config, frozenset())
        return [each.address for each in audience.recipients(Topic(Kind.REFUSES, crm))]

    with scope(account=told.story.account):
        stored_settings.save_rule(told.story.account, "connection", crm, Rule(frozenset({bob.pk})), told.config, by="user:1")
    assert told_of() == [bob.email]
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert told_of() == [ada.email]
    client.force_login(ada)
    (row,) = re.findall(r"<tr[^>]*>(?:(?!</tr>).)*CRM.*?</tr>", client.get(reverse("notification-rules")).text, re.DOTALL)
    assert "As Everything" in row


def test_B4_an_address_of_the_account_leaves_the_settings_and_every_rule(told: Told, ada: User, client: Client) -> None:

    crm = told.story.connection("CRM", "/crm")
    team = "team@example.org"
    with scope(account=told.story.account):
        everything = Settings((team,), {Kind.REFUSES: frozenset({team}), Kind.FAILED: frozenset({team})})
        stored_settings.save_settings(told.story.account, stored_settings.ACCOUNT, everything, told.config, by="user:1")
        stored_settings.save_rule(told.story.account, "connection", crm, Rule(frozenset({ada.pk}), (team,)), told.config, by="user:1")
    client.post(path_of(Subscription(told.story.account, 0, team, Kind.REFUSES)), {"do": "all"})
    with scope(account=told.story.account):
        assert stored_settings.rules_of(told.story.account)["connection", crm].ways == ()
    assert saved(told, stored_settings.ACCOUNT).chosen == {}


def test_B4_an_address_of_the_account_stops_one_kind_in_the_settings_and_every_rule(told: Told, ada: User, client: Client) -> None:
    crm, team = told.story.connection("CRM", "/crm"), "team@example.org"
    with scope(account=told.story.account):
        everything = Settings((team,), {Kind.REFUSES: frozenset({team}), Kind.FAILED: frozenset({team})})
        stored_settings.save_settings(told.story.account, stored_settings.ACCOUNT, everything, told.config, by="user:1")
        stored_settings.save_rule(told.story.account, "connection", crm, Rule(ways=(team,)), told.config, by="user:1")
    stopped = client.post(path_of(Subscription(told.story.account, 0, team, Kind.REFUSES)), {"do": "stop"}).text
    assert "team@example.org still gets the other notifications." in stopped
    assert not saved(told, stored_settings.ACCOUNT).ways_of(Kind.REFUSES)
    assert saved(told, stored_settings.ACCOUNT).ways_of(Kind.FAILED) == {team}

    def told_of(kind: Kind) -> list[str]:
        with scope(account=told.story.account):
            return [
                each.address for each in stored_settings.audience_of(told.account, told.config, frozenset()).recipients(Topic(kind, crm))
            ]

    assert told_of(Kind.WAITS) == [team], "the rule keeps it for its other kinds"
    assert told_of(Kind.REFUSES) == [ada.email], "nobody is left in the rule for this kind"
    client.force_login(ada)
    assert "e-mail, without Refuses, paused" in client.get(reverse("notification-rules")).text
    with scope(account=told.story.account):  # somebody saves the rule anew: the link still holds
        stored_settings.save_rule(told.story.account, "connection", crm, Rule(frozenset({ada.pk}), (team,)), told.config, by="user:1")
    assert told_of(Kind.REFUSES) == [ada.email]
    for kind in (Kind.WAITS, Kind.FAILED, Kind.ENDS):
        client.post(path_of(Subscription(told.story.account, 0, team, kind)), {"do": "stop"})
    with scope(account=told.story.account):
        assert stored_settings.rules_of(told.story.account)["connection", crm] == Rule(frozenset({ada.pk})), "it has stopped all of them"


@pytest.mark.parametrize("whose", ["person", "account"])
@pytest.mark.parametrize("trouble", ["paused", "refuses the message"])
def test_B4_a_stopped_kind_is_not_sent_in_place_of_a_chat_either(told: Told, ada: User, client: Client, whose: str, trouble: str) -> None:
    chat = told.story.connection("Chat", "/chat")
    way = way_of_connection(chat)
    over_chat = Settings((way,), {Kind.REFUSES: frozenset({way})})
    with scope(account=told.story.account):
        mine, ours = (over_chat, Settings()) if whose == "person" else (Settings(), over_chat)
        for user, settings in ((ada.pk, mine), (stored_settings.ACCOUNT, ours)):
            stored_settings.save_settings(told.story.account, user, settings, told.config, by="user:1")
    if trouble == "paused":
        told.story.pause(chat)
    else:
        told.story.receiver.answer("/chat", Answer(400))

    def subjects(name: str) -> list[str]:
        """Those of the e-mails after a new connection was paused."""
        told.story.pause(told.story.connection(name, "/other"))
        subjects = []
        for _ in range(MOST_REFUSED + 1):  # the chat's message is given up, and the e-mail is sent
            told.passes(180)
            subjects += told.turn()
        return [each for each in subjects if each.startswith(name)]

    assert subjects("First") == ["First is paused"]
    with scope(account=told.story.account):
        link = urlsplit(link_of(Message.objects.get(way=MAIL, title="First is paused"))).path
    client.post(link, {"do": "stop"})
    assert subjects("Second") == []
    client.post(link, {"do": "undo"})
    assert subjects("Third") == ["Third is paused"]
    assert saved(told, ada.pk).ways_of(Kind.REFUSES) == mine.ways_of(Kind.REFUSES)


def test_B4_a_stopped_kind_is_not_sent_from_the_outbox_either(told: Told, ada: User, client: Client) -> None:
    with scope(account=told.story.account):
        at = told.story.db.now()
        facts = {"account_id": told.story.account, "way": MAIL, "address": ada.email, "user_id": ada.pk, "phase": Phase.OPENED}
        for key, kind in (("1", Kind.REFUSES), ("2", Kind.FAILED)):
            Message.objects.create(
                **facts, key=key, uid=key, kind=kind, title="x", body=Letter("x").to_body(), due=at, created=at, in_quiet_hours=True
            )
    client.post(path_of(Subscription(told.story.account, ada.pk, ada.email, Kind.REFUSES)), {"do": "stop"})
    told.office.send_due(now=told.now)
    assert [str(mail["Subject"]) for mail in told.mailbox.mails] == ["x"]
    with scope(account=told.story.account):
        states = dict(Message.objects.values_list("key", "state"))
    assert states == {"1": MessageState.NOT_NEEDED, "2": MessageState.SENT}


def test_B4_whoever_has_stopped_a_kind_is_not_told_either_that_it_is_over(told: Told, ada: User, client: Client) -> None:
    bob = told.story.person(name="Bob", email="bob@example.org")
    team, crm = "team@example.org", told.story.connection("CRM", "/crm")
    with scope(account=told.story.account):
        everything = Settings((team,), {Kind.REFUSES: frozenset({team})})
        stored_settings.save_settings(told.story.account, stored_settings.ACCOUNT, everything, told.config, by="user:1")
    told.story.pause(crm)
    told.passes(2)
    assert told.turn() == ["CRM is paused"] * 3
    for user, address in ((ada.pk, ada.email), (0, team)):
        client.post(path_of(Subscription(told.story.account, user, address, Kind.REFUSES)), {"do": "stop"})
    told.story.resume(crm)
    told.turn()
    told.passes(2)
    told.turn()
    resolved = [mail["To"] for mail in told.mailbox.mails if str(mail["Subject"]) == "Resolved: CRM is no longer paused"]
    assert resolved == [bob.email]


def test_B4_a_message_that_cannot_be_written_holds_up_no_other(told: Told, ada: User) -> None:
    with scope(account=told.story.account):
        at = told.story.db.now()
        facts = {
            "account_id": told.story.account,
            "way": MAIL,
            "address": ada.email,
            "user_id": ada.pk,
            "phase": Phase.OPENED,
            "title": "x",
        }
        for key, body in (("1", "no json"), ("2", Letter("x").to_body())):
            Message.objects.create(**facts, key=key, uid=key, kind=Kind.FAILED, body=body, due=at, created=at)
    told.office.send_due(now=told.now)
    assert [str(mail["Subject"]) for mail in told.mailbox.mails] == ["x"]
    with scope(account=told.story.account):
        assert Message.objects.get(key="1").result == "Heliograph could not write it. The log says why."


def test_B4_whoever_may_no_longer_sign_in_gets_nothing_that_still_waits(told: Told, ada: User) -> None:
    with scope(account=told.story.account):
        at = told.story.db.now()
        Message.objects.create(
            account_id=told.story.account,
            way=MAIL,
            address=ada.email,
            user_id=ada.pk,
            phase=Phase.OPENED,
            key="1",
            uid="1",
            kind=Kind.REFUSES,
            title="x",
            body=Letter("x").to_body(),
            due=at,
            created=at,
        )
    User.objects.filter(pk=ada.pk).update(is_active=False)
    told.office.send_due(now=told.now)
    assert told.mailbox.mails == []
    with scope(account=told.story.account):
        assert Message.objects.get().result == "This person may no longer sign in."


@pytest.mark.parametrize("token", ["x", "W10~3A1~3Aforged", "a" * 2_000])
def test_B4_a_link_that_was_not_signed_here_stops_nothing(told: Told, client: Client, token: str) -> None:
    assert client.post(f"/unsubscribe/{token}/", {"do": "all"}).status_code == 404


def test_B4_programs_set_what_is_told_and_read_what_was_sent(told: Told, ada: User) -> None:
    crm = told.story.connection("CRM", "/crm")
    api = ApiClient.for_account(told.story.account)
    places = [{"address": "team@example.org", "kinds": ["refuses"]}]
    hours = {"first": "22:00", "last": "07:00"}
    answer = api.ask("PUT", "notifications", {"places": places, "quiet_hours": hours, "summary_at": "09:00"})
    assert answer == api.get("notifications")
    stored = saved(told, stored_settings.ACCOUNT)
    assert (stored.ways, stored.quiet.first, stored.summary_at) == (("team@example.org",), 1320, 540)
    for wrong in ([{"kinds": []}], [{"connection": "1", "address": "a@b.c", "kinds": []}], [{"address": "nobody", "kinds": ["failed"]}]):
        api.ask("PUT", "notifications", {"places": wrong}, status=400)
    rule = f"notifications/rules/connection/{crm}"
    assert api.get(rule)["users"] == []
    api.ask("PUT", rule, {"users": [str(ada.pk)], "kinds": ["refuses"]})
    assert [each["thing"] for each in api.get("notifications/rules")["items"]] == [str(crm)]
    api.ask("PUT", "notifications/rules/flow/999", {"users": [str(ada.pk)], "kinds": ["refuses"]}, status=404)
    told.story.pause(crm)
    told.passes(2)
    told.turn()
    (message,) = api.get("notifications/messages")["items"]
    assert (message["title"], message["address"], message["state"]) == ("CRM is paused", "ada@example.org", "sent")
    api.delete(rule)
    assert api.get("notifications/rules")["items"] == []
