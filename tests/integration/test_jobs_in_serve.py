"""`heliograph serve` runs jobs that a page starts, beside its pages."""

from __future__ import annotations

from tests.builders.account import BY
from tests.builders.platform_account import event_in_testing, planned, registration_state
from tests.databases import DatabaseFacts
from tests.processes import STARTING, Starter, free_port
from tests.waiting import until

from heliograph.jobs import control
from heliograph.jobs.models import JobState
from heliograph.registrations import bulk_change
from heliograph.registrations.list import RegistrationFilter
from heliograph.setup import mark_test_job


def test_P9_serve_marks_registrations_and_sets_statuses(heliograph: Starter, database: DatabaseFacts) -> None:
    with planned(database) as site:
        event = event_in_testing(site)
        for n in range(3):
            site.record(f"G-{n}", event="GALA-26", properties={"Test": False})
        live = mark_test_job.start(site.pk, event, site.acme.event_status("Live"), by=BY)
        with site.store.transaction():
            now = site.store.now()
        wanted = RegistrationFilter(event=event).as_json()
        parameters = {"status": "Attended", "picked": [], "wanted": wanted, "asked": now, "total": 3, "by": BY}
        attended = control.create(bulk_change.KIND, site.pk, parameters, by=BY)
        process = heliograph("serve", HELIOGRAPH_BIND=f"127.0.0.1:{free_port()}", HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{free_port()}")
        until(lambda: all(control.find(job.pk).state == JobState.DONE for job in (live, attended)), STARTING)
        assert process.terminate() == 0
        made = registration_state(site, "G-2", "GALA-26")
        assert made.is_test
        assert made.status == site.acme.status("Attended")
