"""Commands that run the product: serve, web, worker, and their child processes (docs/design/processes.md; O1-O3)."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import structlog
import typer

from heliograph import collector, failpoints
from heliograph.commands import check_not_moved, ready
from heliograph.domain.errors import HeliographError
from heliograph.options import PREFIX, Options, host_and_port, unknown_settings

if TYPE_CHECKING:
    from heliograph.engine.supervisor.supervisor import Child, Supervisor
    from heliograph.store.database import Database

log = structlog.get_logger(__name__)

DEMO_MARK = "demo.json"
PAGES_NICE = 5


class StartError(HeliographError):
    """Heliograph cannot start with these settings."""


def register(app: typer.Typer) -> None:
    app.command()(serve)
    app.command()(web)
    app.command()(worker)
    process = typer.Typer(help="The processes that serve, web and worker keep running.")
    process.command("engine")(_engine_process)
    process.command("pages")(_pages_process)
    process.command("edge")(_edge_process)
    app.add_typer(process, name="process", hidden=True)


def serve() -> None:
    """Run everything on this machine: pages, /ingest, deliveries and jobs. Uses SQLite in the data folder, unless another database is set.

    Updates the database schema first. Ctrl-C, SIGTERM or SIGHUP finishes what is in flight and stops within 10 seconds.
    """
    options = _checked(first_start=True)
    if options.demo_targets:
        from heliograph.engine.supervisor.supervisor import die_with_parent  # noqa: PLC0415

        die_with_parent()  # a killed demo leaves no process behind
    with contextlib.ExitStack() as stack:
        if options.on_sqlite:
            from heliograph.engine.supervisor.processes import folder_lock  # noqa: PLC0415

            stack.enter_context(folder_lock(options.data, "serve"))
        _migrate(options)
        _check_folder_is_moved(options)
        names = ["engine", *_doors(options)]
        _supervise(options, [_child(name, options) for name in names], f"Heliograph serves {options.base_url}{_first_start(options)}")


def web() -> None:
    """Run only pages and /ingest, beside any number of workers. Needs PostgreSQL; run `heliograph migrate` first."""
    options = _shared("web")
    _supervise(options, [_child(name, options) for name in _doors(options)], f"Heliograph serves {options.base_url}")


def worker() -> None:
    """Run only deliveries. Start any number of workers, on any number of machines. Needs PostgreSQL; run `heliograph migrate` first."""
    options = _shared("worker")
    _supervise(options, [_child("engine", options)], "Heliograph delivers.")


def _doors(options: Options) -> list[str]:
    """The processes that take registrations."""
    return ["edge", "pages"] if options.ingest_bind else ["pages"]


# ---- checks before anything runs -------------------------------------------------------------------------------------------


def _checked(*, first_start: bool) -> Options:
    """The options of a production start. Raises StartError, with a sentence for each unsafe setting."""
    options = Options.load()
    if unsafe := options.unsafe():
        raise StartError("\n".join(unsafe))
    if (options.data / DEMO_MARK).exists() and not options.demo_targets:
        raise StartError(f"{options.data} contains the data of `heliograph demo`. Set {PREFIX}DATA to another folder.")
    check_not_moved(options)
    ready(first_start=first_start, django=False)
    for warning in (*options.doubtful(), *unknown_settings(os.environ)):
        log.warning("suspicious_setting", said=warning)
    if failpoints.FOLDER:
        log.warning("failpoints_are_on", variable=failpoints.VARIABLE, why="processes of this start can be made to die: only for trials")
    if options.on_sqlite:
        from heliograph.store.doctor_checks import folder_is_local  # noqa: PLC0415

        local = folder_is_local(options.data)
        if not local.ok:
            raise StartError(f"{local.sentence} {local.cure}")
    from heliograph.wiring import check_sessions  # noqa: PLC0415

    check_sessions(options)
    return options


def _shared(command: str) -> Options:
    options = _checked(first_start=False)
    if options.on_sqlite:
        raise StartError(f"`heliograph {command}` needs PostgreSQL: set {PREFIX}DATABASE_URL. With SQLite, use `heliograph serve`.")
    from heliograph.store.schema import check_schema  # noqa: PLC0415
    from heliograph.wiring import open_database  # noqa: PLC0415

    with contextlib.closing(open_database(options)) as db:
        check_schema(db)
        _check_key(options, db)
    _check_folder_is_moved(options)
    return options


def _migrate(options: Options) -> None:
    """Brings the schema up to date, and checks the key. Loads Django only if there is something to do: a supervisor that starts again does without."""
    from heliograph.store.schema import check_not_moved, check_schema, is_whole  # noqa: PLC0415
    from heliograph.wiring import open_database  # noqa: PLC0415

    with contextlib.closing(open_database(options)) as db:
        check_not_moved(db)
        if not is_whole(db):
            ready()
            from django.db import connection  # noqa: PLC0415

            from heliograph.store import schema_update  # noqa: PLC0415

            schema_update.migrate(_say_migrations)
            connection.close()
        check_schema(db)
        _check_key(options, db)


def _check_folder_is_moved(options: Options) -> None:
    """Raises StartError for an empty database of PostgreSQL beside a data folder with an installation on SQLite: somebody has set the URL and
    expects to find it there (O15)."""
    from heliograph.store.installation_state import has_accounts  # noqa: PLC0415
    from heliograph.store.sqlite_database import open_sqlite  # noqa: PLC0415
    from heliograph.wiring import open_database  # noqa: PLC0415

    file = options.data / "heliograph.db"
    if options.on_sqlite or not file.exists():
        return
    with contextlib.closing(open_database(options, read_only=True)) as db, contextlib.closing(open_sqlite(file, read_only=True)) as beside:
        if has_accounts(db) or not has_accounts(beside):
            return
    raise StartError(
        f"{file} holds an installation, and the database of {PREFIX}DATABASE_URL is empty. Move it: unset {PREFIX}DATABASE_URL, and run"
        f" `heliograph move --to` with that URL. To begin anew, set {PREFIX}DATA to another folder."
    )


def _say_migrations(names: list[str]) -> None:
    """Logs one line, since an empty database takes fifty migrations; their names only with `HELIOGRAPH_LOG_LEVEL=debug`."""
    log.info("updating_the_schema", migrations=len(names))
    for name in names:
        log.debug("migrating", migration=name)


def _first_start(options: Options) -> str:
    """The link to create the first account, as long as there is no user and the settings have not made one (O6)."""
    from heliograph.store.installation_state import has_users  # noqa: PLC0415
    from heliograph.wiring import open_database  # noqa: PLC0415

    with contextlib.closing(open_database(options, read_only=True)) as db:
        if has_users(db):
            return ""
    ready()
    from django.db import connection  # noqa: PLC0415

    from heliograph.setup.services.first_start import first_link, first_user  # noqa: PLC0415

    if options.admin_email:
        first_user(options.admin_email, options.admin_password.get_secret_value(), options.admin_account)
    link = first_link()
    connection.close()
    return f"\nThere is no user yet. Set up Heliograph here, within 30 minutes: {link.address}" if link else ""


def _check_key(options: Options, db: Database) -> None:
    from heliograph.store.secrets import Vault, check_key  # noqa: PLC0415

    with db.transaction():
        check_key(db, Vault(options.keys, options.key_source))


# ---- the supervisor --------------------------------------------------------------------------------------------------------


def _child(name: str, options: Options) -> Child:
    from heliograph.engine.supervisor.supervisor import Child  # noqa: PLC0415

    argv = [sys.executable, "-P", "-m", "heliograph", "process", name]  # -P: no module is loaded from the folder where it was started
    if name == "engine":
        return Child(name, argv, before=lambda: _recover(options))
    return Child(name, argv, nice=PAGES_NICE if name == "pages" else 0)


def _recover(options: Options) -> None:
    from heliograph.engine.worker.recovery import recover  # noqa: PLC0415
    from heliograph.wiring import flight_folder, open_database  # noqa: PLC0415

    with contextlib.closing(open_database(options)) as db:
        recover(db, flight_folder(options))


def _supervise(options: Options, children: list[Child], message: str) -> None:
    from heliograph.engine.stop_signals import stop_signals  # noqa: PLC0415
    from heliograph.engine.supervisor.service_manager import ServiceManager  # noqa: PLC0415
    from heliograph.engine.supervisor.supervisor import Supervisor  # noqa: PLC0415
    from heliograph.store.write_lock import Holder, WriteLock  # noqa: PLC0415

    holder: Callable[[], Holder | None] | None = (lambda: WriteLock.holding(options.sqlite_file)) if options.on_sqlite else None
    _check_ports(options, [child.name for child in children])
    supervisor = Supervisor(children, on_ready=lambda: typer.echo(message), holder=holder, manager=ServiceManager())
    with stop_signals(supervisor.stop, process_ends=True), _operations(options, supervisor):
        status = supervisor.run()
    if status:
        raise typer.Exit(status)


def _check_ports(options: Options, names: list[str]) -> None:
    """Raises StartError, which names the setting, if the pages or the fast door could not listen at their address.

    If the supervisor before this one was killed, its children drain for up to STOP seconds, and hold the addresses meanwhile. So an address in use is
    said at once, and is an error only if it still is after that time.
    """
    from heliograph.engine.supervisor.supervisor import STOP  # noqa: PLC0415

    binds = {"pages": ("BIND", options.bind), "edge": ("INGEST_BIND", options.ingest_bind)}
    deadline = time.monotonic() + STOP + 2.0
    for setting, bind in [binds[name] for name in names if name in binds]:
        was_said = False
        while error := _bind_error(*host_and_port(bind)):
            if error.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                raise StartError(
                    f"{PREFIX}{setting} is {bind}, where nothing can listen: {error.strerror}."
                    " Stop the program that uses this address, or set another one."
                )
            if not was_said:
                was_said = True
                reason = f"{bind} is in use, perhaps by a start before this one that is still ending."
                log.warning("address_in_use", setting=f"{PREFIX}{setting}", reason=reason, waits_at_most=round(deadline - time.monotonic()))
            time.sleep(0.1)


def _bind_error(host: str, port: int) -> OSError | None:
    """The error of listening at this address; None: it is free, or is a name, which its process looks up itself."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except socket.gaierror:
            return None
        except OSError as error:
            return error
    return None


