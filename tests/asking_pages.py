"""Every page that asks before something is done: what it promises, and what somebody else may do meanwhile (P15)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from django.test import Client
from django.utils import timezone
from django_scopes import scope

from heliograph.accounts.api_tokens import create_token
from heliograph.accounts.models import ApiToken, EntryLink, Role, User
from heliograph.api.configuration.configuration_plan import FileToApply, apply_file, export_account
from heliograph.api.configuration.configuration_text import write_yaml
from heliograph.connections.models import Connection
from heliograph.connections.services import pause
from heliograph.connections.services.connections import ConnectionFacts, connection_row, save_connection
from heliograph.domain.flow.flow import FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.setup.statuses import StatusClass
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.domain.source.source_states import SourceState
from heliograph.flows.models import Flow as StoredFlow
from heliograph.flows.services.flows import flow_row, save_flow
from heliograph.jobs.models import Job
from heliograph.mappings.models import Mapping
from heliograph.mappings.services import mapping_row, save_mapping
from heliograph.setup.models import Tag
from heliograph.setup.services import custom_fields, event_setup
from heliograph.setup.services.applied_file_record import newest_applied
from heliograph.setup.services.object_tags import set_tags
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.tags import TagFacts, save_tag
from heliograph.sources.models import Source, SourceItem, SourceRefusedRow
from heliograph.sources.services.sources import add_source, rename
from heliograph.sources.source_list import progress_of
from heliograph.store import connection_states
from heliograph.store.restored_copy import mark_restored, unreleased_copy
from tests.builders import planted_ledger, planted_sources
from tests.builders.connection import connection
from tests.builders.flow import destination, flow
from tests.builders.mapping import mapping
from tests.builders.platform_account import EVENT, PlatformAccount, event_in_testing, registration_state
from tests.forms import posted

type Site = PlatformAccount


@dataclass(frozen=True)
class Asking:
    """A page that asks before something is done.

    place: the function that compares the promise.
    url: of the page. posts: the answer's fields. by_post: it is the post of another page that asks, such as a Save.
    changes: what somebody else does meanwhile. shows: words of the new truth.
    done: whether what it asks about was done.
    before: what has to be so for the page to ask.
    """

    place: str
    url: Callable[[Site], str]
    changes: Callable[[Site], object]
    shows: str
    done: Callable[[Site], bool]
    posts: Callable[[Site, Client], dict[str, Any]] = field(default=lambda _site, _client: {})
    by_post: bool = False
    before: Callable[[Site], object] = field(default=lambda _site: None)


# --- what somebody else does


def of(row: Any) -> int:
    assert row is not None
    return int(row.pk)


def renames_flow(site: Site, name: str = "Leads to our CRM") -> None:
    with site.acme.setting_up() as transaction:
        row = flow_row(of(site.acme.flow))
        save_flow(transaction, replace(Flow.from_body(row.pk, row.number, row.body), name=name), row.pk, confirmed=True)


def uses_tag(*kinds: str) -> Callable[[Site], None]:
    """A Live flow that watches for a tag: what is deleted was used nowhere else before."""

    def changes(site: Site) -> None:
        with site.acme.setting_up() as transaction:
            to = destination(of(site.acme.connection), of(site.acme.mapping))
            flow(transaction, "Badges", [to], watch=Watch.STATUS, statuses=[site.acme.tags[name].pk for name in kinds])

    return changes


def manages(site: Site, *sections: str) -> None:
    """Applies a configuration file that is as the account is. sections: of the file; none for all"""
    apply_file(site.pk, FileToApply(write_yaml(export_account(site.pk, sections))), by="test")


def drifts(site: Site) -> None:
    """A flow that is Live by the file is in Test."""
    manages(site)
    with site.acme.setting_up() as transaction:
        row = flow_row(of(site.acme.flow))
        save_flow(transaction, replace(Flow.from_body(row.pk, row.number, row.body), mode=Mode.TEST), row.pk, confirmed=True)


def is_managed(site: Site) -> bool:
    with scope(account=site.pk):
        applied = newest_applied()
    return applied is not None and applied.state is not None


def renames_connection(site: Site, id: int | None = None, name: str = "Sales CRM") -> None:
    with site.acme.setting_up() as transaction:
        at = id or of(site.acme.connection)
        save_connection(transaction, ConnectionFacts({**connection_row(at).body, "name": name}), at)


def renames_mapping(site: Site, id: int | None = None, name: str = "Lead of the CRM") -> None:
    with site.acme.setting_up() as transaction:
        at = id or of(site.acme.mapping)
        save_mapping(transaction, replace(FieldMapping.from_body(mapping_row(at).body), name=name), at)


def renames_user(site: Site) -> None:
    client = Client()
    site.signs_in(client)
    id = of(site.people[Role.PLANNER])
    form = posted(client.get(f"/settings/users/{id}/").content.decode(), "form")
    assert client.post(f"/settings/users/{id}/", form | {"name": ["Paula Planner"]}).status_code == 302


def edits_event(change: Callable[[Any, Site], object]) -> Callable[[Site], None]:
    def changes(site: Site) -> None:
        with site.acme.planning() as transaction:
            change(transaction, site)

    return changes


def adds_live_flow(site: Site) -> None:
    """Another Live flow that acts on whatever is saved."""
    with site.acme.setting_up() as transaction:
        flow(transaction, "Badges", [destination(of(site.acme.connection), of(site.acme.mapping))])


def filters_region(name: str) -> Callable[[Site], None]:
    """A flow that filters by an option of a custom field."""

    def changes(site: Site) -> None:
        with site.acme.setting_up() as transaction:
            row = FilterRow(f"event.custom.{field_of(site, 'region')}", Op.IS_ANY_OF, ("South",))
            flow(transaction, name, [destination(of(site.acme.connection), of(site.acme.mapping))], filters=(row,))

    return changes


def filters_code(name: str) -> Callable[[Site], None]:
    def changes(site: Site) -> None:
        with site.acme.setting_up() as transaction:
            row = FilterRow("event.code", Op.IS_ANY_OF, (EVENT,))
            flow(transaction, name, [destination(of(site.acme.connection), of(site.acme.mapping))], filters=(row,))

    return changes


def save_tag_label(site: Site, name: str, label: str) -> None:
    row = site.acme.tags[name]
    with site.acme.setting_up() as transaction:
        save_tag(transaction, TagFacts(row.name, frozenset(TagKind(kind) for kind in row.kinds), label), row.pk)


def save_region(site: Site, label: str) -> None:
    with site.acme.setting_up() as transaction:
        custom_fields.save_field(
            transaction, custom_fields.FieldFacts("event", "region", label, "select", ("North", "South")), field_of(site, "region")
        )


def pauses(site: Site, why: str) -> None:
    with site.acme.setting_up() as transaction:
        pause.pause(transaction, of(site.acme.connection), why)


def uses_token(site: Site) -> None:
    with scope(account=site.pk):
        ApiToken.objects.filter(name="Door").update(last_used=timezone.now())


# --- where it is


def field_of(site: Site, code: str) -> int:
    ((id,),) = site.store.all("SELECT id FROM custom_field WHERE account_id = :a AND code = :code", {"a": site.pk, "code": code})
    return int(id)


def idle(site: Site) -> int:
    """A connection that no flow uses."""
    with scope(account=site.pk):
        return int(Connection.objects.get(name="Idle").pk)


def unused_mapping(site: Site) -> int:
    with scope(account=site.pk):
        return int(Mapping.objects.get(name="Unused").pk)


def source_of(site: Site) -> int:
    """The id of the account's source, which is added if it has none."""
    with saving(site.pk, by="test") as transaction:
        known = Source.objects.first()
        return known.pk if known else add_source(transaction, "tito", "Press list").pk


