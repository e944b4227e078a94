"""Saves that need a confirmation (F2, P12, P15).

They ask before a running flow stops, a filter loses its value, or a flow acts on more live changes.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest

from heliograph.setup.save_questions import AsksFirst, LosesValues, WidensFirst
from heliograph.web.confirmation import agrees, promise_of

type SaveQuestion = AsksFirst | LosesValues | WidensFirst


def save_confirmed[Saved](request: HttpRequest, save: Callable[[bool], Saved], thing: object = None) -> Saved:
    """Saves. If the save raises a question, it is repeated as confirmed only if the post agrees to exactly this question.

    save: opens a transaction of its own. Its argument is True if the question is confirmed.
    thing: the page's text beside the question, for `promise_of_save`.
    Raises AsksFirst, LosesValues, WidensFirst.
    """
    try:
        return save(False)
    except (AsksFirst, LosesValues, WidensFirst) as asks:
        if not agrees(request, promise_of_save(asks, thing)):
            raise
    return save(True)


def promise_of_save(asks: SaveQuestion, thing: object = None) -> str:
    """The promise of the page that shows the question of a save (P15).

    asks: the question.
    thing: the page's text beside the question.
    """
    match asks:
        case AsksFirst():
            return promise_of("stops", frozenset(map(promise_of, asks.stops)), thing)
        case LosesValues():
            return promise_of("loses", asks.values, frozenset(map(promise_of, asks.effects)), thing)
        case WidensFirst():
            return promise_of("widens", asks.goes_live, thing)
