"""`heliograph demo`: a real `serve` as a child process, with targets, a stream of registrations and a screen."""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heliograph.commands import ready
from heliograph.demo import demo_targets
from heliograph.domain.errors import HeliographError
from heliograph.engine.stop_signals import stop_signals
from heliograph.options import PREFIX, Options, default_data
from heliograph.stage.command_processes import Process
from heliograph.stage.receiver import Receiver

if TYPE_CHECKING:
    from rich.console import Console

MARK = "demo.json"  # marks a data folder with invented data, which `serve` refuses
USER = "demo@example.org"
# Seconds. The usual intervals are minutes, too long for a demo (D5 lets an account set them).
RETRY_INTERVALS = {
    "System": [2.0, 5.0, 10.0],
    "Connection": [5.0, 10.0, 20.0],
    "Source API": [6.0, 12.0, 25.0],
    "General": [8.0, 15.0, 30.0],
    "Config": [15.0, 30.0, 60.0],
}
FIRST = 40  # documents at the start, so that the first page is not empty
PACE = (0.3, 2.5)  # seconds between two registrations

PORT = typer.Option(help="Port of the pages on 127.0.0.1. 0: 8700, or the next free one.", min=0, max=65534)
DATA = typer.Option(help="The demo's data folder. Default: `demo` in the usual data folder (HELIOGRAPH_DATA).")
FRESH = typer.Option("--fresh", help="Delete the data of an earlier demo and start again.")


class DemoError(HeliographError):
    """The demo cannot start."""


def demo(
    port: Annotated[int, PORT] = 0,
    data: Annotated[Path | None, DATA] = None,
    fresh: Annotated[bool, FRESH] = False,
    seconds: Annotated[float, typer.Option(help="Stop after this many seconds. 0: run until Ctrl-C.", hidden=True)] = 0,
) -> None:
    """Show the whole product on this machine, with invented people, flows, and three targets that sometimes fail.

    Listens on 127.0.0.1 only and sends only to its own targets. Ctrl-C ends it; the next start continues with the same data.
    """
    from rich.console import Console  # noqa: PLC0415

    folder = (data or Path(os.environ.get(f"{PREFIX}DATA") or default_data()) / "demo").absolute()
    console = Console()
    stop = threading.Event()
    with stop_signals(stop.set, process_ends=True):
        port = _free_port(port)
        _prepare_folder(folder, fresh=fresh)
        receiver = Receiver(demo_targets.DemoTargets().take).start()
        _set_environment(folder, port, receiver.port)
        ready(first_start=True)
        password = secrets.token_urlsafe(9)
        console.print("Preparing the demo …", style="dim")
        account = _prepare_data(receiver, password)
        child = Process(["serve"], os.environ, folder / "serve.log")
        try:
            _wait_until_ready(port, child, stop)
            _greet(console, port, password, folder)
            if seconds:
                timer = threading.Timer(seconds, stop.set)
                timer.daemon = True
                timer.start()
            threading.Thread(target=_register, args=(account, stop), name="registrations", daemon=True).start()
            _show(account, console, stop)
        finally:
            try:
                child.terminate(15)
            except subprocess.TimeoutExpired:
                child.kill()
    console.print("The demo has ended. `heliograph demo` continues with this data; `heliograph demo --fresh` starts again.", style="dim")


def _free_port(preferred: int) -> int:
    """A port that is free together with the next one, which is for operations: `preferred`, or for 0 the first such port from 8700 on.

    Raises DemoError if there is none.
    """
    for port in (preferred,) if preferred else range(8700, 8900, 2):
        with socket.socket() as pages, socket.socket() as operations:
            try:
                for each in (pages, operations):
                    # otherwise a port that was just closed would count as in use
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                pages.bind(("127.0.0.1", port))
                operations.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise DemoError(
        f"Port {preferred} or {preferred + 1} is in use." if preferred else "No port from 8700 to 8899 is free. Choose one with --port."
    )


