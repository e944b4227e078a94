"""A process that watches folders and runs their imports, as those of an installation do, until it is killed: python -m tests.folder_process."""

from __future__ import annotations

import os
import threading

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heliograph.settings")
    django.setup()

    from heliograph.jobs import runner
    from heliograph.options import Options
    from heliograph.sources import folder_watch
    from heliograph.wiring import job_kinds

    folder_watch.EVERY = runner.LOOK = 0.05  # type: ignore[misc]
    stop = threading.Event()
    threading.Thread(target=folder_watch.care, args=(stop, Options.load().folders), daemon=True).start()
    runner.Runner(job_kinds()).run_forever(stop)
