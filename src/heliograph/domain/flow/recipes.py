"""Recipes: a connection, its mapping and a flow in one, such as "Tell Slack when somebody registers" (B3, F1).

A recipe is data (`recipes/recipes.toml`). It names the preset that makes connection and mapping, and what the flow watches. Statuses are named
as they are in every account; which tags they have is found when the recipe is applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.flow import Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.mapping.json_bodies import Body
from heliograph.domain.mapping.mapping import FixedText, SourceValue
from heliograph.domain.mapping.mapping import Mapping as FieldMapping
from heliograph.domain.mapping.paths import ABSENT, look_up, parse_path
from heliograph.domain.setup.compiled_setup import Status
from heliograph.domain.setup.standard_tags import TAG_BY_STATUS
from heliograph.domain.setup.tag_kinds import Tag

EVENT_CODE: Final = "event.code"
"""The field by which a recipe's flow filters if it is for certain events."""
_TAGS_OF_HTML: Final = ("<b>", "</b>")


class RecipeGroup(StrEnum):
    """The groups of recipes, in the order of the page."""

    CHAT = "chat"
    LIST = "list"
    CRM = "crm"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe."""

    key: str
    name: str
    """What it does, and the name of its flow: "Tell Slack when somebody registers"."""
    app: str
    """The application: "Slack"."""
    group: RecipeGroup
    preset: str
    """The key of the preset of its connection and mapping."""
    watch: Watch
    statuses: tuple[str, ...]
    """The names of the account's registration statuses that the flow acts on; empty if it acts on all changes."""
    message: tuple[str, ...]
    """Where the lines of the message are in the JSON that is sent; empty if what is sent is no message."""

    @property
    def needs_tags(self) -> bool:
        """Whether its flow decides by tags of statuses."""
        return bool(self.statuses)

    def matches(self, search: str, *texts: str) -> bool:
        """Whether every word of a search is in its name, or in further texts about it. Case makes no difference."""
        whole = " ".join((self.name, self.app, *texts)).casefold()
        return all(word in whole for word in search.casefold().split())


def read_recipes(data: Mapping[str, Any]) -> tuple[Recipe, ...]:
    """Parses the file of recipes. Raises BodyError."""
    return tuple(
        Recipe(
            key=item.text("key"),
            name=item.text("name"),
            app=item.text("app"),
            group=item.choice("group", RecipeGroup),
            preset=item.text("preset"),
            watch=item.choice("watch", Watch),
            statuses=item.texts("statuses", most=len(TAG_BY_STATUS)),
            message=item.texts("message", most=5),
        )
        for item in (Body(each, where) for where, each in Body(data).items("recipe", most=100))
    )


def tags_of_recipe(recipe: Recipe, statuses: Iterable[Status], tags: Mapping[int, Tag]) -> tuple[int, ...]:
    """The tags that the flow is activated for: of each status of the recipe its standard tag, or its first one if it has others.

    statuses: the account's registration statuses, with the tags that they have now
    tags: the account's tags, by id
    """
    chosen: list[int] = []
    for status in statuses:
        if status.name in recipe.statuses and status.tags:
            standard = TAG_BY_STATUS[status.name].casefold()
            chosen.append(next((tag for tag in sorted(status.tags) if tags[tag].name.casefold() == standard), min(status.tags)))
    return tuple(dict.fromkeys(chosen))


def flow_of_recipe(
    recipe: Recipe,
    *,
    name: str,
    mode: Mode,
    tags: Sequence[int],
    events: Sequence[str],
    destination: str,
    connection: int,
    mapping: int,
    does: Does,
) -> Flow:
    """The flow of a recipe, complete.

    tags: as `tags_of_recipe` returns them
    events: the codes of the events that it is for; empty for all
    destination: the name of the destination
    connection, mapping: ids
    """
    return Flow(
        0,
        name=name,
        mode=mode,
        watch=recipe.watch,
        filters=(FilterRow(EVENT_CODE, Op.IS_ANY_OF, tuple(events)),) if events else (),
        destinations=(Destination(0, destination, connection=connection, payload_mapping=mapping, does=does),),
        statuses=tuple(tags),
    )


def readable(mapping: FieldMapping) -> FieldMapping:
    """The mapping as a person reads its message: without escapes, and without the HTML tags of its typed texts."""
    rows = []
    for row in mapping.rows:
        parts = [
            replace(part, escape=None) if isinstance(part, SourceValue) else part
            for part in row.parts
            if not (isinstance(part, FixedText) and part.text in _TAGS_OF_HTML)
        ]
        rows.append(replace(row, parts=tuple(parts)))
    return replace(mapping, rows=tuple(rows))


def lines_of_message(recipe: Recipe, body: object) -> tuple[str, ...]:
    """The lines of the message in the JSON that the readable mapping makes."""
    texts = (look_up(body, parse_path(path)) for path in recipe.message)
    return tuple(line for text in texts if text is not ABSENT for line in str(text).splitlines() if line.strip())