def _prepare_folder(folder: Path, *, fresh: bool) -> None:
    """Refuses a folder that is neither empty nor an earlier demo's: the demo deletes and invents data. Raises DemoError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark = folder / MARK
    if any(folder.iterdir()) and not mark.exists():
        raise DemoError(f"{folder} contains something other than a demo. Choose another folder with --data.")
    if fresh:
        for file in folder.iterdir():
            if file.is_file():
                file.unlink()
    mark.write_text(json.dumps({"made by": "heliograph demo"}) + "\n")


def _set_environment(folder: Path, port: int, receiver_port: int) -> None:
    """Replaces all settings of the environment: the demo listens on loopback and reaches only its targets."""
    for name in [n for n in os.environ if n.startswith(PREFIX)]:
        del os.environ[name]
    os.environ |= {
        f"{PREFIX}DATA": str(folder),
        f"{PREFIX}BIND": f"127.0.0.1:{port}",
        f"{PREFIX}BASE_URL": f"http://127.0.0.1:{port}",
        f"{PREFIX}OPERATIONS_BIND": f"127.0.0.1:{port + 1}",
        f"{PREFIX}DEMO_TARGETS": f"127.0.0.1:{receiver_port}",
        f"{PREFIX}LOG_LEVEL": "error",
    }


def _prepare_data(receiver: Receiver, password: str) -> int:
    """Migrates, sets up the account at the first start, points it to the targets, and sets a new password. Returns the account's id."""
    from django.core.management import call_command  # noqa: PLC0415

    from heliograph.accounts.models import Account, Role, User  # noqa: PLC0415
    from heliograph.stage.account import make_account  # noqa: PLC0415
    from heliograph.stage.northwind import ACCOUNT, BY, northwind  # noqa: PLC0415
    from heliograph.stage.northwind_flows import BADGES, CRM, SLACK, connect, make_flows  # noqa: PLC0415

    call_command("migrate", verbosity=0, interactive=False)
    known = Account.objects.filter(code=ACCOUNT.code).first()
    account = int(known.pk) if known else make_account(northwind(retry_intervals=RETRY_INTERVALS), BY).id
    connect(
        account, {SLACK: receiver.url(demo_targets.SLACK), CRM: receiver.url(demo_targets.CRM), BADGES: receiver.url(demo_targets.BADGES)}
    )
    if known is None:
        make_flows(account)
    user = User.objects.filter(email=USER).first()
    if user is None:
        User.objects.create_user(USER, password, name="Dana Demo", account_id=account, role=Role.ADMINISTRATOR)
    else:
        user.set_password(password)
        user.save()
    return account


def _wait_until_ready(port: int, child: Process, stop: threading.Event, timeout: float = 180) -> None:
    """Waits until the pages answer, `timeout` seconds at most: just installed, on a busy machine, Python first compiles everything. Raises DemoError."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if child.returncode is not None:
            raise DemoError("`heliograph serve` did not start. Is another demo using this folder? See serve.log in it.")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/accounts/sign-in/", timeout=30):
                return
        except (OSError, urllib.error.URLError):
            if stop.wait(0.1):
                return
    raise DemoError(
        f"The pages do not answer on port {port}. Is it in use? Choose another with --port, and see serve.log in the data folder."
    )


def _greet(console: Console, port: int, password: str, folder: Path) -> None:
    console.print()
    console.print(f"  Heliograph's demo runs at  [bold]http://127.0.0.1:{port}[/bold]")
    console.print(f"  User      [bold]{USER}[/bold]")
    console.print(f"  Password  [bold]{password}[/bold]", highlight=False)
    console.print(f"  Data      {folder}   (Ctrl-C ends the demo)", style="dim", highlight=False, soft_wrap=True)
    console.print()


def _source(path: Path) -> tuple[Any, Any]:
    from heliograph.store.config_cache import Committed  # noqa: PLC0415
    from heliograph.store.sqlite_database import open_sqlite  # noqa: PLC0415

    db = open_sqlite(path)
    return db, Committed(db)


def _register(account: int, stop: threading.Event) -> None:
    """Sends the stream of registrations: FIRST of them at once if there are none yet, then one at a time."""
    from itertools import islice  # noqa: PLC0415

    from heliograph.demo.stream import Stream  # noqa: PLC0415
    from heliograph.recording.batches import record_batch  # noqa: PLC0415
    from heliograph.recording.items import RecordItem  # noqa: PLC0415

    db, source = _source(Options.load().sqlite_file)
    pace = random.Random()  # noqa: S311
    ((known,),) = db.all("SELECT COUNT(*) FROM registration")
    stream = iter(Stream(seed=known, made=known))
    if not known:
        record_batch(db, [RecordItem(account, document, "demo") for document in islice(stream, FIRST)], source)
    for document in stream:
        if stop.wait(pace.uniform(*PACE)):
            return
        record_batch(db, [RecordItem(account, document, "demo")], source)


def _show(account: int, console: Console, stop: threading.Event) -> None:
    from heliograph.accounts.models import Account  # noqa: PLC0415
    from heliograph.demo.screen import Screen  # noqa: PLC0415

    db, source = _source(Options.load().sqlite_file)
    screen = Screen(db, source, account, Account.objects.get(pk=account).timezone, console)
    while not stop.wait(0.4):
        screen.look()


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)
