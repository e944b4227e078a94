"""An account's source that reads a pretix, what its registrations are, and what pretix's orders say that they must be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from heliograph.accounts.models import Account
from heliograph.domain.connection.connection import Auth
from heliograph.domain.connection.secret import Secret
from heliograph.domain.source.pretix import ItemUse, PretixItem, PretixQuestion, PretixSettings
from heliograph.domain.source.source_states import SourceState
from heliograph.recording.contents import read_state
from heliograph.setup.services import event_setup
from heliograph.setup.services.setup_save import saving
from heliograph.sources.models import Source
from heliograph.sources.services import pretix_readings
from heliograph.sources.services.sources import add_source
from heliograph.store.stored_calls import pack_body
from tests.builders.account import BY
from tests.builders.connection import connection
from tests.builders.list_source import ListSource
from tests.builders.platform_account import START, PlatformAccount
from tests.builders.pretix_order import SPEAKER, STATUSES, TICKET, WORKSHOP, pretix_settings

SESSIONS = ("WS-1", "WS-2")
EVENT = "SUMMIT-26"

type Registrations = dict[str, tuple[Any, ...]]
"""By code: event, status, attendee type, names, e-mail, answers, Test, sessions with their statuses."""


@dataclass
class PretixSource(ListSource):
    """A source of pretix that is on."""

    platform: Any

    def ring(self, code: str, notification: int, action: str = "pretix.event.order.modified") -> None:
        """A doorbell, as the door stores it."""
        body = {"notification_id": notification, "organizer": "acme", "event": "summit26", "code": code, "action": action}
        with self.db.transaction():
            self.db.run(
                "INSERT INTO source_call (account_id, source_id, at, kind, sender_id, headers, body, state)"
                " VALUES (:account, :source, :now, 0, :sender, '{}', :body, 0)",
                {
                    "account": self.account,
                    "source": self.id,
                    "now": self.db.now(),
                    "sender": str(notification),
                    "body": pack_body(json.dumps(body).encode()),
                },
            )

    def make_rings_old(self) -> None:
        """The time passes in which doorbells of one item are taken together."""
        with self.db.transaction():
            self.db.run("UPDATE source_ring SET at = at - 3000000")

    def registrations(self) -> Registrations:
        """The active registrations."""
        names = {
            table: dict(self.db.all(f"SELECT id, name FROM {table}"))
            for table in ("registration_status", "attendee_type", "session_status")
        }
        sessions: dict[int, dict[str, str]] = {}
        for registration, code, status in self.db.all(
            "SELECT r.registration_id, s.code, r.status_id FROM session_registration r JOIN session s ON s.id = r.session_id"
        ):
            sessions.setdefault(registration, {})[code] = names["session_status"][status]
        rows = self.db.all(
            "SELECT r.id, r.code, r.state, e.code FROM registration r JOIN event e ON e.id = r.event_id WHERE r.account_id = :account",
            {"account": self.account},
        )
        result: Registrations = {}
        for id, code, text, event in rows:
            state = read_state(text)
            if state.active and state.order_code:
                answers = sorted(value for values in state.answers.values() for value in values)
                result[code] = (
                    event,
                    names["registration_status"][state.status],
                    names["attendee_type"].get(state.attendee_type or 0, ""),
                    state.profile.get("first_name", ""),
                    state.profile.get("last_name", ""),
                    state.profile.get("email", ""),
                    tuple(answers),
                    state.is_test,
                    tuple(sorted(item for item in sessions.get(id, {}).items() if item[1] != "Cancelled")),
                )
        return result


@dataclass(frozen=True)
class SoldThere:
    """What pretix sells, by number."""

    types: Mapping[int, str]
    sessions: Mapping[int, str]
    """By the variation of the workshop."""


SOLD = SoldThere({TICKET: "Guest", SPEAKER: "Speaker"}, dict(enumerate(SESSIONS, 1)))


def expected(orders: Iterable[Mapping[str, Any]], *, test_mode: bool = False, sold: SoldThere = SOLD) -> Registrations:
    """What orders say, read here once more and in another way: the source's mapping has no part in it."""
    result: Registrations = {}
    for order in orders:
        if order["testmode"] and not test_mode:
            continue
        for place in order["positions"]:
            if place["addon_to"] is not None:
                continue
            own = [each for each in order["positions"] if each["addon_to"] == place["id"]]
            ranked = sorted((_session_status(order, each), sold.sessions[each["variation"]]) for each in own)
            sessions = {name: status for status, name in ranked}
            parts = place["attendee_name_parts"]
            result[f"{order['code']}-{place['positionid']}"] = (
                EVENT,
                _status(order, place),
                sold.types[place["item"]],
                parts.get("given_name") or "",
                parts.get("family_name") or "",
                place["attendee_email"] or "",
                tuple(sorted(option.title() for answer in place["answers"] for option in answer["option_identifiers"])),
                order["testmode"],
                tuple(sorted((name, status[1:]) for name, status in sessions.items() if status != "0Cancelled")),
            )
    return result


