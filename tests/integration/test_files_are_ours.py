"""Only Heliograph's own user can read the files it writes (docs/reference/security.md), because they contain personal data."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from tests.databases import DatabaseFacts
from tests.processes import Starter, free_port


@pytest.mark.once
def test_C5_nobody_else_may_read_what_lies_in_the_data_folder(heliograph: Starter, fresh_database: DatabaseFacts, tmp_path: Path) -> None:
    """Even if the folder was created with access for everyone, as images and packages do."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    ports = {name: f"127.0.0.1:{free_port()}" for name in ("BIND", "INGEST_BIND", "OPERATIONS_BIND")}
    env = {f"HELIOGRAPH_{name}": place for name, place in ports.items()}
    env |= {
        "HELIOGRAPH_BASE_URL": f"http://{ports['BIND']}",
        "HELIOGRAPH_DATA": str(folder),
        "HELIOGRAPH_DATABASE_URL": "",
        "HELIOGRAPH_KEY": "",
    }
    serve = heliograph("serve", **env)
    serve.until_answers(f"http://{ports['BIND']}/accounts/sign-in/")
    serve.terminate()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"heliograph.db", "key"} <= {path.name for path in files}
    open_to_others = {
        path.relative_to(folder).as_posix(): oct(path.stat().st_mode) for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077
    }
    assert not open_to_others
