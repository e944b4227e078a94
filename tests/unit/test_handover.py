"""Work that one thread passes to another: done once, there, with its result or its error; done here if the other thread is gone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.waiting import PATIENCE

from heliograph.engine.worker.handover import Handover


@contextmanager
def other_thread() -> Iterator[tuple[Handover, threading.Thread]]:
    told, ends = threading.Event(), threading.Event()

    def run() -> None:
        while not ends.is_set():
            told.wait(PATIENCE)
            told.clear()
            handover.turn()

    thread = threading.Thread(target=run, daemon=True)
    handover = Handover(told.set, thread.is_alive)
    thread.start()
    try:
        yield handover, thread
    finally:
        ends.set()
        told.set()
        thread.join(PATIENCE)


def test_the_other_thread_does_it() -> None:
    with other_thread() as (handover, thread):
        assert [handover.do(threading.current_thread) for _ in range(100)] == [thread] * 100


def test_an_error_is_the_callers() -> None:
    with other_thread() as (handover, _), pytest.raises(ZeroDivisionError):
        handover.do(lambda: 1 // 0)


def test_it_is_done_here_where_the_other_thread_is_gone() -> None:
    with other_thread() as (handover, thread):
        pass
    assert not thread.is_alive()
    assert handover.do(threading.current_thread) is threading.current_thread()


def test_it_is_done_here_where_nobody_can_be_told() -> None:
    def gone() -> None:
        raise RuntimeError

    done: list[int] = []
    handover = Handover(gone, lambda: True)
    handover.do(lambda: done.append(1))
    handover.turn()  # finished work is not repeated
    assert done == [1]
