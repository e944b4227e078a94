"""The states of Replay: choosing, the dry run, and each stage of sending. Their replays are those of showcase_replays.py."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect
from tests.e2e.showcase import Showcase
from tests.e2e.visiting import State, Visit

CHOOSING, RUN = "replay/replay.html", "replay/run.html"


def _of(stage: str, query: str = "") -> Callable[[Showcase], str]:
    return lambda of: f"/signal/replay/{of.ids[f'replay {stage}']}/{query}"


def _refused(visit: Visit) -> None:
    visit.page.get_by_label("From").fill("")
    visit.press("Dry run")
    expect(visit.page.get_by_text("Give dates, an event, or both.")).to_be_visible()


def _without_reason(visit: Visit) -> None:
    visit.page.get_by_label("Why", exact=True).evaluate("(field) => field.removeAttribute('required')")
    visit.press("Send chosen")
    expect(visit.page.get_by_text("Say why: it is recorded in the audit log.")).to_be_visible()


STATES = (
    State("replay", CHOOSING, "Replay", "/signal/replay/", names=("replay",)),
    State("replay, refused", CHOOSING, "Replay", "/signal/replay/", "planner", then=_refused, after=422),
    State("replay, a link with a day that there is not", CHOOSING, "Replay", "/signal/replay/?from=2026-02-31&to=x", status=422),
    State("replay, as a Viewer", CHOOSING, "Replay", "/signal/replay/", "viewer"),
    State("replay, without a flow", CHOOSING, "Replay", "/signal/replay/", "nothing"),
    State("a dry run goes on", RUN, "Dry run", _of("checking"), names=("replay-run",)),
    State("a dry run was stopped", RUN, "Dry run", _of("check stopped")),
    State("a dry run of nothing", RUN, "Dry run", _of("of nothing")),
    State("a dry run", RUN, "Dry run", _of("checked"), "planner"),
    State("a dry run, what is new", RUN, "Dry run", _of("checked", "?show=new")),
    State("a dry run, what is filtered", RUN, "Dry run", _of("checked", "?show=filtered")),
    State("a dry run, as a Viewer", RUN, "Dry run", _of("checked"), "viewer"),
    State("a dry run, sent without a reason", RUN, "Dry run", _of("checked"), names=("replay-send",), then=_without_reason, after=422),
    State("a replay sends", RUN, "Replay is sending", _of("sending")),
    State("a replay waits", RUN, "Replay waits", _of("waiting")),
    State("a replay is paused", RUN, "Replay is paused", _of("paused")),
    State("a replay has stopped", RUN, "Replay has stopped", _of("failed")),
    State("a replay is cancelled", RUN, "Replay is cancelled", _of("cancelled")),
    State("a replay is done", RUN, "Replay is done", _of("done")),
)
