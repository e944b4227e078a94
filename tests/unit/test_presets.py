"""Presets are complete and correct: each builds the request of its own sample, and each blank explains its errors (B3)."""

from __future__ import annotations

import json
from datetime import UTC
from urllib.parse import quote

import pytest
from tests.preset_person import Person

from heliograph.connections.preset_files import ORDER, presets
from heliograph.domain.connection.connection import Connection, ContentType
from heliograph.domain.connection.presets import BlankKind, BlanksWrong, Filled, Preset
from heliograph.domain.connection.request import Request, prepare
from heliograph.domain.connection.secret import Secret
from heliograph.domain.mapping.mapping import Mapping, MappingKind
from heliograph.domain.mapping.mapping_renderer import Rendered, render
from heliograph.domain.mapping.transform import Escape

BY_KEY = {preset.key: preset for preset in presets()}


def request_of(preset: Preset, filled: Filled, facts: Person | None = None) -> Request:
    """The request that the preset's connection and mapping build for the sample's registration."""
    origin, slash, rest = filled.url.partition("://")[2].partition("/")
    scheme = filled.url.partition("://")[0]
    secrets = {Secret.PATH: f"{slash}{rest}", **{Secret(name): value for name, value in filled.secrets.items() if value}}
    fields = {**filled.fields, "name": "C", "origin": f"{scheme}://{origin}", "secrets": sorted(secrets)}
    connection = Connection.from_body(fields)
    assert connection.lacks == ()
    assert Connection.from_body(connection.to_body()) == connection
    (body,) = filled.mappings
    mapping = Mapping.from_body({"name": "M", **body})
    assert mapping.kind is MappingKind.PAYLOAD
    assert [row.target for row in mapping.rows if not row.parts] in ([], ["attachments[0].contentUrl"])
    person = facts or Person()
    payload = render(mapping, person, timezone=UTC)
    assert isinstance(payload, Rendered), payload
    made = prepare(connection, secrets).build(payload, None, person, webhook_id="msg_1", bearer="token")
    assert isinstance(made, Request), made
    return made


@pytest.mark.parametrize("key", ORDER)
def test_B3_a_preset_makes_the_request_of_its_sample(key: str) -> None:
    preset = BY_KEY[key]
    made = request_of(preset, preset.fill(preset.sample["blanks"]))
    assert made.url == preset.sample["url"]
    if preset.connection["content_type"] == ContentType.JSON:
        assert json.loads(made.body) == json.loads(preset.sample["body"])
    else:
        assert made.body.decode() == preset.sample["body"]


@pytest.mark.parametrize("key", ORDER)
def test_B3_a_preset_says_what_it_is_and_what_it_needs(key: str) -> None:
    preset = BY_KEY[key]
    assert all((preset.name, preset.what, preset.needs, preset.sets, preset.ask))
    assert preset.sources or key == "generic_json"
    assert len({blank.name for blank in preset.blanks}) == len(preset.blanks)
    used = json.dumps([preset.connection, *preset.mappings])
    assert all(f"{{{{{blank.name}}}}}" in used for blank in preset.blanks if blank.name != "name")


@pytest.mark.parametrize("key", ORDER)
def test_B3_every_missing_blank_is_named(key: str) -> None:
    preset = BY_KEY[key]
    needed = {blank.name for blank in preset.blanks if blank.required}
    with pytest.raises(BlanksWrong) as caught:
        preset.fill(dict.fromkeys([blank.name for blank in preset.blanks], " "))
    assert caught.value.reasons.keys() == needed
    assert all(reason.endswith("is missing.") for reason in caught.value.reasons.values())


