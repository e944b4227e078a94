"""An installation whose pages can be seen in every state: made and served by processes of its own, on a database of its own.

One account has registrations and deliveries of all kinds (tests/pages.py), one has just begun, one has nothing at all. There are people
of each role, one with a second factor, one who may not sign in any more, one of no account, and one whose account has Signal off.
A last account has the longest names, in all scripts (longest_account.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.databases import DatabaseFacts
from tests.processes import Process, free_port

if TYPE_CHECKING:
    from tests.pages import Site
    from tests.planning import Planned

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
def showcase(facts: DatabaseFacts) -> Iterator[Showcase]:
    """Fills a migrated database and serves its pages, without an engine: what waits goes on waiting."""
    env = facts.env(DJANGO_SETTINGS_MODULE="heliograph.settings", HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{free_port()}")
    said = subprocess.run(
        [sys.executable, "-m", "tests.e2e.showcase"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=110, check=False
    )
    assert said.returncode == 0, said.stderr
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    pages = Process(
        ("process", "pages"), {**env, "HELIOGRAPH_BIND": f"127.0.0.1:{port}", "HELIOGRAPH_BASE_URL": url}, facts.data / "pages.log"
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
    from tests import pages, planning
    from tests.e2e import longest, longest_account, showcase_replays

    from heliograph.accounts.models import Account, Role, User
    from heliograph.domain.delivery.outcomes import Delivered
    from heliograph.setup.services.create_account import AccountFacts, create_account

    settings.PASSWORD_HASHERS = ["tests.hashing.OneRound"]
    settings.ALLOWED_HOSTS = ["*"]
    facts = DatabaseFacts(
        "sqlite" if os.environ["HELIOGRAPH_DATABASE_URL"].startswith("sqlite") else "postgresql",
        os.environ["HELIOGRAPH_DATABASE_URL"],
        Path(os.environ["HELIOGRAPH_DATA"]),
        os.environ["HELIOGRAPH_KEY"],
    )
    with pages.site(facts) as site:
        longest.people(site)  # the first ones, so that the others stand above them, and in the pictures of the guide
        items = pages.fill(site)
        site.record(pages.person("S26-7", "Søren", "Holm"), pages.person("S26-8", "Hana", "Kovář"), pages.person(BROKEN, "Not", "Readable"))
        site.record({"code": "S26-8", "active": False})
        (again,) = site.actions("S26-7")
        site.ends(again, pages.REFUSED)
        site.ends(again, Delivered(201))
        items["done"] = f"a{again}"
        items["longest"] = f"a{site.actions(longest.PEOPLE[-1][0])[0]}"
        site.store.run("UPDATE registration SET state = 'x' WHERE code = :code", {"code": BROKEN})
        site.store.connection.commit()  # type: ignore[attr-defined]
        begun = pages.made(site.store, name="Just Begun")

        nothing, quiet = (create_account(AccountFacts(code, code.title(), "UTC"), by="test") for code in ("NOTHING", "QUIET"))
        Account.objects.filter(pk=quiet.pk).update(signal_enabled=False)

        def person(name: str, account: Account | None) -> User:
            role = Role.ADMINISTRATOR if account else Role.VIEWER
            return User.objects.create_user(f"{name}@example.org", pages.PASSWORD, name=name.title(), account=account, role=role)

        users = {
            "administrator": site.administrator,
            "planner": site.planner,
            "viewer": site.viewer,
            "beginner": begun.administrator,
            "nothing": person("nothing", nothing),
            "quiet": person("quiet", quiet),
            "operator": person("operator", None),
            "resting": person("resting", site.account),
            "careful": person("careful", site.account),
        }
        _second_factor(users["careful"])
        plan, names = planning.made(site.store), longest_account.made(site.store)
        users |= {
            "setting-up": plan.people[Role.ADMINISTRATOR],
            "planning": plan.people[Role.PLANNER],
            "reading": plan.people[Role.VIEWER],
            "longest": names.people[Role.PLANNER],
            "longest-reading": names.people[Role.VIEWER],
        }
        # Hashed as the pages would: another hash would be replaced where the password is typed, which ends the sessions.
        User.objects.filter(pk__in=[user.pk for user in users.values()]).update(
            password=make_password(pages.PASSWORD, hasher=PBKDF2PasswordHasher())
        )
        for user in users.values():
            user.refresh_from_db()
        ids = _set_up(plan) | {"answered": site.setup.connection, "answer": again}
        ids |= {name: user.pk for name, user in users.items()} | _tokens(site) | showcase_replays.made(site)
        sys.stdout.write(
            json.dumps(
                {
                    "password": pages.PASSWORD,
                    "people": {name: user.email for name, user in users.items()},
                    "sessions": {name: _session(Client(), user) for name, user in users.items()},
                    "items": items,
                    "ids": ids,
                    "links": _links(site),
                }
            )
        )


def _set_up(plan: Planned) -> dict[str, int]:
    """Two more events: one that can leave Testing, one that could not."""
    from tests import mapping_examples
    from tests.contract.setting_up import inside

    from heliograph.connections.services.connections import ConnectionFacts, save_connection
    from heliograph.domain.connection.connection import Secret
    from heliograph.domain.setup.configuration import EventState
    from heliograph.jobs.models import Job, JobState
    from heliograph.setup import mark_test_job
    from heliograph.setup.services.events import save_event

    live = plan.acme.event_status("Live")
    connections = _connections(plan)
    made = {}
    for code in ("REHEARSAL", "STUCK"):
        with plan.acme.setting_up() as s:
            made[code] = save_event(s, EventState(code, code.title(), plan.acme.event_status("Testing")))
        plan.record(f"{code}-1", event=code, profile={"first_name": "Zoë"})
    job = mark_test_job.start(plan.pk, made["STUCK"], live, by="test")
    with inside(plan.acme):
        Job.objects.filter(pk=job.pk).update(state=JobState.FAILED, error="The disk is full.")
    oauth = {
        "name": "Marketing list",
        "auth": "OAuth2",
        "grant": "Authorization Code",
        "client_id": "heliograph",
        "authorization_url": "https://login.example.com/authorize",
        "access_token_url": "https://login.example.com/token",
    }
    with plan.acme.setting_up() as s:
        secrets = {Secret.CLIENT_SECRET: "not told"}
        connection = save_connection(s, ConnectionFacts(oauth, url="https://marketing.example.com/list", secrets=secrets)).pk
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
            "OAuth2": connection,
            **connections,
            "lead": examples.lead.pk,
            "contact": examples.contact.pk,
            "header": examples.header.pk,
            "Longest mapping": longest.pk,
            "event-data": next(iter(config.event_fields)),
            "profile-data": next(iter(config.profile_fields)),
        }
    )


def _connections(plan: Planned) -> dict[str, int]:
    """One with everything that can be set, one that is paused, one that is being released, and one whose host is nowhere."""
    from heliograph.connections.services import pause, signing_secrets
    from heliograph.connections.services.connections import ConnectionFacts, save_connection
    from heliograph.domain.connection.connection import Secret
    from heliograph.domain.flow.flow import Destination, Flow, Mode, Watch
    from heliograph.flows.services.flows import save_flow
    from heliograph.store import connection_tests

    made = {}
    crm = {
        "name": "Sales CRM",
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
    with plan.acme.setting_up() as s:
        facts = ConnectionFacts(
            crm, "https://crm.example.com/v2/{event.code}/leads", "https://crm.example.com/v2/{event.code}", {Secret.KEY: "not told"}
        )
        made["Sales CRM"] = save_connection(s, facts).pk
        for name, host in (
            ("Concierge desk", "desk.example.net"),
            ("Door display", "display.example.net"),
            ("Nowhere", "crm.heliograph.invalid"),
        ):
            made[name] = save_connection(s, ConnectionFacts({"name": name, "auth": "Open / No Auth"}, f"https://{host}/hook")).pk
        signing_secrets.rotate(s, made["Sales CRM"])
        to = tuple(
            Destination(0, name, connection=made[name], payload_mapping=plan.acme.mapping.pk) for name in ("Sales CRM", "Door display")
        )
        save_flow(s, Flow(0, 1, "Registered attendees to CRM", Mode.TEST, True, Watch.REGISTRATION, destinations=to))
        pause.pause(s, made["Concierge desk"], "They move house")
        pause.pause(s, made["Door display"], "A new display")
        pause.release(s, made["Door display"], 1)
    with plan.store.transaction():
        connection_tests.may_test(plan.store, plan.pk, made["Door display"])
        body = {
            "since": plan.store.now() + 3_600_000_000,
            "at": "credentials",
            "steps": [["name", "done", 0.012], ["connect", "done", 0.048]],
        }
        connection_tests.keep(plan.store, plan.pk, made["Door display"], {"under_way": body})
    return made


def _tokens(site: Site) -> dict[str, int]:
    """Three tokens; the id of the first one."""
    from datetime import UTC, datetime, timedelta

    from heliograph.accounts.tokens import create_token

    by, now = f"user:{site.administrator.pk}", datetime.now(UTC)
    first = create_token(site.account.pk, "Registration desk", ["ingest"], by=by, expires=now + timedelta(days=365)).row.pk
    create_token(
        site.account.pk, "Badge printer with quite a long name, as people give them", ["read"], by=by, expires=now + timedelta(days=6)
    )
    create_token(site.account.pk, "夜間レポート", ["read", "set-up"], by="command")
    return {"token": first}


def _links(site: Site) -> dict[str, str]:
    """Somebody who is invited, one whose invitation ran out, and one who chooses a new password."""
    from django.conf import settings

    from heliograph.accounts.links import make_link
    from heliograph.accounts.models import EntryLink, Purpose, Role, User
    from heliograph.accounts.people import PersonFacts, invite

    by = f"user:{site.administrator.pk}"
    _jonas, link = invite(PersonFacts("jonas.weiss@example.org", "Jonas Weiß", Role.PLANNER, site.account, second_factor=True), by=by)
    late, _link = invite(PersonFacts("aiko@example.org", "Aiko Mori", Role.VIEWER, site.account), by=by)
    EntryLink.objects.filter(user=late).update(expires=1_760_000_000_000_000)
    lost = User.objects.create_user("lost@example.org", None, name="Lena Vogt", account=site.account)
    again = make_link(Purpose.RESET, lost, by=by)
    base = settings.HELIOGRAPH.base_url
    return {"invitation": link.address.removeprefix(base), "new-password": again.address.removeprefix(base)}


def _flows(plan: Planned) -> dict[str, int]:
    """The account's flow with two versions, in Test so that its Test registration suits it; and one that is only begun."""
    from tests.e2e import longest

    from heliograph.domain.flow.flow import Flow, Mode, Watch
    from heliograph.flows.services.flows import save_flow, set_mode

    assert plan.acme.flow is not None
    with plan.acme.setting_up() as s:
        set_mode(s, plan.acme.flow.pk, Mode.TEST)
        begun = save_flow(s, Flow(0, name="Unfinished", watch=Watch.STATUS)).pk
    return {"Leads": plan.acme.flow.pk, "Unfinished": begun} | longest.flows(plan)


def _session(client: object, user: object) -> str:
    client.force_login(user)  # type: ignore[attr-defined]
    return str(client.cookies["heliograph_session"].value)  # type: ignore[attr-defined]


def _second_factor(user: object) -> None:
    from allauth.mfa.totp.internal.auth import TOTP

    TOTP.activate(user, SECRET)


if __name__ == "__main__":
    main()
