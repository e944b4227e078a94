"""What a connection holds is one number on every page, in the REST API and in the metrics, beside what waits in Retry and what is being sent
(C8, X2, N2)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from django.test import Client
from tests.api_client import ApiClient
from tests.page_text import text_of
from tests.receiver import Answer
from tests.story import Story
from tests.tables import table_rows

from heliograph.store.installation_state import read_status

SUMMARY, OVERVIEW = "/signal/metrics/?period=today", "/signal/overview/"
EQUATION = re.compile(
    r"(\d+) triggered = (\d+) success \+ (\d+) replaced by newer data \+ (\d+) waiting \+ (\d+) failed \+ (\d+) invalid \+ (\d+) held \+ (\d+) being sent"
)
HELD, WAITING = re.compile(r"(\d+) held\b"), re.compile(r"(\d+) waiting\b")
MANY = 66


@dataclass
class Trouble:
    """Three flows, each with a connection of its own: the printer was paused after it failed four times, the chat refuses everything, the CRM
    takes everything."""

    story: Story
    printer: int
    chat: int
    crm: int


@contextmanager
def trouble(story: Story) -> Iterator[Trouble]:
    """70 registrations: 4 before the pause of the printer, MANY after it. The retries of the 4 are due, the chat's are not."""
    printer, chat, crm = (
        story.connection(name, path, parallel=4) for name, path in (("Printer", "/printer"), ("Chat", "/chat"), ("CRM", "/crm"))
    )
    for name, connection in (("Badges", printer), ("Tell", chat), ("Leads", crm)):
        story.flow(name, [story.to(connection)])
    story.receiver.answer("/printer", *[Answer(503)] * 4, Answer(200))
    story.receiver.answer("/chat", Answer(401))
    story.retries(600, 600, 600)
    with story.worker():
        story.record_many([{"code": f"A-{n}", "status": "Attended"} for n in range(4)])
        story.wait_for(lambda: story.states().count("queued") == 8)
        story.pause(printer)
        story.wait_for(lambda: story.holds(printer))
        story.record_many([{"code": f"B-{n}", "status": "Attended"} for n in range(MANY)])
        story.wait_for(lambda: story.states().count("success") == MANY + 4 and story.states().count("queued") == MANY + 8)
        assert story.states().count("pending") == MANY
        with story.db.transaction():  # as if ten minutes had passed
            story.db.run(
                "UPDATE action SET due_at = 1 WHERE state = 2 AND lane_id IN (SELECT id FROM lane WHERE connection_id = :id)",
                {"id": printer},
            )
            story.db.run("UPDATE lane SET due_at = 1 WHERE state = 2 AND connection_id = :id", {"id": printer})
        yield Trouble(story, printer, chat, crm)


def row_of(rows: list[dict[str, str]], heading: str, name: str) -> str:
    """All words of the row whose first cell names this."""
    return " ".join(next(row for row in rows if name in row[heading]).values())


def numbers_of(text: str) -> tuple[int, int]:
    """The sums of what a text calls held and waiting."""
    return sum(map(int, HELD.findall(text))), sum(map(int, WAITING.findall(text)))


def test_35_3_what_a_paused_connection_holds_is_one_number_everywhere(story: Story, client: Client) -> None:
    with trouble(story) as made:
        story.signs_in(client)
        client.get(OVERVIEW)
        pages = {url: client.get(url).content for url in (SUMMARY, OVERVIEW, "/signal/connections/", "/signal/flows/", "/signal/retry/")}
        summary, overview = text_of(pages[SUMMARY]), text_of(pages[OVERVIEW])
        equation = EQUATION.search(summary)
        assert equation, summary
        whole, *parts = map(int, equation.groups())
        assert (whole, parts) == (210, [70, 0, MANY + 8, 0, 0, MANY, 0])
        assert whole == sum(parts)
        assert f"0 replaced by newer data, {MANY} held and 0 being sent are in neither part" in summary
        assert f"{MANY} actions are held" in summary
        # each place says 66 held and 4 waiting of the printer
        assert numbers_of(row_of(table_rows(pages[SUMMARY], "Destination", "Rate"), "Destination", "Printer")) == (MANY, 4)
        assert numbers_of(row_of(table_rows(pages[OVERVIEW], "Destination", "Rate"), "Destination", "Printer")) == (MANY, 4)
        need = overview.partition("Printer: paused")[2].partition("Delivered today")[0]
        assert numbers_of(need) == (MANY, 4), need
        assert "tried again automatically" not in overview, "a paused connection tries nothing again"
        assert numbers_of(row_of(table_rows(pages["/signal/connections/"], "Connection", "Used by"), "Connection", "Printer")) == (MANY, 4)
        assert numbers_of(row_of(table_rows(pages["/signal/flows/"], "Flow", "Last activity"), "Flow", "Badges")) == (MANY, 4)
        page = text_of(client.get(f"/signal/connections/{made.printer}/overview/").content)
        assert re.search(rf"Held {MANY} not tried yet Waiting 4 in Retry now", page), page
        assert f"{MANY} held · 4 waiting" in text_of(client.get(f"/signal/connections/{made.printer}/").content)
        # Retry and Troubleshooting count what was tried, and nothing that is held
        assert f"{MANY + 8} wait for a retry" in text_of(pages["/signal/retry/"])
        assert f"In Retry Queue {MANY + 8}" in text_of(client.get("/signal/metrics/troubleshooting/?period=today").content)
        assert "being sent" not in pages[OVERVIEW].decode(), "the band counts nothing that is held"
        listed = table_rows(client.get("/registrations/?q=B-1&delivery=").content, "Code", "Delivery")
        assert {row["Delivery"] for row in listed} == {"1 waiting"}, "the chat's, the worst"


