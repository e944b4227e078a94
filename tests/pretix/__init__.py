"""A real pretix (2026.8.0) in an environment of its own (requirements.txt is its lock), with SQLite and nothing else beside it.

`make test` makes the environment and a migrated database before it leaves the network, once: about 10 seconds for packages of 470 MB and 100 for the
migrations. Each test gets a copy. set_up.py, run inside it, fills the first one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any, Final, Self

from tests.processes import free_port
from tests.waiting import PATIENCE, until

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent
LOCK: Final = HERE / "requirements.txt"
PLACE: Final = ROOT / ".tools" / "pretix"
SEED: Final = PLACE / "seed"
"""The data folder of a pretix that set_up.py has filled."""
CONFIGURATION: Final = """[pretix]
instance_name=Heliograph tests
url={url}
datadir={data}
allow_http_to_private_networks=on
registration=off
[database]
backend=sqlite3
[mail]
from=pretix@example.org
host=127.0.0.1
port=9
[languages]
enabled=en
"""
STARTS_WITHIN: Final = 8 * PATIENCE
ACTIONS: Final = (
    *("placed", "paid", "canceled", "reactivated", "expired", "modified", "contact.changed", "changed.*", "deleted"),
    *("approved", "denied"),
)
"""Of orders, for which it calls us."""

type Facts = dict[str, Any]


def environment() -> Path:
    """The Python of pretix's environment, made with the seed if they are not as the lock says. Safe to call from several processes at once."""
    python = PLACE / "bin" / "python"
    mark = PLACE / "lock"
    wanted = hashlib.sha256(b"".join((LOCK.read_bytes(), (HERE / "set_up.py").read_bytes(), sys.version.encode()))).hexdigest()
    with (ROOT / ".tools" / "pretix.turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not mark.is_file() or mark.read_text() != wanted:
            uv = str(ROOT / ".tools" / "bin" / "uv")
            subprocess.run([uv, "venv", "--quiet", "--clear", "--no-project", "--python", sys.executable, str(PLACE)], check=True)
            subprocess.run([uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(LOCK)], check=True)
            SEED.mkdir()
            variables = _variables(SEED, "http://127.0.0.1")
            _run([str(python), "-m", "pretix", "migrate", "--verbosity", "0"], variables)
            said = _run([str(python), "-m", "pretix", "shell"], variables, (HERE / "set_up.py").read_text())
            (SEED / "facts.json").write_text(said.rpartition("facts:")[2])
            mark.write_text(wanted)
    return python


def _variables(data: Path, url: str) -> dict[str, str]:
    """The environment variables of a pretix with this data folder, and its configuration in it."""
    configuration = data / "pretix.cfg"
    configuration.write_text(CONFIGURATION.format(url=url, data=data))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HELIOGRAPH", "DJANGO", "PYTHON"))}
    return kept | {"PRETIX_CONFIG_FILE": str(configuration)}


def _run(command: list[str], variables: dict[str, str], text: str = "") -> str:
    result = subprocess.run(command, env=variables, cwd=HERE, input=text, capture_output=True, text=True, check=False)
    if result.returncode:
        raise AssertionError(f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout[-2000:]}\n{result.stderr[-3000:]}")
    return result.stdout


class Pretix:
    """A server on this machine. Everything of it lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._python = environment()
        self.data = folder / "pretix"
        shutil.copytree(SEED, self.data)
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self._variables = _variables(self.data, self.origin)
        self.facts: Facts = json.loads((self.data / "facts.json").read_text())
        self.log = folder / "pretix.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the server, on the port that it always has."""
        with self.log.open("ab") as log:
            command = [str(self._python), "-m", "pretix", "runserver", "--noreload", f"127.0.0.1:{self.port}"]
            self._process = subprocess.Popen(command, env=self._variables, cwd=self.data, stdout=log, stderr=log)
        until(self._answers, STARTS_WITHIN, every=0.2)

    def kill(self) -> None:
        """Kills the server."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def python(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts its Python beside the server, with pipes for input and output."""
        variables = self._variables | {"DJANGO_SETTINGS_MODULE": "pretix.settings"}
        command = [str(self._python), *arguments]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, env=variables, cwd=self.data, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"pretix ended:\n{self.log.read_text('utf-8', 'replace')[-3000:]}")
        try:
            return self.call("GET", "")[0] == 200
        except OSError:
            return False

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """A request to the API of the organizer, with the token. The status and the JSON that is answered."""
        request = urllib.request.Request(
            f"{self.origin}/api/v1/organizers/{self.facts['organizer']}/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Token {self.facts['token']}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()[:2_000]

    def done(self, method: str, path: str, body: object = None) -> Any:
        """The same; the answer must be a success."""
        status, answer = self.call(method, path, body)
        assert 200 <= status < 300, (method, path, body, status, answer)
        return answer

    def places(self, code: str) -> list[dict[str, Any]]:
        """The places of an order that are not cancelled."""
        places: list[dict[str, Any]] = self.done("GET", f"orders/{code}/")["positions"]
        return places

    def webhook(self, address: str) -> None:
        """Has it call this address for every change of an order."""
        actions = [*(f"pretix.event.order.{name}" for name in ACTIONS), "pretix.event.checkin", "pretix.event.checkin.reverted"]
        body = {"enabled": True, "target_url": address, "all_events": True, "limit_events": [], "action_types": actions}
        self.done("POST", "webhooks/", body)

    def orders(self) -> list[dict[str, Any]]:
        """All orders with all their places."""
        orders, path = [], "orders/?include_canceled_positions=true&ordering=code&page_size=50&page={}"
        for number in range(1, 1_000):
            answer = self.done("GET", path.format(number))
            orders += answer["results"]
            if answer["next"] is None:
                return orders
        raise AssertionError("there is no end of orders")

    def shred(self, slug: str) -> None:
        """Erases who attends an event, by pretix's own function."""
        code = (
            "from django_scopes import scopes_disabled\n"
            "from pretix.base.models import Event\n"
            "from pretix.base.shredder import AttendeeInfoShredder\n"
            "with scopes_disabled():\n"
            f"    AttendeeInfoShredder(Event.objects.get(slug='{slug}')).shred_data()\n"
            "\n"
        )
        self.shell(code)

    def shell(self, code: str) -> None:
        """Runs Python code inside pretix. A block needs an empty line after it."""
        _run([str(self._python), "-m", "pretix", "shell"], self._variables, code)


class EditingProcess:
    """A process of pretix that edits orders (inside.py), until it is killed."""

    def __init__(self, pretix: Pretix, seed: int) -> None:
        self._pretix, self._seed = pretix, seed
        self._process: subprocess.Popen[str] | None = None
        self._of_earlier = Counter[str]()
        self._of_this = Counter[str]()

    @property
    def counts(self) -> Counter[str]:
        """Edits by kind, without those of batches that a kill broke off."""
        return self._of_earlier + self._of_this

    def start(self) -> None:
        """Starts it; what the one before it did counts on."""
        self._of_earlier, self._of_this = self.counts, Counter()
        self._seed += 1
        self._process = self._pretix.python(str(HERE / "inside.py"), str(self._seed))

    def kill(self) -> None:
        """Kills it, amid an edit or not."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def begin(self, edits: int) -> None:
        """Has it make edits; call `end` afterwards, or kill it."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{edits}\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Waits until it has made the edits."""
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"it ended:\n{self._pretix.log.read_text('utf-8', 'replace')[-3000:]}"
        self._of_this = Counter(json.loads(line))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
