"""An account in which every deed of tests/api_deeds.py can be done: made once per run, and put back before each of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.db import connections
from django.test import Client
from django_scopes import scope, scopes_disabled

from heliograph.accounts.models import ApiToken, User
from heliograph.domain.flow.flow import Mode
from heliograph.domain.retention import DAY
from heliograph.domain.source.source_states import SourceState
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.runner import Runner
from heliograph.sources.models import Source, SourceItem, SourceSecret
from heliograph.sources.services.pretix_setup import MEMBER, PretixSetup
from heliograph.store import erasures
from heliograph.store.config_cache import PROCESS
from heliograph.wiring import job_kinds
from tests.api_client import ApiClient
from tests.builders.planted_pretix import catalogue
from tests.builders.planted_sources import refused_row
from tests.databases import DatabaseFacts
from tests.receiver import Answer, Receiver
from tests.retry_story import queued, refused
from tests.stored_rows import StoredRows
from tests.story import Story

ADA = "Ada"
"""The name of the Administrator and of the token: who acts is called the same on pages and by REST."""
OPEN = {"auth": "Open / No Auth", "url": "https://spare.example/hook"}
RULE = {"clauses": [{"conditions": [{"place": "status", "values": ["404"]}], "then": "delivered"}]}
EVENT_THINGS = {
    "attendee-types": {"name": "Speaker", "code": "SPK"},
    "custom-statuses": {"name": "Paid", "class": "Pending"},
    "properties": {"name": "Staff"},
    "questions": {"label": "Shoe size"},
    "sessions": {"name": "Closing"},
}
"""What the event has one more of, by noun; nothing uses it."""
CALLS: Final = {"rows": [{"target": name, "parts": [{"source": name}]} for name in ("event", "code")]}
"""A mapping of calls."""


@dataclass
class DeedsAccount:
    """The account, with a person and a program that may do everything.

    session: the cookie of the person, who is signed in
    token: of the program
    ids: of what deeds are done to, by a word
    newest_job: the id of the newest job that was made with the account
    added: what `put` was asked to add
    """

    account: int
    user: int
    session: str
    token: str
    token_id: int
    ids: dict[str, str] = field(default_factory=dict)
    newest_job: int = 0
    added: Any = None

    @property
    def browser(self) -> Client:
        """A browser in which the person is signed in."""
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = self.session
        return client

    @property
    def api(self) -> ApiClient:
        """The program."""
        return ApiClient(self.token)


type More = Callable[[Story, Receiver, DeedsAccount], object]

_kept: dict[More | None, tuple[DeedsAccount, StoredRows]] = {}
"""The account of this run, and all rows of its database; by what was added to it."""


def put(facts: DatabaseFacts, more: More | None = None) -> DeedsAccount:
    """Replaces all rows of Django's test database by those of the account, which is made the first time. more: adds something to it then."""
    connections.close_all()
    PROCESS.forget()
    if more not in _kept:
        made = _make(facts, more)
        connections.close_all()
        PROCESS.forget()
        _kept[more] = made, StoredRows(facts)
    made, rows = _kept[more]
    rows.put(facts)
    return made


def run_jobs(*, after: int = 0) -> None:
    """Runs every waiting job to its end. after: the id of the newest job that is left alone."""
    with scopes_disabled():
        waiting = list(Job.objects.filter(state=JobState.QUEUED, pk__gt=after).order_by("pk").values_list("pk", flat=True))
    for job in waiting:
        Runner(job_kinds()).run_one(job)


def _make(facts: DatabaseFacts, more: More | None) -> DeedsAccount:
    with Receiver() as receiver:
        story = Story(facts, receiver)
        try:
            made = _filled(story, receiver)
            made.added = more(story, receiver, made) if more else None
            return made
        finally:
            story.close()


