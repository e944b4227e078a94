"""Deeds that a person can do on a page and a program by REST: what each of them sends, and the tables in which it leaves something.

`{spare}` stands for the id of what tests/builders/deeds_account.py calls spare; a text that is nothing else is an id alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.builders.deeds_account import CALLS, EVENT_THINGS, RULE


@dataclass(frozen=True)
class PagePost:
    """A form that a person posts. If the page asks first, the person confirms.

    fields: what the person enters
    form: the class of the form whose other fields the browser sends as they are; "" for none
    then: the class of the form on the answer that the person sends as it is; "" for none
    """

    path: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    form: str = ""
    then: str = ""


@dataclass(frozen=True)
class ApiRequest:
    """What a program sends. body: None for none. `{answer}` stands for the first id in the answer to the request before."""

    method: str
    path: str
    body: Any = None


@dataclass(frozen=True)
class Deed:
    """The same by a page and by REST.

    pages, requests: what is posted and what is sent, in turn
    touches: the tables whose rows differ afterwards
    jobs: True if its job runs before rows are compared
    apart: why a table has other rows by REST
    """

    name: str
    pages: PagePost | tuple[PagePost, ...]
    requests: ApiRequest | tuple[ApiRequest, ...]
    touches: str
    jobs: bool = False
    apart: Mapping[str, str] = field(default_factory=dict)


def filled(value: Any, ids: Mapping[str, str]) -> Any:
    """The value with ids in place of their names."""
    match value:
        case str():
            return re.sub(r"\{([\w-]+)\}", lambda match: ids[match[1]], value)
        case Mapping():
            return {filled(name, ids): filled(each, ids) for name, each in value.items()}
        case list():
            return [filled(each, ids) for each in value]
        case _:
            return value


def each_of[One: (PagePost, ApiRequest)](one_or_more: One | tuple[One, ...]) -> tuple[One, ...]:
    """What a deed posts or sends, in turn."""
    return one_or_more if isinstance(one_or_more, tuple) else (one_or_more,)


def answered_id(content: bytes) -> str:
    """The first id in an answer; "" if there is none."""
    answered = re.search(rb'"id":"(\d+)"', content)
    return answered[1].decode() if answered else ""


BY_A_JOB: Final = {"jobs_job": "REST always answers a job; a page submits few items at once."}
SAVES_NOTHING: Final = {
    "POST configuration/plan",
    "POST connections/{connection}/rule/proposal",
    "POST connections/{connection}/rule/trial",
    "POST flows/count",
    "POST flows/test",
    "POST flows/trial",
    "POST flows/{flow}/count",
    "POST flows/{flow}/test",
    "POST flows/{flow}/trial",
    "POST mappings/preview",
    "POST mappings/sample",
    "POST registrations/set-status/preview",
    "POST sources/{source}/list/trial",
    "POST sources/{source}/mapping/trial",
}
"""Endpoints of forms that leave no row."""
SAVED: Final = "audit_entry config_history config_version"
"""The tables of every save of the set-up."""
CONFIGURATION: Final = "tags:\n  - name: Spare\n    kinds: [registration_status]\n    label: By the file\n"
"""A configuration file."""
APPLIED_BY_PAGE: Final = PagePost("/settings/configuration/plan/", {"do": "file", "text": CONFIGURATION}, then="plan-form")
APPLIED_BY_REST: Final = ApiRequest("POST", "configuration/apply", {"text": CONFIGURATION})
LEADS_FORM: Final = {
    "name": "New leads",
    "watch": "Registration Status Change",
    "statuses": "Attended",
    "row": "0",
    "f0-key": "event.code",
    "f0-op": "is any of",
    "f0-values": "SUMMIT",
    "destination": "0",
    "d0-name": "CRM",
    "d0-connection": "{spare}",
    "d0-payload": "{lead}",
    "d0-integration": "Webhooks",
    "d0-action": "Webhook",
    "d0-does": "updates",
}
LEADS: Final = {
    "name": "New leads",
    "mode": "Test",
    "watch": "Registration Status Change",
    "statuses": ["{tag_attended}"],
    "filters": [{"field": "event.code", "op": "is any of", "values": ["SUMMIT"]}],
    "destinations": [{"name": "CRM", "connection": "{spare}", "payload_mapping": "{lead}", "does": "updates"}],
}
KEY: Final = {"auth": "API Key / Token", "key": "s3cr3t", "key_place": "header", "key_name": "X-Key"}
CONNECTION_FORM: Final = {"content_type": "application/json", "method": "POST", "headers": "X-Source: events", "rate": "60", "test_url": ""}
CONNECTION: Final = {"headers": [{"name": "X-Source", "value": "events"}], "rate": 60}


def _settings() -> Iterator[Deed]:
    yield Deed(
        "the account is renamed",
        PagePost("/settings/account/", {"name": "New", "timezone": "Europe/Vienna"}, "form"),
        ApiRequest("PATCH", "account", {"name": "New", "timezone": "Europe/Vienna"}),
        f"{SAVED} accounts_account",
    )
    yield Deed(
        "retry intervals are changed",
        PagePost("/settings/retry/", {"config": "60, 120, 2880"}, "form"),
        ApiRequest("PATCH", "retry-intervals", {"config": [60, 120, 2880]}),
        f"{SAVED} accounts_account",
    )
    yield Deed(
        "terms of retention are shortened",
        PagePost("/settings/retention/", {"content": "30", "rows": "60"}, "form"),
        ApiRequest("PATCH", "retention?confirmed=true", {"content": 30, "rows": 60}),
        "accounts_account audit_entry config_version retention",
    )
    yield Deed(
        "what is older than its term goes at once",
        PagePost("/settings/retention/", {"begin": "1"}),
        ApiRequest("POST", "retention/removal/start?confirmed=true"),
        "audit_entry retention",
    )
    yield Deed(
        "sign-in rules are changed",
        PagePost("/settings/sign-in/", {"idle": "30"}, "form"),
        ApiRequest("PATCH", "sign-in-rules", {"idle_minutes": 30}),
        "accounts_account audit_entry config_version",
    )
    yield Deed(
        "a token is made",
        PagePost("/settings/tokens/new/", {"name": "Desk", "may": ["read", "ingest"], "role": "Planner", "ends": ""}),
        ApiRequest("POST", "tokens", {"name": "Desk", "scopes": ["read", "ingest"], "role": "Planner"}),
        "api_token audit_entry",
    )
    yield Deed(
        "a token is revoked",
        PagePost("/settings/tokens/{old_token}/revoke/"),
        ApiRequest("DELETE", "tokens/{old_token}"),
        "api_token audit_entry",
    )
    yield Deed(
        "a person is erased",
        PagePost("/settings/erase/person/{registration_r3}/confirm/?why=asked", {"confirmation": "R3"}, "dialog"),
        ApiRequest("POST", "erasures", {"registration": "{registration_r3}", "confirmation": "R3", "why": "asked"}),
        "audit_entry erasure jobs_job",
    )
    yield Deed(
        "a proposal to erase is declined",
        PagePost("/settings/erase/proposed/", {"keep": "{proposal}"}),
        ApiRequest("DELETE", "erasure-proposals/{proposal}"),
        "erasure_proposal",
    )
    yield Deed(
        "a user is invited",
        PagePost("/settings/users/invite/", {"name": "Zoë", "email": "zoe@example.org", "role": "Planner", "second": "1"}),
        ApiRequest("POST", "users", {"name": "Zoë", "email": "zoe@example.org", "role": "Planner", "second_factor_required": True}),
        "accounts_user audit_entry config_version entry_link",
    )
    yield Deed(
        "a user is renamed and another role",
        PagePost("/settings/users/{ben}/", {"name": "Benno", "role": "Viewer"}, "form"),
        ApiRequest("PATCH", "users/{ben}", {"name": "Benno", "role": "Viewer"}),
        "accounts_user audit_entry config_version",
    )
    yield Deed(
        "a user is switched off",
        PagePost("/settings/users/{ben}/off/"),
        ApiRequest("PATCH", "users/{ben}", {"active": False}),
        "accounts_user audit_entry config_version entry_link",
    )
    yield Deed(
        "a user gets another link",
        PagePost("/settings/users/{eve}/link/"),
        ApiRequest("POST", "users/{eve}/links"),
        "audit_entry config_version entry_link",
    )
    yield Deed(
        "a user is removed",
        PagePost("/settings/users/{eve}/remove/"),
        ApiRequest("DELETE", "users/{eve}"),
        "accounts_user audit_entry config_version entry_link",
    )
    yield Deed(
        "a user is signed out everywhere",
        PagePost("/settings/users/{ben}/sign-out/"),
        ApiRequest("DELETE", "users/{ben}/sessions"),
        "audit_entry config_version",
    )

    yield Deed(
        "the second factor of a user is removed",
        PagePost("/settings/users/{ben}/second-factor/"),
        ApiRequest("DELETE", "users/{ben}/second-factor"),
        "audit_entry config_version mfa_authenticator",
    )


def _tags() -> Iterator[Deed]:
    yield Deed(
        "a tag is added",
        PagePost("/settings/tags/", {"name": "Sponsor", "label": "", "objects": ["attendee_type", "event"]}),
        ApiRequest("POST", "tags", {"name": "Sponsor", "kinds": ["attendee_type", "event"]}),
        f"{SAVED} tag",
    )
    yield Deed(
        "a tag is renamed",
        PagePost("/settings/tags/{tag_spare}/", {"name": "Renamed"}, "form"),
        ApiRequest("PATCH", "tags/{tag_spare}", {"name": "Renamed"}),
        f"{SAVED} tag",
    )
    yield Deed(
        "a tag is merged into another",
        PagePost("/settings/tags/{tag_waiting}/merge/", {"into": "{tag_registered}"}),
        ApiRequest("POST", "tags/{tag_waiting}/merge", {"into": "{tag_registered}"}),
        f"{SAVED} tag",
    )
    yield Deed("a configuration file is applied", APPLIED_BY_PAGE, APPLIED_BY_REST, f"applied_file {SAVED} tag")
    yield Deed(
        "a tag is put back to a configuration file",
        (
            APPLIED_BY_PAGE,
            PagePost("/settings/tags/{tag_spare}/", {"label": "By hand"}, "form"),
            PagePost("/settings/configuration/put-back/", {"section": "tags", "id": "{tag_spare}"}),
        ),
        (
            APPLIED_BY_REST,
            ApiRequest("PATCH", "tags/{tag_spare}", {"label": "By hand"}),
            ApiRequest("POST", "configuration/drift/put-back", {"section": "tags", "id": "{tag_spare}"}),
        ),
        f"applied_file {SAVED} tag",
    )
    yield Deed(
        "no configuration file manages the account any more",
        (APPLIED_BY_PAGE, PagePost("/settings/configuration/stop/")),
        (APPLIED_BY_REST, ApiRequest("DELETE", "configuration/applied")),
        f"applied_file {SAVED} tag",
    )
    yield Deed(
        "a tag is deleted",
        PagePost("/settings/tags/{tag_spare}/delete/"),
        ApiRequest("DELETE", "tags/{tag_spare}"),
        f"{SAVED} tag",
    )
    yield Deed(
        "what has no tag gets one",
        PagePost("/settings/tags/coverage/", {"row": ["registration_status:{status_new}"], "tag": "{tag_registered}"}),
        ApiRequest(
            "POST", "tag-coverage/apply", {"objects": [{"object": "registration_status", "id": "{status_new}"}], "tag": "{tag_registered}"}
        ),
        f"{SAVED} registration_status_tag saved_cure",
    )
    yield Deed(
        "the standard tags are used",
        PagePost("/settings/registration-statuses/", {"do": "standard"}),
        ApiRequest("POST", "registration-statuses/standard-tags", {}),
        f"{SAVED} registration_status_tag saved_cure tag",
    )
    for path, table, row, tag in (
        ("registration-statuses", "registration_status_tag", "{status_new}", "Spare"),
        ("session-registration-statuses", "session_status_tag", "{session_status_cancelled}", "Present"),
        ("event-statuses", "event_status_tag", "{event_testing}", "On air"),
    ):
        yield Deed(
            f"one of the {path} is tagged",
            PagePost(f"/settings/{path}/", {f"tags-{row}": tag}),
            ApiRequest("PATCH", f"{path}/{row}", {"tags": [f"{{tag_{tag.lower().replace(' ', '_')}}}"]}),
            f"{SAVED} {table} saved_cure",
        )
    for path, row in (("event-data", "{event_field}"), ("profile-data", "{profile_field}")):
        yield Deed(
            f"a field is added to {path}",
            PagePost(f"/settings/{path}/", {"label": "Cost centre", "code": "cost", "type": "select", "options": "4410\r\n4420"}),
            ApiRequest("POST", path, {"label": "Cost centre", "code": "cost", "type": "select", "options": ["4410", "4420"]}),
            f"{SAVED} custom_field",
        )
        yield Deed(
            f"a field of {path} is renamed",
            PagePost(f"/settings/{path}/{row}/", {"label": "Renamed"}, "form"),
            ApiRequest("PATCH", f"{path}/{row}", {"label": "Renamed"}),
            f"{SAVED} custom_field",
        )
        yield Deed(
            f"a field of {path} is deleted",
            PagePost(f"/settings/{path}/{row}/delete/"),
            ApiRequest("DELETE", f"{path}/{row}"),
            f"{SAVED} custom_field",
        )


def _events() -> Iterator[Deed]:
    gala = {"code": "BALL", "name": "Ball", "location": "Vienna", "timezone": "Europe/Vienna"}
    yield Deed(
        "an event is added",
        PagePost("/events/add/", gala | {"start": "2026-12-11T18:00"}, "form"),
        ApiRequest("POST", "events", gala | {"start": "2026-12-11T17:00:00Z"}),
        f"{SAVED} change change_content event figure_delta",
    )
    yield Deed(
        "an event is changed",
        PagePost("/events/SUMMIT/details/", {"name": "Great Summit", "location": "Graz"}, "form"),
        ApiRequest("PATCH", "events/{summit}", {"name": "Great Summit", "location": "Graz"}),
        f"{SAVED} change change_content event figure_delta",
    )
    yield Deed(
        "an event is copied",
        PagePost("/events/SUMMIT/copy/", {"name": "Next Summit", "code": "NEXT", "start": "", "end": ""}),
        ApiRequest("POST", "events/{summit}/copy", {"name": "Next Summit", "code": "NEXT"}),
        f"{SAVED} attendee_type change change_content event figure_delta question registration_property registration_property_tag"
        " registration_status saved_cure session",
    )
    yield Deed(
        "an event leaves Testing",
        PagePost("/events/REHEARSAL/leave-testing/?to={event_live}", {"to": "{event_live}"}),
        ApiRequest("POST", "events/{rehearsal}/leave-testing", {"status": "{event_live}"}),
        f"{SAVED} change change_content event figure_delta jobs_job",
        jobs=True,
    )
    for noun, page, table in (
        ("attendee-types", "attendee-types", "attendee_type"),
        ("custom-statuses", "custom-statuses", "registration_status"),
        ("properties", "configure", "registration_property"),
        ("questions", "questions", "question"),
        ("sessions", "sessions", "session"),
    ):
        named = "label" if noun == "questions" else "name"
        body = EVENT_THINGS[noun] | {named: "Another", "code": "OTHER"}
        row = f"{{{noun.replace('-', '_')}_row}}"
        form = {"cls" if name == "class" else name: value for name, value in body.items()}
        yield Deed(
            f"one of the {noun} is added",
            PagePost(f"/events/SUMMIT/{page}/", form | {"do": "add"}),
            ApiRequest("POST", f"events/{{summit}}/{noun}", body),
            f"{SAVED} {table}",
        )
        yield Deed(
            f"one of the {noun} is renamed",
            PagePost(f"/events/SUMMIT/{page}/{row}/", {named: "Renamed"}, "form"),
            ApiRequest("PATCH", f"events/{{summit}}/{noun}/{row}", {named: "Renamed"}),
            f"{SAVED} {table}",
        )
        yield Deed(
            f"one of the {noun} is deleted",
            PagePost(f"/events/SUMMIT/{page}/{row}/delete/"),
            ApiRequest("DELETE", f"events/{{summit}}/{noun}/{row}"),
            f"{SAVED} {table}" + (" saved_cure" if noun == "properties" else ""),
        )


def _notifications() -> Iterator[Deed]:
    team = {"address": "team@example.org", "kinds": ["refuses", "failed"]}
    told = PagePost("/signal/notifications/rules/connection/{spare}/", {"addresses": "team@example.org"}, "form")
    rule = ApiRequest(
        "PUT",
        "notifications/rules/connection/{spare}",
        {"addresses": ["team@example.org"], "kinds": ["refuses", "waits", "failed", "ends"]},
    )
    yield Deed(
        "an address is told everything",
        PagePost("/signal/notifications/rules/everything/", {"add_address": "team@example.org"}, "told-form"),
        ApiRequest("PUT", "notifications", {"places": [team]}),
        "audit_entry notification_settings",
    )
    yield Deed("an address is told about a connection", told, rule, "audit_entry notification_rule")
    yield Deed(
        "the rule of a connection is removed",
        (told, PagePost("/signal/notifications/rules/connection/{spare}/", {"do": "remove"})),
        (rule, ApiRequest("DELETE", "notifications/rules/connection/{spare}")),
        "audit_entry",
    )


def _connections() -> Iterator[Deed]:
    new = {"name": "CRM 2", "url": "https://crm.example/hook/s3cr3t"} | KEY
    yield Deed(
        "a connection is added",
        PagePost("/signal/connections/new/webhook/", CONNECTION_FORM | new),
        (ApiRequest("POST", "connections", CONNECTION | new), ApiRequest("POST", "connections/{answer}/test", {})),
        f"{SAVED} connection connection_state secret",
    )
    yield Deed(
        "a connection is changed",
        PagePost("/signal/connections/{spare}/", {"name": "Renamed", "rate": ""} | KEY, "form"),
        (
            ApiRequest("PATCH", "connections/{spare}", {"name": "Renamed", "rate": None} | KEY),
            ApiRequest("POST", "connections/{spare}/test", {}),
        ),
        f"{SAVED} connection connection_state secret",
    )
    yield Deed(
        "a connection is copied",
        PagePost("/signal/connections/{spare}/copy/", {"name": "Copy"}),
        ApiRequest("POST", "connections/{spare}/copy", {"name": "Copy"}),
        f"{SAVED} connection secret",
    )
    yield Deed(
        "a connection is deleted",
        PagePost("/signal/connections/{spare}/delete/"),
        ApiRequest("DELETE", "connections/{spare}"),
        f"{SAVED} connection secret",
    )
    yield Deed(
        "a connection is paused",
        PagePost("/signal/connections/{spare}/pause/", {"why": "Moving"}),
        ApiRequest("POST", "connections/{spare}/pause", {"why": "Moving"}),
        "audit_entry config_version connection_state",
    )
    yield Deed(
        "a connection is resumed",
        PagePost("/signal/connections/{paused}/release/", {"do": "once"}),
        ApiRequest("POST", "connections/{paused}/resume"),
        "audit_entry config_version connection_state",
    )
    yield Deed(
        "a connection is released",
        PagePost("/signal/connections/{paused}/release/", {"do": "rate", "rate": "90"}),
        ApiRequest("POST", "connections/{paused}/release", {"rate": 90}),
        "audit_entry config_version connection_state jobs_job",
    )
    clause = {"c0-0-place": "status", "c0-0-how": "is", "c0-0-values": "409", "c0-then": "delivered"}
    rule = {"clauses": [RULE["clauses"][0] | {"conditions": [{"place": "status", "values": ["409"]}]}]}
    yield Deed(
        "a response rule is replaced",
        PagePost("/signal/connections/{spare}/rule/", clause | {"do": "save"}, "rule-editor"),
        ApiRequest("PUT", "connections/{spare}/rule", rule),
        f"{SAVED} connection",
    )
    yield Deed(
        "a response rule is deleted",
        PagePost("/signal/connections/{spare}/rule/", {"do": "save", "opened": "3"}),
        ApiRequest("DELETE", "connections/{spare}/rule"),
        f"{SAVED} connection",
    )
    yield Deed(
        "a connection is made from a preset",
        PagePost("/signal/connections/new/slack_text/", {"name": "Slack", "url": "https://hooks.slack.com/services/s3cr3t"}),
        (
            ApiRequest(
                "POST", "presets/slack_text/connections", {"values": {"name": "Slack", "url": "https://hooks.slack.com/services/s3cr3t"}}
            ),
            ApiRequest("POST", "connections/{answer}/test", {}),
        ),
        f"{SAVED} connection connection_state mapping secret",
    )
    yield Deed(
        "a connection is signed",
        PagePost("/signal/connections/{spare}/signing/", {"do": "new", "seen": "1"}),
        ApiRequest("POST", "connections/{spare}/signing"),
        f"{SAVED} connection secret",
    )
    yield Deed(
        "a connection gets another signing secret, which alone signs then",
        (
            PagePost("/signal/connections/{signed}/signing/", {"do": "new", "seen": "2"}),
            PagePost("/signal/connections/{signed}/signing/", {"do": "finish", "seen": "3", "confirmed": "1"}),
        ),
        (ApiRequest("POST", "connections/{signed}/signing"), ApiRequest("POST", "connections/{signed}/signing/finish")),
        f"{SAVED} connection secret",
    )
    yield Deed(
        "a connection is signed no more",
        PagePost("/signal/connections/{signed}/signing/", {"do": "stop", "seen": "2", "confirmed": "1"}),
        ApiRequest("DELETE", "connections/{signed}/signing"),
        f"{SAVED} connection secret",
    )
    yield Deed(
        "a version of a connection is restored",
        PagePost("/signal/connections/{spare}/versions/", {"version": "1", "seen": "3"}),
        ApiRequest("POST", "connections/{spare}/versions/1/restoration"),
        f"{SAVED} connection",
    )


def _flows() -> Iterator[Deed]:
    yield Deed(
        "a flow is added",
        PagePost("/signal/flows/new/", LEADS_FORM),
        ApiRequest("POST", "flows", LEADS),
        f"{SAVED} destination flow flow_tag",
    )
    yield Deed(
        "a flow is renamed",
        PagePost("/signal/flows/{draft}/", {"name": "Renamed"}, "form"),
        ApiRequest("PATCH", "flows/{draft}", {"name": "Renamed"}),
        f"{SAVED} flow flow_tag",
    )
    yield Deed(
        "a flow is switched off",
        PagePost("/signal/flows/{leads}/active/", {"active": "off"}),
        ApiRequest("PATCH", "flows/{leads}", {"active": False}),
        f"{SAVED} flow saved_cure",
    )
    yield Deed(
        "a flow is copied",
        PagePost("/signal/flows/{leads}/copy/", {"name": "Copy"}),
        ApiRequest("POST", "flows/{leads}/copy", {"name": "Copy"}),
        f"{SAVED} destination flow",
    )
    yield Deed(
        "a flow is deleted",
        PagePost("/signal/flows/{attended_only}/delete/"),
        ApiRequest("DELETE", "flows/{attended_only}"),
        f"{SAVED} destination flow flow_tag saved_cure",
    )
    yield Deed(
        "a version of a flow is restored",
        PagePost("/signal/flows/{draft}/versions/", {"version": "1", "seen": "2"}),
        ApiRequest("POST", "flows/{draft}/versions/1/restoration"),
        f"{SAVED} flow flow_tag",
    )
    yield Deed(
        "a test registration that fits a flow is made",
        PagePost(
            "/signal/flows/{leads}/test/", {"name": "Leads", "watch": "Registration Create Update", "make": "T9", "try_event": "SUMMIT"}
        ),
        ApiRequest("POST", "flows/{leads}/test-registrations", {"event": "{summit}", "code": "T9"}),
        "change change_content figure_delta registration",
    )
    yield Deed(
        "a change is sent by a flow",
        PagePost("/signal/flows/{leads}/send/{change_of_r3}/"),
        ApiRequest("POST", "flows/{leads}/send", {"change": "{change_of_r3}"}),
        "action figure_delta lane",
    )
    yield Deed(
        "a mapping is added",
        PagePost(
            "/signal/mappings/new/", {"name": "Pass", "kind": "payload", "subject": "registration", "empty": "leave out", "do": "save"}
        ),
        ApiRequest("POST", "mappings", {"name": "Pass", "empty": "leave out"}),
        f"{SAVED} mapping",
    )
    yield Deed(
        "a mapping is renamed",
        PagePost("/signal/mappings/{badge}/", {"name": "Renamed", "do": "save"}, "map-form"),
        ApiRequest("PATCH", "mappings/{badge}", {"name": "Renamed"}),
        f"{SAVED} mapping",
    )
    yield Deed(
        "a mapping is copied",
        PagePost("/signal/mappings/{badge}/copy/"),
        ApiRequest("POST", "mappings/{badge}/copy"),
        f"{SAVED} mapping",
    )
    yield Deed(
        "a mapping is deleted",
        PagePost("/signal/mappings/{badge}/delete/"),
        ApiRequest("DELETE", "mappings/{badge}"),
        f"{SAVED} mapping",
    )
    yield Deed(
        "a version of a mapping is restored",
        PagePost("/signal/mappings/{badge}/versions/", {"version": "1", "seen": "2"}),
        ApiRequest("POST", "mappings/{badge}/versions/1/restoration"),
        f"{SAVED} mapping",
    )


def _registrations() -> Iterator[Deed]:
    yield Deed(
        "a registration is added",
        PagePost(
            "/registrations/add/?event=SUMMIT", {"event": "SUMMIT", "code": "N1", "status": "Attended", "profile.first_name": "Zoë"}, "form"
        ),
        ApiRequest("POST", "registrations", {"event": "SUMMIT", "code": "N1", "status": "Attended", "profile": {"first_name": "Zoë"}}),
        "action change change_content figure_delta lane registration run",
    )
    yield Deed(
        "a registration is changed",
        PagePost("/registrations/SUMMIT/R3/", {"profile.first_name": "Ada", "order_code": "17"}, "form"),
        ApiRequest("PATCH", "registrations/{registration_r3}", {"profile": {"first_name": "Ada"}, "order_code": "17"}),
        "action change change_content figure_delta lane registration run",
    )
    yield Deed(
        "a registration is set inactive",
        PagePost("/registration-active/SUMMIT/R3/", {"to": "inactive"}),
        ApiRequest("POST", "registrations/{registration_r3}/is-active", {"active": False}),
        "action change change_content figure_delta lane registration run",
    )
    yield Deed(
        "many get one status",
        PagePost("/registrations/set-status/?of=some&code=SUMMIT+R3&to=Cancelled"),
        ApiRequest("POST", "registrations/set-status", {"status": "Cancelled", "registrations": [{"event": "SUMMIT", "code": "R3"}]}),
        "action change change_content figure_delta jobs_job lane registration run",
        jobs=True,
    )
    yield Deed(
        "a registration is synchronized now",
        PagePost("/signal/sync/SUMMIT/R3/"),
        ApiRequest("POST", "registrations/{registration_r3}/sync", {}),
        "action figure_delta lane",
    )
    yield Deed(
        "an item is submitted",
        PagePost("/signal/retry/submit/", {"item": "{item_r1}"}),
        ApiRequest("POST", "retry/submit", {"items": ["{item_r1}"]}),
        "action lane",
    )
    yield Deed(
        "an item of the flow's other mode is discarded",
        PagePost("/signal/retry/discard/", {"item": "{item_d1}"}),
        ApiRequest("POST", "retry/discard", {"items": ["{item_d1}"]}),
        "action figure_delta lane",
    )
    yield Deed(
        "all items of a cause are discarded",
        PagePost("/signal/retry/discard/?cause={cause_d1}"),
        ApiRequest("POST", "retry/discard-cause?confirmed=true", {"cause": "{cause_d1}"}),
        "action figure_delta lane",
        jobs=True,
        apart=BY_A_JOB,
    )
    yield Deed(
        "all items of a kind are submitted",
        PagePost("/signal/retry/submit/?status=waiting", {"all": "1"}),
        ApiRequest("POST", "retry/submit-all", {"status": "waiting"}),
        "action lane",
        jobs=True,
        apart=BY_A_JOB,
    )
    yield Deed(
        "what was delivered is sent again",
        PagePost("/signal/retry/{item_r3}/resend/", {"how": "today"}),
        ApiRequest("POST", "retry/{item_r3}/resend", {}),
        "action figure_delta lane",
    )
    yield Deed(
        "failed rows become a file",
        PagePost("/signal/retry/download/?status=waiting", {"made_for": "programs", "column": ["registration"]}),
        ApiRequest("POST", "retry/downloads", {"status": "waiting", "columns": ["registration"]}),
        "audit_entry jobs_job retry_download_row",
        jobs=True,
    )
    yield Deed(
        "the rows of a file are submitted",
        PagePost("/signal/retry/downloads/{download}/submit/"),
        ApiRequest("POST", "retry/downloads/{download}/submit"),
        "action lane",
        jobs=True,
        apart=BY_A_JOB,
    )
    yield Deed(
        "a list is exported",
        PagePost("/signal/metrics/records/queued/export/?days=2", {"form": "exact"}),
        ApiRequest("POST", "records/queued/export?days=2", {"form": "exact"}),
        "audit_entry jobs_job",
    )
    yield Deed(
        "changes that wait for the same reason are judged again",
        PagePost("/signal/why/{stopped_change}/{attended_only}/others/"),
        ApiRequest("POST", "changes/{stopped_change}/flows/{attended_only}/others/judge-again"),
        "stuck_run",
    )


def _sources() -> Iterator[Deed]:
    yield Deed(
        "a source is added",
        PagePost("/settings/sources/new/luma/", {"name": "Evenings"}),
        ApiRequest("POST", "sources", {"platform": "luma", "name": "Evenings"}),
        "audit_entry config_version source",
    )
    yield Deed(
        "a source is renamed",
        PagePost("/settings/sources/{source}/name/", {"name": "Journalists"}),
        ApiRequest("PATCH", "sources/{source}", {"name": "Journalists"}),
        "audit_entry config_version source",
    )
    yield Deed(
        "it is chosen how calls prove themselves",
        PagePost("/settings/sources/{source}/proof/", {"how": "preset", "preset": "github"}),
        ApiRequest("PUT", "sources/{source}/proof", {"preset": "github"}),
        "audit_entry config_version source",
    )
    yield Deed(
        "a secret of a source is added",
        PagePost("/settings/sources/{source}/proof/", {"do": "add", "secret": "from Tito"}),
        ApiRequest("POST", "sources/{source}/secrets", {"secret": "from Tito"}),
        "audit_entry config_version secret source_secret",
    )
    yield Deed(
        "a secret of a source is ended",
        PagePost("/settings/sources/{paused_source}/proof/", {"do": "end {source_secret}"}),
        ApiRequest("DELETE", "sources/{paused_source}/secrets/{source_secret}"),
        "audit_entry config_version source_secret",
    )
    yield Deed(
        "missing registrations stay as they are",
        PagePost("/settings/sources/{asking_source}/missing/", {"then": "keep"}),
        ApiRequest("POST", "sources/{asking_source}/missing", {"set_inactive": False}),
        "audit_entry config_version source",
    )
    yield Deed(
        "missing registrations become inactive",
        PagePost("/settings/sources/{asking_source}/missing/", {"then": "inactive"}),
        ApiRequest("POST", "sources/{asking_source}/missing", {"set_inactive": True}),
        "audit_entry config_version source",
    )
    yield Deed(
        "a source is paused",
        PagePost("/settings/sources/{source}/pause/"),
        ApiRequest("POST", "sources/{source}/pause"),
        "audit_entry config_version source",
    )
    yield Deed(
        "a source is resumed",
        PagePost("/settings/sources/{paused_source}/resume/"),
        ApiRequest("POST", "sources/{paused_source}/resume"),
        "audit_entry config_version source",
    )
    yield Deed(
        "the mapping of a source is saved",
        PagePost("/settings/sources/{source}/mapping/", {"do": "save", "number": "1", "mapping": json.dumps(CALLS)}),
        ApiRequest("PUT", "sources/{source}/mapping", {"mapping": CALLS}),
        "audit_entry config_version source",
    )
    yield Deed(
        "the list of a source is described",
        PagePost(
            "/settings/sources/{listed_source}/list/",
            {
                "address": "https://platform.example/people",
                "items": "people",
                "key": "id",
                "paging": "one",
                "page_parameter": "page",
                "size": "100",
            }
            | {"since_format": "2026-10-14T12:30:00Z", "overlap": "300", "every": "5", "rate": "60"}
            | {"first_page": "1", "zone": "UTC", "clock": "Date", "sweep": "1"},
        ),
        ApiRequest(
            "PUT",
            "sources/{listed_source}/list",
            {"list": {"address": "https://platform.example/people", "items": "people", "key": "id", "paging": "one", "every": 5}},
        ),
        "audit_entry config_version source",
    )
    yield Deed(
        "the program of a source is chosen",
        PagePost("/settings/sources/{command_source}/command/", {"name": "members", "every": "15"}),
        ApiRequest("PUT", "sources/{command_source}/command", {"name": "members", "every": 15}),
        "audit_entry config_version source",
    )
    yield Deed(
        "the columns of a watched folder are chosen",
        PagePost("/settings/sources/{folder_source}/folder/", {"reading": "stored", "event": "SUMMIT"}),
        ApiRequest("PUT", "sources/{folder_source}/folder", {"reading": {"event": "SUMMIT", "columns": {"Reg no": {"to": "code"}}}}),
        "audit_entry config_version source",
    )
    yield Deed(
        "it is said which event of Certain a source reads",
        PagePost(
            "/settings/sources/{certain_source}/certain/",
            {"server": "https://app.certain.example", "account": "A", "event": "E", "part": "registrations"},
        ),
        ApiRequest("PUT", "sources/{certain_source}/certain", {"server": "https://app.certain.example", "account": "A", "event": "E"}),
        "audit_entry config_version source",
    )
    yield Deed(
        "it is said which event of Eventbrite a source reads",
        PagePost("/settings/sources/{eventbrite_source}/eventbrite/", {"event": "710598168", "event_here": "SUMMIT"}),
        ApiRequest("PUT", "sources/{eventbrite_source}/eventbrite", {"event": "710598168", "event_here": "SUMMIT"}),
        "audit_entry config_version source",
    )
    yield Deed(
        "the sources of an event are compared now",
        PagePost("/settings/sources/ledger/compare/", {"event": "SUMMIT"}),
        ApiRequest("POST", "ledger/comparison", {"event": "SUMMIT"}),
        "audit_entry config_version source",
    )
    yield Deed(
        "a gap is repaired",
        PagePost("/settings/sources/ledger/repair/", {"event": "SUMMIT", "gap": "{gap}"}),
        ApiRequest("POST", "ledger/repairs", {"gaps": ["{gap}"]}),
        "audit_entry config_version source source_item",
    )
    yield Deed(
        "all gaps of a kind are repaired",
        PagePost("/settings/sources/ledger/repair-all/?event=SUMMIT&kind=missing"),
        ApiRequest("POST", "ledger/repairs", {"event": "SUMMIT", "kind": "missing"}),
        "audit_entry config_version source source_item",
    )
    yield Deed(
        "a refused row is left out",
        PagePost("/settings/sources/ledger/leave-out/?event=SUMMIT&gap={refused_row}"),
        ApiRequest("POST", "ledger/left-out", {"gaps": ["{refused_row}"]}),
        "audit_entry config_version source_refused_row",
    )
    yield Deed(
        "a source is read now",
        PagePost("/settings/sources/{listed_source}/read/"),
        ApiRequest("POST", "sources/{listed_source}/read"),
        "config_version source",
    )
    yield Deed(
        "calls of a source run again",
        PagePost("/settings/sources/{source}/again/", {"do": "all"}),
        ApiRequest("POST", "sources/{source}/calls/again", {}),
        "config_version",
    )
    yield Deed(
        "a source is switched on",
        PagePost("/settings/sources/{draft_source}/mapping/", {"do": "on", "number": "2", "mapping": json.dumps(CALLS)}),
        ApiRequest("POST", "sources/{draft_source}/switch-on", {"kept_calls": "quiet"}),
        "audit_entry config_version source",
    )
    yield Deed(
        "a source is removed with its registrations",
        PagePost("/settings/sources/{source}/remove/", {"then": "inactive"}),
        ApiRequest("POST", "sources/{source}/removal", {"registrations": "inactive"}),
        "audit_entry config_version jobs_job source",
        jobs=True,
    )
    yield Deed(
        "a source is removed",
        PagePost("/settings/sources/{source}/remove/"),
        ApiRequest("DELETE", "sources/{source}"),
        "audit_entry config_version source",
    )


def _replays() -> Iterator[Deed]:
    yield Deed(
        "a replay is begun",
        PagePost("/signal/replay/", {"flow": "{leads}", "since": "2020-01-01", "event": "{summit}", "which": "every", "q": "R3"}, "form"),
        ApiRequest("POST", "replays", {"flow": "{leads}", "from": "2020-01-01", "event": "{summit}", "every": True, "q": "R3"}),
        "jobs_job replay replay_line",
        jobs=True,
    )
    yield Deed(
        "a replay is sent",
        PagePost("/signal/replay/{checked_replay}/send/", {"send": ["new", "same"], "rate": "60", "reason": "Why"}),
        ApiRequest("POST", "replays/{checked_replay}/start", {"send": ["new", "same"], "rate": 60, "reason": "Why"}),
        "audit_entry jobs_job replay",
    )
    yield Deed(
        "a replay is sent and cancelled",
        (
            PagePost("/signal/replay/{checked_replay}/send/", {"send": ["new", "same"], "rate": "60", "reason": "Why"}),
            PagePost("/signal/replay/{checked_replay}/act/", {"do": "cancel"}),
        ),
        (
            ApiRequest("POST", "replays/{checked_replay}/start", {"send": ["new", "same"], "rate": 60, "reason": "Why"}),
            ApiRequest("POST", "replays/{checked_replay}/cancel"),
        ),
        "audit_entry jobs_job replay",
    )
    yield Deed(
        "a replay is sent, paused and resumed",
        (
            PagePost("/signal/replay/{checked_replay}/send/", {"send": ["new", "same"], "rate": "60", "reason": "Why"}),
            PagePost("/signal/replay/{checked_replay}/act/", {"do": "pause"}),
            PagePost("/signal/replay/{checked_replay}/act/", {"do": "go on"}),
        ),
        (
            ApiRequest("POST", "replays/{checked_replay}/start", {"send": ["new", "same"], "rate": 60, "reason": "Why"}),
            ApiRequest("POST", "replays/{checked_replay}/pause"),
            ApiRequest("POST", "replays/{checked_replay}/resume"),
        ),
        "audit_entry jobs_job replay",
    )
    yield Deed(
        "a job is paused",
        PagePost("/signal/retry/jobs/{waiting_job}/", {"do": "pause"}),
        ApiRequest("POST", "jobs/{waiting_job}/pause"),
        "jobs_job",
    )
    yield Deed(
        "a job is paused, resumed and cancelled",
        tuple(PagePost("/signal/retry/jobs/{waiting_job}/", {"do": do}) for do in ("pause", "again", "stop")),
        tuple(ApiRequest("POST", f"jobs/{{waiting_job}}/{operation}") for operation in ("pause", "resume", "cancel")),
        "jobs_job",
    )
    yield Deed(
        "the making of a file is cancelled",
        PagePost("/signal/retry/downloads/{waiting_file}/", {"do": "stop"}),
        ApiRequest("POST", "jobs/{waiting_file}/cancel"),
        "jobs_job",
    )
    yield Deed(
        "a dry run is stopped",
        PagePost("/signal/replay/{waiting_replay}/act/", {"do": "stop"}),
        ApiRequest("POST", "replays/{waiting_replay}/stop"),
        "jobs_job",
    )


DEEDS: Final = (
    *_settings(),
    *_tags(),
    *_events(),
    *_connections(),
    *_notifications(),
    *_sources(),
    *_flows(),
    *_registrations(),
    *_replays(),
)
