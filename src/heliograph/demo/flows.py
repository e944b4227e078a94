"""The demo's connections, mappings and flows: nested JSON to "Slack", flat JSON to the "CRM", a form to the "badge printer"."""

from __future__ import annotations

from heliograph.connections.models import Connection
from heliograph.connections.services.connections import ConnectionFacts, save_connection
from heliograph.demo import receiver
from heliograph.demo.content import BY
from heliograph.domain.connection.connection import Auth, ContentType, KeyPlace, Secret
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.flow import Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.mapping.mapping import EmptyPolicy, Kind, Mapping, Row, Source, Text, ValueType
from heliograph.domain.mapping.transform import Case, Escape
from heliograph.domain.setup.fields import Subject
from heliograph.flows.services.flows import save_flow
from heliograph.mappings.services import save_mapping
from heliograph.setup.models import CustomField, Tag
from heliograph.setup.services.saving import saving
from heliograph.setup.services.transaction import Saving

SLACK, CRM, BADGES = "Slack", "Sales CRM", "Badge printer"


def connect(account: int, port: int) -> None:
    """Makes the three connections, or points them to the receiver's port of this start."""
    base = f"http://127.0.0.1:{port}"
    wanted = (
        ConnectionFacts({"name": SLACK, "auth": Auth.OPEN.value, "content_type": ContentType.JSON.value}, url=base + receiver.SLACK),
        ConnectionFacts(
            {
                "name": CRM,
                "auth": Auth.KEY.value,
                "content_type": ContentType.JSON.value,
                "key_place": KeyPlace.HEADER.value,
                "key_name": "X-API-Key",
            },
            url=base + receiver.CRM,
            secrets={Secret.KEY: "demo-key"},
        ),
        ConnectionFacts(
            {"name": BADGES, "auth": Auth.BASIC.value, "content_type": ContentType.FORM.value, "user_name": "badges"},
            url=base + receiver.BADGES,
            secrets={Secret.PASSWORD: "demo-password"},
        ),
    )
    with saving(account, by=BY, whole_account=True) as s:
        known = {row.name: row.pk for row in Connection.objects.all()}
        for facts in wanted:
            save_connection(s, facts, known.get(str(facts.fields["name"])), confirmed=True, http=True)


def make_flows(account: int) -> None:
    """Makes mappings and flows; the connections are there."""
    with saving(account, by=BY, whole_account=True) as s:
        tags = {tag.name: tag.pk for tag in Tag.objects.all()}
        connections = {row.name: row.pk for row in Connection.objects.all()}
        slack = save_mapping(s, _slack_mapping()).pk
        crm = save_mapping(s, _crm_mapping(tags)).pk
        badge = save_mapping(s, _badge_mapping(tags)).pk
        _flow(
            s,
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
            s,
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
            s,
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


def _flow(s: Saving, flow: Flow) -> None:
    save_flow(s, flow, confirmed=True)


def _slack_mapping() -> Mapping:
    def field(key: str) -> Source:
        return Source(key, escape=Escape.SLACK)

    name = (field("profile.first_name"), Text(" "), field("profile.last_name"))
    return Mapping(
        "Slack message",
        rows=(
            Row("text", (*name, Text(": "), field("registration.status"), Text(" for "), field("event.name"))),
            Row("blocks[0].type", (Text("section"),), nested=True),
            Row("blocks[0].text.type", (Text("mrkdwn"),), nested=True),
            Row(
                "blocks[0].text.text",
                (
                    Text("*"),
                    *name,
                    Text("*\n"),
                    field("profile.organization"),
                    Text("\n"),
                    field("registration.status"),
                    Text(" for "),
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
            Row("ExternalId", (Source("event.code"), Text("/"), Source("registration.code")), required=True),
            Row("FirstName", (Source("profile.first_name"),), trim=True),
            Row("LastName", (Source("profile.last_name"),), trim=True),
            Row("Email", (Source("profile.email"),), trim=True, case=Case.LOWER, required=True),
            Row("Company", (Source("profile.organization"),)),
            Row("Title", (Source("profile.position"), Text("  @"), Source("profile.organization"))),
            Row("Status", (Source("registration.status"),)),
            Row("StatusClass", (Source("registration.status_class"),)),
            Row("Event", (Source("event.name"),)),
            Row("TShirt", (Source(f"profile.custom.{tshirt}"),)),
            Row("Dietary", (Source(f"answer.{tags['Dietary']}"),), ValueType.LIST),
            Row("MayWrite", (Source(f"answer.{tags['Marketing consent']}"),), ValueType.BOOLEAN),
            Row("ModifiedAt", (Source("registration.modified"),)),
        ),
    )


def _badge_mapping(tags: dict[str, int]) -> Mapping:
    return Mapping(
        "Badge",
        kind=Kind.PAYLOAD,
        subject=Subject.REGISTRATION,
        rows=(
            Row("name", (Source("profile.first_name"), Text(" "), Source("profile.last_name")), trim=True, required=True),
            Row("company", (Source("profile.organization"),), case=Case.UPPER),
            Row("type", (Source("registration.attendee_type"),)),
            Row("vip", (Source(f"property.{tags['VIP']}"),)),
            Row("event", (Source("event.code"),)),
        ),
    )
