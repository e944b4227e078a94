"""Recipes as JSON: a connection, its mapping and a flow in one (B3, F1)."""

from __future__ import annotations

from typing import Annotated, Self

import msgspec

from heliograph.api.documents.connection_documents import ConnectionDocument
from heliograph.api.documents.flow_documents import FlowDocument
from heliograph.api.documents.mapping_documents import MappingDocument
from heliograph.api.documents.preset_documents import BlankDocument
from heliograph.api.documents.shared_forms import Document
from heliograph.domain.connection.presets import Preset
from heliograph.domain.flow.flow import Mode, Watch
from heliograph.domain.flow.recipes import Recipe, RecipeGroup


class RecipeDocument(Document):
    """A recipe."""

    key: str
    name: str
    app: Annotated[str, msgspec.Meta(description="The application.")]
    group: RecipeGroup
    preset: Annotated[str, msgspec.Meta(description="The key of the preset of its connection and mapping.")]
    needs: Annotated[str, msgspec.Meta(description="What a person must have for it.")]
    watch: Watch
    statuses: Annotated[
        list[str], msgspec.Meta(description="The registration statuses that its flow acts on, by their tags; empty for all changes.")
    ]
    blanks: Annotated[list[BlankDocument], msgspec.Meta(description="The values to fill in.")]

    @classmethod
    def from_recipe(cls, recipe: Recipe, preset: Preset) -> Self:
        """The document of a recipe."""
        return cls(
            key=recipe.key,
            name=recipe.name,
            app=recipe.app,
            group=recipe.group,
            preset=recipe.preset,
            needs=preset.needs,
            watch=recipe.watch,
            statuses=list(recipe.statuses),
            blanks=[BlankDocument.from_blank(each) for each in preset.blanks],
        )


class RecipeUse(Document):
    """What a recipe is applied with."""

    values: Annotated[
        dict[str, str],
        msgspec.Meta(description="The values of the blanks, by name. An absent one has its default; without `name` it is free."),
    ]
    events: Annotated[list[str], msgspec.Meta(max_length=200, description="The codes of the events that it is for; empty for all.")] = (
        msgspec.field(default_factory=list)
    )
    mode: Annotated[Mode | None, msgspec.Meta(description="Without it, Live if an event is live, else Test.")] = None


class AppliedRecipeDocument(Document):
    """What a recipe created."""

    connection: ConnectionDocument
    mapping: MappingDocument
    flow: FlowDocument
    tags: Annotated[list[str], msgspec.Meta(description="The names of the tags that were created.")]
