"""The guide's chapters "Opening Certain Signal" to "Mappings": what is done in Signal, step by step, under the guide's names."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect
from tests.e2e.guide_reader import CRM_PASSWORD, EVENT, USER, Reader, chooses, is_at, offers, presses
from tests.waiting import until

FLOW = "Speakers to the CRM"
BASIC = ("User Name", "Password")
KEY = ("API Key / Token",)
OAUTH = ("Grant Type", "Client Id", "Client Secret", "Access Token URL", "Refresh Token URL", "Scope")
FIELDS_OF_TYPES = {"Open / No Auth": (), "API Key / Token": KEY, "OAuth2": OAUTH, "Basic Authentication": BASIC}
"""What each Authentication Type asks for, beside what all of them do. The last one is what the journey goes on with."""
LISTS = {
    "Registration Create Update": ("Registration Statuses", "Registration Properties"),
    "Session Registration Status Change": ("Session Registration Statuses", "Registration Statuses", "Registration Properties"),
    "Event Create Update": ("Event Statuses",),
    "Registration Status Change": ("Registration Statuses", "Registration Properties"),
}
"""What a flow can activate for, by what it watches for."""
SAMPLE = '{"FirstName": "Ann", "Title": "CEO", "Email": "a@example.com", "Meal": "any", "Company": "ACME", "Shirt": "M", "From": "x", "Note": "y"}'


def opening_signal(reader: Reader) -> None:
    """Account Settings > Implementation > Signal Real-Time Data Integration opens a window of its own; and the way back."""
    page = reader.platform
    page.get_by_role("navigation", name="Platform").get_by_role("link", name="Account Settings", exact=True).click()
    panel = page.get_by_role("navigation", name="Account Settings")
    expect(panel.get_by_role("heading", name="Implementation", exact=True)).to_be_visible()
    with page.expect_popup() as popup:
        panel.get_by_role("link", name="Signal Real-Time Data Integration").click()
    reader.signal = reader.at = signal = popup.value
    is_at(signal, "Set Signal up in four steps")
    for step in ("Add tags in the account", "Apply those tags", "Add a Connection", "Configure a Flow"):
        expect(signal.get_by_role("heading", name=step)).to_be_visible()
    expect(signal.get_by_text("2 of 4 done.")).to_be_visible()
    signal.get_by_role("link", name="Back to the platform").click()
    is_at(signal, "Registrations")
    signal.go_back()
    is_at(signal, "Set Signal up in four steps")


def adding_a_connection(reader: Reader) -> None:
    """Connections, Add A Connection, the details in the Connection Setup screen, Save & Test, Close."""
    page = reader.signal
    reader.receiver.answer("/crm", reader.crm)
    reader.receiver.answer("/me", reader.crm)
    reader.panel("Connections")
    is_at(page, "Connection List")
    page.get_by_role("link", name="Add A Connection").first.click()
    page.get_by_role("link", name="Any webhook", exact=True).click()
    is_at(page, "Connection Setup")
    expect(page.get_by_text("Webhook", exact=True)).to_be_visible()
    page.get_by_label("Connection Name").fill("Sales CRM")
    for name, fields in FIELDS_OF_TYPES.items():
        page.get_by_label("Authentication Type").select_option(label=name)
        for label in {*BASIC, *KEY, *OAUTH}:
            expect(_field(page, label).filter(visible=True)).to_have_count(int(label in fields))
        if name == "OAuth2":
            page.get_by_role("radio", name=re.compile("^Client Credentials")).check()
            expect(_field(page, "Authorization URL").filter(visible=True)).to_have_count(0)
            page.get_by_role("radio", name=re.compile("^Authorization Code")).check()
            expect(_field(page, "Authorization URL")).to_be_visible()
        for label in ("URL", "Request Method", "Test Connection URL"):
            expect(page.get_by_label(label).first).to_be_visible()
    expect(page.get_by_role("group", name="Content Type").get_by_role("radio")).to_have_count(2)
    expect(page.get_by_role("checkbox", name="Is this a primary connection")).not_to_be_checked()
    page.get_by_label("URL", exact=True).fill(reader.receiver.url("/crm"))
    _field(page, "Test Connection URL").fill(reader.receiver.url("/me"))
    page.get_by_label("User Name").fill(USER)
    page.get_by_label("Password", exact=True).fill("mistyped")
    presses(page, "Save & Test")
    expect(page.get_by_role("heading", name="The test failed at “Sign in”")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(CRM_PASSWORD)
    presses(page, "Save & Test")
    expect(page.get_by_role("heading", name="answered as it should")).to_be_visible()
    page.get_by_role("link", name="Close", exact=True).click()
    is_at(page, "Connection List")
    expect(page.get_by_role("row").filter(has_text="Sales CRM")).to_contain_text("No flow yet")


def _field(page: Page, label: str) -> Locator:
    """A field, or a group of choices, by its label."""
    named = re.compile(f"^{label.replace('/', '.')}( ?optional)?$")
    return page.get_by_role("main").get_by_label(named).or_(page.get_by_role("group", name=named))


def configuring_a_flow(reader: Reader) -> None:
    """The Flow List, ADD A FLOW, Name, Live or Test; it can be saved incomplete at any time."""
    page = reader.signal
    reader.panel("Flows")
    is_at(page, "Flow List")
    page.get_by_role("link", name="ADD A FLOW").first.click()
    page.get_by_label("Name", exact=True).fill(FLOW)
    expect(page.get_by_role("switch", name="Live", exact=True)).not_to_be_checked()
    for part in ("Source", "Filters", "Destination"):
        expect(page.get_by_role("heading", name=part, exact=True)).to_be_visible()
    presses(page, "Save")
    is_at(page, FLOW)
    expect(page.get_by_role("complementary", name="Check").get_by_role("heading", name="Incomplete")).to_be_visible()
    reader.panel("Flows")
    row = page.get_by_role("row").filter(has_text=FLOW)
    for column in ("Status", "Active"):
        expect(page.get_by_role("columnheader", name=column, exact=True)).to_be_visible()
    expect(row.get_by_text("Incomplete", exact=True)).to_be_visible()
    toggle = page.get_by_role("switch", name=f"Active: {FLOW}")
    for checked in (False, True):
        toggle.click()
        expect(toggle).to_be_checked(checked=checked)
    row.get_by_role("link", name=FLOW, exact=True).click()
    is_at(page, FLOW)


def available_sources(reader: Reader) -> None:
    """A flow watches for one of them; each brings the lists that the flow can activate for."""
    page = reader.signal
    for watch, lists in LISTS.items():
        page.get_by_role("radio", name=re.compile(f"^{watch}")).check()
        expect(page.get_by_role("heading", name="Activate for", exact=True)).to_be_visible()
        for name in {name for names in LISTS.values() for name in names}:
            expect(_list(page, name)).to_have_count(int(name in lists))


def _list(page: Page, name: str) -> Locator:
    """A list of tags of the flow, once it is a chip input."""
    return page.get_by_role("combobox", name=re.compile(f"^{name}( ?optional)?$"))


def activate_for(reader: Reader) -> None:
    """The tags offered are those set up for that object, and the standard properties' own."""
    page = reader.signal
    statuses, properties = _list(page, "Registration Statuses"), _list(page, "Registration Properties")
    assert set(offers(statuses)) == {"Registered", "Attended", "Cancelled", "VIP"}
    assert set(offers(properties)) == {"Complete", "Badge Printed", "On To Do List", "Invoice Generated", "Test", "VIP"}
    chooses(statuses, "Registered", "Attended")
    chooses(properties, "VIP")
    expect(page.get_by_role("main")).to_contain_text("When a status becomes Registered or Attended")
    presses(page, "Save")
    is_at(page, FLOW)
    reader.panel("Flows")
    expect(page.get_by_role("row").filter(has_text=FLOW)).to_contain_text("When a status becomes Registered or Attended")
    page.get_by_role("link", name=FLOW, exact=True).click()
    is_at(page, FLOW)


