"""The forms above a list that keep, rename and delete a person's own views of it. Each leads back to the list."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from heliograph.accounts.models import SavedView
from heliograph.accounts.roles import AccountRequest
from heliograph.accounts.saved_views import ViewFacts, ViewRefused, can_be_kept, delete_view, query_of, rename_view, save_view, views_of
from heliograph.web.form_fields import TextLine
from heliograph.web.forms import Form, posted
from heliograph.web.toasts import say


class ViewForm(Form):
    """A view to be kept."""

    list_name = TextLine()
    name = TextLine()
    query = TextLine(longest=None)


class ViewNameForm(Form):
    """The new name of a view."""

    name = TextLine()


@require_POST
def save(request: AccountRequest) -> HttpResponse:
    """Keeps the filters of a list under a name."""
    values = ViewForm(posted(request)).posted
    facts = ViewFacts(values.get("list_name", ""), values.get("name", ""), values.get("query", ""))
    try:
        view = save_view(request.user, facts)
    except ViewRefused as refused:
        say(request, str(refused))
        return HttpResponseRedirect(_address(facts.list_name, query_of(facts.query)))
    say(request, _("View “%(name)s” saved.") % {"name": view.name})
    return HttpResponseRedirect(address_of(view))


@require_POST
def rename(request: AccountRequest, id: int) -> HttpResponse:
    """Gives a view another name. Raises NoSuchView."""
    try:
        view = rename_view(request.user, id, ViewNameForm(posted(request)).posted.get("name", ""))
    except ViewRefused as refused:
        say(request, str(refused))
        view = next(each for each in views_of(request.user) if each.pk == id)
    else:
        say(request, _("The view is now called “%(name)s”.") % {"name": view.name})
    return HttpResponseRedirect(address_of(view))


@require_POST
def delete(request: AccountRequest, id: int) -> HttpResponse:
    """Deletes a view and shows the whole list. Raises NoSuchView."""
    view = delete_view(request.user, id)
    say(request, _("View “%(name)s” deleted.") % {"name": view.name})
    return HttpResponseRedirect(_address(view.list_name, ""))


def address_of(view: SavedView) -> str:
    """The address of a list with the filters of a view."""
    return _address(view.list_name, view.query)


def _address(list_name: str, query: str) -> str:
    name, *kind = (list_name if can_be_kept(list_name) else "start").split("/")
    path = reverse(name, args=kind)
    return f"{path}?{query}" if query else path
