"""URLs of recipes."""

from __future__ import annotations

from django.urls import URLPattern, path

from heliograph.recipes.views import recipe_done_page, recipe_list_page, recipe_page, recipe_undo_page

urlpatterns: list[URLPattern] = [
    path("signal/recipes/", recipe_list_page.recipe_list, name="recipes"),
    path("signal/recipes/<slug:recipe>/", recipe_page.recipe, name="recipe"),
    path("signal/recipes/<slug:recipe>/<int:flow>/", recipe_done_page.recipe_done, name="recipe-done"),
    path("signal/recipes/<slug:recipe>/<int:flow>/undo/", recipe_undo_page.recipe_undo, name="recipe-undo"),
]
