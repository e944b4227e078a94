"""Runs `make failover`: python -m tests.failover [--rate POSTS_A_SECOND] [--keep]"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from heliograph.stage.ground import ground
from tests import needed, postgres
from tests.failover.cluster import Cluster
from tests.failover.links import Links

PROGRAMS = (
    needed.Needed("postgresql", "postgresql", f"PostgreSQL {postgres.OLDEST} or later", lambda: postgres.binaries() is not None),
    needed.Needed("patroni", "patroni", "Patroni", lambda: shutil.which("patroni") is not None),
    needed.Needed("patroni-for-etcd", "python3-etcd", "Patroni's access to etcd", Path("/usr/lib/python3/dist-packages/etcd").exists),
    needed.Needed("etcd", "etcd-server", "etcd", lambda: shutil.which("etcd") is not None),
)
"""`make failover` alone needs the others than PostgreSQL, so `make test` does not install them."""


def main() -> int:
    """Returns the exit code: 0 only if nothing was lost, out of order or repeated without need."""
    parser = argparse.ArgumentParser(prog="make failover", description=__doc__)
    parser.add_argument("--rate", type=float, default=120.0, help="posts a second (default: 120)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs, and print where it is")
    options = parser.parse_args()
    needed.provided(each for each in PROGRAMS if not each.is_here())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no process of the cluster stays behind
    folder = Path(tempfile.mkdtemp(prefix="hg-failover-", dir="/tmp"))  # a short path: Unix sockets are in it
    folder.chmod(0o755)
    cluster = None
    try:
        with Links() as links:
            _say("setting up etcd and two nodes …")
            cluster = Cluster(folder, links)
            with ground("failover", cluster.url, under=folder, settings={"log_level": "info"}) as made:
                made.keep = True  # the database goes with its cluster
                from tests.failover.trial import Trial

                report = Trial(made, cluster, options.rate, _say).run()
            cluster.stop()
    finally:
        if cluster is not None:
            cluster.stop()
        if options.keep:
            _say(f"Everything is kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(f"{report.text()}\n")
    return 0 if report.is_good else 1


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
