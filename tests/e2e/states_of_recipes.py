"""The states of recipes: their list, one of them, and one that is on. Their account is that of tests/builders/platform_account.py."""

from __future__ import annotations

from tests.e2e.showcase import Showcase
from tests.e2e.visiting import State, Visit

LIST, RECIPE, DONE, QUESTION = "recipes/recipes.html", "recipes/recipe.html", "recipes/done.html", "confirmation.html"


def _done(of: Showcase) -> str:
    return f"/signal/recipes/slack/{of.ids['Leads']}/"


def _undo(of: Showcase) -> str:
    """Of a flow that the session has switched on, as far as it knows (showcase.py)."""
    return f"{_done(of)}undo/"


def _nowhere(visit: Visit) -> None:
    """An address of another application, whose sample is refused before anything is sent."""
    visit.page.get_by_label("Webhook URL").fill("https://example.org/services/x")
    visit.press("Send a sample")
    assert visit.page.get_by_text("Its host is hooks.slack.com").is_visible()


def _nameless(visit: Visit) -> None:
    visit.page.get_by_label("First Name").fill("")
    visit.press("Register")
    assert visit.page.locator("[aria-invalid=true]").count()


STATES = (
    State("recipes", LIST, "What should happen?", "/signal/recipes/", "setting-up", ("recipes",)),
    State("recipes, searched", LIST, "What should happen?", "/signal/recipes/?q=slack", "setting-up"),
    State("recipes, nothing matches", LIST, "What should happen?", "/signal/recipes/?q=nowhere", "setting-up"),
    State("recipe, of Slack", RECIPE, "Tell Slack when somebody registers", "/signal/recipes/slack/", "setting-up", ("recipe",)),
    State(
        "recipe, refused", RECIPE, "Tell Slack when somebody registers", "/signal/recipes/slack/", "setting-up", then=_nowhere, after=422
    ),
    State("recipe, of any webhook", RECIPE, "Send registrations to any webhook", "/signal/recipes/webhook/", "setting-up"),
    State("recipe, on", DONE, "It’s on", _done, "setting-up", ("recipe-done",)),
    State("recipe, undone", QUESTION, "Undo “Tell Slack when somebody registers”?", _undo, "setting-up", ("recipe-undo",)),
    State("recipe, on, without a name", DONE, "It’s on", _done, "setting-up", then=_nameless, after=422),
)
