"""CPU time of processes, and a description of the machine: from /proc on Linux, from ps on other systems."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from collections.abc import Iterable
from pathlib import Path

from heliograph import __version__
from heliograph.outbound.floor import LIBCURL

PROC = Path("/proc")
_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int, *, ended: bool = False) -> float:
    """CPU seconds of a process so far, user and system; 0 if it is gone.

    ended: includes its ended children
    """
    stat = PROC / str(pid) / "stat"
    if stat.parent.is_dir():
        fields = stat.read_text().rpartition(") ")[2].split()
        return sum(map(int, fields[11 : 15 if ended else 13])) / _TICK
    output = _ps("cputime=", pid).replace("-", ":")
    seconds = 0.0
    for part in output.split(":") if output else ():
        seconds = seconds * 60 + float(part)
    return seconds


def thread_cpu_seconds(pid: int) -> dict[str, float]:
    """CPU seconds of the living threads of a process, by name without its number; that of the process's first thread is "main". Empty on
    systems without /proc."""
    figures: dict[str, float] = {}
    for task in (PROC / str(pid) / "task").glob("*"):
        try:
            name, fields = (task / "comm").read_text().strip(), (task / "stat").read_text().rpartition(") ")[2].split()
        except OSError:  # it has ended
            continue
        name = "main" if task.name == str(pid) else name.rstrip("0123456789").rstrip("-_")
        figures[name] = figures.get(name, 0.0) + sum(map(int, fields[11:13])) / _TICK
    return figures


def peak_rss(pid: int) -> int:
    """Peak memory of a process in bytes; current memory if the system does not record the peak."""
    status = PROC / str(pid) / "status"
    if status.exists():
        line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM")), "x 0")
        return int(line.split()[1]) * 1024
    output = _ps("rss=", pid)
    return int(output) * 1024 if output else 0


def _ps(what: str, pid: int) -> str:
    return subprocess.run(["ps", "-o", what, "-p", str(pid)], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603, S607


def postgres_cpu_seconds(url: str) -> float:
    """CPU seconds of all processes of a PostgreSQL on this machine; 0 if it runs elsewhere."""
    import psycopg  # noqa: PLC0415 -- loaded only where PostgreSQL is used

    with psycopg.connect(url, autocommit=True) as session:
        ((backend,),) = session.execute("SELECT pg_backend_pid()").fetchall()
        try:
            if not (PROC / str(backend) / "cmdline").read_bytes().startswith(b"postgres"):
                return 0.0
            postmaster = _parent(backend)
            processes = [postmaster, *_children(postmaster)]
            return sum(cpu_seconds(pid, ended=pid == postmaster) for pid in processes)
        except OSError:
            return 0.0


def _parent(pid: int) -> int:
    return int((PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()[1])


def _children(pid: int) -> Iterable[int]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                if _parent(int(entry.name)) == pid:
                    yield int(entry.name)
            except (OSError, ValueError):
                continue


def described(database: str) -> dict[str, object]:
    """This machine and its software, for a report."""
    model = platform.processor()
    if (PROC / "cpuinfo").exists():
        lines = (PROC / "cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return {
        "system": f"{platform.system()} {platform.release()}",
        "cpu": model or platform.machine(),
        "cores": os.cpu_count() or 0,
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "libcurl": LIBCURL,
        "heliograph": __version__,
        "database": database,
    }
