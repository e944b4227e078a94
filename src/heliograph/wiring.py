"""Joins the packages: the parts of a worker, the kinds of jobs, the doors, and the work on threads beside pages."""

from __future__ import annotations

import contextlib
import os
import resource
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from heliograph import __version__
from heliograph.domain.client_address import ClientAddresses
from heliograph.domain.errors import HeliographError
from heliograph.engine.exit_status import UNCLEAN
from heliograph.engine.tracer import open_tracer
from heliograph.options import PREFIX, Options, host_and_port
from heliograph.store import access_refusals, database_outages
from heliograph.store.database import Database
from heliograph.store.database_trouble import Trouble
from heliograph.store.disk_room import check_room
from heliograph.store.installation_state import ServerStatus, read_status
from heliograph.store.notifications import Listener, Teller
from heliograph.store.schema import check_schema
from heliograph.store.secrets import Vault
from heliograph.store.sqlite_database import open_sqlite

if TYPE_CHECKING:
    from heliograph.engine.ingest.fast_door import Door
    from heliograph.engine.ingest.reception import Reception
    from heliograph.engine.worker.worker import WorkerParts
    from heliograph.jobs.registry import JobKinds
    from heliograph.recording.source_recorder import SourceRecorder


class AddressTaken(HeliographError):
    """The address is taken."""


class ReadOnlyServer(HeliographError):
    """The server of the database takes no writes, such as a standby."""


def open_database(options: Options, *, read_only: bool = False) -> Database:
    """A new connection beside Django's: for the engine, recovery and housekeeping."""
    if options.on_sqlite:
        return open_sqlite(options.sqlite_file, read_only=read_only)
    from heliograph.store.postgres_database import open_postgres  # noqa: PLC0415 -- with psycopg

    return open_postgres(options.database_url, read_only=read_only, idle_timeout_ms=round(options.idle_in_transaction * 1000))


def check_sessions(options: Options) -> None:
    """Raises SessionsAreShared for a pooler that gives each transaction another session, and what the driver raises if the server does not answer."""
    if not options.on_sqlite:
        from heliograph.store import pooler  # noqa: PLC0415 -- with psycopg

        pooler.keeps_sessions(options.database_url)


def look_at_database(options: Options) -> None:
    """Compares the schema, and tries whether the data folder and the disk of the database take a file. Raises SchemaTooOld, SchemaDiffers,
    ReadOnlyServer, and what the driver or the system raises."""
    check_room(options.data)
    with contextlib.closing(open_database(options, read_only=options.on_sqlite)) as db:
        check_schema(db)
        if db.takes_no_writes():
            raise ReadOnlyServer(Trouble.READ_ONLY.value)
        db.check_room()


def read_status_once(options: Options) -> ServerStatus:
    """The state of the installation, read on a connection of its own."""
    with contextlib.closing(open_database(options, read_only=True)) as db:
        return read_status(db, written_folders(options), options.sqlite_file if options.on_sqlite else None)


def written_folders(options: Options) -> dict[str, Path]:
    """The folders that processes of this machine write to, by what for."""
    folders = {"data": options.data}
    if options.on_sqlite:
        folders["database"] = options.sqlite_file.parent
    if options.backup_schedule is not None:
        folders["backups"] = options.backup_folder
    return folders | {"temporary": Path(tempfile.gettempdir())}


def flight_folder(options: Options) -> Path:
    """The folder of this machine's in-flight journals."""
    return options.data / "flight"


def worker_setup(options: Options) -> WorkerParts:
    """The parts of this installation's worker."""
    from heliograph.engine.worker.slot_ownership import Lease  # noqa: PLC0415 -- only the engine needs the worker, and the memory of it
    from heliograph.engine.worker.worker import WorkerParts  # noqa: PLC0415
    from heliograph.store.config_cache import Committed  # noqa: PLC0415

    policy = options.everyones_policy
    return WorkerParts(
        open_writer=lambda: open_database(options),
        open_reader=lambda: open_database(options, read_only=True),
        provider=Committed,
        vault=Vault(options.keys, options.key_source),
        policy=lambda _account: policy,
        folder=flight_folder(options),
        ca_file=options.authorities_file,
        lease=Lease(options.lease, options.lease_renewal),
        total_timeout=options.request_timeout,
        proxy=options.outgoing_proxy,
        user_agent=f"Heliograph/{__version__}",
        tracer=open_tracer(),
    )


def reception(
    options: Options, *, on_recorded: Callable[[], object] = lambda: None, on_stored: Callable[[], object] = lambda: None
) -> Reception:
    """The reception of documents, shared by the doors of this process. If its writer dies, so does the process; the supervisor restarts it."""
    from heliograph.engine.ingest.reception import Reception  # noqa: PLC0415 -- the engine does without, and without the memory of it
    from heliograph.store.config_cache import Committed  # noqa: PLC0415

    received = Reception(
        lambda: open_database(options),
        lambda: open_database(options, read_only=True),
        Committed,
        on_recorded=on_recorded,
        on_death=lambda _: os._exit(UNCLEAN),
        tracer=open_tracer(),
        vault=Vault(options.keys, options.key_source),
        on_stored=on_stored,
    )
    database_outages.PROCESS.report = received.writer.counters.note_trouble
    access_refusals.PROCESS.report = received.writer.counters.refused_access
    return received


def source_recorder(options: Options, *, on_recorded: Callable[[], object] = lambda: None) -> SourceRecorder:
    """The thread of this process that records what live sources bring."""
    from heliograph.recording.source_recorder import SourceRecorder  # noqa: PLC0415 -- as above
    from heliograph.store.config_cache import Committed  # noqa: PLC0415

    return SourceRecorder(lambda: open_database(options), Committed, on_recorded)


