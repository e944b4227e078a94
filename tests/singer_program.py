"""A strict Singer program for tests, without any package: python tests/singer_program.py --config FILE [--state FILE].

The configuration names a file of rows and says what goes wrong. It prints the rows after its state, a STATE after each few of them, and refuses to
run with anything of Heliograph's in its environment, a state that others can read, or an input.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import stat
import sys
import threading
from pathlib import Path


def fail(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.exit(3)


def say(**message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def check_surroundings(state: Path | None) -> None:
    if extra := set(os.environ) - {"PATH", "LANG", "HOME", "LC_CTYPE", "REGION"}:
        fail(f"the environment has {sorted(extra)}")
    if sys.stdin.read():
        fail("there is an input")
    if os.getpgid(0) != os.getpid():
        fail("it has no process group of its own")
    if state is not None and stat.S_IMODE(state.stat().st_mode) != 0o600:
        fail("others can read the state")


def run(config: dict[str, object], state: dict[str, int]) -> None:
    wrong, every = config.get("wrong"), int(str(config["every"]))
    rows = json.loads(Path(str(config["rows"])).read_text())
    sys.stderr.write(f"signing in with {config['token']}\n")
    if wrong == "memory":
        held = [bytearray(1 << 20) for _megabyte in range(1 << 12)]
        fail(f"it got {len(held)} MB")
    if wrong == "children":
        os.spawnv(os.P_NOWAIT, "/bin/sleep", ["sleep", "600"])
    say(type="SCHEMA", stream="people", key_properties=["id"], schema={"type": "object"})
    begin = state.get("upto", 0)
    for number, row in enumerate(rows[begin:], begin + 1):
        say(type="RECORD", stream="people", record=row, time_extracted="2026-11-29T12:00:00Z")
        if number % every == 0:
            say(type="STATE", value={"upto": number})
        if wrong == "end" and number == config["at"]:
            fail(f"the platform refused {config['token']}")
        if wrong == "line" and number == config["at"]:
            sys.stdout.write("this is no JSON\n")
        if wrong == "slow":
            threading.Event().wait(0.02)  # a platform that answers slowly
    if wrong == "silent":
        sys.stdout.flush()
        signal.pause()
    if wrong == "output":
        while True:
            say(type="RECORD", stream="people", record={"id": "x", "more": "x" * 100_000})
    if wrong == "long":
        sys.stdout.write("x" * (2 << 20))
    if wrong == "log":
        for number in range(20_000):
            sys.stderr.write(f"line {number} of a long log with {config['token']}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--state", type=Path)
    given = parser.parse_args()
    check_surroundings(given.state)
    run(json.loads(given.config.read_text()), json.loads(given.state.read_text()) if given.state else {})
