"""Others who want the processors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

PROGRAM = """
import time
print(flush=True)
end = time.monotonic() + 60  # whatever became of the test
while time.monotonic() < end:
    pass
"""


@contextmanager
def busy_processors() -> Iterator[None]:
    """Two processes for each processor that do nothing but run."""
    with ExitStack() as stack:
        for _ in range(2 * len(os.sched_getaffinity(0))):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-S", "-c", PROGRAM], stdout=subprocess.PIPE))
            stack.callback(process.kill)
            assert process.stdout
            process.stdout.readline()
        yield