def test_35_3_the_api_and_the_metrics_count_the_same(story: Story) -> None:
    with trouble(story) as made:
        api = ApiClient.for_account(story.account)
        figures = api.get("figures?period=1h")
        parts = [figures[name]["value"] for name in ("success", "superseded", "queued", "failed", "validation", "held", "pending")]
        assert (figures["triggered"]["value"], parts) == (210, [70, 0, MANY + 8, 0, 0, MANY, 0])
        of_printer = next(each for each in figures["destinations"] if each["connection"]["id"] == str(made.printer))
        assert (of_printer["delivered"], of_printer["held"], of_printer["queued"]) == (0, MANY, 4)
        overview = api.get("overview")
        need = next(each for each in overview["needs"] if each["health"] == "paused")
        assert (need["held"], need["waiting"], overview["retrying"]) == (MANY, 4, 0)
        assert {each["connection"]["name"]: (each["held"], each["waiting"]) for each in overview["destinations"]} == {
            "Printer": (MANY, 4),
            "Chat": (0, MANY + 4),
            "CRM": (0, 0),
        }
        state = next(each["state"] for each in api.get("connections")["items"] if each["id"] == str(made.printer))
        assert (state["held"], state["pause"]["held_count"], state["waiting"]) == (MANY, MANY, 4)
        flows = {each["name"]: each["figures"] for each in api.get("flows")["items"]}
        assert {name: (each["held"], each["queued"]) for name, each in flows.items()} == {
            "Badges": (MANY, 4),
            "Tell": (0, MANY + 4),
            "Leads": (0, 0),
        }
        status = read_status(story.db)
        assert (status.held_count, status.pending, status.waiting) == (MANY, 0, MANY + 8)


def test_35_3_a_number_of_held_actions_opens_exactly_these(story: Story, client: Client) -> None:
    with trouble(story):
        story.signs_in(client)
        page = client.get(SUMMARY).content.decode()
        hrefs = {html.unescape(href) for href in re.findall(r'href="(/signal/metrics/records/held/[^"]*)"', page)}
        assert len(hrefs) == 2, "of the equation, and of the destination"
        for href in hrefs:
            shown = client.get(href).content.decode()
            assert re.search(rf"<h1>[^<]*: {MANY}</h1>", shown), href
            assert {row["Result"] for row in table_rows(shown, "Result")} == {"Held Why"}
        api = ApiClient.for_account(story.account)
        held = api.get("records/held?period=1h&limit=100")
        assert len(held["items"]) == MANY
        assert api.get("records/pending?period=1h")["items"] == []


def test_35_3_resuming_moves_what_was_held_to_sent_and_all_figures_follow(story: Story, client: Client) -> None:
    with trouble(story) as made:
        story.signs_in(client)
        story.resume(made.printer)
        story.wait_for(lambda: story.states().count("success") == 2 * (MANY + 4))
        equation = EQUATION.search(text_of(client.get(SUMMARY).content))
        assert equation
        assert list(map(int, equation.groups())) == [210, 140, 0, MANY + 4, 0, 0, 0, 0]
        overview = client.get(OVERVIEW).content
        assert "held" not in text_of(overview).partition("Exact numbers")[0]
        row = next(row for row in table_rows(overview, "Destination", "Rate") if "Printer" in row["Destination"])
        assert (row["Delivered"], row["Not delivered"]) == ("70", "Nothing")
        figures = ApiClient.for_account(story.account).get("figures?period=1h")
        assert (figures["held"]["value"], figures["pending"]["value"], figures["success"]["value"]) == (0, 0, 140)
    story.is_sound()


