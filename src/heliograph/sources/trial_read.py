"""Asks a REST list for a sample answer, and tries its description with a few requests. Nothing is stored (S3)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.translation import gettext as _

from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.sentence_template import with_capital
from heliograph.domain.source.json_fields import parse_field
from heliograph.domain.source.list_guesses import items_of, list_at
from heliograph.domain.source.list_page import ListPage, read_page
from heliograph.domain.source.list_trial import SinceTrial, Turn, judge_since, judge_turn, time_to_ask
from heliograph.domain.source.rest_list import Paging, Place, RestList
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.sources.list_request import ListAnswer, ListRequester, ReadFailure, quoting

LONGEST_SAMPLE: Final = 200_000
"""Characters of a sample on a page."""
_SAMPLED: Final = (100, 50, 20, 5, 1)
"""Items that a sample keeps, of a list that is too long for a page."""


_ASKED: Final = ("address", "connection", "query", "paging", "page_parameter", "first_page", "size_parameter", "size")
"""The members of a description that say how the first page is asked for."""


@dataclass(frozen=True, slots=True)
class SampleAnswer:
    """An answer of a list that is not described yet."""

    value: object
    """With fewer items, if it is too large for a page."""
    headers: tuple[tuple[str, str], ...]
    items: int
    """Objects in its longest list, as it came."""
    size: int
    """Bytes, as it came."""


@dataclass(frozen=True, slots=True)
class TrialRead:
    """What a trial of a description found. Up to three requests."""

    answer: ListAnswer
    """The first answer."""
    page: ListPage
    turn: Turn
    since: SinceTrial | None
    """None for a list that is not asked for what changed."""
    turn_failure: str = ""
    """Why the second page could not be read."""
    since_failure: str = ""
    clock_ahead: int | None = None
    """Microseconds by which the server's clock is ahead of ours; None if it says no time."""
    requests: int = 1


def fetch_sample(account: int, values: Mapping[str, object]) -> SampleAnswer:
    """Requests the first page of a list that may not be described yet. Call it outside of a transaction. Raises Invalid, at the field.

    values: what is known of its description, its address at least. A list that refuses to be asked for a page is asked once more without one.
    """
    asked = {name: values[name] for name in _ASKED if name in values}
    if asked.get("paging") not in (Paging.NUMBER.value, Paging.OFFSET.value) or not asked.get("page_parameter"):
        asked["paging"] = Paging.ONE.value
    paged = _described(asked)
    plain = replace(paged, paging=Paging.ONE, size_parameter="")
    requester = _requester(account, plain)
    answer, refusals = None, []
    for url in dict.fromkeys(description.url(None, Place()) for description in (paged, plain)):
        try:
            answer = _request(requester, url)
            break
        except Invalid as error:
            refusals.append(error)
    if answer is None:
        raise refusals[0]
    items_path = items_of(answer.json)
    items = list_at(answer.json, items_path) if items_path is not None else []
    return SampleAnswer(_shortened(answer.json, items_path), answer.headers, len(items), len(answer.body))


def _described(values: Mapping[str, object]) -> RestList:
    try:
        return RestList.from_body(values)
    except BodyError as error:
        raise Invalid({error.where.split("[")[0]: [with_capital(error.reason)]}) from None


def try_list(account: int, description: RestList) -> TrialRead:
    """Reads the first page, the one after it, and the first page of what changed since a time. Call it outside of a transaction.

    Raises Invalid if the first page cannot be read.
    """
    requester = _requester(account, description)
    before = time.time_ns() // 1_000
    answer = _request(requester, description.url(None, Place()), is_empty_404=description.is_empty_404)
    try:
        page = ListPage((), None, None) if answer.status >= 400 else read_page(description, answer.json, answer.headers, Place())
    except HeliographError as error:
        raise Invalid({"items": [error.sentence]}) from None
    trial = TrialRead(answer, page, Turn.NONE, None, clock_ahead=None if page.clock is None else page.clock - before)
    if page.next is not None:
        trial = _turned(requester, description, trial, page.next)
    return _asked_since(requester, description, trial) if description.takes_since else trial


def _turned(requester: ListRequester, description: RestList, trial: TrialRead, place: Place) -> TrialRead:
    trial = replace(trial, requests=trial.requests + 1)
    try:
        second = _page(requester, description, None, place)
    except HeliographError as error:
        return replace(trial, turn_failure=error.sentence)
    return replace(trial, turn=judge_turn(trial.page, second))


def _asked_since(requester: ListRequester, description: RestList, trial: TrialRead) -> TrialRead:
    plain = replace(description, is_inclusive=True)
    from_time = time_to_ask(plain, trial.page)
    if from_time is None:
        return replace(trial, since=judge_since(trial.page, trial.page, None))
    trial = replace(trial, requests=trial.requests + 1)
    try:
        changed = _page(requester, plain, from_time, Place())
    except HeliographError as error:
        return replace(trial, since_failure=error.sentence)
    return replace(trial, since=judge_since(trial.page, changed, from_time))


def _page(requester: ListRequester, description: RestList, since: int | None, place: Place) -> ListPage:
    """A page. An address that is not there is a page after the last one. Raises HeliographError."""
    answer = requester.get(description.url(since, place))
    if isinstance(answer, ReadFailure):
        raise HeliographError(answer.message)
    if answer.status >= 400:
        return ListPage((), None, None)
    return read_page(description, answer.json, answer.headers, place)


def _requester(account: int, description: RestList) -> ListRequester:
    try:
        return ListRequester(account, description)
    except NotThere as error:
        raise Invalid({"connection": [error.sentence]}) from None


def _request(requester: ListRequester, url: str, *, is_empty_404: bool = False) -> ListAnswer:
    """An answer with JSON, or 404 if that says that the list is empty. Raises Invalid, at the address."""
    answer = requester.get(url)
    if isinstance(answer, ReadFailure):
        raise Invalid({"address": [answer.message]})
    if answer.status >= 400 and not (is_empty_404 and answer.status == 404):
        sentence = _("There is no list at this address (%(status)d).") % {"status": answer.status}
        raise Invalid({"address": [quoting(sentence, answer.words)]})
    return answer


def _shortened(value: object, items_path: str | None) -> object:
    """The answer with as many items as a page can show; None if even one is too large."""
    if _fits(value):
        return value
    if items_path is None:
        return None
    items = list_at(value, items_path)
    steps = parse_field(items_path) if items_path else ()
    return next((less for most in _SAMPLED if _fits(less := _with(value, steps, items[:most]))), None)


def _with(value: Any, steps: Sequence[Any], items: list[object]) -> object:
    """A copy of the value with another list at the path."""
    return items if not steps else value | {steps[0]: _with(value[steps[0]], steps[1:], items)}


def _fits(value: object) -> bool:
    return len(json.dumps(value, ensure_ascii=False, indent=1)) <= LONGEST_SAMPLE