def flow_filters(reader: Reader) -> None:
    """Event fields, Profile fields and Attendee Type Tags, and ours beside them: Registration and Answers."""
    page = reader.signal
    rows = (("Event Tags", "Flagship"), ("Region", "North"), ("Shirt", "M"), ("Attendee Type Tags", "Speaker"))
    for n, (name, value) in enumerate(rows, start=1):
        page.get_by_role("button", name="Add a filter").click()
        field = page.get_by_label(f"Field, row {n}", exact=True)
        groups = field.evaluate("(select) => [...select.querySelectorAll('optgroup')].map((group) => group.label)")
        assert groups == ["Event", "Profile", "Registration", "Answers", "Attendee Type Tags"]
        for standard in ("Event Code", "Position"):
            expect(field.get_by_role("option", name=standard, exact=True)).to_have_count(1)
        field.select_option(label=name)
        values = page.get_by_label(f"Values, row {n}", exact=True)
        until(lambda: value in offers(values))  # noqa: B023 - waits here
        chooses(values, value)
        expect(page.get_by_role("button", name=f"Remove {value}", exact=True)).to_be_visible()
    presses(page, "Save")
    is_at(page, FLOW)
    expect(page.get_by_role("group", name=re.compile("^Filter "))).to_have_count(len(rows))


