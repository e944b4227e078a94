"""Saved views: the filters of a list that a person keeps under a name. Nobody else sees them.

The words of a search are not kept: they are mostly a person's name or e-mail address.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from heliograph.accounts.models import SavedView, User
from heliograph.domain.errors import HeliographError, NotInAccount
from heliograph.domain.mapping.json_bodies import is_one_line
from heliograph.store.instants import to_micros

LISTS: Final = ("registrations", "flow-list", "connection-list", "mapping-list", "feed", "retry", "audit", "tags", "tag-coverage", "events")
"""The lists that can be kept, by the names of their URLs."""
OF_A_KIND: Final = re.compile(r"records/[a-z-]{1,30}")
"""Lists of which each kind has its own, which their URL names: the name of the URL and the kind."""
MOST: Final = 20
"""Most views of one list that a person keeps."""
LONGEST_NAME: Final = 60
"""Characters of a name."""
LONGEST_QUERY: Final = 1_000
"""Characters of the filters."""
NOT_KEPT: Final = frozenset({"q", "at", "paused", "jump", "hour", "csrfmiddlewaretoken"})
"""Parameters that are not part of a view: the words of a search, a place in the list, an instant."""


class ViewRefused(HeliographError):
    """This view cannot be kept; the text says why."""


class NoSuchView(NotInAccount):
    """The person has no such view."""


@dataclass(frozen=True, slots=True)
class ViewFacts:
    """A view to be kept."""

    list_name: str
    """One of LISTS, or one OF_A_KIND."""
    name: str
    query: str
    """The query of the list's address."""


def query_of(text: str) -> str:
    """The filters of a query, sorted, without what is not part of a view."""
    given = QueryDict(text[: 2 * LONGEST_QUERY])
    pairs = sorted((name, value) for name, values in given.lists() for value in values if name not in NOT_KEPT and value)
    filters = QueryDict(mutable=True)
    for name, value in pairs:
        filters.appendlist(name, value)
    return filters.urlencode()


def views_of(user: User, list_name: str = "") -> Sequence[SavedView]:
    """A person's views, the oldest first.

    list_name: only those of this list; "" for all lists
    """
    rows = SavedView.objects.filter(user=user, **({"list_name": list_name} if list_name else {})).order_by("id")
    return [*rows]


def can_be_kept(list_name: str) -> bool:
    """Whether a list has views."""
    return list_name in LISTS or bool(OF_A_KIND.fullmatch(list_name))


def save_view(user: User, facts: ViewFacts) -> SavedView:
    """Keeps a view. Raises ViewRefused."""
    query = query_of(facts.query)
    if not can_be_kept(facts.list_name):
        raise ViewRefused(_("You can’t save views of this list."))
    if not query:
        raise ViewRefused(_("Choose a filter first. Search words are not saved."))
    if len(query) > LONGEST_QUERY:
        raise ViewRefused(_("A view can’t hold so many filters. Remove some."))
    with transaction.atomic():
        others = _locked(user, facts.list_name)
        if len(others) >= MOST:
            raise ViewRefused(_("You have %(n)d views of this list. Delete one first.") % {"n": MOST})
        name = _checked_name(facts.name, others)
        return SavedView.objects.create(user=user, list_name=facts.list_name, name=name, query=query, created=to_micros(timezone.now()))


def rename_view(user: User, id: int, name: str) -> SavedView:
    """Gives a view another name. Raises ViewRefused, NoSuchView."""
    with transaction.atomic():
        view = _own(user, id)
        view.name = _checked_name(name, [other for other in _locked(user, view.list_name) if other.pk != view.pk])
        view.save(update_fields=["name"])
        return view


def delete_view(user: User, id: int) -> SavedView:
    """Deletes a view. Raises NoSuchView."""
    with transaction.atomic():
        view = _own(user, id)
        SavedView.objects.filter(pk=view.pk).delete()
        return view


def _own(user: User, id: int) -> SavedView:
    view: SavedView | None = SavedView.objects.filter(user=user, pk=id).first()
    if view is None:
        raise NoSuchView
    return view


def _locked(user: User, list_name: str) -> list[SavedView]:
    """The person's views of a list. The person's row is locked, so that two requests cannot take one name."""
    User.objects.select_for_update().get(pk=user.pk)
    return [*SavedView.objects.filter(user=user, list_name=list_name)]


def _checked_name(text: str, others: Sequence[SavedView]) -> str:
    """The name, trimmed. Raises ViewRefused."""
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not is_one_line(name):
        raise ViewRefused(_("Give the view a name of at most %(n)d characters.") % {"n": LONGEST_NAME})
    if any(other.name.casefold() == name.casefold() for other in others):
        raise ViewRefused(_("You already have a view “%(name)s” of this list. Choose another name.") % {"name": name})
    return name
