"""Requests to stop: SIGTERM, SIGINT (Ctrl-C) and SIGHUP (the terminal has closed). Each means the same to every process of ours (O11).

Python runs a signal handler between two instructions of the main thread, even while that thread holds the lock that the handler would take:
`Event.set` in a handler can therefore wait for ever. So our handlers do nothing. Python's own C code writes the number of each signal
into a pipe (`signal.set_wakeup_fd`), and a thread reads the pipe and calls `stop`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextlib.contextmanager
def stop_signals(stop: Callable[[], object], *, process_ends: bool = False, second_interrupts: bool = False) -> Iterator[None]:
    """Within the block, each request to stop calls `stop` on a thread of its own. For the main thread.

    A process that was started by nohup goes on ignoring SIGHUP.

    process_ends: True where the process ends after the block; it then ignores further requests, which would end it with another exit code
    second_interrupts: True to raise KeyboardInterrupt in the main thread at the second request
    """
    requests = 0

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal requests
        requests += 1
        if second_interrupts and requests > 1:
            raise KeyboardInterrupt

    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    thread = threading.Thread(target=_read, args=(read_end, stop), name="signals", daemon=True)
    thread.start()
    # A full pipe holds enough requests to stop
    old_pipe = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    taken = [number for number in STOP_SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    old_handlers = {number: signal.signal(number, on_signal) for number in taken}
    try:
        yield
    finally:
        for number, handler in old_handlers.items():
            signal.signal(number, signal.SIG_IGN if process_ends else handler)
        signal.set_wakeup_fd(old_pipe)
        os.close(write_end)
        thread.join()
        os.close(read_end)


def _read(pipe: int, stop: Callable[[], object]) -> None:
    while numbers := os.read(pipe, 64):
        for number in numbers:
            if number in STOP_SIGNALS:
                stop()
