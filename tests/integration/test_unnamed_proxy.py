"""Behind a proxy that the operator did not name (O12): one client's wrong passwords lock out nobody else, and `doctor` says what is missing."""

from __future__ import annotations

import json

import pytest
from tests.databases import DatabaseFacts
from tests.processes import PASSWORD, Starter, free_port
from tests.visitor import Visitor
from tests.waiting import until

TRIES = 40


@pytest.mark.parametrize("names_clients", [True, False], ids=["a proxy that names its clients", "one that names nobody"])
def test_O12_one_client_locks_out_nobody_else(heliograph: Starter, fresh_database: DatabaseFacts, names_clients: bool) -> None:
    assert heliograph.run("createaccount", "ACME").returncode == 0
    heliograph.adds_ada("planner")
    address = heliograph.serves()
    attacker, ada = (Visitor(address, **({"X_Forwarded_For": hop} if names_clients else {})) for hop in ("198.51.100.1", "198.51.100.2"))
    token = attacker.token()
    statuses = [attacker.sign_in("mallory@example.org", f"wrong {n}", token).status for n in range(TRIES)]
    assert 429 in statuses, "the one who guesses is slowed down"
    assert ada.sign_in("ada@example.org", PASSWORD).status == 302


def test_O12_doctor_looks_at_what_the_service_uses(heliograph: Starter, fresh_database: DatabaseFacts) -> None:
    """The file limit of the service that runs, not of the shell; a misspelt setting; the proxy that is not named."""
    operations = f"127.0.0.1:{free_port()}"
    settings = {"HELIOGRAPH_BIND": f"127.0.0.1:{free_port()}", "HELIOGRAPH_OPERATIONS_BIND": operations}
    service = Starter(fresh_database, heliograph._folder, ("prlimit", "--nofile=1024:1024"))
    try:
        serve = service("serve", **settings)
        serve.until_printed("Heliograph serves")
        answer = Visitor(f"http://{operations}").get("/status")
        assert json.loads(answer.body)["most_files"] == 1024
        checked = heliograph.run(
            "doctor", "--json", **settings, HELIOGRAPH_BASE_URL="https://signal.example.org", HELIOGRAPH_TRUSTED_PROXY="127.0.0.1"
        )
    finally:
        service.end()
    checks = json.loads(checked.output)["checks"]
    sentences = [check["sentence"] for check in checks]
    assert "The service that runs may open only 1,024 files." in sentences
    assert "HELIOGRAPH_TRUSTED_PROXY is no setting and has no effect. Did you mean HELIOGRAPH_TRUSTED_PROXIES?" in sentences
    assert [
        each
        for each in sentences
        if each.startswith("HELIOGRAPH_BASE_URL is https://signal.example.org, so a proxy with TLS stands in front")
    ]
    assert checked.returncode == 1


def test_O12_a_start_warns_of_a_misspelt_setting(heliograph: Starter, fresh_database: DatabaseFacts) -> None:
    serve = heliograph(
        "serve",
        HELIOGRAPH_BIND=f"127.0.0.1:{free_port()}",
        HELIOGRAPH_OPERATIONS_BIND=f"127.0.0.1:{free_port()}",
        HELIOGRAPH_SESION_IDLE="5",
    )
    until(lambda: "HELIOGRAPH_SESION_IDLE is no setting and has no effect. Did you mean HELIOGRAPH_SESSION_IDLE?" in serve.output)
