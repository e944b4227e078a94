"""A source reads a pretix over HTTP, at its doorbells and again and again: what is there is here, whatever pretix does (S4)."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from django.test import Client
from tests.builders.account import BY
from tests.builders.platform_account import PlatformAccount, planned
from tests.builders.pretix_order import SPEAKER, WORKSHOP, place
from tests.builders.pretix_source import PretixSource, expected, prepare, pretix_source, settings_for, token_connection
from tests.databases import DatabaseFacts
from tests.page_text import text_of
from tests.pretix_platform import PretixPlatform
from tests.pretix_stub import PretixStub
from tests.rest_platform import SECOND, iso

from heliograph.setup.services.setup_save import saving
from heliograph.sources.read_schedule import queue_due_sources
from heliograph.sources.services import pretix_readings
from heliograph.sources.services.sources import remove
from heliograph.store import source_rings


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        prepare(site)
        yield site


@pytest.fixture
def stub() -> Iterator[PretixStub]:
    with PretixStub(PretixPlatform(random.Random(5))) as stub:
        yield stub


@pytest.fixture
def source(site: PlatformAccount, stub: PretixStub) -> PretixSource:
    return pretix_source(site, stub.platform, settings_for(stub.origin))


def ring_and_read(source: PretixSource, code: str, number: int) -> None:
    """A doorbell is stored, recorded, and its order read, as a process does it."""
    source.ring(code, number)
    source.record()
    source.make_rings_old()
    assert queue_due_sources() == 1
    source.run_job()
    source.record()


def changes(source: PretixSource) -> tuple[int, int]:
    """How many changes were announced, and how many were not."""
    ((announced, unannounced),) = source.db.all("SELECT COALESCE(SUM(announced), 0), COALESCE(SUM(unannounced), 0) FROM source_changes")
    return int(announced), int(unannounced)


def test_S4_everything_that_pretix_has_is_here(source: PretixSource, stub: PretixStub) -> None:
    stub.edit(150)
    stub.do(lambda pretix: pretix.fall_quiet())
    source.read()
    assert source.registrations() == expected(stub.platform.orders.values())
    assert len(source.registrations()) > 30
    stub.edit(100)
    stub.do(lambda pretix: pretix.commit(everything=True))
    source.read()
    for _ in range(3):
        source.read()  # what was moved away is set inactive
    assert source.registrations() == expected(stub.platform.orders.values())
    assert not source.db.all("SELECT problem FROM source_call WHERE problem <> ''")


def test_S4_a_doorbell_has_its_order_read_and_is_not_trusted(source: PretixSource, stub: PretixStub) -> None:
    code = stub.do(lambda pretix: pretix.add(pretix.person(1), status="n"))
    source.read()
    due = source.row.due_at
    requests = len(stub.urls)
    stub.do(lambda pretix: pretix.change(code, lambda order: order.update(status="p")))
    ring_and_read(source, code, 1)
    assert [registration[1] for registration in source.registrations().values()] == ["New"]
    assert stub.urls[requests:] == [f"{stub.origin}/api/v1/organizers/acme/orders/{code}/?include_canceled_positions=true{EXCLUDED}"]
    assert source.row.due_at == due  # reading again and again goes on as it did
    assert changes(source) == (1, 0)
    ((state, documents),) = source.db.all("SELECT state, documents FROM source_call WHERE kind = 0")
    assert (state, documents) == (3, 0)
    ring_and_read(source, code, 2)
    assert changes(source) == (1, 0)  # nothing new: pretix rings three times for a paid order


def test_S9_a_webhook_that_stops_is_said_by_what_reading_finds(
    site: PlatformAccount, source: PretixSource, stub: PretixStub, client: Client
) -> None:
    code = stub.do(lambda pretix: pretix.add(pretix.person(1), status="n"))
    source.read()
    stub.do(lambda pretix: pretix.change(code, lambda order: order.update(status="p")))
    ring_and_read(source, code, 1)
    assert changes(source) == (1, 0)
    with source.db.transaction():  # half an hour passes
        source.db.run("UPDATE source SET last_call_at = :then", {"then": source.db.now() - 1_800 * SECOND})
        source.db.run("UPDATE source_call SET at = at - :passed", {"passed": 1_800 * SECOND})
    site.signs_in(client)
    page, broken = "/settings/sources/ledger/", "Your webhook at pretix is broken since"
    assert broken not in text_of(client.get(page).content)
    for number in range(3):
        stub.do(lambda pretix, number=number: pretix.change(code, lambda order: order.update(status="np"[number % 2])))
        source.read()
    assert changes(source) == (1, 3)
    assert broken not in text_of(client.get(page).content)  # calls may come late
    with source.db.transaction():
        passed = {"passed": 1_200 * SECOND}
        source.db.run("UPDATE source_changes SET first_unannounced = first_unannounced - :passed, hour = hour - 3600000000", passed)
    assert broken in text_of(client.get(page).content)


def test_S1_a_removed_source_keeps_no_doorbells(source: PretixSource, stub: PretixStub) -> None:
    code = stub.do(lambda pretix: pretix.add(pretix.person(1)))
    source.read()
    source.ring(code, 1)
    source.record()
    assert source.db.all("SELECT key FROM source_ring") == [(code,)]
    with saving(source.account, by=BY) as transaction:
        remove(transaction, source.id)
    assert source.db.all("SELECT key FROM source_ring") == []


EXCLUDED = "&exclude=payments&exclude=refunds&exclude=fees&exclude=downloads&exclude=positions.downloads"


def test_a_doorbell_about_something_else_reads_nothing(source: PretixSource) -> None:
    source.read()
    for number, code in enumerate(("", "../../x", "A" * 40, "A&B")):
        source.ring(code, number)
    source.record()
    assert not source.db.all("SELECT 1 FROM source_ring")
    assert queue_due_sources() == 0


def test_many_doorbells_are_one_reading_of_what_changed(source: PretixSource, stub: PretixStub) -> None:
    codes = [stub.do(lambda pretix: pretix.add(pretix.person(1))) for _ in range(60)]
    source.read()
    requests = len(stub.urls)
    for number, code in enumerate(codes):
        stub.do(lambda pretix, code=code: pretix.change(code, lambda order: order.update(status="n")))
        source.ring(code, number)
    source.record()
    source.make_rings_old()
    assert queue_due_sources() == 1
    source.run_job()
    source.record()
    assert source.registrations() == expected(stub.platform.orders.values())
    assert len(stub.urls) - requests < 10
    assert changes(source) == (60, 0)
    assert not source.db.all("SELECT 1 FROM source_ring")


def test_doorbells_of_a_stranger_are_bounded(source: PretixSource) -> None:
    source.read()
    with source.db.transaction():
        source_rings.note_rings(source.db, source.account, source.id, {f"A{number}" for number in range(1_500)})
    assert source.db.all("SELECT COUNT(*) FROM source_ring") == [(1_000,)]
    source.make_rings_old()
    assert queue_due_sources() == 1
    source.run_job()
    assert not source.db.all("SELECT 1 FROM source_ring")  # one reading had whatever they might have meant


def test_S4_what_no_doorbell_announced_is_counted(source: PretixSource, stub: PretixStub) -> None:
    """A doorbell that comes after the reading that found its change counts all the same."""
    codes = [stub.do(lambda pretix: pretix.add(pretix.person(1))) for _ in range(3)]
    source.read()
    assert changes(source) == (0, 0)  # the first reading
    for code in codes:
        stub.do(lambda pretix, code=code: pretix.change(code, lambda order: order.update(status="n")))
    source.read()
    assert changes(source) == (0, 3)
    ring_and_read(source, codes[0], 1)
    assert changes(source) == (1, 2)
    ring_and_read(source, codes[0], 2)
    assert changes(source) == (1, 2)


def test_a_doorbell_during_a_failure_waits_for_the_reading(source: PretixSource, stub: PretixStub) -> None:
    code = stub.do(lambda pretix: pretix.add(pretix.person(1)))
    source.read()
    stub.kill()
    source.read()
    assert source.row.failures == 1
    source.ring(code, 1)
    source.record()
    source.make_rings_old()
    assert queue_due_sources() == 0  # not before the failure's own time
    stub.start()
    stub.do(lambda pretix: pretix.change(code, lambda order: order.update(status="n")))
    source.read()
    assert changes(source) == (1, 0)
    assert source.row.failures == 0


def test_S4_a_place_that_moves_to_another_order_leaves_the_first_one(source: PretixSource, stub: PretixStub) -> None:
    code = stub.do(lambda pretix: pretix.add(pretix.person(1), pretix.person(2, SPEAKER)))
    source.read()
    assert f"{code}-2" in source.registrations()
    stub.do(lambda pretix: pretix._split(code))
    source.read()
    source.read()
    assert source.registrations() == expected(stub.platform.orders.values())
    assert f"{code}-2" not in source.registrations()


def test_S4_a_session_that_is_exchanged_in_place_is_cancelled(source: PretixSource, stub: PretixStub) -> None:
    def added(pretix: PretixPlatform) -> str:
        person = pretix.person(1)
        addon = place(pretix.next_place(), 2, WORKSHOP, addon_to=person["id"], variation=1, attendee_name_parts={})
        return pretix.add(person, addon)

    code = stub.do(added)
    source.read()
    stub.do(lambda pretix: pretix.change(code, lambda order: order["positions"][1].update(variation=2)))
    source.read()
    source.read()
    assert source.registrations()[f"{code}-1"][-1] == (("WS-2", "Registered"),)
    stub.do(lambda pretix: pretix.change(code, lambda order: order["positions"][1].update(variation=1)))
    source.read()
    source.read()
    assert source.registrations()[f"{code}-1"][-1] == (("WS-1", "Registered"),)


def test_S4_a_shredded_order_is_proposed_for_erasure_and_stays_as_it_is(source: PretixSource, stub: PretixStub) -> None:
    """Its time does not move, so the nightly comparison finds it. Nobody could have announced it."""
    code = stub.do(lambda pretix: pretix.add(pretix.person(1)))
    stub.do(lambda pretix: pretix.orders[code].update(last_modified=iso(pretix.clock - 3_600 * SECOND)))
    stub.do(lambda pretix: pretix.add(pretix.person(1)))
    source.read()
    before = source.registrations()
    stub.do(lambda pretix: pretix.shred(code))
    source.read()
    assert not source.db.all("SELECT 1 FROM erasure_proposal")
    source.sweep()
    source.sweep()
    assert source.registrations() == before
    proposed = source.db.all("SELECT r.code FROM erasure_proposal p JOIN registration r ON r.id = p.registration_id")
    assert proposed == [(f"{code}-1",)]
    assert changes(source) == (0, 0)


def test_S4_deleted_test_orders_become_inactive_and_live_ones_are_never_mixed(site: PlatformAccount, stub: PretixStub) -> None:
    source = pretix_source(site, stub.platform, settings_for(stub.origin, include_test_mode=True))
    code = stub.do(lambda pretix: pretix.add(pretix.person(1), testmode=True))
    stub.do(lambda pretix: pretix.add(pretix.person(1)))
    source.read()
    assert sorted(each[7] for each in source.registrations().values()) == [False, True]
    stub.do(lambda pretix: pretix.change(code, None))
    ring_and_read(source, code, 1)
    source.read()
    assert source.registrations() == expected(stub.platform.orders.values(), test_mode=True)


def test_orders_of_the_test_mode_and_of_other_events_are_not_even_stored(source: PretixSource, stub: PretixStub) -> None:
    test = stub.do(lambda pretix: pretix.add(pretix.person(1), testmode=True))
    other = stub.do(lambda pretix: pretix.add(pretix.person(1), event="other"))
    source.read()
    for number, code in enumerate((test, other)):
        ring_and_read(source, code, number)
    assert not source.registrations()
    assert not source.db.all("SELECT 1 FROM source_call WHERE kind = 1")


def test_other_settings_read_everything_once_more(source: PretixSource, stub: PretixStub) -> None:
    """Quietly: what the states are called here is no change at pretix."""
    stub.do(lambda pretix: pretix.add(pretix.person(1)))
    source.read()
    settings = pretix_readings.pretix_settings(source.row)
    assert settings is not None
    renamed = settings_for(stub.origin, statuses=tuple((state, "Attended" if ours == "New" else ours) for state, ours in settings.statuses))
    with saving(source.account, by=BY) as transaction:
        pretix_readings.save_pretix(transaction, source.id, renamed)
    source.read()
    assert [each[1] for each in source.registrations().values()] == ["Attended"]
    ((newest,),) = source.db.all("SELECT max(id) FROM source_call")
    assert source.row.quiet_until == newest
    assert source.progress.is_filled


def test_the_token_is_sent_as_pretix_wants_it(site: PlatformAccount) -> None:
    """From a connection; a wrong one fails with words."""
    with PretixStub(PretixPlatform(random.Random(5)), "of-the-team") as stub:
        stub.do(lambda pretix: pretix.add(pretix.person(1)))
        right, wrong = (token_connection(site, stub.origin, token, token) for token in ("of-the-team", "x"))
        source = pretix_source(site, stub.platform, settings_for(stub.origin, connection=wrong))
        source.read()
        assert "401" in source.row.failure
        with saving(source.account, by=BY) as transaction:
            pretix_readings.save_pretix(transaction, source.id, settings_for(stub.origin, connection=right))
        source.read()
        assert not source.row.failure
        assert len(source.registrations()) == 1


@pytest.mark.parametrize("seed", range(3))
def test_S4_changes_that_are_seen_late_and_while_it_is_paged_are_not_missed(site: PlatformAccount, seed: int) -> None:
    """With doorbells for some of them."""
    platform = PretixPlatform(random.Random(seed), most_late=2 * SECOND, edits_between_pages=2, silent=0.4)
    rung: list[str] = []
    platform.on_change = lambda code, action: rung.append(code)
    with PretixStub(platform) as stub:
        source = pretix_source(site, platform, settings_for(stub.origin))
        stub.edit(120)
        source.read()
        for number in range(8):
            stub.edit(15)
            for place, code in enumerate(rung):
                source.ring(code, number * 1_000 + place)
            rung.clear()
            source.record()
            source.make_rings_old()
            source.read()
        stub.do(lambda pretix: pretix.fall_quiet())
        for _ in range(4):
            source.read()
        assert source.registrations() == expected(platform.orders.values())