def setting_up_a_destination(reader: Reader) -> None:
    """Webhooks, a Name, the Connection, Webhook as the Action."""
    page = reader.signal
    page.get_by_role("button", name="Add a destination", exact=True).click()
    page.get_by_label("Destination name").fill("Our CRM")
    expect(page.get_by_role("button", name="New Connection")).to_be_visible()
    page.get_by_label("Connection", exact=True).select_option(label="Sales CRM")
    page.get_by_label("Action", exact=True).select_option(label="Webhook")
    presses(page, "Save")
    is_at(page, FLOW)
    expect(page.get_by_label("Connection", exact=True).get_by_role("option", name="Sales CRM")).to_have_attribute("selected", "")


def mappings(reader: Reader) -> None:
    """New Mapping: a name, a sample JSON, a source for each target field, texts between them, required fields, transformations."""
    page = reader.signal
    presses(page, "New Mapping", within=page.get_by_role("group", name="Our CRM"))
    is_at(page, "New Mapping")
    page.get_by_label("Mapping name").fill("Lead Mapping")
    page.get_by_role("button", name="Paste a sample JSON").click()
    page.get_by_label("Sample JSON").fill(SAMPLE)
    page.get_by_role("button", name="Show its rows").click()
    page.get_by_role("button", name="Add 8 rows").click()
    page.get_by_label("Add a target field").fill("Status")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("combobox", name="Add to Status", exact=True)).to_be_focused()
    _selects(page, "FirstName", "First Name")
    _selects(page, "Title", "Position", "Text:  @ ", "Organization")
    _selects(page, "Email", "Phone", "E-mail")
    _row(page, "Email").get_by_role("button", name="Remove Phone", exact=True).click()
    _selects(page, "Meal", "Diet (question)", "Text:: ", "Diet (answer)")
    _selects(page, "Company", "Organization")
    _selects(page, "Shirt", "Shirt")
    _selects(page, "From", "Account Code", "Text:/", "Event Code", "Text:/", "Region", "Text:/", "Flow Name")
    _selects(page, "Note", "Text:complete: ", "Complete")
    _selects(page, "Status", "Registration Status")
    page.get_by_role("checkbox", name=re.compile("Required ?: Email$")).check()
    for target, *options in (("FirstName", "Trim", "Proper Case"), ("Email", "lower case"), ("Status", "UPPER CASE")):
        transformation = page.get_by_label(f"Transformation of {target}", exact=True)
        transformation.click()
        for option in options:
            _row(page, target).get_by_label(re.compile(f"^{option}")).check()
        expect(transformation).to_have_text(", ".join(options))
        transformation.click()  # closes the list of them
    _row(page, "Company").get_by_role("button", name="Organization", exact=True).click()
    page.get_by_label("Escape for").select_option(label="HTML")
    page.get_by_role("button", name="Close Organization").click()
    expect(_row(page, "Company").get_by_role("button", name=re.compile("^Organization, .*HTML"))).to_be_visible()
    presses(page, "Save")
    is_at(page, FLOW)


def http_header(reader: Reader) -> None:
    """The second mapping of a destination, for the Http Header; Edit Mapping and Preview Mapping are there once a mapping is selected."""
    page = reader.signal
    destination = page.get_by_role("group", name="Our CRM")
    presses(page, "New Mapping for the Http Header", within=destination)
    is_at(page, "New Mapping")
    page.get_by_label("Mapping name").fill("CRM Header")
    expect(page.get_by_role("radio", name="Http Header")).to_be_checked()
    page.get_by_label("First target field").fill("X-Event")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("combobox", name="Add to X-Event", exact=True)).to_be_focused()
    _selects(page, "X-Event", "Event Code")
    presses(page, "Save")
    is_at(page, FLOW)
    for name, mapping in (("Payload mapping", "Lead Mapping"), ("Http Header mapping", "CRM Header")):
        expect(_field(page, name).get_by_role("option", name=mapping)).to_have_attribute("selected", "")
    expect(destination.get_by_role("button", name="Edit Mapping", exact=True)).to_be_visible()
    presses(page, "Preview Mapping", within=destination)
    is_at(page, "Lead Mapping")
    expect(page.get_by_label("JSON", exact=True)).to_contain_text('"FirstName": "Ada"')
    page.go_back()
    is_at(page, FLOW)
    presses(page, "Save")
    expect(page.get_by_role("status").get_by_text("Saved. It acts on changes from now on.")).to_be_visible()
    expect(page.get_by_text("Complete", exact=True).first).to_be_visible()


