"""What the pages and /health/ready of each `web` answer from outside, while servers fail."""

from __future__ import annotations

import functools
import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from heliograph.stage.command_processes import ServiceProcess
from tests.visitor import Visitor

EVERY: Final = 0.25
PAGE: Final = "/accounts/me/"
"""A small page, for which the database is asked who it is."""
SENTENCE: Final = "Heliograph cannot use its database right now"

type What = Literal["page", "ready"]


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer that differs from the one before it."""

    at: float
    web: str
    what: What
    status: int
    said: str
    """The page's sentence, or the reason of /health/ready."""


@dataclass(slots=True)
class Watch:
    """Asks again and again, on a thread for each address, until `stop`."""

    webs: Sequence[ServiceProcess]
    seen: list[Seen] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, email: str, password: str) -> None:
        """email, password: of the user who looks at the pages"""
        for web in self.webs:
            visitor = Visitor(web.pages)
            signed_in = visitor.sign_in(email, password)
            assert signed_in.status == 302, signed_in.text
            self._begin(web, "page", functools.partial(_page, visitor))
            self._begin(web, "ready", functools.partial(ready, web))

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def outage(self, what: What, since: float) -> tuple[list[str], float | None]:
        """What was said with 503 since then, and the seconds until each web had answered 200 again; None if none had to."""
        answers = [seen for seen in self.seen if seen.what == what and seen.at >= since]
        said = list(dict.fromkeys(seen.said for seen in answers if seen.status == 503))
        back: dict[str, float] = {}
        for seen in answers:
            if seen.status == 200:
                back.setdefault(seen.web, seen.at - since)
        return said, max(back.values(), default=None)

    def write(self, file: Path, began: float) -> None:
        """Writes every answer that differed from the one before it. began: the run's start, in monotonic seconds"""
        lines = (
            f"{seen.at - began:8.2f} {seen.web} {seen.what:<5} {seen.status} {seen.said}\n"
            for seen in sorted(self.seen, key=lambda seen: seen.at)
        )
        file.write_text("".join(lines))

    def _begin(self, web: ServiceProcess, what: What, ask: Callable[[], tuple[int, str]]) -> None:
        thread = threading.Thread(target=self._ask, args=(web.name, what, ask), name=f"watch {what}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _ask(self, web: str, what: What, ask: Callable[[], tuple[int, str]]) -> None:
        last: tuple[int, str] | None = None
        while not self._stopping.wait(EVERY):
            try:
                answer = ask()
            except OSError as error:
                answer = (0, type(error).__name__)
            if last != answer:
                last = answer
                self.seen.append(Seen(time.monotonic(), web, what, *answer))


def _page(visitor: Visitor) -> tuple[int, str]:
    answer = visitor.get(PAGE)
    match = re.search(rf"{SENTENCE}[^.]*\.", answer.text) if answer.status == 503 else None
    return answer.status, match.group() if match else ""


def ready(web: ServiceProcess) -> tuple[int, str]:
    """Status and reason of /health/ready."""
    answer = Visitor(web.operations).get("/health/ready")
    return answer.status, str(json.loads(answer.body).get("reason", ""))
