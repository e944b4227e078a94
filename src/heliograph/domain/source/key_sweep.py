"""Deletions at a platform: keys that a sweep of the whole list no longer finds (S3).

A key that is missing in two sweeps, and whose item a single request does not find either, gets one last document, which sets its registrations
inactive. Without an address of a single item it must be missing in three sweeps. A sweep that would do this to more than a tenth of the keys
stops and asks a person: a broken list looks exactly like one from which everything was deleted.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from heliograph.domain.source.rest_list import RestList

BRAKE: Final = 10
"""The tenth part of the known keys: more stop and ask."""


class ItemAnswer(StrEnum):
    """What the request for a single item says."""

    GONE = "gone"
    THERE = "there"
    UNKNOWN = "unknown"
    """Neither: the server did not answer, or refused."""


def sweeps_needed(description: RestList) -> int:
    """The sweeps that must miss a key in a row."""
    return 2 if description.item_address else 3


def must_ask(missing: int, known: int) -> bool:
    """Whether a person decides about the missing keys.

    known: keys that are there as far as we know, the missing ones too
    """
    return missing * BRAKE > known


def item_answer(status: int) -> ItemAnswer:
    """What the status of a single item's answer means."""
    if status in (404, 410):
        return ItemAnswer.GONE
    return ItemAnswer.THERE if 200 <= status < 300 else ItemAnswer.UNKNOWN
