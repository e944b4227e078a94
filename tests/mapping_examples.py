"""Mappings as people make them, on the account of tests/planning.py, with somebody to try them with: what the tests of the mapping pages look at."""

from __future__ import annotations

from dataclasses import dataclass, replace

from heliograph.domain.flow.flow import Destination, Flow, Mode, Watch
from heliograph.domain.mapping.mapping import Case, DateFormat, Kind, Mapping, Otherwise, Row, Source, Text, ValueMap, ValueType
from heliograph.domain.setup.fields import Subject
from heliograph.domain.setup.tags import TagKind
from heliograph.flows.services.flows import save_flow
from heliograph.mappings.models import Mapping as StoredMapping
from heliograph.mappings.services import save_mapping
from heliograph.setup.services import event_setup
from heliograph.setup.services.custom_fields import FieldFacts, delete_field, save_field
from heliograph.setup.services.tags import TagFacts, delete_tag, save_tag
from tests.planning import EVENT, Planned

COUNTRIES = ValueMap((("Czechia", "CZ"), ("Austria", "AT"), ("Germany", "DE")), Otherwise.ERROR)
HANA = "S26-000431"


@dataclass
class Examples:
    """Rows of mappings: lead (JSON, nested, used by two flows), contact (flat, unused), header."""

    lead: StoredMapping
    contact: StoredMapping
    header: StoredMapping


def lead(tags: dict[str, int]) -> Mapping:
    """Something of everything; two validation errors for Hana."""
    return Mapping(
        "Lead mapping",
        rows=(
            Row("FirstName", (Source("profile.first_name"),), required=True, trim=True, case=Case.PROPER),
            Row("LastName", (Source("profile.last_name"),), required=True, trim=True, case=Case.PROPER),
            Row("Email", (Source("profile.email"),), required=True, trim=True, case=Case.LOWER),
            Row("Title", (Source("profile.position"), Text("  @ "), Source("profile.organization"))),
            Row("Consent", (Source(f"answer.{tags['Consent']}"),), type=ValueType.BOOLEAN),
            Row("Guests", (Source(f"answer.{tags['Guests']}"),), type=ValueType.NUMBER),
            Row("Dietary", (Source(f"answer.{tags['Diet']}"),)),
            Row("RegisteredOn", (Source("registration.created", date_format=DateFormat.DATE),)),
            Row("Origin", (Text("Heliograph: "), Source("flow.name"))),
            Row("address.street", (Source("profile.address_1"), Text(" "), Source("profile.address_2")), nested=True, trim=True),
            Row("address.city", (Source("profile.city"),), nested=True, trim=True, case=Case.PROPER),
            Row("address.country", (Source("profile.country", COUNTRIES),), nested=True, required=True),
            Row("topics", (Source(f"answer.{tags['Topics']}"),), type=ValueType.LIST),
            Row("phones[0].kind", (Text("work"),), nested=True),
            Row("phones[0].number", (Source("profile.phone"),), nested=True, required=True, trim=True),
        ),
    )


def make(site: Planned) -> Examples:
    """Questions, Hana's registration, three mappings and two flows."""
    acme = site.acme
    with acme.setting_up() as s:
        for name, label in (("Consent", "Marketing consent"), ("Guests", ""), ("Topics", "")):
            acme.tags[name] = save_tag(s, TagFacts(name, frozenset({TagKind.QUESTION}), label))
    tags = {name: acme.tags[name].pk for name in ("Consent", "Guests", "Topics", "Diet")}
    with acme.planning() as s:
        for code, label, kind, options, tag in (
            ("consent", "May we write to you about other events?", "radio", ("Yes", "No"), "Consent"),
            ("guests", "How many guests?", "text", (), "Guests"),
            ("topics", "Topics", "multi-select", ("Sustainability", "Venues"), "Topics"),
            ("allergies", "Allergies and intolerances", "text", (), "Diet"),
        ):
            event_setup.save_question(s, acme.event, event_setup.QuestionFacts(code, label, kind, options, tags[tag]))
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
    with acme.setting_up() as s:
        older = replace(
            first, rows=(*first.rows[:3], replace(first.rows[3], parts=(Source("profile.position"), Text(", "))), *first.rows[4:-1])
        )
        row = save_mapping(s, older)
    with acme.setting_up() as s:
        row = save_mapping(s, first, row.pk)
        contact = save_mapping(
            s,
            Mapping(
                "Contact mapping",
                rows=(
                    Row("email", (Source("profile.email"),), required=True, trim=True, case=Case.LOWER),
                    Row("last", (Source("profile.last_name"),), required=True),
                    Row("topics", (Source(f"answer.{tags['Topics']}"),), type=ValueType.LIST),
                    Row("entry.123", (Source("profile.position"), Text("  @ "), Source("profile.organization"))),
                ),
            ),
        )
        header = save_mapping(
            s,
            Mapping(
                "API version header",
                Kind.HEADER,
                rows=(
                    Row("X-Api-Version", (Text("2"),)),
                    Row("X-Sent-By", (Source("account.code"),)),
                    Row("X-Notes", (Source("profile.notes"),)),
                ),
            ),
        )
        assert acme.connection is not None
        for name in ("Registered attendees to CRM", "Completed registrations to marketing"):
            destination = Destination(0, "CRM", connection=acme.connection.pk, payload_mapping=row.pk)
            save_flow(
                s,
                Flow(0, name=name, mode=Mode.TEST, watch=Watch.STATUS, statuses=(acme.tags["Registered"].pk,), destinations=(destination,)),
            )
    return Examples(row, contact, header)


