"""`heliograph import` of a large file: flat memory; killed in each of its phases, it continues where it was (I3, I4)."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.databases import DatabaseFacts
from tests.jobs import newest_job
from tests.processes import Process, Starter
from tests.waiting import until

log = structlog.get_logger(__name__)
BAD_EVERY = 1_000
MEGABYTE = 1024


def large(path: Path, rows: int) -> int:
    """Writes `rows` registrations of ten events; one in a thousand repeats another's code. Returns how many do."""
    bad = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("event code,code,first name,last name,email,notes\n")
        for n in range(rows):
            wrong = n % BAD_EVERY == BAD_EVERY - 1
            bad += wrong
            code = n - 10 if wrong else n
            file.write(f'EVENT-{n % 10},R{code:07d},Zoë,"O\'Hara, {n}",r{n}@example.org,"Line one\nof {n}"\n')
    return bad


def resident(process: Process) -> int:
    """Its resident memory in kilobytes."""
    try:
        text = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS")), 0)


class Import:
    """The command on one file, restarted after each kill."""

    def __init__(self, start: Starter, facts: DatabaseFacts, file: Path) -> None:
        self.start, self.facts = start, facts
        self.command = ("import", str(file), "--account", "ACME", "--create", "events", "--json")

    def at(self) -> tuple[str, int]:
        """The job's phase and the rows done."""
        _, phase, done = newest_job(self.facts)
        return phase, done

    def killed_in(self, phase: str, after: int) -> None:
        """Runs it up to this point, and kills it."""
        process = self.start(*self.command)

        def there() -> bool:
            assert process.returncode is None, process.output
            now, done = self.at()
            return now == phase and done >= after

        until(there, 600, every=0.01)
        process.kill()

    def to_the_end(self, timeout: float) -> tuple[dict[str, Any], list[tuple[float, int]]]:
        """Runs it to its end. Returns its answer, and its memory over time: (seconds, kilobytes)."""
        process, began = self.start(*self.command), time.monotonic()
        samples: list[tuple[float, int]] = []

        def ended() -> bool:
            samples.append((time.monotonic() - began, resident(process)))
            return process.returncode is not None

        until(ended, timeout, every=0.1)
        assert process.returncode == 4, process.output  # some rows are refused
        return json.loads(process.output.splitlines()[-1]), [sample for sample in samples if sample[1]]


def tried(start: Starter, facts: DatabaseFacts, folder: Path, rows: int, timeout: float) -> None:
    file = folder / "large.csv"
    bad = large(file, rows)
    start.run("createaccount", "ACME")
    of = Import(start, facts, file)
    of.killed_in("scanning", 1)
    of.killed_in("importing", 0)
    of.killed_in("importing", rows // 3)
    done = of.at()[1]
    assert rows // 3 <= done < rows, "it has ended before it was killed"
    ended, memory = of.to_the_end(timeout)
    assert ended["counts"] == {"rows": rows, "done": rows, "created": rows - bad, "refused": bad}
    db = facts.open()
    try:
        ((kept, changes),) = db.all("SELECT (SELECT count(*) FROM registration), (SELECT count(*) FROM change WHERE kind = 1)")
        assert (kept, changes) == (rows - bad, rows - bad), "something is there twice, or not at all"
    finally:
        db.close()
    # 20,000 rows take it to 129 MB, 80,000 to 132; a third of a short run is still the start
    early = max(kilobytes for seconds, kilobytes in memory if seconds <= memory[-1][0] / 2)
    peak = max(kilobytes for _, kilobytes in memory)
    log.info(
        "import_at_scale", rows=rows, went_on_at=done, seconds=round(memory[-1][0]), early_mb=early // MEGABYTE, peak_mb=peak // MEGABYTE
    )
    assert peak < 260 * MEGABYTE
    assert peak < early + 40 * MEGABYTE, "memory grows with the file"


def test_I3_I4_an_import_that_is_killed_in_each_phase_goes_on(heliograph: Starter, fresh_database: DatabaseFacts, tmp_path: Path) -> None:
    tried(heliograph, fresh_database, tmp_path, 20_000, 200)


@pytest.mark.trial
@pytest.mark.timeout(3600)
def test_I3_I4_a_million_rows_in_flat_memory(heliograph: Starter, fresh_database: DatabaseFacts, tmp_path: Path) -> None:
    tried(heliograph, fresh_database, tmp_path, 1_000_000, 3_500)
