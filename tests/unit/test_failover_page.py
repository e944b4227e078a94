"""docs/running/failover.md: its examples are what `make failover` runs (O19)."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from tests.failover.cluster import DYNAMIC

from heliograph.store.postgres_connection import CONNECT_WITHIN, CONNECT_WITHIN_OF_SEVERAL, LOST_AFTER, connection_parameters

PAGE = (Path(__file__).parents[2] / "docs" / "running" / "failover.md").read_text("utf-8")


def block(kind: str, start: str) -> str:
    """The example of this kind that begins like this."""
    (found,) = [text for text in re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if text.startswith(start)]
    return str(found)


def test_O19_patronis_settings_on_the_page_are_those_of_the_trial() -> None:
    settings = yaml.safe_load(block("yaml", "scope:"))
    dynamic = settings["bootstrap"]["dcs"]
    assert dynamic == DYNAMIC
    assert dynamic["loop_wait"] + 2 * dynamic["retry_timeout"] <= dynamic["ttl"]


def test_O19_the_url_on_the_page_names_both_servers() -> None:
    url = block("sh", "HELIOGRAPH_DATABASE_URL=").strip().removeprefix("HELIOGRAPH_DATABASE_URL=")
    parameters = connection_parameters(url)
    assert (parameters["host"], parameters["port"], parameters["dbname"]) == ("10.0.0.1,10.0.0.2", "5432,5432", "heliograph")


def test_O19_the_page_has_the_parameters_that_are_added() -> None:
    assert f"| `connect_timeout` | {CONNECT_WITHIN} | {CONNECT_WITHIN_OF_SEVERAL} |" in PAGE
    assert f"| {', '.join(f'`{name}`' for name in LOST_AFTER)} | {', '.join(LOST_AFTER.values())} |" in PAGE