def of_events(site: Planned) -> StoredMapping:
    """A mapping for events."""
    with site.acme.setting_up() as s:
        return save_mapping(
            s,
            Mapping(
                "Event mapping", subject=Subject.EVENT, rows=(Row("code", (Source("event.code"),)), Row("name", (Source("event.name"),)))
            ),
        )


def of_sessions(site: Planned) -> StoredMapping:
    """A mapping for sessions."""
    with site.acme.setting_up() as s:
        return save_mapping(
            s,
            Mapping(
                "Session mapping",
                subject=Subject.SESSION,
                rows=(
                    Row("email", (Source("profile.email"),)),
                    Row("session", (Source("session.name"), Text(": "), Source("session.status"))),
                ),
            ),
        )


def names_what_is_gone(site: Planned, row: StoredMapping) -> int:
    """A version of a mapping that names a tag and a custom field which are deleted by now, with the one before on top of it; its number."""
    now = site.acme.config().mappings[row.pk]
    extra = site.tag("Extra", TagKind.QUESTION).pk
    with site.acme.setting_up() as s:
        badge = save_field(s, FieldFacts("profile", "badge-colour", "Badge colour")).pk
        rows = (
            Row("Email", (Source("profile.email"), Text(" "), Source(f"answer.{extra}")), required=True),
            Row("Title", (Text("Badge "), Source(f"profile.custom.{badge}")), required=True),
            Row("Dietary", (Source(f"answer.{extra}"),)),
        )
        number: int = save_mapping(s, replace(now, rows=rows), row.pk, confirmed=True).number
        save_mapping(s, now, row.pk, confirmed=True)
    with site.acme.setting_up() as s:
        delete_tag(s, extra)
        delete_field(s, badge)
    return number


LONGEST = "Unbroken" * 15
"""120 characters without a blank."""


def with_longest_names(site: Planned) -> StoredMapping:
    """A mapping of the longest names, in several scripts."""
    tag = site.tag(LONGEST[:100], TagKind.QUESTION).pk
    with site.acme.setting_up() as s:
        field = save_field(s, FieldFacts("profile", "longest", LONGEST, "select", ("短い", LONGEST))).pk
        colours = ValueMap(((LONGEST, "最長の値"), ("短い", "🎈")), Otherwise.TEXT, LONGEST)
        rows = (
            Row(
                LONGEST,
                (Source(f"profile.custom.{field}", colours, if_empty=LONGEST), Text(LONGEST), Source(f"answer.{tag}")),
                required=True,
            ),
            Row("الاسم الكامل للمشارك في المؤتمر", (Source("profile.first_name"), Text(" من "), Source("profile.organization"))),
            Row("参加者の会社名と役職", (Text("会社："), Source("profile.organization"), Text("、"), Source("profile.position"))),
            Row("🎟️ ticket", (Text("👩‍💻 "), Source("registration.code")), case=Case.UPPER, trim=True),
            Row(f"{LONGEST[:40]}.{LONGEST[:40]}[0].{LONGEST[:40]}", (Source(f"question.{tag}"),), nested=True),
        )
        return save_mapping(s, Mapping(LONGEST[:100], rows=rows))


__all__ = ["EVENT", "HANA", "Examples", "lead", "make", "names_what_is_gone", "of_events", "of_sessions", "with_longest_names"]