def _filled(story: Story, receiver: Receiver) -> DeedsAccount:
    client = Client()
    user = story.person(name=ADA, email="ada@example.org")
    client.force_login(user)
    api = ApiClient.for_account(story.account, name=ADA)
    with scope(account=story.account):
        token_id = ApiToken.objects.get(name=ADA).pk
    made = DeedsAccount(story.account, user.pk, client.cookies[settings.SESSION_COOKIE_NAME].value, api.token, token_id)
    for filling in (_deliveries, _old_delivery, _other_mode, _connections, _sources, _flows, _events, _settings, _people, _replays):
        made.ids |= filling(story, receiver, api)
    with scopes_disabled():
        made.newest_job = Job.objects.latest("pk").pk
    return made


def _ids(rows: list[dict[str, Any]], name: str = "name") -> dict[str, str]:
    return {row[name]: row["id"] for row in rows}


def _deliveries(story: Story, receiver: Receiver, api: ApiClient) -> dict[str, str]:
    """R1 and R2 wait because their target refused them, R3 was delivered, U1 waits for a tag of its status."""
    crm = refused(story, receiver, "R1", "R2")
    receiver.answer("/crm", Answer(200))
    with story.worker():
        story.record("R3", status="Attended")
        story.until("R3", "success")
    attended = story.flow("Attended only", [story.to(crm)], statuses=["Attended"])
    with story.worker():
        story.record_many([{"code": "U1", "status": "New"}, {"code": "U2", "status": "New"}])
        story.until("U2", "success")
        queued(story, 2)
    registrations = _ids(api.get("registrations")["items"], "code")
    change = api.get(f"registrations/{registrations['U1']}/history")["items"][0]["id"]
    later = api.get(f"registrations/{registrations['R3']}/history")["items"][0]["id"]
    keys = {code: story.action(code)["key"] for code in ("R1", "R2", "R3")}
    return {
        "crm": str(crm),
        "leads": _ids(api.get("flows")["items"])["Leads"],
        "attended_only": str(attended),
        "lead": str(story.lead),
        "summit": str(story.events["SUMMIT"]),
        "rehearsal": str(story.events["REHEARSAL"]),
        "stopped_change": change,
        "change_of_r3": later,
        **{f"item_{code.lower()}": key for code, key in keys.items()},
        **{f"registration_{code.lower()}": id for code, id in registrations.items()},
    }


def _old_delivery(story: Story, _receiver: Receiver, _api: ApiClient) -> dict[str, str]:
    """The request of R3 and its answer are older than every term."""
    with story.db.transaction():
        for table in ("attempt", "attempt_content"):
            story.db.run(f"UPDATE {table} SET at = at - {1000 * DAY} WHERE action_id = :action", {"action": story.action("R3")["id"]})
    return {}


def _other_mode(story: Story, receiver: Receiver, api: ApiClient) -> dict[str, str]:
    """D1 waits because it was made in Live, and its flow is in Test since."""
    receiver.answer("/later", Answer(200))
    later = story.connection("Later", "/later")
    flow = story.flow("Once live", [story.to(later)], statuses=["Cancelled"])
    story.pause(later)
    with story.worker():
        story.record("D1", status="Cancelled")
        story.change_flow(flow, mode=Mode.TEST)
        story.resume(later)
        story.wait_for(lambda: "flow_mode" in [action["cause"] for action in story.actions("D1")])
    (item,) = [action for action in story.actions("D1") if action["cause"] == "flow_mode"]
    (cause,) = (each for each in api.get("retry/causes")["items"] if each["can_discard"])
    return {"item_d1": item["key"], "cause_d1": cause["cause"]}


def _connections(_story: Story, _receiver: Receiver, api: ApiClient) -> dict[str, str]:
    spare = api.post("connections", OPEN | {"name": "Spare", "rate": 60})["id"]
    api.patch(f"connections/{spare}", {"rate": 90})
    api.ask("PUT", f"connections/{spare}/rule", RULE)
    signed = api.post("connections", OPEN | {"name": "Signed"})["id"]
    api.post(f"connections/{signed}/signing")
    paused = api.post("connections", OPEN | {"name": "Paused"})["id"]
    api.post(f"connections/{paused}/pause", {"why": "Moving"}, status=200)
    return {"spare": spare, "signed": signed, "paused": paused}