def asking_source_of(site: Site) -> int:
    """The id of the account's source, which misses 120 of its 800 registrations if it misses none."""
    id = source_of(site)
    if not missing_of(site):
        sets_missing(site, 120)
    return id


def plants_ledger(site: Site) -> None:
    """A source of which two registrations are missing."""
    with scope(account=site.pk):
        planted_ledger.plant(site.store, site.pk, EVENT)


def misses_in_ledger(site: Site, code: str) -> None:
    """One more registration of that source is missing."""
    with scope(account=site.pk):
        source = Source.objects.get(name="Hall plan")
        SourceItem(account_id=site.pk, source=source, key=code, digest=b"d", documents=json.dumps([[EVENT, code]])).save()


def has_begun_repairs(site: Site) -> bool:
    """Whether an item of that source is read again."""
    with scope(account=site.pk):
        return any(bytes(item.digest) == b"" for item in SourceItem.objects.all())


def plants_refused_row(site: Site) -> None:
    """A row of a file that was refused."""
    with scope(account=site.pk):
        now = site.store.now()
        source = Source(
            account_id=site.pk, name="Drop box", platform="folder", state=SourceState.ON, created=now, created_by="user:1", changed=now
        )
        source.save()
        planted_sources.refused_row(site.store, source, site.store.now(), "guests.csv", 3, (EVENT, "G-3"), "is no e-mail address.")


