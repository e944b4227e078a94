"""Each preset against a strict imitation of its target, through services and the real engine (B3, C7, X2)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.oauth import Authority
from tests.story import Story
from tests.vendors import (
    FORM,
    Discord,
    GoogleChat,
    GoogleForms,
    HubSpotContacts,
    HubSpotForm,
    Make,
    Marketo,
    Mattermost,
    RocketChat,
    SalesforceUpsert,
    Slack,
    Teams,
    Telegram,
    Vendor,
    WebToLead,
    Zapier,
)

from heliograph.connections.services.connections import ConnectionFacts, save_connection
from heliograph.domain.connection.secret import Secret
from heliograph.domain.connection.target_url import split_address
from heliograph.mappings.services import mapping_row
from heliograph.presets import services
from heliograph.setup.setup_errors import Invalid, NotThere

TOKENS = {"salesforce_upsert": "/services/oauth2/token", "marketo_leads": "/identity/oauth/token"}


def prepare(story: Story, key: str, **values: str) -> int:
    """A flow that uses the preset's connection and mapping with the receiver as host; path, query and everything else stay the preset's."""
    chosen = services.preset(key)
    given = {**chosen.sample["blanks"], **values}
    with story.saving() as transaction:
        made = services.make(transaction, key, given)
    filled = chosen.fill(given)
    fields = dict(made.connection.body)
    if key in TOKENS:
        assert split_address(fields["access_token_url"]).path_and_query == TOKENS[key]
        fields["access_token_url"] = story.receiver.url(TOKENS[key])
    with story.saving() as transaction:
        url = story.receiver.url(split_address(filled.url).path_and_query)
        secrets = {Secret(name): value for name, value in filled.secrets.items()}
        save_connection(transaction, ConnectionFacts(fields, url=url, secrets=secrets), made.connection.pk, http=True)
    story.flow(chosen.name, [story.to(made.connection.pk, mapping=made.mappings[0].pk, does=chosen.does)])
    return int(made.connection.pk)


def send(story: Story, code: str, last: str, *states: str, **profile: str) -> None:
    """Records a person, and waits until the actions of this code have these states, if any are given."""
    given = {
        "first_name": "<!channel>",
        "last_name": last,
        "email": f"{code.lower()}@example.org",
        "organization": "Oakline & Sons",
        **profile,
    }
    story.record(code, status="Attended", profile=given)
    if states:
        story.until(code, *states)


def outcome(story: Story, code: str) -> tuple[str, str, str]:
    action = story.action(code)
    return action["state"], action["category"] or "", action["cause"]


@pytest.mark.parametrize("key", ["slack_text", "slack_blocks"])
def test_B3_slack(story: Story, key: str) -> None:
    slack = Slack()
    story.receiver.answer_all(slack)
    crm = prepare(story, key)
    with story.worker():
        send(story, "R1", "Lindqvist", "success")
        send(story, "R2", "Archived")
        story.wait_for(lambda: story.paused(crm)[0])
    assert len(slack.taken) == 1
    assert outcome(story, "R2") == ("queued", "Config", "answer")


@pytest.mark.parametrize(
    ("key", "imitation"), [("teams_card", Teams), ("hubspot_form", HubSpotForm), ("zapier", Zapier), ("salesforce_web_to_lead", WebToLead)]
)
def test_B3_what_is_good_is_taken(story: Story, key: str, imitation: type[Vendor]) -> None:
    target = imitation()
    story.receiver.answer_all(target)
    prepare(story, key)
    with story.worker():
        send(story, "R1", "Lindqvist", "success")
        send(story, "R2", "O'Neill", "success")
    assert len(target.taken) == 2


@pytest.mark.parametrize(
    ("key", "imitation"),
    [("mattermost", Mattermost), ("discord", Discord), ("google_chat", GoogleChat), ("rocketchat", RocketChat), ("telegram", Telegram)],
)
def test_B3_a_chat_that_lost_its_webhook_says_so(story: Story, key: str, imitation: type[Vendor]) -> None:
    chat = imitation()
    story.receiver.answer_all(chat)
    prepare(story, key)
    with story.worker():
        send(story, "R1", "Lindqvist", "success")
        send(story, "R2", "Deleted", "queued")
    assert len(chat.taken) == 1
    assert outcome(story, "R2")[:2] == ("queued", "Config")
    ((message,),) = story.db.all("SELECT message FROM attempt WHERE category IS NOT NULL")
    assert message, "the chat's own words"


@pytest.mark.parametrize(
    ("key", "imitation"), [("discord", Discord), ("google_chat", GoogleChat), ("rocketchat", RocketChat), ("telegram", Telegram)]
)
def test_B3_C8_a_chats_limit_rests_the_connection(story: Story, key: str, imitation: type[Vendor]) -> None:
    story.receiver.answer_all(imitation())
    chat = prepare(story, key)
    with story.worker():
        send(story, "R1", "Busy", "queued")
    ((held,),) = story.db.all("SELECT held_until FROM connection_state WHERE connection_id = :c", {"c": chat})
    assert held - story.db.now() > 30_000_000
    assert outcome(story, "R1")[1] == "Connection"


def test_B3_a_200_of_rocket_chat_that_means_an_error_is_one(story: Story) -> None:
    chat = RocketChat()
    story.receiver.answer_all(chat)
    prepare(story, "rocketchat")
    with story.worker():
        send(story, "R1", "Muted", "queued")
    assert (outcome(story, "R1"), chat.taken) == (("queued", "General", "rule"), [])


def test_B3_mattermost_with_its_webhooks_disabled(story: Story) -> None:
    story.receiver.answer_all(Mattermost())
    prepare(story, "mattermost")
    with story.worker():
        send(story, "R1", "Disabled", "queued")
    assert outcome(story, "R1") == ("queued", "Config", "rule")


def test_D7_mattermost_at_another_address_is_cured_by_a_save(story: Story) -> None:
    """A server that knows no such page says nothing of a webhook: the address is wrong, so a save of another one sends what waits."""
    story.receiver.answer_all(Mattermost())
    prepare(story, "mattermost")
    with story.worker():
        send(story, "R1", "Moved", "queued")
    assert outcome(story, "R1")[:2] == ("queued", "Config")


def test_B3_google_forms(story: Story) -> None:
    form = GoogleForms()
    story.receiver.answer_all(form)
    prepare(story, "google_forms")
    with story.worker():
        send(story, "R1", "Lindqvist", "success")
        send(story, "R2", "Nobody", "queued", email="")
        form.closed = True
        send(story, "R3", "Late", "queued")
    assert outcome(story, "R2") == ("queued", "General", "rule")
    assert outcome(story, "R3") == ("queued", "Config", "rule")
    assert [answers["entry.2"] for answers in form.taken] == ["Lindqvist"]
    assert story.receiver.requests[0].header("content-type") == FORM


def test_B3_hubspot_says_what_it_refused(story: Story) -> None:
    form = HubSpotForm()
    story.receiver.answer_all(form)
    prepare(story, "hubspot_form")
    with story.worker():
        send(story, "R1", "Odd", "queued", email="nobody@nowhere")
    ((message,),) = story.db.all("SELECT message FROM attempt")
    assert message == "HubSpot refused the submission: Error in 'fields.email'. Invalid email"


def test_B3_X2_hubspot_contacts(story: Story) -> None:
    story.receiver.answer_all(HubSpotContacts())
    prepare(story, "hubspot_contact")
    with story.worker():
        send(story, "R1", "Lindqvist", "success")
        send(story, "R1", "Lindqvist-Berg", "success", "success")
        send(story, "R2", "Odd", "queued", email="nowhere")
    assert outcome(story, "R2") == ("queued", "General", "rule")
    figures = story.figures()
    assert (figures.leads_created, figures.leads_updated) == (1, 1)


def test_B3_salesforce_web_to_lead_of_an_unknown_organization(story: Story) -> None:
    story.receiver.answer_all(WebToLead())
    prepare(story, "salesforce_web_to_lead", organization="00D000000000000")
    with story.worker():
        send(story, "R1", "Lindqvist", "queued")
    assert outcome(story, "R1") == ("queued", "Config", "rule")


def test_B3_X2_salesforce_upsert(story: Story) -> None:
    story.retries(0.1, 0.1, 0.1)
    authority = Authority(
        story.receiver, client="3MVG9", secret="0123456789", basic=False, expires_in=None, path=TOKENS["salesforce_upsert"]
    )
    salesforce = SalesforceUpsert(authority.valid)
    story.receiver.answer_all(salesforce)
    prepare(story, "salesforce_upsert")
    with story.worker():
        send(story, "R1", "Lindqvist", "success")
        authority.revoke()  # 401, as for an expired session
        send(story, "R1", "Lindqvist-Berg", "success", "success")
        send(story, "R2", "Locked", "success")
        send(story, "R3", "Twice", "failed")
    assert [key for key, _ in salesforce.taken] == ["R1", "R1", "R2"]
    assert outcome(story, "R2")[1:] == ("Connection", "rule")
    assert outcome(story, "R3") == ("failed", "General", "rule")
    figures = story.figures()
    assert (figures.leads_created, figures.leads_updated) == (2, 1)
    assert story.attempts(story.action("R1", 1)) == [("first", "", 200)]


def test_B3_X2_C4_marketo(story: Story) -> None:
    story.retries(0.1, 0.1, 0.1)
    authority = Authority(story.receiver, client="0a1b", secret="0123456789", basic=False, path=TOKENS["marketo_leads"])
    marketo = Marketo(authority.valid)
    story.receiver.answer_all(marketo)
    prepare(story, "marketo_leads")
    with story.worker():
        send(story, "R1", "Lindqvist", "success")
        authority.revoke()  # 602 in a 200: another token, and once more
        send(story, "R1", "Lindqvist-Berg", "success", "success")
        send(story, "R2", "Twice", "failed")
    assert len(authority.given) == 2
    assert story.action("R1", 1)["tries"] == 1
    assert outcome(story, "R2") == ("failed", "General", "rule")
    assert {m for (m,) in story.db.all("SELECT message FROM attempt WHERE category IS NOT NULL")} == {
        "Marketo skipped the lead: Multiple lead match lookup criteria"
    }
    figures = story.figures()
    assert (figures.leads_created, figures.leads_updated) == (1, 1)


def test_B3_C8_marketos_limit_rests_the_connection(story: Story) -> None:
    authority = Authority(story.receiver, client="0a1b", secret="0123456789", basic=False, path=TOKENS["marketo_leads"])
    story.receiver.answer_all(Marketo(authority.valid))
    crm = prepare(story, "marketo_leads")
    with story.worker():
        send(story, "R1", "Busy", "queued")
    ((held,),) = story.db.all("SELECT held_until FROM connection_state WHERE connection_id = :c", {"c": crm})
    assert 10_000_000 < held - story.db.now() <= 20_000_000
    assert outcome(story, "R1") == ("queued", "Connection", "rule")


def test_B3_C8_a_full_queue_of_make_rests_the_connection(story: Story) -> None:
    story.receiver.answer_all(Make())
    crm = prepare(story, "make")
    with story.worker():
        send(story, "R1", "Lindqvist", "success")
        send(story, "R2", "Busy", "queued")
    ((held,),) = story.db.all("SELECT held_until FROM connection_state WHERE connection_id = :c", {"c": crm})
    assert held - story.db.now() > 40_000_000


def test_B3_a_preset_is_made_of_blanks_with_errors_for_each(story: Story) -> None:
    with story.saving() as transaction:
        with pytest.raises(NotThere):
            services.make(transaction, "nonsense", {})
        with pytest.raises(Invalid) as wrong:
            services.make(transaction, "salesforce_upsert", {"domain": "https://example.org"})
        assert wrong.value.fields.keys() == {"domain", "external_id", "client_id", "client_secret"}
        with pytest.raises(Invalid) as long:
            services.make(transaction, "hubspot_contact", {"token": "x" * 3_999 + "é", "name": "n" * 300})
        assert long.value.fields.keys() == {"name"}, long.value.fields
    values: dict[str, Any] = {"url": "https://hooks.slack.com/services/T/B/X"}
    with story.saving() as transaction:
        first = services.make(transaction, "slack_text", values)
        assert (first.connection.name, first.mappings[0].name) == ("Slack message", "Slack message mapping")
    with story.saving() as transaction, pytest.raises(Invalid) as twice:
        services.make(transaction, "slack_text", values)
    assert twice.value.fields.keys() == {"name"}
    with story.saving() as transaction:
        second = services.make(transaction, "slack_text", {**values, "name": "Slack #door"})
        assert mapping_row(second.mappings[0].pk).body["rows"] == mapping_row(first.mappings[0].pk).body["rows"]
        assert "services" not in str(second.connection.body)