@pytest.mark.parametrize(
    ("key", "values", "blank", "reason"),
    [
        ("slack_text", {"url": "https://example.org/services/T/B/X"}, "url", "Its host is hooks.slack.com"),
        ("slack_text", {"url": "https://hooks.slack.com.example.org/services/T/B/X"}, "url", "Its host is hooks.slack.com"),
        ("slack_text", {"url": "https://hooks.slack.com/workflows/T"}, "url", "Its path begins with /services/"),
        ("slack_text", {"url": "http://hooks.slack.com/services/T/B/X"}, "url", "must start with https://"),
        ("slack_text", {"url": "https://a:b@hooks.slack.com/services/T"}, "url", "a user name or password"),
        ("slack_text", {"url": "https://hooks.slack.com/services/T\r\nX: y"}, "url", "line break"),
        ("hubspot_form", {"portal": "12x", "form_id": "f"}, "portal", "only digits"),
        ("hubspot_contact", {"token": "pat\n1"}, "token", "line break"),
        ("google_forms", {"form": "https://docs.google.com/forms/d/e/1F/viewform"}, "form", "Get pre-filled link"),
        ("google_forms", {"form": "https://docs.google.com/forms/d/e/1F/viewform?entry.1=Shoe+Size"}, "form", "no field “Shoe Size”"),
        ("salesforce_upsert", {"domain": "https://acme.example.com"}, "domain", "Its host is salesforce.com"),
        ("ntfy", {"server": "nonsense host", "topic": "t"}, "server", "space"),
        ("discord", {"url": "https://discord.com.example.org/api/webhooks/1/X"}, "url", "Its host is discord.com"),
        ("google_chat", {"url": "https://chat.googleapis.com/v2/spaces/A"}, "url", "Its path begins with /v1/spaces/"),
        ("mattermost", {"url": "https://a:b@chat.example.org/hooks/x"}, "url", "a user name or password"),
    ],
)
def test_B3_a_wrong_blank_says_what_is_wrong_with_it(key: str, values: dict[str, str], blank: str, reason: str) -> None:
    with pytest.raises(BlanksWrong) as caught:
        BY_KEY[key].fill({**BY_KEY[key].sample["blanks"], **values})
    assert list(caught.value.reasons) == [blank]
    assert reason in caught.value.reasons[blank]


def test_B3_what_is_filled_in_stays_where_it_belongs() -> None:
    filled = BY_KEY["hubspot_form"].fill({"portal": "1", "form_id": "../../x?y={event.code}#z"})
    assert filled.url.endswith("/submit/1/..%2F..%2Fx%3Fy%3D%7Bevent.code%7D%23z")
    upsert = BY_KEY["salesforce_upsert"]
    made = request_of(upsert, upsert.fill(upsert.sample["blanks"]), Person(registration__code="S26/1?a#b"))
    assert made.url.endswith("/Registration_Code__c/S26%2F1%3Fa%23b")
    assert made.method == "PATCH"


def test_B3_a_bots_token_stays_one_part_of_the_address() -> None:
    telegram = BY_KEY["telegram"]
    assert telegram.fill({"token": "1:A/../b?c", "chat": "5"}).url == "https://api.telegram.org/bot1:A%2F..%2Fb%3Fc/sendMessage"


def test_B3_a_secret_goes_to_the_secrets_alone() -> None:
    for preset in presets():
        secret = {blank.name: "s3cret-s3cret" for blank in preset.blanks if blank.kind is BlankKind.SECRET}
        filled = preset.fill({**preset.sample["blanks"], **secret})
        in_the_address = quote("s3cret-s3cret") in filled.url  # Telegram has its token there; an address is stored like a secret
        assert set(filled.secrets.values()) == (set() if in_the_address else set(secret.values()))
        assert "s3cret" not in json.dumps([filled.fields, *filled.mappings])
        assert "s3cret" not in repr(filled).replace(repr(filled.mappings), "")


def test_B3_an_optional_secret_changes_the_authentication() -> None:
    ntfy = BY_KEY["ntfy"]
    assert ntfy.fill({"topic": "t"}).fields["auth"] == "Open / No Auth"
    assert ntfy.fill({"topic": "t", "token": "tk_1"}).fields["auth"] == "API Key / Token"


@pytest.mark.parametrize(
    ("key", "escapes"),
    [
        ("slack_text", {Escape.SLACK}),
        ("slack_blocks", {Escape.SLACK}),
        ("teams_card", {Escape.MARKDOWN}),
        ("google_chat", {Escape.HTML, Escape.CHAT}),
        *((key, {Escape.CHAT}) for key in ("mattermost", "discord", "rocketchat", "telegram")),
    ],
)
def test_M4_no_registrant_can_ping_a_channel(key: str, escapes: set[Escape]) -> None:
    preset = BY_KEY[key]
    hostile = "<!channel> @all @everyone <@1> <users/all> [a](https://evil.example) `b`"
    made = request_of(preset, preset.fill(preset.sample["blanks"]), Person(macro__registrant=hostile, profile__organization=hostile))
    texts = made.body.decode()
    assert not any(mention in texts for mention in ("<!channel>", "<@1>", "<users/all>"))
    if escapes == {Escape.CHAT}:
        assert not any(mark in made.body.decode() for mark in ("@all", "@everyone", "[a](", "`b`"))
    rows = [part for row in preset.mappings[0]["rows"] for part in row["parts"] if "source" in part]
    assert {part["escape"] for part in rows} == {escape.value for escape in escapes}


