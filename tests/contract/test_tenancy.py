"""Nothing in one account is ever visible from another, and no row refers to another account's rows (P1; docs/design/security.md, section
1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django_scopes import scope, scopes_disabled
from django_scopes.exceptions import ScopeError
from tests.builders.account import BY, Acme, acme

from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows import models as flows
from heliograph.flows.services import flows as flow_services
from heliograph.replay.models import Replay
from heliograph.setup import models as platform
from heliograph.setup.services import event_setup, object_tags
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.tags import TagFacts, delete_tag, save_tag
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.sources.models import Source

pytestmark = pytest.mark.django_db

SCOPED = [
    m for m in apps.get_models() if m.__module__.startswith("heliograph.") and "account_id" in {f.column for f in m._meta.concrete_fields}
]
UNSCOPED = {"accounts.User"}  # signing in looks up the user before the account is known
CUSTOM: dict[str, Any] = {"type": "text", "options": []}


@pytest.fixture
def ours() -> Acme:
    return acme()


@pytest.fixture
def theirs() -> Acme:
    return acme()


def test_an_unscoped_query_raises() -> None:
    for model in SCOPED:
        if model._meta.label not in UNSCOPED:
            with pytest.raises(ScopeError):
                model._default_manager.count()


def test_no_row_of_another_account_is_found(ours: Acme, theirs: Acme) -> None:
    for model in SCOPED:
        if model._meta.label in UNSCOPED:
            continue
        with scope(account=ours.pk):
            assert not model._default_manager.exclude(account_id=ours.pk).exists(), model
    with scope(account=ours.pk):
        assert platform.Tag.objects.count() == 2


def _references() -> list[tuple[str, str, str]]:
    """(table, column, parent table) of every reference between rows with accounts."""
    found = []
    for model in SCOPED:
        for field in model._meta.concrete_fields:
            target = field.related_model
            if isinstance(target, type) and target in SCOPED:
                found.append((model._meta.label, field.column, target._meta.label))
    return found


def _row(label: str, made: Acme, other: Acme, column: str) -> models.Model:
    """A row of `made` whose `column` refers to a row of `other`."""
    values: dict[str, dict[str, Any]] = {
        "setup.RegistrationStatus": {"event_id": made.event, "code": "X", "name": "X", "cls": "Accepted"},
        "setup.RegistrationStatusTag": {"status_id": made.status("Attended"), "tag_id": made.tags["Registered"].pk},
        "setup.SessionStatusTag": {"status_id": _first(platform.SessionStatus, made), "tag_id": made.tags["Diet"].pk},
        "setup.EventStatusTag": {"status_id": made.event_status("Live"), "tag_id": made.tags["Diet"].pk},
        "setup.EventTag": {"event_id": made.event, "tag_id": made.tags["Registered"].pk},
        "setup.AttendeeType": {"event_id": made.event, "code": "X", "name": "X"},
        "setup.AttendeeTypeTag": {"type_id": _made(platform.AttendeeType, made, code="T", name="T"), "tag_id": made.tags["Diet"].pk},
        "setup.RegistrationProperty": {"event_id": made.event, "code": "X", "name": "X"},
        "setup.RegistrationPropertyTag": {
            "property_id": _made(platform.RegistrationProperty, made, code="P", name="P"),
            "tag_id": made.tags["Diet"].pk,
        },
        "setup.Question": {"event_id": made.event, "tag_id": made.tags["Diet"].pk, "code": "x", "label": "X", **CUSTOM},
        "setup.Session": {"event_id": made.event, "code": "X", "name": "X"},
        "flows.Destination": {
            "flow_id": _pk(made.flow),
            "connection_id": _pk(made.connection),
            "payload_mapping_id": _pk(made.mapping),
            "header_mapping_id": _pk(made.mapping),
        },
        "flows.FlowTag": {"flow_id": _pk(made.flow), "tag_id": made.tags["Diet"].pk, "place": "statuses"},
        "flows.FlowField": {"flow_id": _pk(made.flow), "field_id": _field(made)},
        "mappings.MappingTag": {"mapping_id": _pk(made.mapping), "tag_id": made.tags["Registered"].pk},
        "mappings.MappingField": {"mapping_id": _pk(made.mapping), "field_id": _field(made)},
        "replay.ReplayLine": {
            "replay_id": _replay(made),
            **dict.fromkeys(("destination_id", "subject_id", "event_id", "change_id", "version", "at", "verdict"), 1),
            "note": "",
            "problem": "",
            "left_out": 0,
        },
    }
    source = {"source_id": _source(made)} if label.startswith("sources.") else {}
    values |= {
        "sources.SourceSecret": {**source, "created": 1, "created_by": BY},
        "sources.SourceCall": {**source, "at": 1},
        "sources.SourceRefusal": {**source, "hour": 1, "reason": "none", "count": 1, "first_at": 1, "last_at": 1},
        "sources.SourceItem": {**source, "key": "k", "digest": b"d"},
        "sources.SourceRegistration": {**source, "registration_id": 1},
        "sources.SourceRefusedRow": {
            **source,
            "at": 1,
            "job_id": 1,
            "file": "f",
            "kept_as": "f",
            "line": 1,
            "event": "",
            "code": "",
            "problem": "",
        },
        "sources.SourceRing": {**source, "key": "k", "at": 1, "count": 1},
        "sources.SourceChanges": {**source, "hour": 1, "announced": 1, "unannounced": 0},
    }
    model: Any = apps.get_model(label)
    return model(account_id=made.pk, **values[label] | ({column: _row_of(label, other, column)} if other is not made else {}))


def _row_of(label: str, made: Acme, column: str) -> int:
    return getattr(_row(label, made, made, column), column)


def _pk(row: models.Model | None) -> int:
    assert row is not None
    return row.pk


def _first(model: Any, made: Acme) -> int:
    with scope(account=made.pk):
        return model.objects.first().pk


def _made(model: Any, made: Acme, **values: str) -> int:
    with scope(account=made.pk):
        return model.objects.get_or_create(account_id=made.pk, event_id=made.event, **values)[0].pk


def _field(made: Acme) -> int:
    with scope(account=made.pk):
        return platform.CustomField.objects.get_or_create(account_id=made.pk, kind="profile", code="x", label="X")[0].pk


def _source(made: Acme) -> int:
    with scope(account=made.pk):
        return Source.objects.get_or_create(account_id=made.pk, name="X", defaults={"created": 1, "created_by": BY, "changed": 1})[0].pk


def _replay(made: Acme) -> int:
    with scope(account=made.pk):
        return Replay.objects.get_or_create(account_id=made.pk, flow_id=1, defaults={"by": BY, "created": 1})[0].pk


REFERENCES = _references()


def test_every_table_of_the_set_up_is_tried() -> None:
    assert len(REFERENCES) >= 30


def test_the_database_refuses_an_id_of_another_account(ours: Acme, theirs: Acme) -> None:
    for label, column, _parent in REFERENCES:
        with scopes_disabled():
            good = _row(label, ours, ours, column)
            bad = _row(label, ours, theirs, column)
            with transaction.atomic():
                good.save()
                _check_now()
                transaction.set_rollback(True)
            with pytest.raises(IntegrityError):
                _save_now(bad)


def _save_now(row: models.Model) -> None:
    with transaction.atomic():
        row.save()
        _check_now()


def _check_now() -> None:
    if connection.vendor == "postgresql":
        connection.check_constraints()


def test_the_database_refuses_to_move_a_row_to_another_account(ours: Acme, theirs: Acme) -> None:
    tag = ours.tags["Registered"]
    tag.account_id = theirs.pk
    with scopes_disabled(), pytest.raises(IntegrityError):
        _save_now(tag)


def test_services_do_not_find_what_is_not_the_accounts_own(ours: Acme, theirs: Acme) -> None:
    with pytest.raises(NotThere), saving(ours.pk, by=BY, events=[theirs.event]):
        pass
    with pytest.raises(NotThere), ours.setting_up() as transaction:
        delete_tag(transaction, theirs.tags["Diet"].pk)
    with pytest.raises(NotThere), ours.setting_up() as transaction:
        flow_services.delete_flow(transaction, _pk(theirs.flow))
    with pytest.raises(NotThere), ours.planning() as transaction:
        event_setup.save_type(transaction, theirs.event, event_setup.TypeFacts("X", "X"))
    with pytest.raises(Invalid, match="There is no tag"), ours.setting_up() as transaction:
        object_tags.set_tags(transaction, TagKind.REGISTRATION_STATUS, ours.status("Attended"), [theirs.tags["Registered"].pk])
    for part in ({"connection": _pk(theirs.connection)}, {"payload_mapping": _pk(theirs.mapping)}):
        facts = ours.flow_facts()
        with pytest.raises(Invalid), ours.setting_up() as transaction:
            flow_services.save_flow(transaction, replace(facts, destinations=(replace(facts.destinations[0], **part),)), facts.id)
    with pytest.raises(NotThere), ours.setting_up() as transaction:
        save_tag(transaction, _facts(), theirs.tags["Diet"].pk)


def _facts() -> Any:
    return TagFacts("Stolen", frozenset({TagKind.QUESTION}))


def test_flows_models_are_complete() -> None:
    """Every model of the flows has an account."""
    assert all(m in SCOPED for m in apps.get_app_config("flows").get_models())
    assert flows.Flow in SCOPED
