"""Reads one answer of a REST list: its items with their keys and times, the next page, and the server's clock (S3)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.paths import ABSENT, look_up
from heliograph.domain.source.rest_list import ClockPlace, Paging, Place, RestList
from heliograph.domain.source.source_times import read_time

LONGEST_KEY: Final = 200
KEYLESS: Final = "="
"""The first character of the key of an item that has none. A deletion of such an item is never noticed."""
_NEXT_LINK: Final = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w!#$&+.^`|~-]+\s*=\s*(?:\"[^\"]*\"|[^\s;,\"]+))*)")
_RELATION: Final = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


class UnreadablePage(HeliographError):
    """The answer is not a page of this list."""


@dataclass(frozen=True, slots=True)
class ListItem:
    """One item of a page."""

    key: str
    """An item without a key gets one of its content (`KEYLESS`)."""
    modified: int | None
    digest: bytes
    """16 bytes of a hash of its content."""
    is_deleted: bool
    value: object = field(repr=False, compare=False)
    is_kept: bool = True
    """False if the list's `only` leaves it out."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """One answer."""

    items: tuple[ListItem, ...]
    next: Place | None
    """The page after this one; None if the answer says that there is none."""
    clock: int | None
    """The server's time, if the answer tells it."""

    @property
    def fingerprint(self) -> str:
        """Equal for two pages with the same items: some servers repeat their last page for every number after it."""
        digest = hashlib.blake2b(digest_size=8)
        for item in self.items:
            digest.update(item.digest)
        return digest.hexdigest()


def read_page(description: RestList, answer: object, headers: Sequence[tuple[str, str]], place: Place) -> ListPage:
    """Reads an answer. Raises UnreadablePage with a sentence for people.

    headers: names in lower case
    place: the page that was asked for
    """
    paths = description.paths
    values = look_up(answer, paths["items"]) if "items" in paths else answer
    if not isinstance(values, list):
        if description.items_path:
            raise UnreadablePage("There is no list at “%(path)s” of the answer.", path=description.items_path)
        raise UnreadablePage("There is no list in the answer.")
    items = tuple(read_item(description, value) for value in values)
    if items and all(item.key.startswith(KEYLESS) for item in items):
        raise UnreadablePage("No item has a text or a number at “%(path)s”, its key.", path=description.key_path)
    return ListPage(items, _next(description, answer, headers, place, len(items)), _clock(description, answer, headers))


def digest_of(value: object) -> bytes:
    """16 bytes of a hash that does not depend on the order of members."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def new_items(items: Iterable[ListItem], known: Mapping[str, bytes]) -> list[ListItem]:
    """The items that are kept and whose content is not known yet, in order. Of two with one key it is the one modified last, or else the last one.

    known: the digest of what was stored last, by key
    """
    newest: dict[str, ListItem] = {}
    for item in items:
        other = newest.get(item.key)
        if other is None or (item.modified or 0) >= (other.modified or 0):
            newest[item.key] = item
    return [item for item in newest.values() if item.is_kept and known.get(item.key) != item.digest]


def read_item(description: RestList, value: object) -> ListItem:
    """Reads one item of the list. Raises UnreadablePage."""
    paths = description.paths
    key = look_up(value, paths["key"])
    key_text = str(key) if isinstance(key, (str, int)) and not isinstance(key, bool) else ""
    if len(key_text) > LONGEST_KEY:
        raise UnreadablePage("A key has more than %(most)s characters. Choose another member for “Key”.", most=LONGEST_KEY)
    modified = read_time(look_up(value, paths["modified"]), description.zone) if "modified" in paths else None
    is_deleted = ("deleted" in paths and _is_set(look_up(value, paths["deleted"]))) or (
        "active" in paths and (active := look_up(value, paths["active"])) is not ABSENT and not _is_set(active)
    )
    digest = digest_of(value)
    is_kept = all(_is_one_of(look_up(value, path), texts) for path, texts in description.only_paths)
    return ListItem(key_text or KEYLESS + digest.hex(), modified, digest, is_deleted, value, is_kept)


def _is_one_of(value: object, folded: frozenset[str]) -> bool:
    text = json.dumps(value) if isinstance(value, bool) else str(value)
    return text.casefold() in folded


def _is_set(value: object) -> bool:
    if value is ABSENT:
        return False
    if isinstance(value, str):
        return value.strip().lower() not in ("", "0", "false", "no", "null")
    return bool(value)


def _next(description: RestList, answer: object, headers: Sequence[tuple[str, str]], place: Place, count: int) -> Place | None:
    following = Place(place.page + 1, place.items + count)
    match description.paging:
        case Paging.ONE:
            return None
        case Paging.NUMBER | Paging.OFFSET:
            return following if count else None
        case Paging.LINK if "next" not in description.paths:
            text = _next_link(value for name, value in headers if name == "link")
        case _:
            member = look_up(answer, description.paths["next"])
            if isinstance(member, bool) or not isinstance(member, (str, int)):
                return None
            text = str(member)
    return Place(following.page, following.items, text) if text and text != place.next else None


def _next_link(links: Iterable[str]) -> str:
    """The address with rel=next of Link headers (RFC 8288); "" without one."""
    for header in links:
        for address, parameters in _NEXT_LINK.findall(header):
            relation = _RELATION.search(parameters)
            if relation is not None and "next" in (relation[1] or relation[2] or "").lower().split():
                return str(address)
    return ""


def _clock(description: RestList, answer: object, headers: Sequence[tuple[str, str]]) -> int | None:
    if description.clock is ClockPlace.MEMBER:
        return read_time(look_up(answer, description.paths["clock"]), description.zone)
    name = description.clock.value.lower()
    return next((read_time(value) for key, value in headers if key == name), None)
