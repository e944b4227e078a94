"""A process that reads and records sources, as those of an installation do, until it is killed: python -m tests.source_reader_process."""

from __future__ import annotations

import contextlib
import os
import threading

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heliograph.settings")
    django.setup()

    from heliograph.jobs.runner import Runner
    from heliograph.options import Options
    from heliograph.sources import read_schedule
    from heliograph.wiring import paced_kinds, source_recorder

    stop = threading.Event()
    threading.Thread(target=read_schedule.care, args=(stop,), daemon=True).start()
    with contextlib.closing(source_recorder(Options.load())):
        Runner(paced_kinds()).run_side_by_side(stop)