def _sources(story: Story, _receiver: Receiver, api: ApiClient) -> dict[str, str]:
    """One that is on, one that is paused, and a draft with a mapping."""
    made = {name: api.post("sources", {"platform": "tito", "name": name})["id"] for name in ("Press list", "Guest list", "Walk-in list")}
    api.ask("PUT", f"sources/{made['Walk-in list']}/mapping", {"mapping": CALLS})
    listed = api.post("sources", {"platform": "rest", "name": "Partner list"})["id"]
    certain = api.post("sources", {"platform": "certain", "name": "Certain"})["id"]
    eventbrite = api.post("sources", {"platform": "eventbrite", "name": "Eventbrite"})["id"]
    pretix = api.post("sources", {"platform": "pretix", "name": "pretix"})["id"]
    api.ask("PUT", f"sources/{pretix}/pretix", {"pretix": {"organizer": "acme"}})
    api.ask("PUT", f"sources/{listed}/list", {"list": {"address": "https://platform.example/list"}})
    lacking = api.post("sources", {"platform": "rest", "name": "List with a gap"})["id"]
    api.ask("PUT", f"sources/{lacking}/list", {"list": {"address": "https://platform.example/list"}})
    asking = api.post("sources", {"platform": "rest", "name": "Shrunken list"})["id"]
    folder = api.post("sources", {"platform": "rest", "name": "Drop box"})["id"]  # as a folder it would need one of the operator
    command = api.post("sources", {"platform": "rest", "name": "Members"})["id"]  # as a program, likewise
    reading = {"folder": {"event": "REHEARSAL", "columns": {"Reg no": {"to": "code"}}}}
    read_there = PretixSetup(catalogue=catalogue(), events=(("summit26", "SUMMIT"),))
    with scopes_disabled():
        looked_at = Source.objects.get(pk=pretix)
        looked_at.settings = json.dumps(json.loads(looked_at.settings) | {MEMBER: read_there.to_body()})
        looked_at.save(update_fields=["settings"])
        Source.objects.filter(pk=asking).update(cursor=json.dumps({"filled": True, "missing": 120, "known": 800}))
        Source.objects.filter(pk__in=[listed, lacking]).update(state=SourceState.ON)
        Source.objects.filter(pk=command).update(
            platform="command", state=SourceState.ON, settings='{"command": {"name": "old", "every": 60}}'
        )
        Source.objects.filter(pk=folder).update(platform="folder", state=SourceState.ON, settings=json.dumps(reading))
        Source.objects.filter(pk=made["Press list"]).update(state=SourceState.ON)
        Source.objects.filter(pk=made["Guest list"]).update(state=SourceState.PAUSED)
    api.post(f"sources/{made['Guest list']}/secrets", {"secret": "theirs"})
    with scopes_disabled():
        secret = SourceSecret.objects.get().pk
        item = SourceItem.objects.create(
            account_id=story.account, source_id=lacking, key="R90", digest=b"d", documents='[["SUMMIT", "R90"]]'
        )
        dropped = Source.objects.get(pk=folder)
    row = refused_row(story.db, dropped, story.db.now(), "guests.csv", 3, ("SUMMIT", "R91"), "is no e-mail address.")
    return {
        "source": made["Press list"],
        "paused_source": made["Guest list"],
        "source_secret": str(secret),
        "draft_source": made["Walk-in list"],
        "listed_source": listed,
        "folder_source": folder,
        "command_source": command,
        "certain_source": certain,
        "eventbrite_source": eventbrite,
        "asking_source": asking,
        "gap": f"i{item.pk}.0",
        "refused_row": f"f{row}",
    }