def telling(options: Options) -> Callable[[], object]:
    """A function that tells the workers that something was recorded: this start's workers by its pipe, and on PostgreSQL all of the
    database's."""
    from heliograph.engine.supervisor.wakeup_pipe import ringer  # noqa: PLC0415

    ring = ringer()
    if options.on_sqlite:
        return ring
    notify = Teller(options.database_url)

    def wake_workers() -> None:
        ring()
        notify()

    return wake_workers


def listening(options: Options) -> Callable[[Callable[[], object]], object]:
    """A function that subscribes a worker to what other processes record (on SQLite the pipe is enough)."""
    return (lambda _wake: None) if options.on_sqlite else lambda wake: Listener(options.database_url, wake)


def fast_door(options: Options, *, on_recorded: Callable[[], object] = lambda: None) -> Door:
    """The door of HELIOGRAPH_INGEST_BIND. Raises AddressTaken if the address is not available."""
    from heliograph.engine.ingest.door_places import PlaceLimits  # noqa: PLC0415 -- as above
    from heliograph.engine.ingest.fast_door import Door  # noqa: PLC0415

    host, port = host_and_port(options.ingest_bind)
    try:
        return Door(
            host,
            port,
            reception(options, on_recorded=on_recorded),
            hosts=options.hosts,
            clients=ClientAddresses(options.trusted_proxies),
            limits=PlaceLimits(options.ingest_connections, options.ingest_address_connections).within(
                resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            ),
            on_death=lambda _: os._exit(UNCLEAN),
        )
    except OSError as error:
        raise AddressTaken(f"{PREFIX}INGEST_BIND is {options.ingest_bind}, where nothing can listen: {error.strerror}.") from None


def job_kinds() -> JobKinds:
    """Every kind of job. Call it only after Django is set up, because jobs use models."""
    from heliograph.insights import record_export  # noqa: PLC0415
    from heliograph.jobs.registry import JobKinds  # noqa: PLC0415
    from heliograph.registrations import bulk_change  # noqa: PLC0415
    from heliograph.registrations.erasures import erasure_job  # noqa: PLC0415
    from heliograph.registrations.imports import import_job  # noqa: PLC0415
    from heliograph.replay import dry_run  # noqa: PLC0415
    from heliograph.retry import downloads, submit_job  # noqa: PLC0415
    from heliograph.setup import mark_test_job  # noqa: PLC0415
    from heliograph.sources import folder_files, source_removal  # noqa: PLC0415

    return JobKinds(
        [
            import_job.kind(),
            mark_test_job.kind(),
            bulk_change.kind(),
            record_export.kind(),
            submit_job.kind(),
            downloads.kind(),
            dry_run.kind(),
            erasure_job.kind(folder_files.erase_next),
            source_removal.kind(),
        ]
    )


def paced_kinds() -> JobKinds:
    """Kinds of jobs that mostly wait, perhaps for hours: they do not block other jobs or each other."""
    from heliograph.connections import release_job  # noqa: PLC0415
    from heliograph.jobs.registry import JobKinds  # noqa: PLC0415
    from heliograph.replay import send_job  # noqa: PLC0415
    from heliograph.sources import command_job, read_job  # noqa: PLC0415

    return JobKinds([release_job.kind(), send_job.kind(), read_job.kind(), command_job.kind()])


def beside_pages(options: Options) -> list[tuple[str, Callable[[threading.Event], None]]]:
    """The work on threads of the pages' process, by name: scheduled backups, folding, roll-ups, retention, jobs, notifications, and the deletion of old uploads, exports and
    downloads. Each runs until its event is set."""
    from heliograph.insights import record_export  # noqa: PLC0415
    from heliograph.jobs.runner import Runner  # noqa: PLC0415
    from heliograph.notifications import post_office  # noqa: PLC0415
    from heliograph.registrations.imports import uploads  # noqa: PLC0415
    from heliograph.retry import downloads  # noqa: PLC0415
    from heliograph.sources import folder_files, folder_watch, gap_counter, pretix_looks, read_schedule  # noqa: PLC0415
    from heliograph.store.backup import backup_schedule  # noqa: PLC0415
    from heliograph.store.queue import figure_folder, people_roll_up, retention_round  # noqa: PLC0415

    schedule = options.backup_schedule
    backups: list[tuple[str, Callable[[threading.Event], None]]] = []
    if schedule is not None:
        backups.append(("backups", lambda stop: backup_schedule.care(lambda: open_database(options, read_only=True), stop, schedule)))
    folders: list[tuple[str, Callable[[threading.Event], None]]] = []
    if options.folders != Path():
        folders.append(("folders", lambda stop: folder_watch.care(stop, options.folders)))
        folders.append(("old files of folders", lambda stop: folder_files.care(stop, options.folders, options.retention)))
    return [
        *backups,
        *folders,
        ("folding", lambda stop: figure_folder.care(lambda: open_database(options), stop)),
        ("people sent", lambda stop: people_roll_up.care(lambda: open_database(options), stop)),
        ("retention", lambda stop: retention_round.care(lambda: open_database(options), stop, options.retention, options.retention_keys)),
        ("jobs", lambda stop: Runner(job_kinds()).run_forever(stop)),
        ("uploads", uploads.care),
        ("exports", record_export.care),
        ("downloads", downloads.care),
        ("reading", read_schedule.care),
        ("gaps", gap_counter.care),
        ("pretix looks", pretix_looks.care),
        ("notifications", post_office.care),
        ("paced jobs", lambda stop: Runner(paced_kinds()).run_side_by_side(stop)),
    ]