@contextlib.contextmanager
def _operations(options: Options, supervisor: Supervisor) -> Iterator[None]:
    """The operations port, with health and metrics.

    If the default address is taken, such as by a worker beside `web`, there is no port. If a configured one is taken, raises StartError.
    """
    from heliograph.commands.pages_probe import PagesProbe  # noqa: PLC0415
    from heliograph.engine.supervisor.database_probe import DatabaseProbe  # noqa: PLC0415
    from heliograph.engine.supervisor.installation_status import ProcessFigures  # noqa: PLC0415
    from heliograph.engine.supervisor.metrics import Metrics  # noqa: PLC0415
    from heliograph.engine.supervisor.operations_port import operations_port  # noqa: PLC0415
    from heliograph.store.doctor_checks import own_descriptors  # noqa: PLC0415
    from heliograph.wiring import look_at_database, read_status_once  # noqa: PLC0415

    most_files = own_descriptors()

    def processes() -> ProcessFigures:
        return ProcessFigures(options.installation, supervisor.states(), supervisor.counted(), most_files)

    with contextlib.ExitStack() as stack:
        try:
            metrics = Metrics(processes, lambda: read_status_once(options))
            address = host_and_port(options.operations_bind)
            pages = PagesProbe(*host_and_port(options.bind))
            database = DatabaseProbe(lambda: look_at_database(options), supervisor.counted)
            stack.enter_context(
                operations_port(*address, supervisor.states, options.hosts, metrics.exposition, processes, pages.answers, database.problem)
            )
        except OSError as error:
            reason = f"{options.operations_bind} cannot be opened for /health and /metrics: {error.strerror}. Set {PREFIX}OPERATIONS_BIND to another port."
            if "operations_bind" in options.model_fields_set:
                raise StartError(reason) from None
            log.warning("no_operations_port", reason=reason)
        yield


