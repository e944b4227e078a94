"""Recipes (B3, F1)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec
from dmr import Body, Path, Query
from dmr.routing import path

from heliograph.api.api_problems import Problem
from heliograph.api.documents.mapping_documents import MappingDocument
from heliograph.api.documents.recipe_documents import AppliedRecipeDocument, RecipeDocument, RecipeUse
from heliograph.api.documents.shared_forms import Document
from heliograph.api.endpoints.connection_endpoints import ConnectionController
from heliograph.api.endpoints.flow_endpoints import document_of
from heliograph.api.list_answers import Items, ListQuery, all_of
from heliograph.api.token_access import READ_SET_UP, SET_UP
from heliograph.domain.flow.recipes import Recipe
from heliograph.presets.services import preset
from heliograph.recipes.recipe_file import recipe_of, recipes
from heliograph.recipes.services import EVENTS, apply_recipe
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid


class RecipePath(Document):
    """The address of a recipe."""

    recipe: Annotated[str, msgspec.Meta(min_length=1, max_length=40, description="Its key.")]


def _document(recipe: Recipe) -> RecipeDocument:
    return RecipeDocument.from_recipe(recipe, preset(recipe.preset))


class Recipes(ConnectionController):
    """The recipes that ship with Heliograph."""

    access: ClassVar = {"GET": READ_SET_UP}

    def get(self, parsed_query: Query[ListQuery]) -> Items[RecipeDocument]:
        """List the recipes: a connection, its mapping and a flow in one. The list is always answered whole."""
        return all_of(recipes(), _document)


class OneRecipe(ConnectionController):
    """One recipe."""

    access: ClassVar = {"GET": READ_SET_UP}

    def get(self, parsed_path: Path[RecipePath]) -> RecipeDocument:
        """Read a recipe with its blanks."""
        return _document(recipe_of(parsed_path.recipe))


class FlowFromRecipe(ConnectionController):
    """Applying a recipe."""

    access: ClassVar = {"POST": SET_UP}

    def post(self, parsed_path: Path[RecipePath], parsed_body: Body[RecipeUse]) -> AppliedRecipeDocument:
        """Create connection, mapping and flow in one, and the standard tags for statuses without one if the flow needs tags. No sample is sent."""
        recipe = recipe_of(parsed_path.recipe)
        names = [blank.name for blank in preset(recipe.preset).blanks]
        for unknown in parsed_body.values.keys() - set(names):
            raise Problem.from_field(f"values.{unknown}", "is not known here.", allowed=names, name="request")
        try:
            with saving(self.account.pk, by=self.actor, whole_account=True) as transaction:
                applied = apply_recipe(transaction, recipe, parsed_body.values, events=parsed_body.events, mode=parsed_body.mode)
                return AppliedRecipeDocument(
                    connection=self.document(applied.connection),
                    mapping=MappingDocument.from_row(applied.mapping),
                    flow=document_of(transaction, applied.flow),
                    tags=list(applied.tags),
                )
        except Invalid as error:
            fields = {field if field == EVENTS else f"values.{field}": sentences for field, sentences in error.fields.items()}
            raise Invalid(fields) from None


ROUTES: Final = [
    path("recipes", Recipes.as_view()),
    path("recipes/<str:recipe>", OneRecipe.as_view()),
    path("recipes/<str:recipe>/flows", FlowFromRecipe.as_view()),
]
