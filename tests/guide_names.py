"""Every screen, field, option and button named in the guide from "Setting up Tags" to its end, and where it is in Heliograph.

One row each, in the guide's order. tests/integration/test_guide_names.py finds each on its page, and writes docs/guide/names.md from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.named import Kind


@dataclass(frozen=True, slots=True)
class Row:
    """chapter: of the guide. name: as the guide writes it. place: a key of PLACES. shown: the page's text, if it is not exactly the same."""

    chapter: str
    name: str
    kind: Kind
    place: str
    shown: str = ""

    @property
    def on_the_page(self) -> str:
        return self.shown or self.name


SETTINGS, EVENT, SIGNAL = "Account Settings, Management", "Event, Plan, Event Setup", "Signal"
PLACES: dict[str, str] = {
    "tags": f"{SETTINGS}, Tags",
    "registration-statuses": f"{SETTINGS}, Registration Statuses",
    "custom-statuses": f"{EVENT}, Custom Statuses",
    "configure": "Event, Plan, Configure",
    "attendee-types": f"{EVENT}, Attendee Types",
    "event-details": f"{EVENT}, Details",
    "questions": f"{EVENT}, Questions",
    "flow-list": f"{SIGNAL}, Flows",
    "connection-list": f"{SIGNAL}, Connections",
    "connection": f"{SIGNAL}, Connections, Connection Setup",
    "connection tested": f"{SIGNAL}, Connections, Connection Setup, after Save & Test",
    "flow-new": f"{SIGNAL}, Flows, ADD A FLOW",
    "flow status": f"{SIGNAL}, Flows, a flow that watches for Registration Status Change",
    "flow session": f"{SIGNAL}, Flows, a flow that watches for Session Registration Status Change",
    "flow event": f"{SIGNAL}, Flows, a flow that watches for Event Create Update",
    "flow attendees": f"{SIGNAL}, Flows, a flow with a filter by Attendee Type Tags",
    "mapping-list": f"{SIGNAL}, Mappings",
    "mapping-new": f"{SIGNAL}, Mappings, New Mapping",
    "mapping": f"{SIGNAL}, Mappings, a mapping",
    "mapping fields": f"{SIGNAL}, Mappings, a mapping, what + of a row offers",
    "insights": f"{SIGNAL}, Metrics, Insights",
    "posts": f"{SIGNAL}, Metrics, Webhook Posts",
    "troubleshooting": f"{SIGNAL}, Metrics, Insights, Troubleshooting",
    "feed": f"{SIGNAL}, Metrics, Insights, Activity Feed",
    "records": f"{SIGNAL}, Metrics, Insights, a number of Registration Activity",
    "retry": f"{SIGNAL}, Retry",
    "retry item": f"{SIGNAL}, Retry, an item",
    "failures": f"{SIGNAL}, Metrics, Insights, Failures",
    "replay": f"{SIGNAL}, Replay",
}
"""By URL name (and variant of the page): how to get there."""


def _rows(chapter: str, place: str, kind: Kind, *found: str | tuple[str, str]) -> list[Row]:
    """found: a name, or (the guide's, the page's)."""
    return [Row(chapter, *((name, kind, place) if isinstance(name, str) else (name[0], kind, place, name[1]))) for name in found]


