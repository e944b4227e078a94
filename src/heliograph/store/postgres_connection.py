"""The parameters with which every part connects to PostgreSQL, from HELIOGRAPH_DATABASE_URL (O19; docs/running/failover.md).

Each is used only if the URL does not set it. Together they bound how long a server that has vanished without a word can hold a thread.
"""

from __future__ import annotations

from typing import Any, Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

CONNECT_WITHIN: Final = 10
"""Seconds in which the only server must accept a connection. An address that swallows packets would otherwise hold a thread for minutes."""
CONNECT_WITHIN_OF_SEVERAL: Final = 2
"""Seconds in which one of several servers must accept a connection before the next one is tried. `/health/ready` waits for 3 (DatabaseProbe)."""
LOST_AFTER: Final = {"keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3", "tcp_user_timeout": "10000"}
"""libpq's parameters by which the system ends a connection whose peer has been silent for about 10 seconds, such as a machine without power.
Linux's default is two hours."""


def connection_parameters(url: str, *, read_only: bool = False) -> dict[str, Any]:
    """libpq's parameters for a URL of one server or of several, as in postgresql://user@one:5432,two:5432/name.

    Of several servers the one that is not a standby is used.

    read_only: True for sessions that begin with default_transaction_read_only=on, which `target_session_attrs=read-write` would refuse
    """
    given = conninfo_to_dict(url)
    has_several = any("," in str(given.get(name, "")) for name in ("host", "hostaddr"))
    parameters = {"connect_timeout": str(CONNECT_WITHIN_OF_SEVERAL if has_several else CONNECT_WITHIN), **LOST_AFTER, **given}
    if has_several:
        parameters.setdefault("target_session_attrs", "primary")
    if read_only and parameters.get("target_session_attrs") == "read-write":
        parameters["target_session_attrs"] = "primary"
    return parameters


def connection_string(url: str) -> str:
    """`connection_parameters` in the form that psycopg.connect takes."""
    return make_conninfo("", **connection_parameters(url))