def renames_file(site: Site) -> None:
    """The refused row is one of another file."""
    with scope(account=site.pk):
        SourceRefusedRow.objects.update(file="partners.csv")


def refused_row_of(site: Site) -> int:
    """The refused row; 0 for none."""
    with scope(account=site.pk):
        return max(SourceRefusedRow.objects.values_list("pk", flat=True), default=0)


def missing_of(site: Site) -> int:
    with scope(account=site.pk):
        return progress_of(Source.objects.get()).missing


def sets_missing(site: Site, missing: int) -> None:
    with scope(account=site.pk):
        Source.objects.update(cursor=json.dumps({"filled": True, "missing": missing, "known": 800}))


def misses_more(site: Site) -> None:
    sets_missing(site, 200)


def renames_source(site: Site) -> None:
    with saving(site.pk, by="test") as transaction:
        rename(transaction, Source.objects.get().pk, "Journalists")


def token_of(site: Site) -> int:
    with scope(account=site.pk):
        return int(ApiToken.objects.get(name="Door").pk)


def change_of(site: Site) -> int:
    ((id,),) = site.store.all("SELECT max(id) FROM change WHERE account_id = :a", {"a": site.pk})
    return int(id)


def count_actions(site: Site) -> int:
    ((n,),) = site.store.all("SELECT count(*) FROM action WHERE account_id = :a", {"a": site.pk})
    return int(n)


def count(model: Any, site: Site) -> int:
    with scope(account=site.pk):
        return int(model.objects.count())


def gone(model: Any, id: Callable[[Site], int], *, deleted: bool = False) -> Callable[[Site], bool]:
    def done(site: Site) -> bool:
        with scope(account=site.pk):
            rows = model.objects.filter(pk=id(site))
            return not (rows.filter(deleted_at=None) if deleted else rows).exists()

    return done


def registration_of(site: Site, code: str) -> int:
    ((id,),) = site.store.all(
        "SELECT id FROM registration WHERE account_id = :account AND code = :code", {"account": site.pk, "code": code}
    )
    return int(id)


def stored_flow(site: Site) -> Flow:
    return site.acme.flow_facts()


def paused(site: Site) -> bool:
    with scope(account=site.pk), saving(site.pk, by="test") as transaction:
        return connection_states.state_of(transaction.db, site.pk, of(site.acme.connection), lock=False)[0].paused


def row_gone(name: str, kind: str) -> Callable[[Site], bool]:
    return lambda site: site.ids[name] not in getattr(site.acme.event_config(), kind)


def user_now(site: Site) -> User:
    return User.objects.get(pk=of(site.people[Role.PLANNER]))