_SET_UP, _ACCOUNT, _EVENT = "Setting Tags Up for an Account", "Applying Tags in an Account", "Applying Tags in an Event"
TAGS: Sequence[Row] = (
    *_rows(_SET_UP, "tags", Kind.LINK, "Account Settings"),
    *_rows(_SET_UP, "tags", Kind.HEADING, "Management"),
    *_rows(_SET_UP, "tags", Kind.LINK, "Tags"),
    *_rows(_SET_UP, "tags", Kind.FIELD, "Name", "Label", "Object(s)"),
    *_rows(_SET_UP, "tags", Kind.OPTION, "Registration Statuses", "Custom Registration Properties", "Attendee Types", "Events"),
    *_rows(_SET_UP, "tags", Kind.BUTTON, "Add"),
    *_rows(_ACCOUNT, "registration-statuses", Kind.LINK, "Registration Statuses"),
    *_rows(_ACCOUNT, "registration-statuses", Kind.COLUMN, "Tags"),
    *_rows(_ACCOUNT, "registration-statuses", Kind.TEXT, "New"),
    *_rows(_ACCOUNT, "registration-statuses", Kind.BUTTON, ("Select one or more Tags", "Save")),
    *_rows(_EVENT, "custom-statuses", Kind.HEADING, ("Plan > Event Setup", "Plan: Event Setup")),
    *_rows(_EVENT, "custom-statuses", Kind.LINK, "Custom Statuses"),
    *_rows(_EVENT, "custom-statuses", Kind.COLUMN, "Tags"),
    *_rows(_EVENT, "configure", Kind.HEADING, "Plan"),
    *_rows(_EVENT, "configure", Kind.LINK, "Configure"),
    *_rows(_EVENT, "configure", Kind.HEADING, "Custom Registration Properties"),
    *_rows(_EVENT, "configure", Kind.COLUMN, "Tags"),
    *_rows(_EVENT, "attendee-types", Kind.LINK, "Attendee Types"),
    *_rows(_EVENT, "attendee-types", Kind.COLUMN, "Tags"),
    *_rows(_EVENT, "event-details", Kind.LINK, "Details"),
    *_rows(_EVENT, "event-details", Kind.FIELD, "Tags"),
    *_rows(_EVENT, "questions", Kind.LINK, "Questions"),
    *_rows(_EVENT, "questions", Kind.COLUMN, "Tag"),
)
_OPENING = "Opening Certain Signal"
OPENING: Sequence[Row] = (
    *_rows(_OPENING, "tags", Kind.HEADING, "Implementation"),
    *_rows(_OPENING, "tags", Kind.LINK, "Signal Real-Time Data Integration"),
    *_rows(_OPENING, "flow-list", Kind.LINK, ("Return to Certain Platform", "Back to the platform")),
)
_ADDING = "Adding a Connection"
CONNECTIONS: Sequence[Row] = (
    *_rows(_ADDING, "flow-list", Kind.LINK, "Connections"),
    *_rows(_ADDING, "connection-list", Kind.HEADING, "Connection List"),
    *_rows(_ADDING, "connection-list", Kind.LINK, "Add A Connection"),
    *_rows(_ADDING, "connection", Kind.HEADING, "Connection Setup"),
    *_rows(_ADDING, "connection", Kind.FIELD, "Target"),
    *_rows(_ADDING, "connection", Kind.TEXT, "Webhook"),
    *_rows(_ADDING, "connection", Kind.FIELD, "Connection Name", "Authentication Type"),
    *_rows(_ADDING, "connection", Kind.OPTION, "Basic Authentication", "Open / No Auth", "API Key / Token", "OAuth2"),
    *_rows(_ADDING, "connection", Kind.FIELD, "URL", "Content Type"),
    *_rows(_ADDING, "connection", Kind.OPTION, "application/json", ("x-www-form-urlencoded", "application/x-www-form-urlencoded")),
    *_rows(_ADDING, "connection", Kind.FIELD, "Request Method"),
    *_rows(_ADDING, "connection", Kind.OPTION, "POST", "GET"),
    *_rows(_ADDING, "connection", Kind.FIELD, "User Name", "Password", "API Key / Token", "Grant Type"),
    *_rows(_ADDING, "connection", Kind.OPTION, "Client Credentials", "Authorization Code"),
    *_rows(_ADDING, "connection", Kind.FIELD, "Client Id", "Client Secret", "Authorization URL", "Access Token URL", "Refresh Token URL"),
    *_rows(_ADDING, "connection", Kind.FIELD, "Scope", "Test Connection URL"),
    *_rows(_ADDING, "connection", Kind.OPTION, "Is this a primary connection"),
    *_rows(_ADDING, "connection", Kind.BUTTON, "Save & Test"),
    *_rows(_ADDING, "connection tested", Kind.LINK, "Close"),
)
_LIST, _CONFIGURING, _SOURCES, _ACTIVATE, _FILTERS = (
    "The Flow List",
    "Configuring a Flow",
    "Available sources",
    "Activate for …",
    "Flow Filters",
)
LIST: Sequence[Row] = (
    *_rows(_LIST, "flow-list", Kind.HEADING, "Flow List"),
    *_rows(_LIST, "flow-list", Kind.COLUMN, "Status", "Active"),
    *_rows(_LIST, "flow-list", Kind.BUTTON, ("the toggle button", "Active: Watches for Registration Status Change")),
)
FLOWS: Sequence[Row] = (
    *_rows(_CONFIGURING, "flow-list", Kind.LINK, "ADD A FLOW"),
    *_rows(_CONFIGURING, "flow-new", Kind.FIELD, "Name", "Live"),
    *_rows(_CONFIGURING, "flow-new", Kind.TEXT, ("Test", "Off: this is a Test flow")),
    *_rows(_CONFIGURING, "flow-new", Kind.HEADING, "Source", "Filters", "Destination"),
    *_rows(_CONFIGURING, "flow-new", Kind.BUTTON, ("Save an incomplete Flow", "Save")),
    *_rows(_SOURCES, "flow-new", Kind.OPTION, "Registration Create Update", "Registration Status Change"),
    *_rows(_SOURCES, "flow-new", Kind.OPTION, "Session Registration Status Change", "Event Create Update"),
    *_rows(_ACTIVATE, "flow status", Kind.HEADING, "Activate for"),
    *_rows(_ACTIVATE, "flow status", Kind.FIELD, "Registration Statuses", "Registration Properties"),
    *_rows(_ACTIVATE, "flow status", Kind.OPTION, "Complete", "Badge Printed", "On To Do List", "Invoice Generated", "Test"),
    *_rows(_ACTIVATE, "flow session", Kind.FIELD, "Session Registration Statuses"),
    *_rows(_ACTIVATE, "flow event", Kind.FIELD, "Event Statuses"),
    *_rows(_FILTERS, "flow status", Kind.GROUP, "Event", "Profile", "Attendee Type Tags"),
    *_rows(_FILTERS, "flow status", Kind.OPTION, "Event Code", ("custom event fields", "Region"), ("event tags", "Event Tags")),
    *_rows(_FILTERS, "flow status", Kind.OPTION, "Position", ("custom profile fields", "Shirt")),
    *_rows(_FILTERS, "flow attendees", Kind.OPTION, ("tags that can be applied to Attendee Types", "Speaker")),
)
_SETTING, _MAPPINGS = "Setting up a Destination", "Mappings"
DESTINATIONS: Sequence[Row] = (
    *_rows("Flow Destination", "flow status", Kind.OPTION, "Webhooks"),
    *_rows(_SETTING, "flow status", Kind.FIELD, ("Name", "Destination name"), "Connection"),
    *_rows(_SETTING, "flow status", Kind.BUTTON, "New Connection"),
    *_rows(_SETTING, "flow status", Kind.FIELD, "Action"),
    *_rows(_SETTING, "flow status", Kind.OPTION, "Webhook"),
    *_rows(_MAPPINGS, "flow status", Kind.FIELD, ("Payload", "Payload mapping"), ("Http Header", "Http Header mapping")),
)
MAPPINGS: Sequence[Row] = (
    *_rows(_MAPPINGS, "flow status", Kind.BUTTON, "New Mapping", "Edit Mapping", "Preview Mapping"),
    *_rows(_MAPPINGS, "mapping-list", Kind.LINK, "New Mapping"),
    *_rows(_MAPPINGS, "mapping-new", Kind.FIELD, ("name", "Mapping name")),
    *_rows(_MAPPINGS, "mapping-new", Kind.BUTTON, ("sample JSON", "Paste a sample JSON"), "Add"),
    *_rows(_MAPPINGS, "mapping fields", Kind.GROUP, "Profile Standard Fields", "Profile Custom Fields", "Registration Standard Fields"),
    *_rows(_MAPPINGS, "mapping fields", Kind.GROUP, "Registration Custom Question Tags", "Registration Standard Properties"),
    *_rows(
        _MAPPINGS,
        "mapping fields",
        Kind.GROUP,
        "Account Standard Fields",
        "Event Standard Fields",
        "Event Custom Fields",
        "Flow Fields",
        "Macros",
    ),
    *_rows(
        _MAPPINGS,
        "mapping fields",
        Kind.OPTION,
        ("FirstName", "First Name"),
        "Position",
        "Organization",
        "Account Code",
        "Event Code",
        "Event Name",
    ),
    *_rows(_MAPPINGS, "mapping fields", Kind.OPTION, "Flow Name", "Current Date"),
    *_rows(
        _MAPPINGS,
        "mapping fields",
        Kind.OPTION,
        ("one field for the question", "Dietary needs (question)"),
        ("one for its answer", "Dietary needs (answer)"),
    ),
    *_rows(_MAPPINGS, "mapping", Kind.FIELD, ("required field", "Required")),
    *_rows(
        _MAPPINGS, "mapping", Kind.OPTION, ("the default of no selection", "As it is"), "lower case", "Proper Case", "UPPER CASE", "Trim"
    ),
    *_rows(_MAPPINGS, "mapping", Kind.BUTTON, ("x", "Remove E-mail"), ("Save the mapping", "Save")),
)
_METRICS, _INSIGHTS = "Metrics Dashboard", "Account Insights"
INSIGHTS: Sequence[Row] = (
    *_rows(_METRICS, "flow-list", Kind.LINK, "Metrics"),
    *_rows(_METRICS, "insights", Kind.LINK, "Insights", "Webhook Posts"),
    *_rows(_METRICS, "posts", Kind.HEADING, "Webhook Posts"),
    *_rows(_METRICS, "posts", Kind.LINK, ("all work in the same way", "Summary"), "Troubleshooting", "Activity Feed"),
    *_rows(_INSIGHTS, "insights", Kind.HEADING, "Account Insights"),
    *_rows(_INSIGHTS, "insights", Kind.LINK, "Live Flows", "Test Flows"),
    *_rows(_INSIGHTS, "insights", Kind.LINK, ("the last 15 minutes", "Last 15 min"), ("1 hour", "Last hour"), ("4 hours", "Last 4 hours")),
    *_rows(_INSIGHTS, "insights", Kind.FIELD, ("a number of days", "A number of days")),
    *_rows(_INSIGHTS, "insights", Kind.LINK, "Summary", "Troubleshooting", "Activity Feed"),
    *_rows(_INSIGHTS, "insights", Kind.TEXT, "Changes Processed", "Unique Registrations", "Actions Triggered", "Active Flows"),
    *_rows(_INSIGHTS, "insights", Kind.TEXT, "Actions Not Triggered"),
    *_rows(_INSIGHTS, "insights", Kind.TEXT, "Leads Created", "Leads Updated"),
    *_rows(_INSIGHTS, "insights", Kind.HEADING, ("Registration Activity in Certain", "Registration Activity"), "Processing Status"),
    *_rows(_INSIGHTS, "insights", Kind.LINK, ("successes", "Successes"), ("failures", "Failures"), ("going back to Flows", "Flows")),
    *_rows(_INSIGHTS, "failures", Kind.COLUMN, ("why an action has failed", "Result")),
    *_rows(_INSIGHTS, "records", Kind.OPTION, ("filter on an Event Code", "SUMMIT-26")),
    *_rows(_INSIGHTS, "records", Kind.FIELD, ("search for records", "Registration code or name")),
    *_rows(_INSIGHTS, "troubleshooting", Kind.TEXT, "In Retry Queue", "Total Retried", "Retried Abandoned", "Validation Errors"),
    *_rows(_INSIGHTS, "troubleshooting", Kind.HEADING, "Retry Activity", "Retry Processing Category", "Connection Activity"),
    *_rows(_INSIGHTS, "troubleshooting", Kind.TEXT, "General", "System", "Config", "Connection"),
    *_rows(_INSIGHTS, "records", Kind.COLUMN, ("Registration Code", "Registration")),
    *_rows(_INSIGHTS, "feed", Kind.OPTION, ("success or failure", "Success and failure"), ("Event", "All events"), ("Flow", "All flows")),
    *_rows(_INSIGHTS, "feed", Kind.FIELD, ("Registration Code", "Registration code or name"), ("by date", "Date")),
)

