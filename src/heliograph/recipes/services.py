"""Applies recipes: connection, mapping, tags and flow in one transaction (B3, F1, P11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from heliograph.connections.models import Connection
from heliograph.connections.services.connections import may_be_plain
from heliograph.connections.services.save_and_test import UnsavedConnection, send_unsaved_sample
from heliograph.domain.connection.connection import Connection as ConnectionFacts
from heliograph.domain.connection.diagnosis import DiagnosisReport
from heliograph.domain.connection.presets import BlanksWrong
from heliograph.domain.flow.flow import Mode, Op
from heliograph.domain.flow.recipes import EVENT_CODE, Recipe, flow_of_recipe, tags_of_recipe
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.setup.compiled_setup import AccountSetup
from heliograph.flows.filter_values import FilterValues
from heliograph.flows.models import Flow
from heliograph.flows.services.flows import save_flow
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.presets import services as preset_services
from heliograph.presets.services import first_free
from heliograph.setup.services.standard_tag_use import AppliedStandardTags, use_standard_tags
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid
from heliograph.store.database import Database

EVENTS: Final = "events"
"""The name of the field of events, beside those of the preset's blanks."""


@dataclass(frozen=True, slots=True)
class AppliedRecipe:
    """What a recipe created."""

    recipe: Recipe
    connection: Connection
    mapping: StoredMapping
    flow: Flow
    tags: tuple[str, ...]
    """The names of the tags that were created."""
    tagged: int
    """The number of statuses that got their standard tag."""
    standard_tags: AppliedStandardTags | None = None
    """What using the standard tags did; None if the recipe needs none."""


def apply_recipe(
    transaction: SetupTransaction, recipe: Recipe, values: Mapping[str, str], *, events: Sequence[str] = (), mode: Mode | None = None
) -> AppliedRecipe:
    """Creates everything that the recipe consists of. What it creates are ordinary things, and can be changed afterwards.

    values: the texts of the preset's blanks by name; without `name` the connection gets a free one
    events: the codes of the events that it is for; empty for all
    mode: by default Live if an event is live, else Test, which takes everything in test events

    Raises Invalid with sentences by the name of the blank, and by `events`.
    """
    config = transaction.provider.account(transaction.account)
    read_events = FilterValues(transaction.db, transaction.account, config).read_words(EVENT_CODE, Op.IS_ANY_OF, events, ())
    if read_events.error:
        raise Invalid({EVENTS: [read_events.error]})
    preset = preset_services.preset(recipe.preset)
    made = preset_services.make(transaction, recipe.preset, {"name": connection_name(config.connections.values(), recipe)} | dict(values))
    created: tuple[str, ...] = ()
    tagged = 0
    applied_tags: AppliedStandardTags | None = None
    if recipe.needs_tags:
        applied_tags = use_standard_tags(transaction)
        created, tagged = applied_tags.plan.new, len(applied_tags.tagged)
        transaction.write_account()  # the flow names these tags
        config = transaction.provider.account(transaction.account)
    flow_names = Flow.objects.filter(deleted_at=None).values_list("name", flat=True)
    flow = flow_of_recipe(
        recipe,
        name=first_free(_(recipe.name), flow_names),
        mode=mode or default_mode(transaction.db, config),
        tags=tags_of_recipe(recipe, config.statuses.values(), config.tags),
        events=read_events.values,
        destination=made.connection.name,
        connection=made.connection.pk,
        mapping=made.mappings[0].pk,
        does=preset.does,
    )
    return AppliedRecipe(recipe, made.connection, made.mappings[0], save_flow(transaction, flow), created, tagged, applied_tags)


def connection_name(connections: Iterable[ConnectionFacts], recipe: Recipe) -> str:
    """A free name for the recipe's connection: "Slack", "Slack 2"."""
    return first_free(recipe.app, [connection.name for connection in connections])


def default_mode(db: Database, config: AccountSetup) -> Mode:
    """Live if any event of the account is live; else Test."""
    rows = db.all("SELECT DISTINCT status_id FROM event WHERE account_id = :account", {"account": config.id})
    return Mode.LIVE if any(not config.is_test_event(status) for (status,) in rows) else Mode.TEST


def send_sample(account: int, recipe: Recipe, values: Mapping[str, str]) -> DiagnosisReport:
    """Sends one invented registration to the address in the values. Nothing is created.

    Raises Invalid with sentences by the name of the blank, and NotTested.
    """
    preset = preset_services.preset(recipe.preset)
    try:
        filled = preset.fill(values, http=may_be_plain(account))
    except BlanksWrong as error:
        raise Invalid({name: [reason] for name, reason in error.reasons.items()}) from None
    mapping = FieldMapping.from_body({"name": preset.name, **filled.mappings[0]})
    unsaved = UnsavedConnection({**filled.fields, "name": preset.name}, filled.url, dict(filled.secrets), mapping)
    return send_unsaved_sample(account, unsaved)
