"""Replays at each of their stages, for the pages that show them. No job of them goes on: what runs belongs to a runner that is elsewhere."""

from __future__ import annotations

from datetime import timedelta

from django_scopes import scopes_disabled
from tests.builders.signal_account import SignalAccount

from heliograph.accounts.vault import vault
from heliograph.domain.delivery.replay import ReplayVerdict
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.replay import dry_run, replays, send_job
from heliograph.replay.models import Replay
from heliograph.replay.selection import ReplayChoice, Selection
from heliograph.store.instants import from_micros
from heliograph.store.secrets import SecretPlace, save_secret

CHOSEN = ReplayChoice(frozenset({ReplayVerdict.NEW, ReplayVerdict.DIFFERENT, ReplayVerdict.SAME}))


def made(site: SignalAccount) -> dict[str, int]:
    """The replays of the account, by what they show."""
    by = f"user:{site.administrator.pk}"
    account = site.account.pk
    with site.store.transaction():
        save_secret(site.store, vault(), SecretPlace(account, "connection", site.setup.connection, "path"), "/crm")
    flow = site.setup.flows["All"]
    found: dict[str, int] = {}
    with scopes_disabled():
        for stage, state in (
            ("sending", JobState.RUNNING),
            ("paused", JobState.PAUSED),
            ("failed", JobState.FAILED),
            ("cancelled", JobState.CANCELLED),
            ("done", JobState.DONE),
            ("waiting", JobState.QUEUED),
        ):
            row = _checked(site, flow, by)
            total = replays.chosen_lines(site.store, row.pk, CHOSEN)
            job = control.create(send_job.KIND, account, {"replay": row.pk, "total": total}, by=by, is_paced=True)
            put(job, state, counts={"sent": 2}, error=send_job.FLOW_OFF if state == JobState.FAILED else "")
            row.choice, row.rate, row.reason = CHOSEN.as_json(), 600, "A wider filter"
            row.started, row.started_by, row.send_job = from_micros(site.store.now()), by, job.pk
            if state == JobState.CANCELLED:
                row.stopped, row.stopped_by = from_micros(site.store.now()), by
            row.save()
            _name_actions(site, row)
            found[f"replay {stage}"] = row.pk
        take_places(account, 9)
        found["replay checked"] = _checked(site, flow, by).pk
        found["replay of nothing"] = _checked(site, flow, by, until=1).pk
        for stage, state in (("check stopped", JobState.CANCELLED), ("checking", JobState.RUNNING)):
            row = replays.create(account, flow, Selection(until=site.store.now()), by=by)
            put(control.find(row.check_job), state, done=412, total=1_024)
            found[f"replay {stage}"] = row.pk
    site.store.connection.commit()  # type: ignore[attr-defined]
    return found


def take_places(account: int, number: int) -> None:
    """Jobs that mostly wait, and that a runner elsewhere has."""
    for _place in range(number):
        put(control.create(send_job.KIND, account, {}, by="cli", owner="elsewhere", is_paced=True), JobState.RUNNING)


def _checked(site: SignalAccount, flow: int, by: str, *, until: int | None = None) -> Replay:
    row = replays.create(site.account.pk, flow, Selection(until=until or site.store.now()), by=by)
    Runner(JobKinds([dry_run.kind()])).run_one(row.check_job)
    row.refresh_from_db()
    return row


def put(job: Job, state: JobState, **fields: object) -> None:
    """A job in this state, that no runner of the pages takes."""
    running = {"owner": "elsewhere", "heartbeat": control.now() + timedelta(days=1)} if state == JobState.RUNNING else {}
    Job.objects.filter(pk=job.pk).update(state=state, **running, **fields)


def _name_actions(site: SignalAccount, row: Replay) -> None:
    """Two lines with actions, one delivered and one that waits for its retry."""
    lines = site.store.all("SELECT id FROM replay_line WHERE replay_id = :id ORDER BY id LIMIT 2", {"id": row.pk})
    actions = site.store.all(
        "SELECT min(id) FROM action WHERE account_id = :account AND state IN (2, 10) GROUP BY state ORDER BY state",
        {"account": site.account.pk},
    )
    for (line,), (action,) in zip(lines, actions, strict=False):
        site.store.run("UPDATE replay_line SET action_id = :action WHERE id = :line", {"action": action, "line": line})
    site.store.connection.commit()  # type: ignore[attr-defined]
