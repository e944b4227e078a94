"""Every screen, field, option and button that the guide names from "Setting up Tags" to "Mappings", and where it stands in Heliograph.

One row each, in the guide's order. tests/integration/test_guide_names.py finds each one on its page, and writes docs/guide/names.md of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.named import Kind
from tests.named import Kind as K


@dataclass(frozen=True, slots=True)
class Row:
    """chapter: of the guide. name: as the guide writes it. place: a key of PLACES. shown: what the page writes, where that is not the same to the letter."""

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
    "mapping-list": f"{SIGNAL}, Mappings",
    "mapping-new": f"{SIGNAL}, Mappings, New Mapping",
    "mapping": f"{SIGNAL}, Mappings, a mapping",
}
"""By the name of the address (and what is special about what is shown there): the way to it."""


def _rows(chapter: str, place: str, kind: Kind, *found: str | tuple[str, str]) -> list[Row]:
    """found: a name, or (the guide's, the page's)."""
    return [Row(chapter, *((name, kind, place) if isinstance(name, str) else (name[0], kind, place, name[1]))) for name in found]


_SET_UP, _ACCOUNT, _EVENT = "Setting Tags Up for an Account", "Applying Tags in an Account", "Applying Tags in an Event"
TAGS: Sequence[Row] = (
    *_rows(_SET_UP, "tags", K.LINK, "Account Settings"),
    *_rows(_SET_UP, "tags", K.HEADING, "Management"),
    *_rows(_SET_UP, "tags", K.LINK, "Tags"),
    *_rows(_SET_UP, "tags", K.FIELD, "Name", "Label", "Object(s)"),
    *_rows(_SET_UP, "tags", K.OPTION, "Registration Statuses", "Custom Registration Properties", "Attendee Types", "Events"),
    *_rows(_SET_UP, "tags", K.BUTTON, "Add"),
    *_rows(_ACCOUNT, "registration-statuses", K.LINK, "Registration Statuses"),
    *_rows(_ACCOUNT, "registration-statuses", K.COLUMN, "Tags"),
    *_rows(_ACCOUNT, "registration-statuses", K.TEXT, "New"),
    *_rows(_ACCOUNT, "registration-statuses", K.BUTTON, ("Select one or more Tags", "Save")),
    *_rows(_EVENT, "custom-statuses", K.HEADING, ("Plan > Event Setup", "Plan: Event Setup")),
    *_rows(_EVENT, "custom-statuses", K.LINK, "Custom Statuses"),
    *_rows(_EVENT, "custom-statuses", K.COLUMN, "Tags"),
    *_rows(_EVENT, "configure", K.HEADING, "Plan"),
    *_rows(_EVENT, "configure", K.LINK, "Configure"),
    *_rows(_EVENT, "configure", K.HEADING, "Custom Registration Properties"),
    *_rows(_EVENT, "configure", K.COLUMN, "Tags"),
    *_rows(_EVENT, "attendee-types", K.LINK, "Attendee Types"),
    *_rows(_EVENT, "attendee-types", K.COLUMN, "Tags"),
    *_rows(_EVENT, "event-details", K.LINK, "Details"),
    *_rows(_EVENT, "event-details", K.FIELD, "Tags"),
    *_rows(_EVENT, "questions", K.LINK, "Questions"),
    *_rows(_EVENT, "questions", K.COLUMN, "Tag"),
)
_OPENING = "Opening Certain Signal"
OPENING: Sequence[Row] = (
    *_rows(_OPENING, "tags", K.HEADING, "Implementation"),
    *_rows(_OPENING, "tags", K.LINK, "Signal Real-Time Data Integration"),
    *_rows(_OPENING, "flow-list", K.LINK, ("Return to Certain Platform", "Back to the platform")),
)
_ADDING = "Adding a Connection"
CONNECTIONS: Sequence[Row] = (
    *_rows(_ADDING, "flow-list", K.LINK, "Connections"),
    *_rows(_ADDING, "connection-list", K.HEADING, "Connection List"),
    *_rows(_ADDING, "connection-list", K.LINK, "Add A Connection"),
    *_rows(_ADDING, "connection", K.HEADING, "Connection Setup"),
    *_rows(_ADDING, "connection", K.FIELD, "Target"),
    *_rows(_ADDING, "connection", K.TEXT, "Webhook"),
    *_rows(_ADDING, "connection", K.FIELD, "Connection Name", "Authentication Type"),
    *_rows(_ADDING, "connection", K.OPTION, "Basic Authentication", "Open / No Auth", "API Key / Token", "OAuth2"),
    *_rows(_ADDING, "connection", K.FIELD, "URL", "Content Type"),
    *_rows(_ADDING, "connection", K.OPTION, "application/json", ("x-www-form-urlencoded", "application/x-www-form-urlencoded")),
    *_rows(_ADDING, "connection", K.FIELD, "Request Method"),
    *_rows(_ADDING, "connection", K.OPTION, "POST", "GET"),
    *_rows(_ADDING, "connection", K.FIELD, "User Name", "Password", "API Key / Token", "Grant Type"),
    *_rows(_ADDING, "connection", K.OPTION, "Client Credentials", "Authorization Code"),
    *_rows(_ADDING, "connection", K.FIELD, "Client Id", "Client Secret", "Authorization URL", "Access Token URL", "Refresh Token URL"),
    *_rows(_ADDING, "connection", K.FIELD, "Scope", "Test Connection URL"),
    *_rows(_ADDING, "connection", K.OPTION, "Is this a primary connection"),
    *_rows(_ADDING, "connection", K.BUTTON, "Save & Test"),
    *_rows(_ADDING, "connection tested", K.LINK, "Close"),
)
_LIST, _CONFIGURING, _SOURCES, _ACTIVATE, _FILTERS = (
    "The Flow List",
    "Configuring a Flow",
    "Available sources",
    "Activate for …",
    "Flow Filters",
)
LIST: Sequence[Row] = (
    *_rows(_LIST, "flow-list", K.HEADING, "Flow List"),
    *_rows(_LIST, "flow-list", K.COLUMN, "Status", "Active"),
)
FLOWS: Sequence[Row] = (
    *_rows(_CONFIGURING, "flow-list", K.LINK, "ADD A FLOW"),
    *_rows(_CONFIGURING, "flow-new", K.FIELD, "Name", "Live"),
    *_rows(_CONFIGURING, "flow-new", K.TEXT, ("Test", "Off: this is a Test flow")),
    *_rows(_CONFIGURING, "flow-new", K.HEADING, "Source", "Filters", "Destination"),
    *_rows(_CONFIGURING, "flow-new", K.BUTTON, ("Save an incomplete Flow", "Save")),
    *_rows(_SOURCES, "flow-new", K.OPTION, "Registration Create Update", "Registration Status Change"),
    *_rows(_SOURCES, "flow-new", K.OPTION, "Session Registration Status Change", "Event Create Update"),
    *_rows(_ACTIVATE, "flow status", K.HEADING, "Activate for"),
    *_rows(_ACTIVATE, "flow status", K.FIELD, "Registration Statuses", "Registration Properties"),
    *_rows(_ACTIVATE, "flow status", K.OPTION, "Complete", "Badge Printed", "On To Do List", "Invoice Generated", "Test"),
    *_rows(_ACTIVATE, "flow session", K.FIELD, "Session Registration Statuses"),
    *_rows(_ACTIVATE, "flow event", K.FIELD, "Event Statuses"),
    *_rows(_FILTERS, "flow status", K.GROUP, ("Event", "Event fields"), ("Profile", "Profile fields"), "Attendee Type Tags"),
    *_rows(_FILTERS, "flow status", K.OPTION, "Event Code", ("event tags", "Event Tags"), "Position"),
)
_SETTING, _MAPPINGS = "Setting up a Destination", "Mappings"
DESTINATIONS: Sequence[Row] = (
    *_rows("Flow Destination", "flow status", K.OPTION, "Webhooks"),
    *_rows(_SETTING, "flow status", K.FIELD, ("Name", "Destination name"), "Connection"),
    *_rows(_SETTING, "flow status", K.BUTTON, "New Connection"),
    *_rows(_SETTING, "flow status", K.FIELD, "Action"),
    *_rows(_SETTING, "flow status", K.OPTION, "Webhook"),
    *_rows(_MAPPINGS, "flow status", K.FIELD, ("Payload", "Payload mapping"), ("Http Header", "Http Header mapping")),
    *_rows(_MAPPINGS, "flow status", K.BUTTON, "New Mapping", "Edit Mapping", "Preview Mapping"),
)
MAPPINGS: Sequence[Row] = (
    *_rows(_MAPPINGS, "mapping-list", K.LINK, "New Mapping"),
    *_rows(_MAPPINGS, "mapping-new", K.FIELD, ("name", "Mapping name")),
    *_rows(_MAPPINGS, "mapping-new", K.BUTTON, ("sample JSON", "Paste a sample JSON"), "Add"),
    *_rows(_MAPPINGS, "mapping", K.GROUP, "Profile Standard Fields", "Profile Custom Fields", "Registration Standard Fields"),
    *_rows(_MAPPINGS, "mapping", K.GROUP, "Registration Custom Question Tags", "Registration Standard Properties"),
    *_rows(
        _MAPPINGS, "mapping", K.GROUP, "Account Standard Fields", "Event Standard Fields", "Event Custom Fields", "Flow Fields", "Macros"
    ),
    *_rows(
        _MAPPINGS, "mapping", K.OPTION, ("FirstName", "First Name"), "Position", "Organization", "Account Code", "Event Code", "Event Name"
    ),
    *_rows(_MAPPINGS, "mapping", K.OPTION, "Flow Name", "Current Date"),
    *_rows(_MAPPINGS, "mapping", K.OPTION, ("required field", "Required")),
    *_rows(_MAPPINGS, "mapping", K.OPTION, "lower case", "Proper Case", "UPPER CASE", "Trim"),
    *_rows(_MAPPINGS, "mapping", K.BUTTON, ("x", "Remove E-mail"), ("Save the mapping", "Save")),
)

ROWS: Sequence[Row] = (*TAGS, *OPENING, *LIST)