def a_test_flow(reader: Reader) -> None:
    """Best practice: set a new flow up as Test and test it. A registration of an event in Testing reaches the target application."""
    page = reader.turns_to(reader.platform)
    _registers(page, "S26-1", "zoë ", status="Paid", attendee_type="Speaker")
    (post,) = reader.receiver.wait_for(1, path="/crm")
    assert (post.method, post.header("content-type"), post.header("x-event")) == ("POST", "application/json", EVENT)
    assert post.json() == _body("Zoë", "PAID")


def a_live_flow(reader: Reader) -> None:
    """Live: the event leaves Testing, the flow is switched. It ignores test registrations, and those that its filters do not take."""
    signal = reader.turns_to(reader.signal)
    signal.get_by_role("switch", name="Live", exact=True).press("Space")
    presses(signal, "Save")
    presses(signal, "Save, and go Live")
    expect(signal.get_by_role("status").get_by_text("Saved. It acts on changes from now on.")).to_be_visible()
    page = reader.turns_to(reader.platform)
    reader.goes_to("Plan", "Event Setup", "Details")
    page.get_by_label("Event status").select_option(label="Live")
    presses(page, "Save")
    is_at(page, f"Take {EVENT} from Testing to Live?")
    presses(page, "Go Live")
    expect(page.get_by_text(f"{EVENT}, Live.")).to_be_visible()
    page.get_by_role("navigation", name="Platform").get_by_role("link", name="Registrations", exact=True).click()
    page.get_by_role("link", name="S26-1", exact=True).click()
    page.get_by_role("combobox", name="Status", exact=True).select_option("Attended")
    presses(page, "Save")
    expect(page.get_by_role("status").get_by_text("Saved as one change.")).to_be_visible()
    _registers(page, "S26-2", "gast", status="Paid", attendee_type="Guest")
    _registers(page, "S26-3", "JOE", status="Pre-Registered", attendee_type="Speaker")
    posts = reader.receiver.wait_for(2, path="/crm")
    assert [post.json() for post in posts] == [_body("Zoë", "PAID"), _body("Joe", "PRE-REGISTERED")]


def _registers(page: Page, code: str, first_name: str, *, status: str, attendee_type: str) -> None:
    """Somebody who eats vegan and gluten-free, a VIP."""
    page.get_by_role("navigation", name="Platform").get_by_role("link", name="Registrations", exact=True).click()
    is_at(page, "Registrations")
    page.get_by_role("link", name="Add a registration").first.click()
    page.get_by_label("Code", exact=True).fill(code)
    for label, text in (
        ("First Name", first_name),
        ("E-mail", "Zoe@Example.org"),
        ("Organization", "Oakline & Sons"),
        ("Position", "Chair"),
    ):
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_label("Shirt", exact=True).select_option(label="M")
    page.get_by_role("combobox", name="Status", exact=True).select_option(label=status)
    page.get_by_label("Attendee type", exact=True).select_option(label=attendee_type)
    for box in ("VIP guest", "Complete", "Vegan", "Gluten-free"):
        page.get_by_role("checkbox", name=box, exact=True).check()
    presses(page, "Save")
    is_at(page, first_name.strip())


def _body(first_name: str, status: str) -> dict[str, str]:
    """What the mapping makes of somebody who was registered by the journey."""
    return {
        "FirstName": first_name,
        "Title": "Chair  @ Oakline & Sons",
        "Email": "zoe@example.org",
        "Meal": "What do you eat?: Vegan, Gluten-free",
        "Company": "Oakline &amp; Sons",
        "Shirt": "M",
        "From": f"ACME/{EVENT}/North/{FLOW}",
        "Note": "complete: Yes",
        "Status": status,
    }


def _row(page: Page, target: str) -> Locator:
    """The row of a target field, by its own controls."""
    return page.get_by_role("listitem").filter(has=page.get_by_label(f"Transformation of {target}", exact=True))


def _selects(page: Page, target: str, *sources: str) -> None:
    """Fields by a click on each, and typed texts ("Text:" in front)."""
    entry = page.get_by_role("combobox", name=f"Add to {target}", exact=True)
    for source in sources:
        entry.click()
        fields = page.get_by_role("listbox", name="Fields")
        if source.startswith("Text:"):
            entry.press_sequentially(source.removeprefix("Text:"))
            entry.press("Enter")
        else:
            fields.get_by_role("option", name=re.compile(f"^{re.escape(source)}")).first.click()
        expect(fields).to_be_hidden()


CHAPTERS = (
    opening_signal,
    adding_a_connection,
    configuring_a_flow,
    available_sources,
    activate_for,
    flow_filters,
    setting_up_a_destination,
    mappings,
    http_header,
    a_test_flow,
    a_live_flow,
)