def count_named(model: Any, site: Site, *names: str) -> int:
    with scope(account=site.pk):
        return int(model.objects.filter(name__in=names, deleted_at=None).count())


def connection_auth(site: Site) -> str:
    with scope(account=site.pk):
        return str(connection_row(of(site.acme.connection)).body["auth"])


def connection_name(site: Site) -> str:
    with scope(account=site.pk):
        return str(connection_row(of(site.acme.connection)).name)


def mapping_name(site: Site) -> str:
    with scope(account=site.pk):
        return str(mapping_row(of(site.acme.mapping)).name)


def event_is_there(site: Site, code: str) -> bool:
    return bool(site.store.all("SELECT id FROM event WHERE account_id = :a AND code = :code", {"a": site.pk, "code": code}))


def token_is_revoked(site: Site) -> bool:
    with scope(account=site.pk):
        return ApiToken.objects.get(name="Door").revoked is not None


def jobs(kind: str) -> Callable[[Site], bool]:
    def done(site: Site) -> bool:
        with scope(account=site.pk):
            return Job.objects.filter(kind=kind).exists()

    return done


# --- what is posted


def form_with(url: Callable[[Site], str], kind: str, **changed: Any) -> Callable[[Site, Client], dict[str, Any]]:
    def posts(site: Site, client: Client) -> dict[str, Any]:
        form: dict[str, Any] = dict(posted(client.get(url(site)).content.decode(), kind))
        return form | {name: text(site) if callable(text) else text for name, text in changed.items()}

    return posts


def flow_url(site: Site) -> str:
    return f"/signal/flows/{of(site.acme.flow)}/"


def connection_url(site: Site) -> str:
    return f"/signal/connections/{of(site.acme.connection)}/"


def mapping_url(site: Site) -> str:
    return f"/signal/mappings/{of(site.acme.mapping)}/"


def user_url(act: str) -> Callable[[Site], str]:
    return lambda site: f"/settings/users/{of(site.people[Role.PLANNER])}/{act}/"


def versions_of(url: Callable[[Site], str]) -> Callable[[Site], str]:
    return lambda site: f"{url(site)}versions/?version=1&restore=1"


def restores(_site: Site, _client: Client) -> dict[str, Any]:
    return {"version": "1", "seen": "2"}


def asked_about(site: Site) -> None:
    """What the questions are about, beside the account's own things; each of these has a second version."""
    for name in ("Spare", "Other", "Here"):
        site.tag(name, TagKind.REGISTRATION_STATUS)
    with site.acme.setting_up() as transaction:
        set_tags(transaction, TagKind.REGISTRATION_STATUS, site.acme.status("Attended"), [site.acme.tags["Here"].pk])
        connection(transaction, "Idle", "https://idle.example.com/hook")
        mapping(transaction, "Unused", {"email": "profile.email"})
    renames_flow(site, "Leads of today")
    renames_connection(site, name="CRM of today")
    renames_mapping(site, name="Lead of today")
    event_in_testing(site)
    create_token(site.pk, "Door", by="test")
    site.record("S-1", status="New", profile={"first_name": "Ada"})


def is_restored(instant: int) -> Callable[[Site], object]:
    """The account comes from a backup of this instant, in microseconds, and is not released."""

    def restore(site: Site) -> None:
        with site.store.transaction():
            mark_restored(site.store, instant, None)

    return restore