def equation_of(client: Client) -> tuple[int, list[int]]:
    """Actions Triggered, and its parts: success, replaced, waiting, failed, invalid, held, being sent."""
    found = EQUATION.search(text_of(client.get(SUMMARY).content))
    assert found
    whole, *parts = map(int, found.groups())
    assert whole == sum(parts)
    return whole, parts


@pytest.mark.parametrize("answer", [Answer(410), Answer(429, headers={"Retry-After": "600"})], ids=["410", "Retry-After"])
def test_35_3_what_a_target_stopped_is_held_like_what_a_person_paused(story: Story, client: Client, answer: Answer) -> None:
    crm = story.connection("CRM", "/crm", parallel=1)
    story.flow("Leads", [story.to(crm)])
    story.receiver.answer("/crm", answer)
    story.signs_in(client)
    with story.worker():
        story.record("A-1", status="Attended")
        story.until("A-1", "queued")
        story.record_many([{"code": f"B-{n}", "status": "Attended"} for n in range(5)])
        assert equation_of(client) == (6, [0, 0, 1, 0, 0, 5, 0])
        for url, columns in ((OVERVIEW, ("Destination", "Rate")), (SUMMARY, ("Destination", "Rate"))):
            assert numbers_of(row_of(table_rows(client.get(url).content, *columns), "Destination", "CRM")) == (5, 1), url
        assert "5 held" in text_of(client.get(f"/signal/connections/{crm}/").content)


def test_35_3_a_destination_that_only_holds_or_only_waits_is_in_the_table(story: Story, client: Client) -> None:
    held, busy = story.connection("Printer", "/printer"), story.connection("Desk", "/desk")
    story.flow("Badges", [story.to(held), story.to(busy)])
    story.receiver.answer("/desk", Answer(503))
    story.retries(600, 600, 600)
    story.signs_in(client)
    story.pause(held)
    with story.worker():
        story.record("A-1", status="Attended")
        story.until("A-1", "pending", "queued")
        rows = {row["Destination"].split()[0]: row for row in table_rows(client.get(SUMMARY).content, "Destination", "Rate")}
        assert {name: (row["Delivered"], row["Not delivered"]) for name, row in rows.items()} == {
            "Printer": ("0", "1 held"),
            "Desk": ("0", "1 waiting"),
        }
        # where a registration stands, in the list of registrations, on its Timeline and in the feed
        timeline = text_of(client.get("/signal/registrations/SUMMIT/A-1/").content)
        assert re.search(r"Printer Badges .{0,20}Held Printer is paused: nothing is sent until", timeline), timeline
        (listed,) = table_rows(client.get("/registrations/").content, "Code", "Delivery")
        assert listed["Delivery"] == "1 waiting", "the worst"
        assert re.search(r"Printer:? held", text_of(client.get("/signal/metrics/feed/").content))


def test_35_3_actions_of_a_lane_that_moved_are_held_where_they_are_now(story: Story, client: Client) -> None:
    """Figures keep what they counted at the former connection, so the lanes themselves are read."""
    printer, desk = story.connection("Printer", "/printer"), story.connection("Desk", "/desk")
    flow = story.flow("Badges", [story.to(printer)])
    story.signs_in(client)
    story.pause(printer)
    with story.worker():
        story.record_many([{"code": f"A-{n}", "status": "Attended"} for n in range(5)])
        assert equation_of(client) == (5, [0, 0, 0, 0, 0, 5, 0])
        story.change_flow(flow, to=[story.to(desk)])
        story.wait_for(lambda: story.states().count("success") == 5)
        assert equation_of(client) == (5, [5, 0, 0, 0, 0, 0, 0])
        assert "held" not in row_of(table_rows(client.get(SUMMARY).content, "Destination", "Rate"), "Destination", "Desk")
        story.pause(desk)
        story.wait_for(lambda: story.holds(desk))
        story.record_many([{"code": f"B-{n}", "status": "Attended"} for n in range(3)])
        assert equation_of(client) == (8, [5, 0, 0, 0, 0, 3, 0])
        assert numbers_of(row_of(table_rows(client.get(SUMMARY).content, "Destination", "Rate"), "Destination", "Desk")) == (3, 0)
        api = ApiClient.for_account(story.account)
        assert len(api.get("records/held?period=1h")["items"]) == 3
        listed = {row["Code"]: row["Delivery"] for row in table_rows(client.get("/registrations/").content, "Code", "Delivery")}
        assert (listed["A-1"], listed["B-1"]) == ("Delivered", "Held")
