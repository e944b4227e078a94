"""From the previous release to a newer schema and back, under load: nothing is lost, and nothing is out of order (O3, D1, D2)."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import structlog
from tests.databases import DatabaseFacts
from tests.releases import Release, next_release, previous_release
from tests.upgrade_trial import UpgradeSize, UpgradeTrial

log = structlog.get_logger(__name__)

SMALL = UpgradeSize(clients=2, pace=0.3, versions=20)
LARGE = UpgradeSize(clients=8, pace=0.3, versions=1000, webs=2, workers=2)


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return next_release(tmp_path_factory.mktemp("next-release"))


@pytest.mark.needs("git")
@pytest.mark.parametrize("size", [pytest.param(SMALL, id="small"), pytest.param(LARGE, marks=pytest.mark.trial, id="large")])
def test_O3_an_upgrade_under_load_and_the_way_back_lose_nothing(
    empty_database: DatabaseFacts, newer: Release, tmp_path: Path, size: UpgradeSize
) -> None:
    older = previous_release()
    with UpgradeTrial(empty_database, tmp_path / "installation", size) as trial:
        trial.fill(older)
        set_up = trial.run(older, "export", "--account", "TRIAL")
        trial.start(trial.parts, older)
        trial.send()
        trial.deliver(older)
        if empty_database.vendor == "sqlite":
            _there_and_back_on_sqlite(trial, older, newer)
        else:
            _there_and_back_on_postgresql(trial, older, newer)
        exported = trial.run(newer, "export", "--account", "TRIAL")
        # what only the newer release has: a setting, and a section of defaults
        exported = re.sub(r"^notifications:\n(?:  .*\n)+", "", exported.replace(", start_page: overview", ""), flags=re.MULTILINE)
        later = re.findall(r"^\w+: \[\]\n", exported, re.MULTILINE)  # sections that only the newer release has
        assert "".join(line for line in exported.splitlines(keepends=True) if line in set_up or line not in later) == set_up
        assert trial.run(older, "migrate") == "The schema is up to date.\n"
        counts = trial.count()
        logs = "".join(file.read_text("utf-8") for file in trial.ground.logs.iterdir())
        log.info("upgrade", counts=counts, answers=dict(trial.load.answers), in_flight=trial.in_flight, longest_waits=trial.longest_waits())
    assert (counts.lost, counts.reordered, counts.renamed, trial.load.unexpected) == (0, 0, 0, []), counts
    assert counts.owed == counts.delivered + counts.superseded
    assert counts.duplicated <= trial.in_flight
    assert "Traceback" not in logs


def _there_and_back_on_sqlite(trial: UpgradeTrial, older: Release, newer: Release) -> None:
    trial.phase("stop, and start the new release, which migrates")
    trial.swap(trial.parts, newer)
    trial.deliver(newer)
    trial.phase("stop, and start the previous release again")
    trial.swap(trial.parts, older)
    trial.deliver(older)


def _there_and_back_on_postgresql(trial: UpgradeTrial, older: Release, newer: Release) -> None:
    trial.phase("migrate while a dump reads the tables")
    with closing(psycopg.connect(trial.facts.url)) as dump:
        dump.execute("LOCK TABLE action, registration IN ACCESS SHARE MODE")
        migrate = trial.begin(newer, "migrate")
        migrate.until_printed("migration_waits_for_a_table")
        trial.deliver(older)
        assert migrate.returncode is None
    assert migrate.wait() == 0, migrate.output
    trial.phase("the previous release on the newer schema")
    trial.deliver(older)
    for what, parts, release, delivers in (
        ("web by web to the new release", trial.webs, newer, older),
        ("worker by worker to the new release", trial.workers, newer, newer),
        ("worker by worker back", trial.workers, older, older),
        ("web by web back", trial.webs, older, older),
    ):
        trial.phase(what)
        trial.swap(parts, release)
        trial.deliver(delivers)