def test_B3_discord_is_told_that_nobody_is_mentioned() -> None:
    preset = BY_KEY["discord"]
    assert json.loads(request_of(preset, preset.fill(preset.sample["blanks"])).body)["allowed_mentions"] == {"replied_user": False}


CHATS = ("slack_text", "slack_blocks", "teams_card", "mattermost", "discord", "google_chat", "rocketchat", "telegram", "ntfy")
LONG = dict.fromkeys(("macro__registrant", "profile__organization", "registration__status", "event__name"), "x & <y> " * 2500)


@pytest.mark.parametrize("key", ["slack_text", "slack_blocks"])
def test_B3_no_registrant_can_format_a_message_in_slack(key: str) -> None:
    preset = BY_KEY[key]
    made = json.loads(request_of(preset, preset.fill(preset.sample["blanks"]), Person(macro__registrant="*a* _b_ `c`\nd")).body)
    texts = [text for block in made.get("blocks", []) for text in (block.get("fields") or [block["text"]])]
    assert {text["type"] for text in texts} <= {"plain_text"}
    assert texts or made["mrkdwn"] is False
    assert "*a* _b_ `c` d" in made["text"]  # whole, and on its line


def test_B3_no_registrant_can_format_a_card_in_teams() -> None:
    preset = BY_KEY["teams_card"]
    made = request_of(preset, preset.fill(preset.sample["blanks"]), Person(macro__registrant="*a* _b_ `c`\n# d"))
    title = json.loads(made.body)["attachments"][0]["content"]["body"][0]["text"]
    assert title == r"\*a\* \_b\_ \`c\` \# d"


@pytest.mark.parametrize("key", CHATS)
def test_B3_what_is_too_long_for_a_chat_is_cut(key: str) -> None:
    preset = BY_KEY[key]
    made = request_of(preset, preset.fill(preset.sample["blanks"]), Person(**LONG))
    assert len(made.body) < 4_000  # ntfy makes a file of a longer message; Teams takes 28 KB
    body = json.loads(made.body)
    for block in body.get("blocks", []):
        assert all(len(text["text"]) <= 2_000 for text in block.get("fields", []))
        assert len(block.get("text", {}).get("text", "")) <= 3_000
    assert len(body.get("content", "")) <= 2_000  # Discord
    assert "…" in made.body.decode() or "\\u2026" in made.body.decode()


@pytest.mark.parametrize("key", CHATS)
def test_B3_a_chat_names_who_it_is_by_a_field_that_is_never_empty(key: str) -> None:
    sources = [part.get("source") for row in BY_KEY[key].mappings[0]["rows"] for part in row["parts"]]
    assert "macro.registrant" in sources
    assert not {"profile.first_name", "profile.last_name"} & set(sources)


@pytest.mark.parametrize("preset", [preset for preset in presets() if any(blank.hosts for blank in preset.blanks)], ids=lambda p: p.key)
def test_B3_a_vendor_that_has_https_alone_is_not_asked_by_http(preset: Preset) -> None:
    (blank,) = (blank for blank in preset.blanks if blank.hosts)
    plain = "http://" + preset.sample["blanks"][blank.name].removeprefix("https://")
    with pytest.raises(BlanksWrong) as caught:
        preset.fill({**preset.sample["blanks"], blank.name: plain}, http=True)
    assert "https://" in caught.value.reasons[blank.name]


def test_B3_a_forms_link_names_its_own_fields() -> None:
    form = "https://docs.google.com/forms/d/e/1F/viewform?usp=pp_url&entry.9=e-mail&entry.8=Registration+Status&entry.8=Registration+Status"
    (mapping,) = BY_KEY["google_forms"].fill({"form": form}).mappings
    assert [(row.target, [source.key for source in row.sources]) for row in Mapping.from_body({"name": "M", **mapping}).rows] == [
        ("entry.9", ["profile.email"]),
        ("entry.8", ["registration.status"]),
    ]
