"""How every part connects to PostgreSQL (O19)."""

from __future__ import annotations

from typing import Any

import pytest

from heliograph.store.postgres_connection import LOST_AFTER, connection_parameters, connection_string

ONE = "postgresql://ada:p%40ss@db.example.org:5433/heliograph"
SEVERAL = "postgresql://ada@one.example.org:5432,[::1]:5433/heliograph"


@pytest.mark.parametrize(
    ("url", "parameters"),
    [
        (ONE, {"host": "db.example.org", "port": "5433", "password": "p@ss", "connect_timeout": "10", "target_session_attrs": None}),
        (SEVERAL, {"host": "one.example.org,::1", "port": "5432,5433", "connect_timeout": "2", "target_session_attrs": "primary"}),
        (f"{ONE}?connect_timeout=4&keepalives_idle=60", {"connect_timeout": "4", "keepalives_idle": "60"}),
        (f"{SEVERAL}?target_session_attrs=read-write", {"target_session_attrs": "read-write"}),
        ("postgresql://ada@/x?host=/run/one,/run/two", {"host": "/run/one,/run/two", "dbname": "x", "target_session_attrs": "primary"}),
    ],
)
def test_O19_what_the_url_does_not_say(url: str, parameters: dict[str, Any]) -> None:
    made = connection_parameters(url)
    assert {name: made.get(name) for name in parameters} == parameters
    assert LOST_AFTER.keys() <= made.keys()


def test_O19_a_reader_may_ask_for_read_write() -> None:
    """libpq would refuse its session, which begins read-only."""
    url = f"{SEVERAL}?target_session_attrs=read-write"
    assert connection_parameters(url, read_only=True)["target_session_attrs"] == "primary"
    assert "target_session_attrs" not in connection_parameters(ONE, read_only=True)


def test_O19_the_same_as_a_string() -> None:
    assert "password=p@ss" in connection_string(ONE)
    assert connection_parameters(connection_string(SEVERAL)) == connection_parameters(SEVERAL)
