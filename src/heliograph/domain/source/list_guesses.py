"""Proposes the description of a REST list by one of its answers: where the items are, their key, their times, and how pages follow (S3).

A proposal is a member of a description's JSON (`RestList.to_body`). What the answer does not tell is not proposed, so a person sees what is
left to say. No proposal loses items if it is wrong: a page that repeats the one before ends a reading by page number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from heliograph.domain.mapping.paths import ABSENT, Path, format_path, look_up
from heliograph.domain.source.json_fields import ROOT_LIST, list_paths, parse_field
from heliograph.domain.source.list_page import LONGEST_KEY
from heliograph.domain.source.rest_list import LARGEST_PAGE, ClockPlace, Paging
from heliograph.domain.source.source_times import SinceFormat, read_time

MOST_MEMBERS: Final = 300
"""Members of an item, or of an answer, that are looked at."""
MOST_SAMPLED: Final = 1_000
"""Items that are looked at."""
DEEPEST: Final = 4

_KEYS: Final = ("uuid", "guid", "id", "_id", "code", "key", "reference", "ref", "number", "slug")
_CHANGED: Final = re.compile(r"modif|updat|chang|edited|touched")
_DELETED: Final = re.compile(r"^(is_?)?(deleted|removed)(_?(at|on|date|time))?$")
_ACTIVE: Final = re.compile(r"^(is_?)?(active|enabled)$")
_PAGE: Final = ("page", "page_number", "pagenumber", "current_page", "currentpage", "page_no", "page[number]")
_PAGE_COUNTS: Final = ("pages", "total_pages", "totalpages", "page_count", "pagecount", "last_page", "next_page")
_OFFSET: Final = ("offset", "skip", "start", "start_index", "startindex", "starting_index", "startingindex", "page[offset]")
_SIZE: Final = (
    "per_page",
    "perpage",
    "page_size",
    "pagesize",
    "limit",
    "max_results",
    "maxresults",
    "page[size]",
    "page[limit]",
    "size",
    "count",
    "top",
)
_CURSOR: Final = re.compile(r"cursor|token|continuation|^after$|^scroll_?id$|^bookmark$")
_LINK: Final = re.compile(r"^(@odata\.)?next([_-]?(page)?[_-]?(url|link|uri|href))?$")
_SINCE: Final = re.compile(r"since|modif|updat|chang|after|from")


def propose(answer: object, headers: Sequence[tuple[str, str]], address: str) -> dict[str, Any]:
    """Members of a description that the answer speaks for. There is no "key" if the answer has no list of objects.

    headers: names in lower case
    address: what was asked for; its members that turn pages are proposed as parameters, and left out of the proposed address
    """
    items_path = items_of(answer)
    if items_path is None:
        return {}
    items = list_at(answer, items_path)
    paging = _paging(answer, items_path, headers, len(items))
    proposed = {"items": items_path, **propose_members(items), **paging, **_clock(answer, headers)}
    return proposed | _by_address(address, paging)


def items_of(answer: object) -> str | None:
    """The path of the list with the most objects, the outermost of equals; "" if the answer is that list; None without one."""
    if isinstance(answer, dict) and not any(list_paths(answer)):
        empty = [path for path, value in _members(answer) if value == []]
        return format_path(empty[0]) if len(empty) == 1 else None
    lists = {path: count for path, count in list_paths(answer).items() if isinstance(_at(answer, path), list)}
    if not lists:
        return "" if answer == [] else None
    best = max(lists, key=lambda path: (lists[path], -len(parse_field(path))))
    return "" if best == ROOT_LIST else best


def list_at(answer: object, path: str) -> list[object]:
    """The list at the path of a description; empty if there is none."""
    value = answer if not path else _at(answer, path)
    return value if isinstance(value, list) else []


def propose_members(items: Sequence[object]) -> dict[str, Any]:
    """The members of the items that identify them, say when they were changed and whether they were deleted."""
    items = items[:MOST_SAMPLED]
    paths = dict.fromkeys(path for item in items[:20] for path, value in _members(item) if not isinstance(value, list))
    columns = {path: [look_up(item, path) for item in items] for path in list(paths)[:MOST_MEMBERS]}
    proposed: dict[str, Any] = {}
    keys = [path for path, values in columns.items() if is_key(values, len(items))]
    if named := [path for path in keys if _key_rank(path) is not None]:
        proposed["key"] = format_path(min(named, key=lambda path: (len(path), _key_rank(path))))
    times = [path for path, values in columns.items() if _CHANGED.search(_snake(path[-1])) and are_times(values)]
    if times:
        best = min(times, key=lambda path: (len(path), _last_rank(path)))
        proposed["modified"] = format_path(best)
        proposed["since_format"] = format_of(columns[best]).value
    for member, pattern in (("deleted", _DELETED), ("active", _ACTIVE)):
        flags = [
            path for path, values in columns.items() if pattern.match(_snake(path[-1])) and _are_flags(values, times=member == "deleted")
        ]
        if flags:
            proposed[member] = format_path(min(flags, key=len))
    return proposed


def is_key(values: Sequence[object], items: int) -> bool:
    """Whether each item has a value of its own that a key can be."""
    texts = [str(value) for value in values if isinstance(value, (str, int)) and not isinstance(value, bool)]
    return 0 < items == len(texts) == len(set(texts)) and all(0 < len(text) <= LONGEST_KEY for text in texts)


def are_times(values: Iterable[object]) -> bool:
    """Whether at least one value is a time, and all others are null."""
    given = [value for value in values if value is not None and value is not ABSENT]
    return bool(given) and all(read_time(value) is not None for value in given)


def format_of(values: Iterable[object]) -> SinceFormat:
    """How a list that writes its times so most likely expects the time from which on it is asked."""
    value = next((value for value in values if value is not None), "")
    text = str(value)
    if isinstance(value, (int, float)) or text.isdigit():
        return SinceFormat.MILLISECONDS if float(text) > 100_000_000_000 else SinceFormat.SECONDS  # as seconds, the year 5138
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return SinceFormat.DATE
    if re.search(r"(Z|[+-]\d\d:?\d\d|[A-Z]{3})$", text):
        return SinceFormat.ISO
    return SinceFormat.LOCAL_T if "T" in text else SinceFormat.LOCAL


# --- pages


def _paging(answer: object, items_path: str, headers: Sequence[tuple[str, str]], count: int) -> dict[str, Any]:
    """How the next page is found: what an answer says of it, the plainest first."""
    if any(name == "link" and re.search(r"rel\s*=\s*\"?next\b", value) for name, value in headers):
        return {"paging": Paging.LINK.value, "next": ""}
    inside = parse_field(items_path) if items_path else ()
    members = (
        {path: value for path, value in _members(answer) if not inside or path[: len(inside)] != inside} if isinstance(answer, dict) else {}
    )
    size = next(
        (
            {"size_parameter": str(path[-1]), "size": value}
            for path, value in members.items()
            if _snake(path[-1]) in _SIZE[:-3] and type(value) is int and 1 <= value <= LARGEST_PAGE
        ),
        {},
    )
    for path, value in members.items():
        name, parent = str(path[-1]).lower(), str(path[-2]).lower() if len(path) > 1 else ""
        is_address = isinstance(value, str) and value.startswith(("http://", "https://", "/", "?"))
        if (_LINK.match(name) or (name == "href" and parent == "next")) and (is_address or value is None):  # null: this is the last page
            return {"paging": Paging.LINK.value, "next": format_path(path), **size}
    for path, value in members.items():
        name = _snake(path[-1])
        if _CURSOR.search(name) and not name.startswith("prev") and (value is None or isinstance(value, (str, int))):
            # next_cursor is most likely sent back as cursor, nextPageToken as pageToken
            parameter = re.sub(r"^(next|end)[_-]?", "", str(path[-1]), flags=re.IGNORECASE) or str(path[-1])
            parameter = parameter[:1].lower() + parameter[1:]
            return {"paging": Paging.CURSOR.value, "next": format_path(path), "page_parameter": parameter, **size}
    names = {_snake(path[-1]): path for path in members}
    for name, path in names.items():
        if name in _OFFSET:
            return {"paging": Paging.OFFSET.value, "page_parameter": str(path[-1]), **size}
    numbers = {name: members[path] for name, path in names.items() if name in (*_PAGE, *_PAGE_COUNTS)}
    if numbers:
        named = next((str(names[name][-1]) for name in ("page", "page_number", "pagenumber") if name in numbers), "page")
        first = 0 if any(numbers.get(name) == 0 for name in _PAGE if name in numbers) else 1
        return {"paging": Paging.NUMBER.value, "page_parameter": named, "first_page": first, **size}
    total = next((value for path, value in members.items() if re.search(r"total|count", _snake(path[-1])) and type(value) is int), None)
    if total is not None and 0 < total == count:
        return {"paging": Paging.ONE.value}
    return {"paging": Paging.NUMBER.value, "page_parameter": "page", **size}


def _by_address(address: str, paging: Mapping[str, Any]) -> dict[str, Any]:
    """What the query of the address tells: parameters that turn pages, bound them, or ask for what changed. They leave the address."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return {}
    proposed: dict[str, Any] = {}
    others = []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        known = _snake(name)
        if known in _PAGE and paging.get("paging") in (Paging.NUMBER, None) and value.isdigit():
            proposed |= {"paging": Paging.NUMBER.value, "page_parameter": name, "first_page": min(int(value), 1)}
        elif known in _OFFSET and value.isdigit():
            proposed |= {"paging": Paging.OFFSET.value, "page_parameter": name}
        elif known in _SIZE and value.isdigit() and 1 <= int(value) <= LARGEST_PAGE:
            proposed |= {"size_parameter": name, "size": int(value)}
        elif _SINCE.search(known) and read_time(value) is not None:
            proposed |= {"since_parameter": name, "since_format": format_of([value]).value}
        else:
            others.append((name, value))
    if proposed:
        proposed["address"] = urlunsplit(parts._replace(query=urlencode(others)))
    return proposed