# ---- the processes ---------------------------------------------------------------------------------------------------------


def _engine_process() -> None:
    """Deliveries."""
    _or_fatal(_run_engine)


def _pages_process() -> None:
    """Pages, /ingest and jobs."""
    _or_fatal(_run_pages)


def _edge_process() -> None:
    """The fast door for /ingest."""
    _or_fatal(_run_edge)


def _or_fatal(run: Callable[[], None]) -> None:
    """Runs a process. For one of our own errors the supervisor does not restart it, because the operator must fix the cause; for a failure of the
    system it does."""
    from heliograph.engine.exit_status import FATAL, UNCLEAN  # noqa: PLC0415

    try:
        run()
    except HeliographError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(FATAL) from None
    except Exception as error:
        from heliograph.commands.failure_sentence import failure_sentence  # noqa: PLC0415

        reason = failure_sentence(error)
        if reason is None:
            raise
        log.error("process_cannot_run", reason=reason)  # noqa: TRY400 -- the sentence says all
        raise typer.Exit(UNCLEAN) from None


def _run_engine() -> None:
    ready(django=False)
    from heliograph.engine.supervisor.processes import run_engine  # noqa: PLC0415
    from heliograph.wiring import listening, worker_setup  # noqa: PLC0415

    options = Options.load()
    run_engine(worker_setup(options), listening(options), sqlite_file=options.sqlite_file if options.on_sqlite else None)


