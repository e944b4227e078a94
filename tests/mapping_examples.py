"""Realistic mappings on the account of tests/builders/platform_account.py, with a person to try them with, for the tests of the mapping pages."""

from __future__ import annotations

from dataclasses import dataclass, replace

from heliograph.domain.flow.flow import Mode, Watch
from heliograph.domain.mapping.mapping import (
    Case,
    DateFormat,
    FixedText,
    Mapping,
    MappingKind,
    MappingRow,
    Otherwise,
    SourceValue,
    ValueMap,
    ValueType,
)
from heliograph.domain.setup.fields import Subject
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.mappings.services import save_mapping
from heliograph.setup.services import event_setup
from heliograph.setup.services.custom_fields import FieldFacts, delete_field, save_field
from heliograph.setup.services.tags import delete_tag
from tests.builders.flow import destination, flow
from tests.builders.mapping import mapping
from tests.builders.platform_account import EVENT, PlatformAccount
from tests.builders.tag import tag

COUNTRIES = ValueMap((("Czechia", "CZ"), ("Austria", "AT"), ("Germany", "DE")), Otherwise.ERROR)
HANA = "S26-000431"


@dataclass
class Examples:
    """Rows of mappings: lead (JSON, nested, used by two flows), contact (flat, unused), header."""

    lead: StoredMapping
    contact: StoredMapping
    header: StoredMapping


def lead(tags: dict[str, int]) -> Mapping:
    """A bit of everything; two validation errors for Hana."""
    return Mapping(
        "Lead mapping",
        rows=(
            MappingRow("FirstName", (SourceValue("profile.first_name"),), required=True, trim=True, case=Case.PROPER),
            MappingRow("LastName", (SourceValue("profile.last_name"),), required=True, trim=True, case=Case.PROPER),
            MappingRow("Email", (SourceValue("profile.email"),), required=True, trim=True, case=Case.LOWER),
            MappingRow("Title", (SourceValue("profile.position"), FixedText("  @ "), SourceValue("profile.organization"))),
            MappingRow("Consent", (SourceValue(f"answer.{tags['Consent']}"),), type=ValueType.BOOLEAN),
            MappingRow("Guests", (SourceValue(f"answer.{tags['Guests']}"),), type=ValueType.NUMBER),
            MappingRow("Dietary", (SourceValue(f"answer.{tags['Diet']}"),)),
            MappingRow("RegisteredOn", (SourceValue("registration.created", date_format=DateFormat.DATE),)),
            MappingRow("Origin", (FixedText("Heliograph: "), SourceValue("flow.name"))),
            MappingRow(
                "address.street",
                (SourceValue("profile.address_1"), FixedText(" "), SourceValue("profile.address_2")),
                nested=True,
                trim=True,
            ),
            MappingRow("address.city", (SourceValue("profile.city"),), nested=True, trim=True, case=Case.PROPER),
            MappingRow("address.country", (SourceValue("profile.country", COUNTRIES),), nested=True, required=True),
            MappingRow("topics", (SourceValue(f"answer.{tags['Topics']}"),), type=ValueType.LIST),
            MappingRow("phones[0].kind", (FixedText("work"),), nested=True),
            MappingRow("phones[0].number", (SourceValue("profile.phone"),), nested=True, required=True, trim=True),
        ),
    )


def make(site: PlatformAccount) -> Examples:
    """Questions, Hana's registration, three mappings and two flows."""
    acme = site.acme
    with acme.setting_up() as transaction:
        for name, label in (("Consent", "Marketing consent"), ("Guests", ""), ("Topics", "")):
            acme.tags[name] = tag(transaction, name, TagKind.QUESTION, label=label)
    tags = {name: acme.tags[name].pk for name in ("Consent", "Guests", "Topics", "Diet")}
    with acme.planning() as transaction:
        for code, label, kind, options, name in (
            ("consent", "May we write to you about other events?", "radio", ("Yes", "No"), "Consent"),
            ("guests", "How many guests?", "text", (), "Guests"),
            ("topics", "Topics", "multi-select", ("Sustainability", "Venues"), "Topics"),
            ("allergies", "Allergies and intolerances", "text", (), "Diet"),
        ):
            event_setup.save_question(transaction, acme.event, event_setup.QuestionFacts(code, label, kind, options, tags[name]))
    site.record(
        HANA,
        profile={
            "first_name": "hana ",
            "last_name": "KOVÁŘ",
            "email": "Hana.Kovar@Example.org",
            "position": "Head of Events",
            "organization": "Oakline",
            "address_1": "Na Příkopě 14",
            "address_2": "3rd floor",
            "city": "praha",
            "country": "Czechia",
        },
        answers={
            "consent": "Yes",
            "guests": "2 and a baby",
            "diet": ["Vegan"],
            "allergies": "No nuts",
            "topics": ["Sustainability", "Venues"],
        },
    )
    first = lead(tags)
    with acme.setting_up() as transaction:
        older = replace(
            first,
            rows=(*first.rows[:3], replace(first.rows[3], parts=(SourceValue("profile.position"), FixedText(", "))), *first.rows[4:-1]),
        )
        row = save_mapping(transaction, older)
    with acme.setting_up() as transaction:
        row = save_mapping(transaction, first, row.pk)
        contact = save_mapping(
            transaction,
            Mapping(
                "Contact mapping",
                rows=(
                    MappingRow("email", (SourceValue("profile.email"),), required=True, trim=True, case=Case.LOWER),
                    MappingRow("last", (SourceValue("profile.last_name"),), required=True),
                    MappingRow("topics", (SourceValue(f"answer.{tags['Topics']}"),), type=ValueType.LIST),
                    MappingRow("entry.123", (SourceValue("profile.position"), FixedText("  @ "), SourceValue("profile.organization"))),
                ),
            ),
        )
        headers = {"X-Api-Version": "=2", "X-Sent-By": "account.code", "X-Notes": "profile.notes"}
        header = mapping(transaction, "API version header", headers, kind=MappingKind.HEADER)
        assert acme.connection is not None
        for name in ("Registered attendees to CRM", "Completed registrations to marketing"):
            to = destination(acme.connection.pk, row.pk, "CRM")
            flow(transaction, name, [to], mode=Mode.TEST, watch=Watch.STATUS, statuses=(acme.tags["Registered"].pk,))
    return Examples(row, contact, header)