def _clock(answer: object, headers: Sequence[tuple[str, str]]) -> dict[str, Any]:
    if any(name == ClockPlace.PAGE_GENERATED.value.lower() for name, _value in headers):
        return {"clock": ClockPlace.PAGE_GENERATED.value}
    if not headers or any(name == "date" for name, _value in headers) or not isinstance(answer, dict):
        return {}
    for name, value in answer.items():
        if re.fullmatch(r"server_?time|generated_?at|timestamp|now", _snake(name)) and read_time(value) is not None:
            return {"clock": ClockPlace.MEMBER.value, "clock_member": format_path((name,))}
    return {}


# --- members


def _members(value: object) -> list[tuple[Path, object]]:
    """The members of an object that are no objects, also of objects in it, the outer ones first."""
    members: list[tuple[Path, object]] = []
    waiting: list[tuple[Path, object]] = [((), value)]
    while waiting and len(members) < MOST_MEMBERS:
        path, each = waiting.pop(0)
        for name, inner in each.items() if isinstance(each, dict) else ():
            if isinstance(inner, dict) and inner and len(path) + 1 < DEEPEST:
                waiting.append(((*path, name), inner))
            elif not isinstance(inner, dict) and name:
                members.append(((*path, name), inner))
    return members


def _are_flags(values: Sequence[object], *, times: bool) -> bool:
    """Whether values say yes or no. times: also by a time, which says yes"""
    given = [value for value in values if value is not ABSENT and value is not None]
    if all(isinstance(value, bool) or value in (0, 1) for value in given):
        return bool(given) or times
    return times and are_times(given)


def _key_rank(path: Path) -> int | None:
    """The rank of a name as that of a key, 0 the best; None for a name that is none."""
    name = _snake(path[-1])
    if name in _KEYS:
        return _KEYS.index(name)
    return len(_KEYS) if re.search(r"(_|^)(id|uuid|guid|code)$", name) else None


def _last_rank(path: Path) -> tuple[bool, int]:
    """Of several times of change the one of the item itself: its name says only that."""
    name = _snake(path[-1])
    return not re.fullmatch(r"(last_)?(date_)?(modified|updated|changed|modification|update|change)(_?(at|on|date|time))*", name), len(name)


def _snake(name: object) -> str:
    """A name in lower case, with underscores where it had capitals or dashes: dateModified is date_modified."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(name)).replace("-", "_").lower()


def _at(answer: object, path: str) -> object:
    return answer if path == ROOT_LIST else look_up(answer, parse_field(path))
