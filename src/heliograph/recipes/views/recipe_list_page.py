"""Recipes: what should happen, in groups, with a search (B3)."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from heliograph.accounts.models import Role
from heliograph.accounts.roles import AccountRequest, needs
from heliograph.domain.flow.recipes import Recipe, RecipeGroup
from heliograph.presets.services import preset
from heliograph.recipes.recipe_file import recipes
from heliograph.web.list_filters import ListFilters, SearchFilter
from heliograph.web.pages import page

GROUP_WORDS: Final = {
    RecipeGroup.CHAT: (gettext_lazy("Tell a chat"), gettext_lazy("A short message for each registration")),
    RecipeGroup.LIST: (gettext_lazy("Keep a list"), gettext_lazy("A row for each registration, or the start of an automation")),
    RecipeGroup.CRM: (gettext_lazy("CRM and marketing"), gettext_lazy("People are created once, then kept up to date")),
    RecipeGroup.ANY: (gettext_lazy("Anything else"), gettext_lazy("Anything that takes a web request")),
}
"""The name of each group, and a sentence about it."""


class RecipeFilters(ListFilters):
    """The search of the page."""

    no_match = gettext_lazy("No recipe for that yet")
    no_match_text = gettext_lazy("If it takes a web request, the recipe for any webhook works.")
    show_all = gettext_lazy("Show all recipes")

    q = SearchFilter(gettext_lazy("Search recipes"), placeholder=gettext_lazy("Slack, sheet, CRM"))


@require_safe
@needs(Role.ADMINISTRATOR)
def recipe_list(request: AccountRequest) -> HttpResponse:
    """All recipes, or those that a search matches."""
    filters = RecipeFilters(request)
    search = filters.cleaned_data["q"]
    groups = []
    total = 0
    for group, (name, says) in GROUP_WORDS.items():
        rows = [
            recipe_link(each) for each in recipes() if each.group is group and each.matches(search, str(name), str(says), needed_by(each))
        ]
        total += len(rows)
        if rows:
            groups.append({"id": group.value, "name": name, "says": says, "recipes": rows})
    result = ngettext("%(n)s recipe", "%(n)s recipes", total) % {"n": total}
    return page(request, "recipes/recipes.html", here="flows", groups=groups, filters=filters, result=result)


def recipe_link(recipe: Recipe) -> dict[str, Any]:
    """A recipe as a link of a list (components/recipe_list.html)."""
    return {"name": _(recipe.name), "needs": needed_by(recipe), "href": reverse("recipe", args=(recipe.key,))}


def needed_by(recipe: Recipe) -> str:
    """What a person needs for a recipe: "the channel's incoming webhook URL"."""
    return _(preset(recipe.preset).needs)
