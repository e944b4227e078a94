"""Northwind's connections, mappings and flows: nested JSON to "Slack", flat JSON to the "CRM", a form to the "badge printer"."""

from __future__ import annotations

from collections.abc import Mapping as Map

from heliograph.connections.models import Connection
from heliograph.connections.services.connections import ConnectionFacts, save_connection
from heliograph.domain.connection.connection import Auth, ContentType, KeyPlace
from heliograph.domain.connection.secret import Secret
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.flow import Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.mapping.mapping import EmptyPolicy, FixedText, Mapping, MappingKind, MappingRow, SourceValue, ValueType
from heliograph.domain.mapping.transform import Case, Escape
from heliograph.domain.setup.fields import Subject
from heliograph.flows.services.flows import save_flow
from heliograph.mappings.services import save_mapping
from heliograph.setup.models import CustomField, Tag
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.stage.northwind import BY

SLACK, CRM, BADGES = "Slack", "Sales CRM", "Badge printer"


def connect(account: int, urls: Map[str, str]) -> None:
    """Creates the three connections, or points them to other URLs, by name."""
    flows = (
        ConnectionFacts({"name": SLACK, "auth": Auth.OPEN.value, "content_type": ContentType.JSON.value}, url=urls[SLACK]),
        ConnectionFacts(
            {
                "name": CRM,
                "auth": Auth.KEY.value,
                "content_type": ContentType.JSON.value,
                "key_place": KeyPlace.HEADER.value,
                "key_name": "X-API-Key",
            },
            url=urls[CRM],
            secrets={Secret.KEY: "demo-key"},
        ),
        ConnectionFacts(
            {"name": BADGES, "auth": Auth.BASIC.value, "content_type": ContentType.FORM.value, "user_name": "badges"},
            url=urls[BADGES],
            secrets={Secret.PASSWORD: "demo-password"},
        ),
    )
    with saving(account, by=BY, whole_account=True) as transaction:
        known = {row.name: row.pk for row in Connection.objects.all()}
        for facts in flows:
            save_connection(transaction, facts, known.get(str(facts.fields["name"])), confirmed=True, http=True)


def make_flows(account: int) -> None:
    """Creates mappings and flows; the connections exist already."""
    with saving(account, by=BY, whole_account=True) as transaction:
        tags = {tag.name: tag.pk for tag in Tag.objects.all()}
        connections = {row.name: row.pk for row in Connection.objects.all()}
        slack = save_mapping(transaction, _slack_mapping()).pk
        crm = save_mapping(transaction, _crm_mapping(tags)).pk
        badge = save_mapping(transaction, _badge_mapping(tags)).pk
        _flow(
            transaction,
            Flow(
                0,
                name="Tell the team in Slack",
                mode=Mode.LIVE,
                watch=Watch.STATUS,
                statuses=(tags["Registered"], tags["Cancelled"]),
                destinations=(Destination(0, "#registrations", connection=connections[SLACK], payload_mapping=slack, does=Does.ADDS),),
            ),
        )
        _flow(
            transaction,
            Flow(
                0,
                name="Registrants to the CRM",
                mode=Mode.LIVE,
                watch=Watch.REGISTRATION,
                statuses=(tags["Registered"], tags["Attended"], tags["Cancelled"]),
                destinations=(Destination(0, "Leads", connection=connections[CRM], payload_mapping=crm),),
            ),
        )
        _flow(
            transaction,
            Flow(
                0,
                name="Badges at the door",
                mode=Mode.LIVE,
                watch=Watch.STATUS,
                statuses=(tags["Attended"],),
                filters=(FilterRow("event.code", Op.IS_NONE_OF, ("WEBINAR-11",)),),
                destinations=(Destination(0, "Printer", connection=connections[BADGES], payload_mapping=badge, does=Does.ADDS),),
            ),
        )


def _flow(transaction: SetupTransaction, flow: Flow) -> None:
    save_flow(transaction, flow, confirmed=True)


def _slack_mapping() -> Mapping:
    def field(key: str) -> SourceValue:
        return SourceValue(key, escape=Escape.SLACK)

    name = (field("profile.first_name"), FixedText(" "), field("profile.last_name"))
    return Mapping(
        "Slack message",
        rows=(
            MappingRow("text", (*name, FixedText(": "), field("registration.status"), FixedText(" for "), field("event.name"))),
            MappingRow("blocks[0].type", (FixedText("section"),), nested=True),
            MappingRow("blocks[0].text.type", (FixedText("mrkdwn"),), nested=True),
            MappingRow(
                "blocks[0].text.text",
                (
                    FixedText("*"),
                    *name,
                    FixedText("*\n"),
                    field("profile.organization"),
                    FixedText("\n"),
                    field("registration.status"),
                    FixedText(" for "),
                    field("event.name"),
                ),
                nested=True,
                trim=True,
            ),
        ),
    )


def _crm_mapping(tags: dict[str, int]) -> Mapping:
    tshirt = CustomField.objects.get(code="tshirt").pk
    return Mapping(
        "Lead mapping",
        empty=EmptyPolicy.LEAVE_OUT,
        rows=(
            MappingRow("ExternalId", (SourceValue("event.code"), FixedText("/"), SourceValue("registration.code")), required=True),
            MappingRow("FirstName", (SourceValue("profile.first_name"),), trim=True),
            MappingRow("LastName", (SourceValue("profile.last_name"),), trim=True),
            MappingRow("Email", (SourceValue("profile.email"),), trim=True, case=Case.LOWER, required=True),
            MappingRow("Company", (SourceValue("profile.organization"),)),
            MappingRow(
                "Title",
                (
                    SourceValue("profile.position", if_empty="Guest"),
                    FixedText(", "),
                    SourceValue("profile.organization", if_empty="independent"),
                ),
            ),
            MappingRow("Status", (SourceValue("registration.status"),)),
            MappingRow("StatusClass", (SourceValue("registration.status_class"),)),
            MappingRow("Event", (SourceValue("event.name"),)),
            MappingRow("TShirt", (SourceValue(f"profile.custom.{tshirt}"),)),
            MappingRow("Dietary", (SourceValue(f"answer.{tags['Dietary']}"),), ValueType.LIST),
            MappingRow("MayWrite", (SourceValue(f"answer.{tags['Marketing consent']}"),), ValueType.BOOLEAN),
            MappingRow("ModifiedAt", (SourceValue("registration.modified"),)),
        ),
    )


def _badge_mapping(tags: dict[str, int]) -> Mapping:
    return Mapping(
        "Badge",
        kind=MappingKind.PAYLOAD,
        subject=Subject.REGISTRATION,
        rows=(
            MappingRow(
                "name", (SourceValue("profile.first_name"), FixedText(" "), SourceValue("profile.last_name")), trim=True, required=True
            ),
            MappingRow("company", (SourceValue("profile.organization"),), case=Case.UPPER),
            MappingRow("type", (SourceValue("registration.attendee_type"),)),
            MappingRow("vip", (SourceValue(f"property.{tags['VIP']}"),)),
            MappingRow("event", (SourceValue("event.code"),)),
        ),
    )
