"""Django's settings for tests: the product's, with the tests' own database.

HELIOGRAPH_TEST_DATABASE: sqlite (default) or postgres. HELIOGRAPH_TEST_POSTGRES: folder of a running server's socket; without it
conftest.py starts one. HELIOGRAPH_* in the developer's own environment is ignored.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet

VENDOR = os.environ.get("HELIOGRAPH_TEST_DATABASE", "sqlite")
if VENDOR not in {"sqlite", "postgres"}:
    raise RuntimeError(f"HELIOGRAPH_TEST_DATABASE is {VENDOR!r}; it may be sqlite or postgres")

FOLDER = Path(tempfile.mkdtemp(prefix="hg-tests-", dir="/tmp"))
DATA = FOLDER / "data"
DATA.mkdir()
OWN_POSTGRES = VENDOR == "postgres" and "HELIOGRAPH_TEST_POSTGRES" not in os.environ
# Directly in /tmp: the server runs as another user, who may not be able to read our folder.
POSTGRES = Path(os.environ.get("HELIOGRAPH_TEST_POSTGRES") or f"/tmp/hg-postgres-{os.getpid()}")
KEY = Fernet.generate_key().decode("ascii")
DATABASE_NAME = f"heliograph_{os.getpid()}"
# A file, not in memory: several processes and threads open the test database.
DATABASE_FILE = DATA / "heliograph.db"

for name in list(os.environ):
    if name.startswith("HELIOGRAPH_") and not name.startswith("HELIOGRAPH_TEST_"):
        del os.environ[name]
os.environ["HELIOGRAPH_KEY"] = KEY
os.environ["HELIOGRAPH_DATA"] = str(DATA)
os.environ["HELIOGRAPH_LOG_FORMAT"] = "console"
os.environ["HELIOGRAPH_API_REQUESTS"] = "1000000"  # a process counts the requests of all its tests; test_api_conventions has the quota
if VENDOR == "postgres":
    os.environ["HELIOGRAPH_DATABASE_URL"] = f"postgresql://heliograph@/{DATABASE_NAME}?host={POSTGRES}"

from heliograph.settings import *  # noqa: E402, F403 - the options above come first

PASSWORD_HASHERS = ["tests.hashing.OneRound"]

if VENDOR == "postgres":  # no test loses its transaction because the machine stands still
    for _session in (DATABASES["default"], DATABASES["read"]):  # noqa: F405 - of the settings
        _session["OPTIONS"]["session_settings"]["idle_in_transaction_session_timeout"] = "0"