def _status(order: Mapping[str, Any], place: Mapping[str, Any]) -> str:
    state = "cancelled" if place["canceled"] else {"n": "pending", "p": "paid", "e": "expired", "c": "cancelled"}[order["status"]]
    if state in ("pending", "paid") and any(each["type"] == "entry" for each in place["checkins"]):
        state = "attended"
    return next(ours for theirs, ours in STATUSES.items() if theirs == state)


def _session_status(order: Mapping[str, Any], addon: Mapping[str, Any]) -> str:
    """With its rank: of two add-ons for one session the higher one counts."""
    if addon["canceled"] or order["status"] in "ec":
        return "0Cancelled"
    return "2Attended" if any(each["type"] == "entry" for each in addon["checkins"]) else "1Registered"


def prepare(site: PlatformAccount) -> None:
    """The sessions that add-ons become. The account may reach this machine."""
    Account.objects.filter(pk=site.pk).update(allowed_networks=["127.0.0.0/8"])
    with site.acme.planning() as transaction:
        for code in SESSIONS:
            event_setup.save_session(transaction, site.acme.event, event_setup.SessionFacts(code, f"Workshop {code}", START))


def settings_for(origin: str, **fields: Any) -> PretixSettings:
    """Settings for the account of `planned`."""
    ours = {
        "server": origin,
        "items": (
            PretixItem(f"{TICKET}", ItemUse.TYPE, "Guest"),
            PretixItem(f"{SPEAKER}", ItemUse.TYPE, "Speaker"),
            PretixItem(f"{WORKSHOP}/1", ItemUse.SESSION, "WS-1"),
            PretixItem(f"{WORKSHOP}/2", ItemUse.SESSION, "WS-2"),
        ),
        "questions": (PretixQuestion("DIET", "answers.diet", (("VEGAN", "Vegan"), ("HALAL", "Halal"))),),
        "rate": 6_000,
    }
    return pretix_settings(**(ours | fields))


def token_connection(site: PlatformAccount, origin: str, token: str, name: str = "pretix") -> int:
    """A connection that holds a team's token. Returns its id."""
    with site.acme.setting_up() as transaction:
        secrets = {Secret.KEY: f"Token {token}"}
        return connection(
            transaction, name, origin, http=True, secrets=secrets, auth=Auth.KEY.value, key_place="header", key_name="Authorization"
        ).pk


def pretix_source(site: PlatformAccount, platform: Any, settings: PretixSettings) -> PretixSource:
    """Adds a source that reads a pretix, and switches it on."""
    with saving(site.pk, by=BY) as transaction:
        source = add_source(transaction, "pretix", "Tickets")
        pretix_readings.save_pretix(transaction, source.pk, settings)
        row = Source.objects.get(pk=source.pk)
        row.state = SourceState.ON
        row.save()
    return PretixSource(site.store, site.pk, source.pk, platform)
