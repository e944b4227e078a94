"""A name server that does not answer is not a wrong URL (O12): with a real one that is dead, in a mount namespace of the test's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.databases import DatabaseFacts
from tests.processes import Starter

pytestmark = pytest.mark.once


def test_O12_a_dead_name_server_is_said_as_what_it_is(fresh_database: DatabaseFacts, tmp_path: Path) -> None:
    """Nothing listens at port 53 of 127.0.0.7."""
    resolver, order = tmp_path / "resolv.conf", tmp_path / "nsswitch.conf"
    resolver.write_text("nameserver 127.0.0.7\noptions timeout:1 attempts:1\n")
    order.write_text("hosts: files dns\n")
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    script = f'mount --bind {resolver} /etc/resolv.conf && mount --bind {order} /etc/nsswitch.conf && exec "$@"'
    command = Starter(fresh_database, tmp_path, ("unshare", "--mount", *user, "sh", "-c", script, "sh")).run(
        "check-address", "https://crm.example.org/hook"
    )
    assert command.returncode == 1
    assert "crm.example.org could not be looked up: no name server gave an answer" in command.output
    assert "does not exist" not in command.output