def _run_edge() -> None:
    ready(django=False)
    from heliograph.engine.supervisor.processes import folder_lock, run_door  # noqa: PLC0415
    from heliograph.engine.supervisor.supervisor import STOP  # noqa: PLC0415
    from heliograph.wiring import fast_door, telling  # noqa: PLC0415

    options = Options.load()
    # A door whose supervisor was killed still answers its open requests: wait for it.
    with folder_lock(options.data, f"edge-{host_and_port(options.ingest_bind)[1]}", patience=STOP + 2.0):
        notify = telling(options)
        run_door(lambda: fast_door(options, on_recorded=notify))


def _run_pages() -> None:
    ready()
    from django.urls import get_resolver  # noqa: PLC0415

    from heliograph.accounts.login_sessions import sends_files  # noqa: PLC0415
    from heliograph.engine.ingest.wsgi_door import IngestApplication  # noqa: PLC0415
    from heliograph.engine.supervisor.supervisor import die_with_parent, say_ready  # noqa: PLC0415
    from heliograph.web.limits import HeadRules  # noqa: PLC0415
    from heliograph.web.server import serve_pages  # noqa: PLC0415
    from heliograph.web.texts import pages_application  # noqa: PLC0415
    from heliograph.wiring import reception, source_recorder, telling  # noqa: PLC0415

    die_with_parent()
    options = Options.load()
    host, port = host_and_port(options.bind)
    notify = telling(options)
    with collector.importing():
        # All pages are imported before the first request, and before a thread needs one's URL while it holds the write lock.
        _ = get_resolver().url_patterns
    with (
        _beside_pages(options),
        contextlib.closing(source_recorder(options, on_recorded=notify)) as recorder,
        contextlib.closing(reception(options, on_recorded=notify, on_stored=recorder.wake)) as received,
    ):
        application = IngestApplication(pages_application(), received)
        collector.spare_imported()
        serve_pages(
            host,
            port,
            threads=options.page_threads,
            trusted_proxies=options.trusted_proxies,
            on_ready=lambda *_: say_ready(),
            application=application,
            hosts=options.hosts,
            rules=HeadRules(sends_files, application.admits, application.count_refusal),
        )


@contextlib.contextmanager
def _beside_pages(options: Options) -> Iterator[None]:
    """Runs jobs and housekeeping on threads of the pages' process."""
    from heliograph.wiring import beside_pages  # noqa: PLC0415

    stop = threading.Event()
    threads = [threading.Thread(target=run, args=(stop,), name=name, daemon=True) for name, run in beside_pages(options)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(5.0)