def of_events(site: PlatformAccount) -> StoredMapping:
    """A mapping for events."""
    with site.acme.setting_up() as transaction:
        return mapping(transaction, "Event mapping", {"code": "event.code", "name": "event.name"}, subject=Subject.EVENT)


def of_sessions(site: PlatformAccount) -> StoredMapping:
    """A mapping for sessions."""
    with site.acme.setting_up() as transaction:
        rows = {"email": "profile.email", "session": ("session.name", "=: ", "session.status")}
        return mapping(transaction, "Session mapping", rows, subject=Subject.SESSION)


def names_what_is_gone(site: PlatformAccount, row: StoredMapping) -> int:
    """Creates a version of a mapping that names a tag and a custom field that are deleted by now, under a newer version without them.
    Returns its number."""
    now = site.acme.config().mappings[row.pk]
    extra = site.tag("Extra", TagKind.QUESTION).pk
    with site.acme.setting_up() as transaction:
        badge = save_field(transaction, FieldFacts("profile", "badge-colour", "Badge colour")).pk
        rows = (
            MappingRow("Email", (SourceValue("profile.email"), FixedText(" "), SourceValue(f"answer.{extra}")), required=True),
            MappingRow("Title", (FixedText("Badge "), SourceValue(f"profile.custom.{badge}")), required=True),
            MappingRow("Dietary", (SourceValue(f"answer.{extra}"),)),
        )
        number: int = save_mapping(transaction, replace(now, rows=rows), row.pk, confirmed=True).number
        save_mapping(transaction, now, row.pk, confirmed=True)
    with site.acme.setting_up() as transaction:
        delete_tag(transaction, extra)
        delete_field(transaction, badge)
    return number


LONGEST = "Unbroken" * 15
"""120 characters without a space."""


def with_longest_names(site: PlatformAccount) -> StoredMapping:
    """A mapping with names of maximal length, in several scripts."""
    longest = site.tag(LONGEST[:100], TagKind.QUESTION).pk
    with site.acme.setting_up() as transaction:
        field = save_field(transaction, FieldFacts("profile", "longest", LONGEST, "select", ("短い", LONGEST))).pk
        colours = ValueMap(((LONGEST, "最長の値"), ("短い", "🎈")), Otherwise.TEXT, LONGEST)
        rows = (
            MappingRow(
                LONGEST,
                (SourceValue(f"profile.custom.{field}", colours, if_empty=LONGEST), FixedText(LONGEST), SourceValue(f"answer.{longest}")),
                required=True,
            ),
            MappingRow(
                "الاسم الكامل للمشارك في المؤتمر",
                (SourceValue("profile.first_name"), FixedText(" من "), SourceValue("profile.organization")),
            ),
            MappingRow(
                "参加者の会社名と役職",
                (FixedText("会社："), SourceValue("profile.organization"), FixedText("、"), SourceValue("profile.position")),
            ),
            MappingRow("🎟️ ticket", (FixedText("👩‍💻 "), SourceValue("registration.code")), case=Case.UPPER, trim=True),
            MappingRow(f"{LONGEST[:40]}.{LONGEST[:40]}[0].{LONGEST[:40]}", (SourceValue(f"question.{longest}"),), nested=True),
        )
        return save_mapping(transaction, Mapping(LONGEST[:100], rows=rows))


__all__ = ["EVENT", "HANA", "Examples", "lead", "make", "names_what_is_gone", "of_events", "of_sessions", "with_longest_names"]
