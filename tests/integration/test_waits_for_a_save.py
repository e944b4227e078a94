"""What cannot begin waits for the save that lets it begin, whatever time passes, and ends only with its content (D5, D7, X6)."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from django.db import connection
from tests.receiver import Answer
from tests.story import BY, Story

from heliograph.domain.connection.connection import Auth
from heliograph.domain.connection.secret import Secret
from heliograph.domain.flow.flow import Mode, Watch
from heliograph.domain.retention import DAY, Terms
from heliograph.store import retention_record
from heliograph.store.queue.retention_round import RetentionRound

WAITS = ("queued", "Retry", "Config", 0, 1, 0)
"""State, status, category, tries, looks and attempts of an action that waits for a save."""
SAME = Terms(90, 400)


@dataclass(frozen=True, slots=True)
class Scene:
    """A flow with one destination, whose connection signs in by a password."""

    story: Story
    connection: int
    mapping: int
    flow: int


@pytest.fixture
def scene(story: Story) -> Scene:
    connection = story.connection("CRM", "/crm")
    mapping = story.mapping("Own", {"code": "registration.code"})
    story.retries(0.01, 0.01, 0.01)
    return Scene(story, connection, mapping, story.flow("All", [story.to(connection, mapping=mapping)]))


type Deed = Callable[[Scene], object]


def _has_mapping(scene: Scene, mapping: int | None) -> None:
    scene.story.change_flow(scene.flow, to=[replace(scene.story.to(scene.connection), payload_mapping=mapping)])


STOPS: dict[str, tuple[Deed, Deed]] = {
    "flow_inactive": (lambda s: s.story.set_active(s.flow, False), lambda s: s.story.set_active(s.flow, True)),
    "flow_mode": (lambda s: s.story.change_flow(s.flow, mode=Mode.TEST), lambda s: s.story.change_flow(s.flow, mode=Mode.LIVE)),
    "flow_watch": (
        lambda s: s.story.change_flow(s.flow, watch=Watch.SESSION_STATUS, session_statuses=["Present"]),
        lambda s: s.story.change_flow(s.flow, watch=Watch.REGISTRATION, session_statuses=[]),
    ),
    "flow_incomplete": (lambda s: s.story.change_flow(s.flow, name=""), lambda s: s.story.change_flow(s.flow, name="All")),
    "connection_gone": (
        lambda s: s.story.change_connection(s.connection, auth=Auth.BASIC.value, user_name="ada", confirmed=True),
        lambda s: s.story.change_connection(s.connection, secrets={Secret.PASSWORD: "secret"}),
    ),
    "mapping_gone": (lambda s: _has_mapping(s, None), lambda s: _has_mapping(s, s.mapping)),
}


def waits(story: Story, code: str) -> tuple[object, ...]:
    action = story.action(code)
    return tuple(action[name] for name in ("state", "queue", "category", "tries", "looks", "sent"))


@pytest.mark.parametrize("cause", STOPS)
def test_D5_what_cannot_begin_waits_for_the_save_that_lets_it(scene: Scene, cause: str) -> None:
    story, (stops, lets) = scene.story, STOPS[cause]
    story.record("R1", status="Attended")
    stops(scene)
    with story.worker():
        story.wait_for(lambda: story.action("R1")["state"] == "queued")
        assert (story.action("R1")["cause"], waits(story, "R1")) == (cause, WAITS)
        ((due, lane_due),) = story.db.all("SELECT a.due_at, l.due_at FROM action a JOIN lane l ON l.id = a.lane_id")
        assert (due, lane_due) == (None, None), "it is looked at by time"
        # A save that lifts nothing changes nothing; what the worker sends after it shows that the worker has seen the save.
        story.change_connection(scene.connection, parallel=3)
        other = story.flow("Other", [story.to(story.connection("Other", "/other"))])
        story.record("R2", status="Attended")
        story.arrived("/other", 1)
        story.set_active(other, False)
        assert story.action("R1")["state"] == "queued"
        assert story.action("R1")["tries"] == 0
        lets(scene)
        story.wait_for(lambda: story.action("R1")["state"] == "success")
    assert "R1" in [body["code"] for body in story.bodies("/crm")]
    assert (story.action("R1")["queue"], story.action("R1")["tries"]) == ("Done", 1)
    story.is_sound()


class Editor:
    """As much of a schema editor as a data migration asks for."""

    connection = connection


def given_up_as_before(story: Story, *codes: str) -> None:
    """The rows and figures that an older release left of actions that were looked at three times."""
    with story.db.transaction():
        for code in codes:
            action = story.action(code)
            story.db.run("UPDATE action SET state = 11, queue = 3, looks = 4, ended = created + 1 WHERE id = :id", {"id": action["id"]})
            story.db.run("UPDATE lane SET state = 0 WHERE id = (SELECT lane_id FROM action WHERE id = :id)", {"id": action["id"]})
            story.db.run(
                "INSERT INTO figure_delta (account_id, minute, mode, integration, flow_id, connection_id, category, measure, n)"
                " SELECT a.account_id, a.created / 60000000, a.mode, 1, a.flow_id, l.connection_id, 0, m.measure, m.n FROM action a"
                " JOIN lane l ON l.id = a.lane_id CROSS JOIN (SELECT 21 AS measure, 1 AS n UNION ALL SELECT 12, -1) m WHERE a.id = :id",
                {"id": action["id"]},
            )


def test_D5_what_an_older_release_gave_up_waits_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    story, codes = scene.story, ("R1", "R2", "R3", "R4", "R5", "R6")
    for code in codes:
        story.record(code, status="Attended")
    story.set_active(scene.flow, False)
    with story.worker():
        story.wait_for(lambda: story.states() == ["queued"] * len(codes))
    given_up_as_before(story, *codes)
    with story.db.transaction():  # R4 has no content any more; a replay has sent R5 again by R6, which failed for another reason
        story.db.run(
            "DELETE FROM change_content WHERE change_id = (SELECT change_id FROM action WHERE id = :id)", {"id": story.action("R4")["id"]}
        )
        story.db.run(
            "UPDATE action SET cause = 'discarded', repeated_id = :again, change_id = (SELECT change_id FROM action WHERE id = :again) WHERE id = :id",
            {"again": story.action("R5")["id"], "id": story.action("R6")["id"]},
        )
    story.is_sound()
    put_right = importlib.import_module("heliograph.store.migrations.0014_actions_wait_for_saves")
    monkeypatch.setattr(put_right, "CHUNK", 2)
    said: list[dict[str, object]] = []
    monkeypatch.setattr(put_right.log, "info", lambda event, **facts: said.append({"event": event, **facts}))
    for _ in range(2):  # the second finds nothing to do
        put_right.wait_again(None, Editor)
        assert [story.action(code)["queue"] for code in codes] == ["Retry"] * 3 + ["Failed"] * 3
        story.is_sound()
    assert said == [{"event": "actions_wait_again", "account": story.account, "wait_again": 3}]
    with story.worker():
        story.wait_for(lambda: all(waits(story, code) == WAITS for code in codes[:3]))
        assert story.bodies("/crm") == [], "its flow is still off"
        story.set_active(scene.flow, True)
        story.wait_for(lambda: all(story.action(code)["state"] == "success" for code in codes[:3]))
    assert sorted(body["code"] for body in story.bodies("/crm")) == ["R1", "R2", "R3"]
    story.is_sound()


def test_D5_what_used_up_its_retries_and_is_submitted_waits_too(scene: Scene) -> None:
    story = scene.story
    story.receiver.answer("/crm", Answer(500))
    with story.worker():
        story.record("R1", status="Attended")
        story.wait_for(lambda: story.action("R1")["queue"] == "Failed")
        story.set_active(scene.flow, False)
        story.submit(f"a{story.action('R1')['id']}")
        story.wait_for(lambda: story.action("R1")["cause"] == "flow_inactive")
        assert story.action("R1")["queue"] == "Retry"
        story.receiver.answer("/crm", Answer(200))
        story.set_active(scene.flow, True)
        story.wait_for(lambda: story.action("R1")["state"] == "success")
    assert [kind for kind, *_ in story.attempts(story.action("R1"))] == ["first", "auto", "auto", "auto", "manual"]


def test_X6_what_waits_for_a_save_ends_with_its_content(forgetful_story: Story) -> None:
    story = forgetful_story
    flow = story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    story.record("R1", status="Attended", first="Eva")
    story.record("R2", status="Attended", first="Eve")
    story.set_active(flow, False)
    with story.worker():
        story.wait_for(lambda: story.states() == ["queued", "queued"])
    story.record("R1", first="Ewa")
    now = story.db.now() + (SAME.content + 1) * DAY
    with story.db.transaction():
        retention_record.agree(story.db, story.account, SAME, now, BY)
    RetentionRound(story.db, now, threading.Event(), lambda _seconds: False).account(story.account, SAME)
    # R2's change is its newest state, whose content stays for good: it waits on
    assert (story.action("R1")["queue"], story.action("R1")["cause"]) == ("Failed", "content_removed")
    assert story.action("R2")["state"] == "queued"
    story.set_active(flow, True)
    with story.worker():
        story.wait_for(lambda: story.action("R2")["state"] == "success")
    assert [body["first"] for body in story.bodies("/crm")] == ["Eve"]
    story.is_sound()


def test_D5_a_secret_that_no_key_opens_is_tried_by_time(story: Story) -> None:
    """The operator puts the key back: nobody saves anything, so a save is not waited for."""
    connection = story.connection("CRM", "/crm", secrets={Secret.PASSWORD: "secret"}, auth=Auth.BASIC.value, user_name="ada")
    story.flow("All", [story.to(connection)])
    story.retries(0.01, 0.01, 0.01)
    sealed = [
        {"field": field, "value": value} for field, value in story.db.all("SELECT field, value FROM secret WHERE kind = 'connection'")
    ]
    with story.db.transaction():
        story.db.run("UPDATE secret SET value = :value WHERE kind = 'connection'", {"value": b"of another key"})
    story.record("R1", status="Attended")
    with story.worker():
        story.wait_for(lambda: story.action("R1")["state"] == "failed")
    assert waits(story, "R1") == ("failed", "Failed", "Config", 0, 4, 0)
    with story.db.transaction():
        story.db.many("UPDATE secret SET value = :value WHERE kind = 'connection' AND field = :field", sealed)
    with story.worker():
        story.submit(f"a{story.action('R1')['id']}")
        story.wait_for(lambda: story.action("R1")["state"] == "success")
    story.is_sound()
