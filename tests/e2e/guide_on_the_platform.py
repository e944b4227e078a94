"""The guide's chapter "Setting up Tags": what is done on the platform, step by step, under the guide's names."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect
from tests.e2e.guide_reader import Reader, chooses, is_at, offers, presses

STATUSES = {
    "New": "Registered",
    "Pre-Registered": "Registered",
    "No-show": "Cancelled",
    "Attended": "Attended",
    "Requested Invitation": "Cancelled",
    "Waitlist Hold": "Cancelled",
    "Invited": "Cancelled",
    "Invitation Sent": "Cancelled",
    "Declined Invitation": "Cancelled",
    "Request Denied": "Cancelled",
    "Cancelled": "Cancelled",
}
"""Each standard status and its tag: best practice is to set up tags for all of them."""
TAGS = {
    ("registered", "Registered"): ("Registration Statuses",),
    ("attended", "Attended"): ("Registration Statuses",),
    ("cancelled", "Cancelled"): ("Registration Statuses",),
    ("vip", "VIP"): ("Registration Statuses", "Custom Registration Properties"),
    ("speaker", "Speaker"): ("Attendee Types",),
    ("flagship", "Flagship"): ("Events",),
    ("diet", "Diet"): ("Registration Questions",),
    ("present", "Present"): ("Session Registration Statuses", "Event Statuses"),
}
"""(Name, Label) and Object(s)."""
LONG = "Mitgliederversammlungsteilnahmeberechtigungsbescheinigung"
"""A name that no column has room for."""


def tags(page: Page, field: Locator, tag: str) -> None:
    """Chooses a tag in this field and saves; it stands there then."""
    chooses(field, tag)
    presses(page, "Save")
    expect(page.get_by_role("button", name=f"Remove {tag}", exact=True)).to_be_visible()


def setting_tags_up_for_an_account(reader: Reader) -> None:
    """Account Settings > Management > Tags: a Name, a Label, the Object(s), Add; repeated for as many tags as needed."""
    page = reader.platform
    reader.signs_in()
    reader.goes_to("Account Settings", "Management", "Tags")
    is_at(page, "Tags")
    for (name, label), objects in TAGS.items():
        form = page.get_by_role("main").get_by_role("form", name="Add")
        form.get_by_label("Name", exact=True).fill(name)
        form.get_by_label("Label", exact=True).fill(label)
        kinds = form.get_by_role("group", name="Object(s)").get_by_role("checkbox")
        for kind in kinds.all():
            kind.set_checked(kind.evaluate("(box) => box.labels[0].innerText.trim()") in objects)
        presses(page, "Add", within=form)
        row = page.get_by_role("row").filter(has_text=name)
        expect(row.get_by_role("link", name=label, exact=True)).to_be_visible()
        expect(row.get_by_role("cell", name=", ".join(objects), exact=True)).to_be_visible()


def default_registration_statuses(reader: Reader) -> None:
    """Account Settings > Management > Registration Statuses: one or more Tags for each; and the other two kinds of statuses."""
    page = reader.platform
    reader.goes_to("Account Settings", "Management", "Registration Statuses")
    is_at(page, "Registration Statuses")
    expect(page.get_by_role("button", name="Use the standard tags")).to_be_visible()  # a warning comes with the first flow that uses them
    assert set(offers(page.get_by_label("Tags for New", exact=True))) == {"Registered", "Attended", "Cancelled", "VIP"}
    for status, tag in STATUSES.items():
        chooses(page.get_by_label(f"Tags for {status}", exact=True), tag)
    presses(page, "Save")
    expect(page.get_by_role("heading", name="New has no tag")).to_be_hidden()
    for status, tag in STATUSES.items():
        row = page.get_by_role("row").filter(has=page.get_by_label(f"Tags for {status}", exact=True))
        expect(row.get_by_role("button", name=f"Remove {tag}", exact=True)).to_be_visible()
    for kind, status, tag in (("Session Registration Statuses", "Attended", "Present"), ("Event Statuses", "Live", "Present")):
        reader.goes_to("Account Settings", "Management", kind)
        is_at(page, kind)
        assert offers(page.get_by_label(f"Tags for {status}", exact=True)) == [tag]
        tags(page, page.get_by_label(f"Tags for {status}", exact=True), tag)


def custom_fields(reader: Reader) -> None:
    """Custom event fields and custom profile fields, which filters and mappings may use: Event Data and Profile Data."""
    page = reader.platform
    for place, label, options in (("Event Data", "Region", "North\nSouth"), ("Profile Data", "Shirt", "S\nM")):
        reader.goes_to("Account Settings", "Management", place)
        is_at(page, place)
        page.get_by_label("Label", exact=True).fill(label)
        page.get_by_label("Type", exact=True).select_option(label="select")
        page.get_by_role("textbox", name="Options").fill(options)
        presses(page, "Add")
        expect(page.get_by_role("row").filter(has_text=label)).to_contain_text("select")


def an_event(reader: Reader) -> None:
    """The guide has events; here the first one is made. It begins in Testing."""
    page = reader.platform
    page.get_by_role("navigation", name="Platform").get_by_role("link", name="Event", exact=True).click()
    is_at(page, "Events")
    page.get_by_role("link", name="Add an event").first.click()
    page.get_by_label("Name", exact=True).fill("Summit")
    page.get_by_label("Code", exact=True).fill("SUMMIT-26")
    presses(page, "Add the event")
    is_at(page, "Summit")
    expect(page.get_by_label("Event status").get_by_role("option", name="Testing")).to_have_attribute("selected", "")


def custom_registration_statuses(reader: Reader) -> None:
    """Plan > Event Setup > Custom Statuses: at least one tag for each status."""
    page = reader.platform
    reader.goes_to("Plan", "Event Setup", "Custom Statuses")
    is_at(page, "Custom Statuses")
    page.get_by_label("Name", exact=True).fill("Paid")
    chooses(page.get_by_role("combobox", name="Tags"), "Registered")
    presses(page, "Add")
    page.get_by_label("Name", exact=True).fill(LONG)
    page.get_by_label("Class", exact=True).select_option(label="Pending")
    presses(page, "Add")
    chooses(page.get_by_label(f"Tags for {LONG}", exact=True), "Registered")
    presses(page, "Save")
    expect(page.get_by_role("row").filter(has_text=LONG).get_by_role("button", name="Remove Registered")).to_be_visible()


def custom_registration_properties(reader: Reader) -> None:
    """Plan > Configure: under Custom Registration Properties at least one tag for each."""
    page = reader.platform
    reader.goes_to("Plan", "Configure")
    is_at(page, "Configure")
    page.get_by_label("Name", exact=True).fill("VIP guest")
    presses(page, "Add")
    expect(page.get_by_role("heading", name="Custom Registration Properties")).to_be_visible()
    field = page.get_by_label("Tags for VIP guest", exact=True)
    assert offers(field) == ["VIP"]
    tags(page, field, "VIP")


def attendee_types(reader: Reader) -> None:
    """Plan > Event Setup > Attendee Types: one or more Tags for each type to filter by."""
    page = reader.platform
    reader.goes_to("Plan", "Event Setup", "Attendee Types")
    is_at(page, "Attendee Types")
    for name in ("Speaker", "Guest"):
        page.get_by_label("Name", exact=True).fill(name)
        presses(page, "Add")
    tags(page, page.get_by_label("Tags for Speaker", exact=True), "Speaker")


def tags_of_events(reader: Reader) -> None:
    """Plan > Event Setup > Details: one or more Tags for the event; its custom fields stand there as well."""
    page = reader.platform
    reader.goes_to("Plan", "Event Setup", "Details")
    is_at(page, "Summit")
    page.get_by_label("Region").select_option(label="North")
    tags(page, page.get_by_role("combobox", name="Tags"), "Flagship")


def registration_questions(reader: Reader) -> None:
    """Plan > Event Setup > Questions: just one Tag for each question. And a session, for session registrations."""
    page = reader.platform
    reader.goes_to("Plan", "Event Setup", "Questions")
    is_at(page, "Questions")
    page.get_by_label("Label", exact=True).fill("What do you eat?")
    page.get_by_label("Type", exact=True).select_option(label="multi-select")
    page.get_by_role("textbox", name="Options").fill("Vegan\nHalal\nGluten-free")
    presses(page, "Add")
    tag = page.get_by_label("Tag for What do you eat?", exact=True)
    tag.select_option(label="Diet")
    presses(page, "Save")
    expect(tag.get_by_role("option", name="Diet")).to_have_attribute("selected", "")
    reader.goes_to("Plan", "Event Setup", "Sessions")
    page.get_by_label("Name", exact=True).fill("Opening")
    presses(page, "Add")
    expect(page.get_by_role("row").filter(has_text="Opening")).to_be_visible()