_QUEUE, _FILTERING, _SUBMITTING = "The Retry Queue", "Filtering the Queue", "Submitting to the Queue"
_REPLAYING = "Replaying a Flow"
RETRY: Sequence[Row] = (
    *_rows(_QUEUE, "flow-list", Kind.LINK, "Retry"),
    *_rows(_QUEUE, "retry", Kind.HEADING, "Retry"),
    *_rows(
        _FILTERING,
        "retry",
        Kind.OPTION,
        ("Integration", "All Integrations"),
        ("Status", "All Statuses"),
        ("Category", "All Categories"),
    ),
    *_rows(_FILTERING, "retry", Kind.OPTION, "Webhooks", "All Statuses", "Retry", "Error", "Failed", "Done"),
    *_rows(_FILTERING, "retry", Kind.OPTION, "All Categories", "General", "System", "Config", ("Certain API", "Source API"), "Connection"),
    *_rows(_SUBMITTING, "retry", Kind.LINK, ("click an item", "W-1")),
    *_rows(_SUBMITTING, "retry item", Kind.BUTTON, "Submit to Retry Queue"),
)
REPLAY: Sequence[Row] = (
    *_rows(_REPLAYING, "flow-list", Kind.LINK, ("replay that flow", "Replay")),
    *_rows(_REPLAYING, "replay", Kind.HEADING, "Replay"),
    *_rows(_REPLAYING, "replay", Kind.FIELD, ("that flow", "Flow"), ("a date range", "From"), ("even an event", "Event")),
    *_rows(_REPLAYING, "replay", Kind.BUTTON, ("ask Certain to arrange it", "Dry run")),
)

ROWS: Sequence[Row] = (*TAGS, *OPENING, *CONNECTIONS, *LIST, *FLOWS, *DESTINATIONS, *MAPPINGS, *INSIGHTS, *RETRY, *REPLAY)
