"""The recipes that ship with Heliograph, read from `recipes.toml` (B3)."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources

from heliograph.domain.flow.recipes import Recipe, read_recipes
from heliograph.setup.setup_errors import NotThere


@functools.cache
def recipes() -> tuple[Recipe, ...]:
    """All recipes, in the order of the page."""
    text = (resources.files("heliograph.recipes") / "recipes.toml").read_text("utf-8")
    return read_recipes(tomllib.loads(text))


def recipe_of(key: str) -> Recipe:
    """The recipe with this key. Raises NotThere."""
    matching_recipe = next((each for each in recipes() if each.key == key), None)
    if matching_recipe is None:
        raise NotThere(f"There is no recipe {key!r}.")
    return matching_recipe
