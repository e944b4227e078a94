"""The pictures of the guide: where each is taken in the showcase, by whom. `make pictures` takes them anew (test_guide_pictures.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e.showcase import Showcase
from tests.e2e.states_of_setup import dry_run
from tests.e2e.states_of_timeline import IFE, JOE, why
from tests.e2e.visiting import Steps, Visit

WIDTH = 1160


@dataclass(frozen=True, slots=True)
class Picture:
    """name: of the file. height: of the part of the page that it shows, in pixels. then: further steps to what it shows."""

    name: str
    path: str | Callable[[Showcase], str]
    who: str = "setting-up"
    height: int = 520
    then: Steps | None = None


def _at_heading(name: str) -> Steps:
    """Moves the page so that the heading stands at its top."""
    return lambda visit: visit.page.get_by_role("heading", name=name, exact=True).evaluate("(heading) => heading.scrollIntoView()")


def _at_lines(visit: Visit) -> None:
    """Moves the page to the lines of a dry run."""
    visit.page.locator("#lines").evaluate("(lines) => lines.scrollIntoView()")


PICTURES = (
    Picture("tags", "/settings/tags/", height=640),
    Picture("registration-statuses", "/settings/registration-statuses/", height=420),
    Picture("custom-statuses", "/events/SUMMIT-26/custom-statuses/", "planning", height=440),
    Picture("tag-coverage", "/settings/tags/coverage/", height=460),
    Picture("flows", "/signal/flows/", "administrator", height=460),
    Picture("connection", lambda of: f"/signal/connections/{of.ids['Sales CRM']}/", height=640),
    Picture("flow", lambda of: f"/signal/flows/{of.ids['Leads']}/", height=660),
    Picture("destination", lambda of: f"/signal/flows/{of.ids['Leads']}/", height=560, then=_at_heading("Destination")),
    Picture("mapping", lambda of: f"/signal/mappings/{of.ids['lead']}/", height=700),
    Picture("insights", "/signal/metrics/", "administrator", height=760),
    Picture("records", "/signal/metrics/records/failures/", "administrator", height=560),
    Picture("feed", "/signal/metrics/feed/", "administrator", height=520),
    Picture("retry", "/signal/retry/", "administrator", height=560),
    Picture("retry-item", lambda of: f"/signal/retry/{of.items['waiting']}/", "administrator", height=560),
    Picture("find", "/signal/find/?q=ar", "administrator", height=420),
    Picture("timeline", f"/signal/registrations/{JOE}", "administrator", height=560),
    Picture("why", IFE, "administrator", height=760, then=why()),
    Picture("retention", "/settings/retention/", "aging", height=640),
    Picture("replay", "/signal/replay/", "administrator", height=700),
    Picture("replay-dry", lambda of: f"/signal/replay/{of.ids['replay checked']}/", "administrator", height=620, then=_at_lines),
    Picture("replay-running", lambda of: f"/signal/replay/{of.ids['replay sending']}/", "administrator", height=520),
    Picture("registrations", "/registrations/", "administrator", height=460),
    Picture("import", "/import/", "planning", height=600, then=dry_run),
    Picture("pretix-connect", "/settings/sources/new/pretix/", height=560),
    Picture("pretix-match", lambda of: f"/settings/sources/{of.ids['source pretix match']}/pretix/match/", height=760),
    Picture("pretix-start", lambda of: f"/settings/sources/{of.ids['source pretix start']}/pretix/start/", height=640),
)
