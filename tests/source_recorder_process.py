"""A process that records the stored calls of sources, as those of an installation do, until it is killed: python -m tests.source_recorder_process."""

from __future__ import annotations

import contextlib
import threading

from heliograph.options import Options
from heliograph.wiring import source_recorder

if __name__ == "__main__":
    with contextlib.closing(source_recorder(Options.load())):
        threading.Event().wait()
