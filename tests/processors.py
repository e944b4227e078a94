"""Others who want the processors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def busy_processors() -> Iterator[None]:
    """Two processes for each processor that do nothing but run."""
    with ExitStack() as stack:
        for _ in range(2 * (os.cpu_count() or 1)):
            process = stack.enter_context(
                subprocess.Popen([sys.executable, "-Sc", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE)
            )
            stack.callback(process.kill)
            assert process.stdout
            process.stdout.readline()
        yield