def _flows(story: Story, _receiver: Receiver, api: ApiClient) -> dict[str, str]:
    flow = api.get(f"flows/{_ids(api.get('flows')['items'])['Attended only']}")
    draft = {name: flow[name] for name in ("watch", "statuses")} | {"name": "Draft"}
    made = api.post("flows", draft)["id"]
    api.patch(f"flows/{made}", {"name": "Draft 2"})
    row = {"target": "first", "parts": [{"kind": "field", "field": "profile.first_name"}]}
    mapping = api.post("mappings", {"name": "Badge", "rows": [row]})["id"]
    api.patch(f"mappings/{mapping}", {"name": "Badge 2", "rows": [row, {"target": "last"}]})
    return {"draft": made, "badge": mapping, **{f"tag_{name.lower().replace(' ', '_')}": str(id) for name, id in story.tags.items()}}


def _events(_story: Story, _receiver: Receiver, api: ApiClient) -> dict[str, str]:
    """SUMMIT has one more of each thing; GALA is in Testing and has no registrations."""
    event = _ids(api.get("events")["items"], "code")["SUMMIT"]
    made = {f"{noun.replace('-', '_')}_row": api.post(f"events/{event}/{noun}", body)["id"] for noun, body in EVENT_THINGS.items()}
    made["gala"] = api.post("events", {"code": "GALA", "name": "Gala"})["id"]
    statuses = {"event": "event-statuses", "status": "registration-statuses", "session_status": "session-registration-statuses"}
    for word, path in statuses.items():
        made |= {f"{word}_{name.lower().replace(' ', '_')}": id for name, id in _ids(api.every(path)).items()}
    return made


def _settings(story: Story, _receiver: Receiver, api: ApiClient) -> dict[str, str]:
    made = {"event_field": api.post("event-data", {"label": "Region", "type": "select", "options": ["North", "South"]})["id"]}
    with story.db.transaction():
        erasures.propose(story.db, story.account, [story.registrations["R2"]], "source:1")
    made["proposal"] = str(erasures.open_proposals(story.db, story.account)[0].id)
    made["profile_field"] = api.post("profile-data", {"label": "Shirt"})["id"]
    for name in ("Spare", "Doubtful"):
        made[f"tag_{name.lower()}"] = api.post("tags", {"name": name, "kinds": ["registration_status"]})["id"]
    return made


def _people(_story: Story, _receiver: Receiver, api: ApiClient) -> dict[str, str]:
    """Ben uses Heliograph, with a second factor; Eve is invited; a token that nobody uses."""
    ben = api.post("users", {"name": "Ben", "email": "ben@example.org", "role": "Planner"})["user"]["id"]
    with scopes_disabled():
        User.objects.filter(pk=int(ben)).update(invited=False)
        TOTP.activate(User.objects.get(pk=int(ben)), generate_totp_secret())
    eve = api.post("users", {"name": "Eve", "email": "eve@example.org", "role": "Viewer"})["user"]["id"]
    token = api.post("tokens", {"name": "Old desk", "scopes": ["read"]})["token"]["id"]
    return {"ben": ben, "eve": eve, "old_token": token}


def _replays(story: Story, _receiver: Receiver, api: ApiClient) -> dict[str, str]:
    """A checked replay and a file of failed rows; and a replay, a file and a job over items that have not begun."""
    flows = _ids(api.get("flows")["items"])
    selection = {"flow": flows["Leads"], "from": "2020-01-01", "every": True}
    checked = api.post("replays", selection)["id"]
    download = api.post("retry/downloads", {"columns": ["registration"]}, status=202)["id"]
    run_jobs()
    waiting = api.post("replays", selection | {"flow": flows["Attended only"]})["id"]
    file = api.post("retry/downloads", {"columns": ["registration"]}, status=202)["id"]
    job = api.post("retry/submit-all", {"status": "waiting"}, status=202)["id"]
    return {"checked_replay": checked, "waiting_replay": waiting, "download": download, "waiting_file": file, "waiting_job": job}
