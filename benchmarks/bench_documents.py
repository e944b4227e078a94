"""What the costliest documents of a megabyte cost the thread that records for all, as a ratio to the usual one of `heliograph bench` (40 fields, 2 KB).

    python benchmarks/bench_documents.py [--repeat 5] [--json]

CPU from the bytes to the commit, on SQLite, a transaction for each, the least of the repetitions; beside three usual ones: `usual` is one alone in its
transaction, `longer` one of 24 KB, whose texts are as long as they may be, and `of 100` one of a hundred in one transaction, as it is under load.
The test (tests/integration/test_document_costs.py) counts lines instead, which no machine changes; what the C of Python and SQLite does shows only here.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOGETHER = "the usual one, each of 100 in one transaction"
ROOT = Path(__file__).parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder), given.repeat)
    if given.json:
        print(json.dumps(found, indent=1))
        return
    print(f"{'CPU, ms':>9} {'usual':>7} {'longer':>7} {'of 100':>7}  document")
    for kind, ms in sorted(found.items(), key=lambda pair: -pair[1]):
        print(
            f"{ms:9.2f} {ms / found['the usual one']:7.1f} {ms / found['the usual one, longer']:7.1f} {ms / found[TOGETHER]:7.1f}  {kind}"
        )


def measured(folder: Path, repeat: int) -> dict[str, float]:
    """Milliseconds of CPU by kind of document."""
    from tests.builders.running_account import RunningAccount
    from tests.costly import CostlyAccount, mean, worst, worst_after
    from tests.databases import DatabaseFacts

    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    facts = DatabaseFacts("sqlite", f"sqlite:///{folder / 'heliograph.db'}", folder, key)
    subprocess.run([sys.executable, "-m", "heliograph", "migrate"], env=facts.env(), check=True, stdout=subprocess.DEVNULL)
    account = CostlyAccount(RunningAccount(facts))
    kinds = {"the usual one": mean(), "the usual one, longer": mean(25), **worst()}
    found = dict.fromkeys([TOGETHER, *kinds, *worst_after()], float("inf"))
    for n in range(repeat):
        for kind, body in kinds.items():
            began = time.thread_time()
            account.record(body, f"{kind[:60]} {n}")
            found[kind] = min(found[kind], (time.thread_time() - began) * 1000)
    for n in range(repeat):
        began = time.thread_time()
        account.record_many(mean(), 100)
        found[TOGETHER] = min(found[TOGETHER], (time.thread_time() - began) * 10)
        for kind, (before, body) in worst_after().items():
            code = f"{kind[:60]} {n}"
            account.record(before, code)
            began = time.thread_time()
            account.record(body, code)
            found[kind] = min(found[kind], (time.thread_time() - began) * 1000)
    return found


if __name__ == "__main__":
    main()
