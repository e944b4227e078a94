"""What a recipe would send, with the account's latest registration or an invented one (M7). Nothing is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from heliograph.accounts.languages import translated
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.connection.connection import ContentType
from heliograph.domain.connection.presets import BlanksWrong, Preset
from heliograph.domain.connection.sample import SampleFacts
from heliograph.domain.flow.flow import Flow, Watch
from heliograph.domain.flow.recipes import Recipe, lines_of_message, readable
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.mapping_renderer import FactSource, Rendered, render
from heliograph.domain.registration.facts import ChangeFacts
from heliograph.flows.flow_trial import subject_change


@dataclass(frozen=True, slots=True)
class RecipePreview:
    """What would be sent."""

    lines: tuple[str, ...]
    """The message as the chat shows it; empty if what is sent is no message."""
    text: str
    """The body of the request: JSON on several lines, or the fields of a form, one a line."""
    is_sample: bool
    """Whether the registration is invented, because the account has none yet."""


def preview_recipe(reader: AccountReader, recipe: Recipe, preset: Preset, values: Mapping[str, str], *, now: datetime) -> RecipePreview:
    """The preview.

    values: the texts of the blanks; while they are refused, those that make rows of the mapping are left out
    """
    try:
        body = preset.fill({**values, "name": preset.name}, http=True).mappings[0]
    except BlanksWrong:
        body = preset.start()[0]
    mapping = FieldMapping.from_body({"name": preset.name, **body})
    facts = _latest_facts(reader, recipe, now=now)
    is_sample = facts is None
    if facts is None:
        facts = SampleFacts(now, reader.config.timezone, reader.config.code, mapping)
    zone = ZoneInfo(facts.timezone if isinstance(facts, ChangeFacts) else reader.config.timezone)
    message = render(readable(mapping), facts, timezone=zone)
    sent = render(mapping, facts, timezone=zone)
    lines = lines_of_message(recipe, message.tree()) if recipe.message and isinstance(message, Rendered) else ()
    if not isinstance(sent, Rendered):
        text = "\n".join(translated(problem.sentence) for problem in sent.problems)
    elif preset.connection["content_type"] == ContentType.JSON:
        text = json.dumps(sent.tree(), ensure_ascii=False, indent=2)
    else:
        text = "\n".join(f"{name} = {value}" for name, value in sent.pairs())
    return RecipePreview(lines, text, is_sample)


def _latest_facts(reader: AccountReader, recipe: Recipe, *, now: datetime) -> FactSource | None:
    """The facts of the newest registration's latest change; None if there is none, or its content is no longer stored."""
    rows = reader.db.all(
        "SELECT id FROM registration WHERE account_id = :account AND erased_at IS NULL ORDER BY id DESC LIMIT 1",
        {"account": reader.account},
    )
    if not rows:
        return None
    latest = subject_change(reader, Flow(0, watch=Watch.REGISTRATION), rows[0][0])
    if latest is None or latest[1] is None:
        return None
    _id, change, event_id = latest
    event = reader.events([event_id]).get(event_id)
    return None if event is None or change is None else ChangeFacts(change, reader.config, event, flow_name=recipe.name, now=now)
