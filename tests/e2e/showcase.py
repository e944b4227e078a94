"""An installation whose pages can be seen in every state: made and served by processes of its own, on a database of its own.

One account has registrations and deliveries of all kinds (builders/signal_account.py), one has just begun, one has nothing at all. There are
people of each role, one with a second factor, one who may not sign in any more, one of no account, and one whose account has Signal off.
A last account has the longest names, in all scripts (longest_account.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.databases import DatabaseFacts
from tests.processes import Process, free_port
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.builders.platform_account import PlatformAccount
    from tests.builders.signal_account import SignalAccount

    from heliograph.store.database import Database

ROOT = Path(__file__).parents[2]
SECRET = "JBSWY3DPEHPK3PXP"  # of the second factor
BROKEN = "S26-BROKEN"
"""The code of a registration that cannot be read: its page is the one that says that something broke."""


@dataclass(frozen=True, slots=True)
class Showcase:
    """url: without a slash at its end. people: e-mail by who it is; sessions: the cookie of each, signed in. items: keys of Retry items.
    ids: of what is set up, by name. links: paths of one-time links.
    """

    url: str
    password: str
    people: dict[str, str]
    sessions: dict[str, str]
    items: dict[str, str]
    ids: dict[str, int]
    links: dict[str, str]


@contextmanager
def showcase(facts: DatabaseFacts, settings: str = "heliograph.settings") -> Iterator[Showcase]:
    """Fills a migrated database and serves its pages, without an engine: what waits goes on waiting.

    settings: Django's, of the pages
    """
    env = facts.env(DJANGO_SETTINGS_MODULE="heliograph.settings", HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{free_port()}")
    said = subprocess.run(
        [sys.executable, "-m", "tests.e2e.showcase"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=4 * PATIENCE, check=False
    )
    assert said.returncode == 0, said.stderr
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    pages = Process(
        ("process", "pages"),
        {
            **env,
            "PYTHONPATH": str(ROOT),  # the settings may be a module of the tests
            "DJANGO_SETTINGS_MODULE": settings,
            "HELIOGRAPH_BIND": f"127.0.0.1:{port}",
            "HELIOGRAPH_BASE_URL": url,
        },
        facts.data / "pages.log",
    )
    try:
        pages.until_answers(f"{url}/accounts/sign-in/")
        yield Showcase(url=url, **json.loads(said.stdout.splitlines()[-1]))  # what comes before it is the log
    finally:
        pages.kill()


def main() -> None:
    """Fills the database that the environment names, and prints what a Showcase needs as JSON."""
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
    from django.test import Client
    from tests.builders import planted_calls, planted_ledger, planted_pretix, planted_sources, platform_account, signal_account
    from tests.builders.outcome import REFUSED
    from tests.builders.people import PASSWORD, user
    from tests.builders.registration import person
    from tests.e2e import longest, longest_account, showcase_configuration, showcase_replays

    from heliograph.accounts.models import Account, Role, User
    from heliograph.domain.delivery.outcomes import Cause, CouldNotBegin, Delivered
    from heliograph.setup.services.account_creation import AccountFacts, create_account

    settings.PASSWORD_HASHERS = ["tests.hashing.OneRound"]
    settings.ALLOWED_HOSTS = ["*"]
    facts = DatabaseFacts(
        "sqlite" if os.environ["HELIOGRAPH_DATABASE_URL"].startswith("sqlite") else "postgresql",
        os.environ["HELIOGRAPH_DATABASE_URL"],
        Path(os.environ["HELIOGRAPH_DATA"]),
        os.environ["HELIOGRAPH_KEY"],
    )
    with signal_account.site(facts) as site:
        longest.people(site)  # the first ones, so that the others stand above them, and in the pictures of the guide
        items = signal_account.fill(site)
        site.record(
            person("S26-7", "Søren", "Holm"),
            person("S26-8", "Hana", "Kovář"),
            person(BROKEN, "Not", "Readable"),
        )
        site.record({"code": "S26-8", "active": False})
        (again,) = site.actions("S26-7")
        site.ends(again, REFUSED)
        site.ends(again, Delivered(201))
        items["done"] = f"a{again}"
        site.record(person("S26-9", "Ravi", "Menon"))
        site.ends(site.actions("S26-9")[0], CouldNotBegin(Cause.FLOW_MODE, "It was made in Live, but the flow is now Test."))
        items["longest"] = f"a{site.actions(longest.PEOPLE[-1][0])[0]}"
        site.store.run("UPDATE registration SET state = 'x' WHERE code = :code", {"code": BROKEN})
        site.store.connection.commit()  # type: ignore[attr-defined]
        begun = signal_account.made(site.store, name="Just Begun")

        aging, gone = _aging(site.store)
        ((unexplained, flow),) = site.store.all("SELECT change_id, flow_id FROM action WHERE id = :id", {"id": aging.actions("S25-1")[0]})
        busy, unmoved = _busy(site.store), _unmoved(site.store)

        nothing, quiet, copy = (create_account(AccountFacts(code, code.title(), "UTC"), by="test") for code in ("NOTHING", "QUIET", "COPY"))
        Account.objects.filter(pk=quiet.pk).update(signal_enabled=False)
        _restore(site.store, copy.pk)

        items["without-content"] = f"a{gone}"
        users = {
            "administrator": site.administrator,
            "planner": site.planner,
            "viewer": site.viewer,
            "beginner": begun.administrator,
            "aging": aging.administrator,
            "busy": busy.administrator,
            "unmoved": unmoved.administrator,
            "nothing": user(nothing, name="Nothing"),
            "quiet": user(quiet, name="Quiet"),
            "restored": user(copy, name="Restored"),
            "restored-reading": user(copy, Role.VIEWER, name="Restored Reader"),
            "operator": user(None),
            "resting": user(site.account, name="Resting"),
            "careful": user(site.account, name="Careful"),
        }
        _second_factor(users["careful"])
        plan, names = platform_account.made(site.store), longest_account.made(site.store)
        managed = showcase_configuration.made(site.store)
        users |= {
            "setting-up": plan.people[Role.ADMINISTRATOR],
            "managing": managed.people[Role.ADMINISTRATOR],
            "planning": plan.people[Role.PLANNER],
            "reading": plan.people[Role.VIEWER],
            "longest": names.people[Role.PLANNER],
            "longest-reading": names.people[Role.VIEWER],
        }
        # Hashed as the pages would: another hash would be replaced where the password is typed, which ends the sessions.
        User.objects.filter(pk__in=[each.pk for each in users.values()]).update(
            password=make_password(PASSWORD, hasher=PBKDF2PasswordHasher())
        )
        for each in users.values():
            each.refresh_from_db()
        ids = _set_up(plan) | {"answered": site.setup.connection, "answer": again}
        ids |= _erasures(aging)
        ids |= {"unexplained": unexplained, "unexplained flow": flow}
        ids |= {
            f"source {name}": id for name, id in planted_sources.plant(site.store, site.account.pk, by=site.administrator.actor).items()
        }
        ((ids["refused row"],),) = site.store.all("SELECT max(id) FROM source_refused_row")
        planted_ledger.plant(site.store, site.account.pk, "SUMMIT-26")
        ids |= planted_calls.plant(site.store, site.account.pk)
        ids |= planted_pretix.plant(plan.store, plan.pk)
        ids |= {name: who.pk for name, who in users.items()} | _tokens(site) | _retry_jobs(site) | showcase_replays.made(site)
        sessions = {name: _session(Client(), who) for name, who in users.items()}
        _switched_on(sessions["setting-up"], ids["Leads"])
        sys.stdout.write(
            json.dumps(
                {
                    "password": PASSWORD,
                    "people": {name: who.email for name, who in users.items()},
                    "sessions": sessions,
                    "items": items,
                    "ids": ids,
                    "links": _links(site),
                }
            )
        )


def _aging(store: Database) -> tuple[SignalAccount, int]:
    """An account of whose history retention has removed a part, and which is told of another. With an action without content."""
    from tests.aging import age
    from tests.builders import signal_account
    from tests.builders.registration import person

    from heliograph.domain.delivery.outcomes import Delivered
    from heliograph.domain.retention import Terms
    from heliograph.store import retention_record
    from heliograph.store.queue.retention_round import RetentionRound

    made, terms = signal_account.made(store, name="Long Here"), Terms(180, 400)
    for code, days in (("S16-1", 400), ("S25-1", 200), ("S26-1", 190)):
        made.record(person(code, "Ada", "Lindqvist"), person(code, "Ada", "Marin"))
        for action in made.actions(code):
            made.ends(action, Delivered(201))
        age(store, made.account.pk, days)
        if code != "S26-1":
            with store.transaction():
                retention_record.agree(store, made.account.pk, terms, store.now(), "test")
            RetentionRound(store, store.now(), threading.Event(), lambda _seconds: False).account(made.account.pk, terms)
    with store.transaction():
        retention_record.announce(store, made.account.pk, terms, store.now())
    return made, made.actions("S25-1")[-1]


def _erasures(site: SignalAccount) -> dict[str, int]:
    """An erasure that is done, one that has stopped, and a registration that its source proposes."""
    from heliograph.jobs.models import Job, JobState
    from heliograph.registrations.erasures import erasure_job
    from heliograph.store import erasures

    account, store = site.account.pk, site.store
    begun = {"why": "asked", "by": site.administrator.actor, "registrations": 2, "applications": ["Sales CRM", "Slack #events"]}
    waits = "Job 7 (import) began before this one and may still write the person into a file."
    job = Job.objects.create(kind=erasure_job.KIND, account_id=account, state=JobState.FAILED, error=waits, created_by="test")
    ((registration,),) = store.all("SELECT max(id) FROM registration WHERE account_id = :account", {"account": account})
    with store.transaction():
        done = erasures.begin(store, account, reference="DSR-2026-118", **begun)
        erasures.note_counts(store, done, {"registrations": 2, "sessions": 11, "timeline": 23, "exchanges": 41, "files": 1}, ended=True)
        stopped = erasures.begin(store, account, reference="DSR-2026-119", **begun)
        erasures.note_job(store, stopped, job.pk)
        erasures.propose(store, account, [registration], "source:1")
    return {"erasure": done, "stopped erasure": stopped}


def _restore(store: Database, account: int) -> None:
    """Marks an account as restored from a backup and not released."""
    with store.transaction():
        store.run(
            "INSERT INTO restored_copy (account_id, instant, last_change, restored) VALUES (:account, :now, :now, :now)",
            {"account": account, "now": store.now()},
        )


def _unmoved(store: Database) -> SignalAccount:
    """An account with more that is old and stays than its page Retention looks at: the attempts of an action that still waits."""
    from tests.aging import age
    from tests.builders import signal_account
    from tests.builders.outcome import REFUSED
    from tests.builders.registration import person

    from heliograph.store.queue.removal import STEPS, STRETCH

    made = signal_account.made(store, name="Long Unmoved")
    made.record(person("S26-1", "Ada", "Lindqvist"))
    (waiting,) = made.actions("S26-1")
    made.ends(waiting, REFUSED)
    age(store, made.account.pk, 200)
    copied = "account_id, action_id, at, request, response"
    with store.transaction():
        store.run(
            f"INSERT INTO attempt_content (n, {copied}) WITH RECURSIVE n(i) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < :many)"
            f" SELECT 1000 + i, {copied} FROM n CROSS JOIN attempt_content WHERE action_id = :id",
            {"id": waiting, "many": STEPS * STRETCH + 1},
        )
    return made


def _busy(store: Database) -> SignalAccount:
    """An account with more events than a filter offers, and in whose feed comes more than anybody can read: 66 changes in ten seconds, from now on.

    There are more of them than one page looks at for a filter that matches nothing.
    """
    from tests.builders import signal_account
    from tests.builders.registration import person

    from heliograph.deliveries.choices import MOST
    from heliograph.domain.delivery.outcomes import Delivered
    from heliograph.insights.feed import SCANS_PER_PAGE
    from heliograph.insights.feed_lines import SCAN

    made = signal_account.made(store, name="Very Busy")
    made.record(person("S26-1", "Ada", "Lindqvist"))
    (first,) = made.actions("S26-1")
    made.ends(first, Delivered(200))
    copied = "account_id, uid, lane_id, run_id, registration_id, event_id, flow_id, destination_id, mode, version, rank, state"
    with store.transaction():
        store.run(
            f"INSERT INTO action (id, change_id, created, ended, {copied})"
            " WITH RECURSIVE n(i) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < :many)"
            f" SELECT 1000000000000 + i, 1000000000000 + i, created + i * 150000, ended + i * 150000, {copied} FROM n CROSS JOIN action WHERE id = :id",
            {"id": first, "many": SCANS_PER_PAGE * SCAN + 5_000},
        )
        store.run(
            "INSERT INTO event (id, account_id, code, name, status_id, timezone, location, custom, version, created, modified)"
            " WITH RECURSIVE n(i) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < :many)"
            " SELECT 1000000000000 + i, account_id, 'OLD-' || i, name, status_id, timezone, location, custom, version, created, modified"
            " FROM n CROSS JOIN event WHERE id = :id",
            {"id": made.setup.event, "many": MOST + 5},
        )
    return made


def _set_up(plan: PlatformAccount) -> dict[str, int]:
    """Two more events: one that can leave Testing, one that could not."""
    from tests import mapping_examples
    from tests.builders.account import inside
    from tests.builders.connection import connection
    from tests.builders.event import event

    from heliograph.domain.connection.secret import Secret
    from heliograph.jobs.models import Job, JobState
    from heliograph.setup import mark_test_job

    live = plan.acme.event_status("Live")
    connections = _connections(plan)
    made = {}
    for code in ("REHEARSAL", "STUCK"):
        with plan.acme.setting_up() as transaction:
            made[code] = event(transaction, code, plan.acme.event_status("Testing"), timezone="UTC")
        plan.record(f"{code}-1", event=code, profile={"first_name": "Zoë"})
    job = mark_test_job.start(plan.pk, made["STUCK"], live, by="test")
    with inside(plan.acme):
        Job.objects.filter(pk=job.pk).update(state=JobState.FAILED, error="The disk is full.")
    with plan.acme.setting_up() as transaction:
        marketing = connection(
            transaction,
            "Marketing list",
            "https://marketing.example.com/list",
            auth="OAuth2",
            grant="Authorization Code",
            client_id="heliograph",
            authorization_url="https://login.example.com/authorize",
            access_token_url="https://login.example.com/token",
            secrets={Secret.CLIENT_SECRET: "not told"},
        )
    examples = mapping_examples.make(plan)
    mapping_examples.names_what_is_gone(plan, examples.lead)
    longest = mapping_examples.with_longest_names(plan)
    config = plan.acme.config()
    plan.record(
        "R1", status="Paid", properties={"Test": True}, profile={"first_name": "Zoë", "last_name": "Marin", "email": "z@example.org"}
    )
    flows = _flows(plan)
    return (
        plan.ids
        | flows
        | {name: tag.pk for name, tag in plan.acme.tags.items()}
        | {
            "Live": live,
            "OAuth2": marketing.pk,
            **connections,
            "lead": examples.lead.pk,
            "contact": examples.contact.pk,
            "header": examples.header.pk,
            "Longest mapping": longest.pk,
            "event-data": next(iter(config.event_fields)),
            "profile-data": next(iter(config.profile_fields)),
        }
    )


def _connections(plan: PlatformAccount) -> dict[str, int]:
    """One with everything that can be set, one that is paused, one that is being released, one whose release waits, and one whose host is nowhere."""
    from tests.builders.connection import connection
    from tests.builders.flow import destination, flow
    from tests.e2e import showcase_replays

    from heliograph.connections import release_job
    from heliograph.connections.services import pause, signing_secrets
    from heliograph.domain.connection.secret import Secret
    from heliograph.domain.flow.flow import Mode
    from heliograph.jobs.models import Job, JobState
    from heliograph.store import connection_tests

    made = {}
    crm: dict[str, Any] = {
        "auth": "API Key / Token",
        "key_place": "header",
        "key_name": "X-Api-Key",
        "rate": 600,
        "parallel": 4,
        "patient": True,
        "headers": [["X-Client", "brightfield"]],
        "rule": [
            {"if": [{"in": "json", "name": "ok", "is": ["false"]}], "then": "failed", "says": "Not taken", "shows": "error"},
            {
                "if": [{"in": "status", "is": ["200-299"]}, {"in": "json", "name": "created", "is": ["true"]}],
                "then": "delivered",
                "lead": "created",
            },
        ],
    }
    with plan.acme.setting_up() as transaction:
        url = "https://crm.example.com/v2/{event.code}"
        made["Sales CRM"] = connection(transaction, "Sales CRM", f"{url}/leads", test_url=url, secrets={Secret.KEY: "not told"}, **crm).pk
        for name, host in (
            ("Concierge desk", "desk.example.net"),
            ("Door display", "display.example.net"),
            ("Cloakroom screen", "cloakroom.example.net"),
            ("Nowhere", "crm.heliograph.invalid"),
        ):
            made[name] = connection(transaction, name, f"https://{host}/hook").pk
        signing_secrets.rotate(transaction, made["Sales CRM"])
        to = [destination(made[name], plan.acme.mapping.pk, name) for name in ("Sales CRM", "Door display")]
        flow(transaction, "Registered attendees to CRM", to, mode=Mode.TEST)
        pause.pause(transaction, made["Concierge desk"], "They move house")
        pause.pause(transaction, made["Door display"], "A new display")
        pause.release(transaction, made["Door display"], 1)
        showcase_replays.put(Job.objects.get(kind=release_job.KIND), JobState.RUNNING, done=12, total=40)
        showcase_replays.take_places(plan.pk, 9)
        pause.pause(transaction, made["Cloakroom screen"], "")
        pause.release(transaction, made["Cloakroom screen"], pause.FASTEST)
    with plan.store.transaction():
        connection_tests.may_test(plan.store, plan.pk, made["Door display"])
        body = {
            "since": plan.store.now() + 3_600_000_000,
            "at": "credentials",
            "steps": [["name", "done", 0.012], ["connect", "done", 0.048]],
        }
        connection_tests.keep(plan.store, plan.pk, made["Door display"], {"under_way": body})
    return made


def _retry_jobs(site: SignalAccount) -> dict[str, int]:
    """Jobs of the Retry Queue: one that is paused, one that is done, and a file of failed rows."""
    from django_scopes import scopes_disabled

    from heliograph.deliveries.account_reader import account_reader
    from heliograph.domain.delivery.action import OPEN_STATUSES
    from heliograph.jobs import control
    from heliograph.jobs.runner import Runner
    from heliograph.retry import downloads, submit_job
    from heliograph.retry.downloads import FailedRows
    from heliograph.retry.retry_items import RetryFilter
    from heliograph.retry.submit_job import MatchingItems
    from heliograph.wiring import job_kinds

    by = f"user:{site.planner.pk}"
    with scopes_disabled(), account_reader(site.account.pk) as of:
        paused = submit_job.start(MatchingItems.read(of, RetryFilter(statuses=OPEN_STATUSES)), "submit", by=by)
        control.pause(paused.pk)
        done = submit_job.start(MatchingItems.read(of, RetryFilter(statuses=OPEN_STATUSES, text="nobody")), "submit", by=by)
        file = downloads.start(FailedRows.read(site.account.pk, RetryFilter(statuses=OPEN_STATUSES)), (), exact=False, by=by)
    for job in (done, file):
        Runner(job_kinds()).run_one(job.pk)
    return {"retry-paused": paused.pk, "retry-done": done.pk, "retry-file": file.pk}


def _tokens(site: SignalAccount) -> dict[str, int]:
    """Three tokens; the id of the first one."""
    from datetime import UTC, datetime, timedelta

    from heliograph.accounts.api_tokens import create_token

    by, now = f"user:{site.administrator.pk}", datetime.now(UTC)
    first = create_token(site.account.pk, "Registration desk", by=by, expires=now + timedelta(days=365)).row.pk
    create_token(site.account.pk, "Badge printer with quite a long name, as people give them", by=by, expires=now + timedelta(days=6))
    create_token(site.account.pk, "夜間レポート", by="command")
    return {"token": first}


def _links(site: SignalAccount) -> dict[str, str]:
    """Somebody who is invited, one whose invitation ran out, and one who chooses a new password."""
    from django.conf import settings
    from tests.builders.people import user

    from heliograph.accounts.links import make_link
    from heliograph.accounts.models import EntryLink, Purpose, Role
    from heliograph.accounts.people import PersonFacts, invite

    by = f"user:{site.administrator.pk}"
    _jonas, link = invite(PersonFacts("jonas.weiss@example.org", "Jonas Weiß", Role.PLANNER, site.account, second_factor=True), by=by)
    late, _link = invite(PersonFacts("aiko@example.org", "Aiko Mori", Role.VIEWER, site.account), by=by)
    EntryLink.objects.filter(user=late).update(expires=1_760_000_000_000_000)
    lost = user(site.account, Role.VIEWER, name="Lena Vogt", email="lost@example.org")
    again = make_link(Purpose.RESET, lost, by=by)
    base = settings.HELIOGRAPH.base_url
    return {"invitation": link.address.removeprefix(base), "new-password": again.address.removeprefix(base)}


def _flows(plan: PlatformAccount) -> dict[str, int]:
    """The account's flow with two versions, in Test so that its Test registration suits it; and one that is only begun."""
    from dataclasses import replace

    from tests.e2e import longest

    from heliograph.domain.flow.flow import Flow, Mode, Watch
    from heliograph.flows.services.flows import save_flow

    assert plan.acme.flow is not None
    with plan.acme.setting_up() as transaction:
        save_flow(transaction, replace(plan.acme.flow_facts(), mode=Mode.TEST), plan.acme.flow.pk, confirmed=True)
        begun = save_flow(transaction, Flow(0, name="Unfinished", watch=Watch.STATUS)).pk
    return {"Leads": plan.acme.flow.pk, "Unfinished": begun} | longest.flows(plan)


def _session(client: object, user: object) -> str:
    client.force_login(user)  # type: ignore[attr-defined]
    return str(client.cookies["heliograph_session"].value)  # type: ignore[attr-defined]


def _switched_on(session_key: str, flow: int) -> None:
    """Lets a session know a flow as that of a recipe that it has just switched on."""
    from django.contrib.sessions.backends.db import SessionStore

    from heliograph.recipes.recipe_undo import RecipeParts

    session = SessionStore(session_key)
    RecipeParts(flow, 0, 0).remember(session)
    session.save()


def _second_factor(user: object) -> None:
    from allauth.mfa.totp.internal.auth import TOTP

    TOTP.activate(user, SECRET)


if __name__ == "__main__":
    main()
