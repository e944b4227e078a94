"""The platforms that a source can be of, and how registrations come from each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Way(StrEnum):
    """How registrations come."""

    CALLED = "is called"
    READ = "is read"
    FILES = "takes files"
    RUN = "runs a program"


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform, or a kind of source that fits any."""

    key: str
    """As the column `platform` of a source stores it."""
    name: str
    """A proper name, the same in every language; "" for a kind that pages name in words."""
    way: Way
    has_doorbell: bool = False
    """It is read, and calls us besides: a call only says which item changed, and that is read then."""

    has_described_list: bool = False
    """It is read by a list that people describe."""

    @property
    def is_called(self) -> bool:
        """Whether a source of it has an address."""
        return self.way is Way.CALLED or self.has_doorbell


WEBHOOK: Final = "webhook"
REST: Final = "rest"
FOLDER: Final = "folder"
COMMAND: Final = "command"

PLATFORMS: Final = {
    each.key: each
    for each in (
        Platform("pretix", "pretix", Way.READ, has_doorbell=True),
        Platform("eventbrite", "Eventbrite", Way.READ, has_doorbell=True, has_described_list=True),
        Platform("certain", "Certain", Way.READ, has_described_list=True),
        Platform("tito", "Tito", Way.CALLED),
        Platform("ticket-tailor", "Ticket Tailor", Way.CALLED),
        Platform("luma", "Luma", Way.CALLED),
        Platform("hi-events", "Hi.Events", Way.CALLED),
        Platform("cvent", "Cvent", Way.CALLED),
        Platform("swoogo", "Swoogo", Way.CALLED),
        Platform(WEBHOOK, "", Way.CALLED),
        Platform(REST, "", Way.READ, has_described_list=True),
        Platform(FOLDER, "", Way.FILES),
        Platform(COMMAND, "", Way.RUN),
    )
}
"""By key, in the order of the page Add a source."""


def has_described_list(platform: str) -> bool:
    """Whether a source of this platform reads a list that people describe."""
    return platform in PLATFORMS and PLATFORMS[platform].has_described_list