PAGES: dict[str, Asking] = {
    "a tag is deleted": Asking(
        "setup.views.tag_pages.delete",
        lambda site: f"/settings/tags/{site.acme.tags['Spare'].pk}/delete/",
        uses_tag("Spare"),
        "1 flow becomes incomplete and sends nothing",
        gone(Tag, lambda site: int(site.acme.tags["Spare"].pk)),
    ),
    "a tag is merged": Asking(
        "setup.views.tag_pages.merge",
        lambda site: f"/settings/tags/{site.acme.tags['Spare'].pk}/merge/?into={site.acme.tags['Other'].pk}",
        uses_tag("Spare"),
        "1 flow may act on more from then on",
        gone(Tag, lambda site: int(site.acme.tags["Spare"].pk)),
        lambda site, _client: {"into": str(site.acme.tags["Other"].pk)},
    ),
    "a person is erased": Asking(
        "registrations.views.erase_pages.erase_confirm",
        lambda site: f"/settings/erase/person/{registration_of(site, 'S-1')}/confirm/?why=asked",
        lambda site: site.record("S-2", status="New", profile={"email": "ada@example.org"}),
        "2 registrations are emptied",
        lambda site: bool(site.store.all("SELECT 1 FROM erasure")),
        lambda _site, _client: {"confirmation": "ada@example.org"},
        before=lambda site: site.record("S-1", profile={"email": "ada@example.org"}),
    ),
    "a flow is deleted": Asking(
        "flows.views.flow_actions.delete",
        lambda site: f"{flow_url(site)}delete/",
        renames_flow,
        "Delete Leads to our CRM?",
        gone(StoredFlow, lambda site: of(site.acme.flow), deleted=True),
    ),
    "a flow is put back to its configuration file": Asking(
        "api.configuration_pages.put_entry_back",
        lambda _site: "/settings/configuration/put-back/",
        renames_flow,
        "Put Leads to our CRM back?",
        lambda site: stored_flow(site).mode is Mode.LIVE,
        lambda site, _client: {"section": "flows", "id": str(of(site.acme.flow))},
        by_post=True,
        before=drifts,
    ),
    "no file manages the account any more": Asking(
        "api.configuration_pages.stop",
        lambda _site: "/settings/configuration/stop/",
        lambda site: manages(site, "tags"),
        "Stop managing by a file?",
        lambda site: not is_managed(site),
        before=manages,
    ),
    "a flow is copied": Asking(
        "flows.views.flow_actions.copy",
        lambda site: f"{flow_url(site)}copy/",
        renames_flow,
        "Copy Leads to our CRM",
        lambda site: count(StoredFlow, site) > 1,
        lambda _site, _client: {"name": "Another"},
    ),
    "a flow is switched off": Asking(
        "flows.views.flow_list_page.toggle",
        lambda site: f"{flow_url(site)}active/",
        renames_flow,
        "Switch off Leads to our CRM?",
        lambda site: not stored_flow(site).active,
        lambda _site, _client: {"active": "off"},
        by_post=True,
    ),
    "one change is sent now": Asking(
        "flows.views.trial_panel.send",
        lambda site: f"{flow_url(site)}send/{change_of(site)}/",
        renames_connection,
        "To Sales CRM",
        lambda site: count_actions(site) > 1,
    ),
    "a flow is saved and stops": Asking(
        "flows.views.editor._handle_post",
        flow_url,
        lambda site: save_tag_label(site, "Registered", "Booked"),
        "Booked",
        lambda site: not stored_flow(site).destinations[0].payload_mapping,
        form_with(flow_url, "form", **{"d0-payload": ""}),
        by_post=True,
    ),
    "a connection is paused": Asking(
        "connections.views.connection_actions.pause",
        lambda site: f"{connection_url(site)}pause/",
        adds_live_flow,
        "Badges",
        paused,
        lambda _site, _client: {"why": "New server"},
    ),
    "a connection is released": Asking(
        "connections.views.connection_actions.release",
        lambda site: f"{connection_url(site)}release/",
        lambda site: pauses(site, "Not before legal has agreed"),
        "Not before legal has agreed",
        lambda site: not paused(site),
        lambda _site, _client: {"do": "once"},
        before=lambda site: pauses(site, "New server"),
    ),
    "a connection is copied": Asking(
        "connections.views.connection_actions.copy",
        lambda site: f"{connection_url(site)}copy/",
        renames_connection,
        "Copy Sales CRM",
        lambda site: count(Connection, site) > 2,
        lambda _site, _client: {"name": "Another"},
    ),
    "a connection is deleted": Asking(
        "connections.views.connection_actions.delete",
        lambda site: f"/signal/connections/{idle(site)}/delete/",
        lambda site: renames_connection(site, idle(site)),
        "Delete Sales CRM?",
        lambda site: not count_named(Connection, site, "Sales CRM", "Idle"),
    ),
    "a connection is saved and flows stop": Asking(
        "connections.views.connection_setup._save",
        connection_url,
        adds_live_flow,
        "Badges",
        lambda site: connection_auth(site) != "Basic Authentication",
        form_with(connection_url, "form", auth="API Key / Token"),
        by_post=True,
    ),
    "a mapping is deleted": Asking(
        "mappings.views.mappings.mapping_delete",
        lambda site: f"/signal/mappings/{unused_mapping(site)}/delete/",
        lambda site: renames_mapping(site, unused_mapping(site)),
        "Delete Lead of the CRM?",
        lambda site: not count_named(Mapping, site, "Lead of the CRM", "Unused"),
    ),
    "a mapping is copied": Asking(
        "mappings.views.mappings.mapping_copy",
        lambda site: f"{mapping_url(site)}copy/",
        renames_mapping,
        "Copy Lead of the CRM?",
        lambda site: count(Mapping, site) > 2,
    ),
    "a flow's version is restored": Asking(
        "setup.views.versions_page._restored",
        versions_of(flow_url),
        lambda site: save_tag_label(site, "Registered", "Booked"),
        "Booked",
        lambda site: stored_flow(site).name == "Leads",
        restores,
    ),
    "a mapping's version is restored": Asking(
        "setup.views.versions_page._restored",
        versions_of(mapping_url),
        adds_live_flow,
        "Badges",
        lambda site: mapping_name(site) == "Lead",
        restores,
    ),
    "a connection's version is restored": Asking(
        "setup.views.versions_page._restored",
        versions_of(connection_url),
        adds_live_flow,
        "Badges",
        lambda site: connection_name(site) == "CRM",
        restores,
    ),
    "a custom status is deleted": Asking(
        "setup.views.event_rows.delete",
        lambda site: f"/events/{EVENT}/custom-statuses/{site.ids['Paid']}/delete/",
        edits_event(
            lambda s, site: event_setup.save_status(
                s, site.acme.event, event_setup.StatusFacts("PAID", "Paid in full", StatusClass.ACCEPTED), site.ids["Paid"]
            )
        ),
        "Delete “Paid in full”?",
        row_gone("Paid", "statuses"),
    ),
    "a custom field is deleted": Asking(
        "setup.views.custom_field_pages.delete",
        lambda site: f"/settings/event-data/{field_of(site, 'region')}/delete/",
        lambda site: save_region(site, "Region of the event"),
        "Delete “Region of the event”?",
        lambda site: not site.acme.config().event_fields,
    ),
    "a custom field loses an option": Asking(
        "setup.views.custom_field_pages._saved",
        lambda site: f"/settings/event-data/{field_of(site, 'region')}/",
        filters_region("Badges"),
        "Badges",
        lambda site: site.acme.config().event_fields[field_of(site, "region")].options == ("North",),
        form_with(lambda site: f"/settings/event-data/{field_of(site, 'region')}/", "form", options="North"),
        by_post=True,
        before=filters_region("Southern leads"),
    ),
    "an event loses its code": Asking(
        "setup.views.event_pages._save",
        lambda _site: f"/events/{EVENT}/details/",
        filters_code("Badges"),
        "Badges",
        lambda site: site.acme.event_config().code == "SUMMIT-27",
        form_with(lambda _site: f"/events/{EVENT}/details/", "form", code="SUMMIT-27"),
        by_post=True,
        before=filters_code("Leads of the summit"),
    ),
    "an event leaves Testing": Asking(
        "setup.views.event_actions.leave_testing",
        lambda site: f"/events/GALA-26/leave-testing/?to={site.acme.event_status('Live')}",
        adds_live_flow,
        "2 Live flows will take its live registrations",
        jobs("mark-test"),
        lambda site, _client: {"to": str(site.acme.event_status("Live"))},
    ),
    "an event is copied": Asking(
        "setup.views.event_actions.copy",
        lambda _site: f"/events/{EVENT}/copy/",
        edits_event(lambda s, site: event_setup.save_type(s, site.acme.event, event_setup.TypeFacts("PRS", "Press"))),
        "3 attendee types",
        lambda site: event_is_there(site, "SUMMIT-27"),
        lambda _site, _client: {"code": "SUMMIT-27", "name": "Summit", "start": "", "end": ""},
    ),
    "a registration is deleted": Asking(
        "registrations.views.is_active_page._save",
        lambda _site: f"/registration-active/{EVENT}/S-1/",
        adds_live_flow,
        "This flow acts on that one.",
        lambda site: not registration_state(site, "S-1").active,
        lambda _site, _client: {"to": "inactive"},
    ),
    "many registrations get a status": Asking(
        "registrations.views.bulk.set_status",
        lambda _site: "/registrations/set-status/?of=all&to=Attended",
        uses_tag("Here"),
        "1 Live flow may act on this",
        jobs("set-status"),
    ),
    "a restored copy is released": Asking(
        "administration.views.restored_copy_page.restored_copy",
        lambda _site: "/settings/restored-copy/",
        is_restored(2_000_000),
        "from a backup of 1 Jan 1970",
        lambda site: unreleased_copy(site.store, site.acme.account.pk) is None,
        before=is_restored(1_000_000),
    ),
    "a token is revoked": Asking(
        "administration.views.api_token_page._revoke",
        lambda site: f"/settings/tokens/{token_of(site)}/revoke/",
        uses_token,
        "It is in use",
        token_is_revoked,
    ),
    "it is decided about missing registrations": Asking(
        "sources.views.missing_page.source_missing",
        lambda site: f"/settings/sources/{asking_source_of(site)}/missing/",
        misses_more,
        "200 of 800 registrations are missing at the platform",
        lambda site: missing_of(site) == 0,
    ),
    "all gaps of a kind are repaired": Asking(
        "sources.views.ledger_repair_pages.ledger_repair_all",
        lambda site: f"/settings/sources/ledger/repair-all/?event={EVENT}&kind=missing",
        lambda site: misses_in_ledger(site, "HALL-3"),
        f"Repair 3 gaps of {EVENT}?",
        has_begun_repairs,
        before=plants_ledger,
    ),
    "a refused row is left out": Asking(
        "sources.views.ledger_repair_pages.ledger_leave_out",
        lambda site: f"/settings/sources/ledger/leave-out/?event={EVENT}&gap=f{refused_row_of(site)}",
        renames_file,
        "“partners.csv”, line 3",
        lambda site: refused_row_of(site) == 0,
        before=plants_refused_row,
    ),
    "a source is removed": Asking(
        "sources.views.removal_page.source_remove",
        lambda site: f"/settings/sources/{source_of(site)}/remove/",
        renames_source,
        "Remove “Journalists”?",
        lambda site: not count_named(Source, site, "Press list", "Journalists"),
    ),
    "a user gets a link": Asking(
        "administration.views.user_actions._link",
        user_url("link"),
        renames_user,
        "Make Paula Planner a link for a new password?",
        lambda site: EntryLink.objects.filter(user=user_now(site)).exists(),
    ),
    "a user is removed": Asking(
        "administration.views.user_actions.act",
        user_url("remove"),
        renames_user,
        "Remove Paula Planner?",
        lambda site: not User.objects.filter(pk=of(site.people[Role.PLANNER])).exists(),
    ),
    "a user is switched off": Asking(
        "administration.views.user_actions.act",
        user_url("off"),
        renames_user,
        "Switch Paula Planner off?",
        lambda site: not user_now(site).is_active,
    ),
}
