"""Recipes are complete and correct: each makes a flow that lacks nothing, and shows its message as the chat does (B3, F1)."""

from __future__ import annotations

import json
from datetime import UTC

import pytest
from tests.preset_person import Person

from heliograph.connections.preset_files import presets
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.flow import REQUIRED, Mode, Op
from heliograph.domain.flow.recipes import Recipe, flow_of_recipe, lines_of_message, readable, tags_of_recipe
from heliograph.domain.mapping.mapping import Mapping
from heliograph.domain.mapping.mapping_renderer import Rendered, render
from heliograph.domain.setup.compiled_setup import Status
from heliograph.domain.setup.statuses import REGISTRATION_STATUSES
from heliograph.domain.setup.tag_kinds import Tag, TagKind
from heliograph.recipes.recipe_file import recipes

PRESETS = {preset.key: preset for preset in presets()}
OF_STATUS = frozenset({TagKind.REGISTRATION_STATUS})
RECIPES = [pytest.param(recipe, id=recipe.key) for recipe in recipes()]


def test_B3_the_recipes_have_keys_and_names_of_their_own() -> None:
    assert len({recipe.key for recipe in recipes()}) == len({recipe.name for recipe in recipes()}) == len(recipes())
    assert {"slack", "teams", "mattermost", "discord", "google-chat", "rocketchat", "sheet", "webhook"} <= {r.key for r in recipes()}


@pytest.mark.parametrize("recipe", RECIPES)
def test_B3_a_recipe_names_what_there_is(recipe: Recipe) -> None:
    preset = PRESETS[recipe.preset]
    assert len(preset.mappings) == 1
    assert set(recipe.statuses) <= set(REGISTRATION_STATUSES)
    assert recipe.needs_tags is bool(REQUIRED[recipe.watch])
    assert preset.connection.get("auth") != "OAuth2", "the sample has to be possible before anything is saved"


@pytest.mark.parametrize("recipe", [r for r in recipes() if r.message], ids=lambda r: r.key)
def test_B3_a_message_is_shown_as_the_chat_shows_it(recipe: Recipe) -> None:
    preset = PRESETS[recipe.preset]
    (body,) = preset.fill(preset.sample["blanks"]).mappings
    rendered = render(readable(Mapping.from_body({"name": "M", **body})), Person(), timezone=UTC)
    assert isinstance(rendered, Rendered)
    text = "\n".join(lines_of_message(recipe, rendered.tree()))
    assert "Zoë Lindqvist" in text
    assert "Summit <2026>" in text
    assert "<b>" not in text
    sent = render(Mapping.from_body({"name": "M", **body}), Person(), timezone=UTC)
    assert isinstance(sent, Rendered)
    assert "Summit <2026>" not in json.dumps(sent.tree(), ensure_ascii=False), "what is sent keeps its escapes"


def test_F1_the_flow_takes_the_standard_tag_or_the_one_that_a_status_has() -> None:
    tags = {n: Tag(n, name, name, OF_STATUS) for n, name in enumerate(("Fresh", "registered", "Attended", "Booked"), 1)}
    statuses = [
        Status(1, "New", "New", frozenset({1, 4})),
        Status(2, "Pre-Registered", "Pre-Registered", frozenset({4, 2})),
        Status(3, "Attended", "Attended", frozenset({3})),
    ]
    (slack,) = (recipe for recipe in recipes() if recipe.key == "slack")
    assert tags_of_recipe(slack, statuses, tags) == (1, 2)


def test_F1_a_flow_for_certain_events_filters_by_their_codes() -> None:
    (slack,) = (recipe for recipe in recipes() if recipe.key == "slack")
    parts = {"tags": (1, 2), "destination": "Slack", "connection": 5, "mapping": 6, "does": Does.ADDS, "mode": Mode.TEST, "name": "N"}
    flow = flow_of_recipe(slack, events=["LAUNCH"], **parts)
    assert [(row.field, row.op, row.values) for row in flow.filters] == [("event.code", Op.IS_ANY_OF, ("LAUNCH",))]
    assert flow.statuses == (1, 2)
    (destination,) = flow.destinations
    assert (destination.connection, destination.payload_mapping, destination.does, destination.name) == (5, 6, Does.ADDS, "Slack")
    assert flow_of_recipe(slack, events=[], **parts).filters == ()
