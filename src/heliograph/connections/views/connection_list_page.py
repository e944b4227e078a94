"""The Connection List and Add A Connection (guide: Setting up a Connection; C1-C8, N2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from heliograph.accounts.models import Role
from heliograph.accounts.names_of_users import names_of_users
from heliograph.accounts.roles import AccountRequest, may, needs
from heliograph.connections import connection_words as words
from heliograph.connections.connection_list import COUNTED, ConnectionList, ConnectionListFilter, ConnectionRow
from heliograph.connections.preset_files import presets
from heliograph.domain.connection.connection import Auth
from heliograph.domain.connection.connection_health import Health
from heliograph.domain.connection.presets import PresetGroup
from heliograph.setup.views.return_to_flow import ReturnToFlow
from heliograph.store.django_database import read_database
from heliograph.store.instants import from_micros
from heliograph.web.list_count import many
from heliograph.web.list_filters import EnumFilter, Filter, ListFilters, SearchFilter
from heliograph.web.pages import page
from heliograph.web.templatetags.moments import short_moment

GROUP_WORDS = {
    PresetGroup.ANY: (gettext_lazy("Any application"), gettext_lazy("Anything that takes a web request.")),
    PresetGroup.CHAT: (gettext_lazy("Chat"), gettext_lazy("A short message for each registration.")),
    PresetGroup.LISTS: (gettext_lazy("Lists and other tools"), gettext_lazy("A row in a list, or the start of an automation.")),
    PresetGroup.CRM: (gettext_lazy("CRM and marketing"), gettext_lazy("People are created once, then kept up to date.")),
}
"""The name of each group of presets, and a sentence about it."""


class PresetFilters(ListFilters):
    """The search of Add A Connection."""

    no_match = gettext_lazy("No application has this name")
    no_match_text = gettext_lazy("If it takes a web request, start from Any webhook.")
    show_all = gettext_lazy("Show all applications")

    q = SearchFilter(gettext_lazy("Search applications"), placeholder=gettext_lazy("Application"))
    flow = Filter(param="for", place="view")
    """The flow that waits for the connection, with what was made for it on the way (`ReturnToFlow`)."""
    mapping = Filter(place="view")
    does = Filter(place="view")


class ConnectionListFilters(ListFilters):
    """The filters of the Connection List."""

    no_match = gettext_lazy("No connection matches")
    no_match_text = gettext_lazy("Nothing matches the search and filters. Change one of them.")
    show_all = gettext_lazy("Show all connections")

    q = SearchFilter(gettext_lazy("Search connections"), placeholder=gettext_lazy("Name, host, flow"))
    type = EnumFilter(gettext_lazy("Authentication Type"), Auth, lambda auth: _(auth.value), every=gettext_lazy("All types"))
    health = EnumFilter(gettext_lazy("Health"), words.HEALTH, words.HEALTH.__getitem__, every=gettext_lazy("Any health"))

    @property
    def list_filter(self) -> ConnectionListFilter:
        """The filters as `ConnectionList` takes them."""
        cleaned = self.cleaned_data
        return ConnectionListFilter(cleaned["q"], cleaned["type"], cleaned["health"])


@require_safe
def connection_list(request: AccountRequest) -> HttpResponse:
    """The Connection List: the connections of the account with their health."""
    filters = ConnectionListFilters(request)
    with read_database() as db:
        all_connections = ConnectionList(db, request.account.pk)
        rows = all_connections.rows(filters.list_filter)
    total = len(all_connections.config.connections)
    people = names_of_users(request.account.pk, [row.pause.by for row in rows if row.pause])
    can = may(request.user, Role.ADMINISTRATOR)
    return page(
        request,
        "connections/list.html",
        here="connections",
        rows=[_row(row, people, can=can) for row in rows],
        none=not total,
        can=can,
        filters=filters,
        result=ngettext("%(shown)s of %(all)s connection", "%(shown)s of %(all)s connections", total)
        % {"shown": intcomma(len(rows)), "all": intcomma(total)},
        counted=_("Of the items of Retry, the newest %(n)s are counted.") % {"n": intcomma(COUNTED)} if all_connections.is_more else "",
    )


def _row(row: ConnectionRow, people: Mapping[str, str], *, can: bool) -> dict[str, Any]:
    connection = row.connection
    extra = []
    if row.access is not None and row.access.holder and row.health not in (Health.LOST, Health.NOT_YET):
        extra.append(_("Connected as %(holder)s") % {"holder": row.access.holder})
    if connection.primary:
        extra.append(_("Is a primary connection"))
    return {
        "id": row.id,
        "name": connection.name,
        "href": reverse("connection-overview", args=(row.id,)),
        "setup": reverse("connection", args=(row.id,)),
        "kind": words.kind(connection),
        "host": connection.shown,
        "extra": extra,
        **standing(row, people),
        "attempt": words.attempt(row.attempt),
        "test": words.test(row),
        "flows": [(name or _("Without a name"), flow_href(id)) for id, name in row.flows],
        "menu": menu(row) if can else [],
        "menu_label": _("More for %(name)s") % {"name": connection.name},
    }


def standing(row: ConnectionRow, people: Mapping[str, str]) -> dict[str, Any]:
    """A connection's health, for the list and its own page."""
    retry = reverse("retry")
    paused = ""
    if row.pause is not None and row.pause.at:
        names = {"name": people.get(row.pause.by, ""), "when": short_moment(from_micros(row.pause.at))}
        if row.health is Health.PAUSED:  # beside the word "Paused"
            paused = _("Since %(when)s, by %(by)s.") % {**names, "by": names["name"]} if names["name"] else _("Since %(when)s.") % names
        else:
            paused = (_("Paused by %(name)s, %(when)s.") if names["name"] else _("Paused %(when)s.")) % names
    return {
        "word": words.headline(row),
        "tone": words.TONES[row.health],
        "icon": words.ICONS.get(row.health, ""),
        "note": words.note(row),
        "paused": paused,
        "release": reverse("connection-release", args=(row.id,)) if row.pause else "",
        "releasing": row.state.release_rate is not None,
        "held": words.held_text(row),
        "waits": ngettext("%(n)s waiting", "%(n)s waiting", row.waiting) % {"n": many(row.waiting_count)} if row.waiting else "",
        "waits_href": f"{retry}?{urlencode({'connection': row.id, 'status': 'waiting'})}",
        "failed": ngettext("%(n)s failed", "%(n)s failed", row.failed) % {"n": many(row.failed_count)} if row.failed else "",
        "failed_href": f"{retry}?{urlencode({'connection': row.id, 'status': 'Failed'})}",
    }


def menu(row: ConnectionRow) -> list[tuple[str, str]]:
    """The menu of a connection, for Administrators: the label and URL of each operation."""
    id = row.id
    pause = (
        (_("Release"), reverse("connection-release", args=(id,))) if row.pause else (_("Pause"), reverse("connection-pause", args=(id,)))
    )
    return [
        (_("Connection Setup"), reverse("connection", args=(id,))),
        (_("Response rule"), reverse("connection-rule", args=(id,))),
        (_("Signing"), reverse("connection-signing", args=(id,))),
        pause,
        (_("Versions"), reverse("connection-versions", args=(id,))),
        (_("Copy"), reverse("connection-copy", args=(id,))),
        (_("Delete"), reverse("connection-delete", args=(id,))),
    ]


def flow_href(id: int) -> str:
    """The URL of a flow."""
    return reverse("flow", args=(id,))


@require_http_methods(["GET", "HEAD"])
@needs(Role.ADMINISTRATOR)
@never_cache
def connection_new(request: AccountRequest) -> HttpResponse:
    """Add A Connection: any webhook, or an application with its settings and first mapping filled in."""
    to_flow = ReturnToFlow.from_request(request)
    filters = PresetFilters(request)
    search = filters.cleaned_data["q"]
    return page(
        request,
        "connections/start.html",
        here="connections",
        any_href=to_flow.address(reverse("connection-add", args=("webhook",))) if _is_any_webhook(search) else "",
        groups=_preset_groups(to_flow, search),
        filters=filters,
        to_flow=to_flow,
    )


def _is_any_webhook(search: str) -> bool:
    text = f"{_('Any webhook')} {_('Any application')}".casefold()
    return all(word in text for word in search.casefold().split())


def _preset_groups(to_flow: ReturnToFlow, search: str) -> list[dict[str, Any]]:
    """The presets that match a search, by their groups; groups without one are omitted. "Any application" is drawn even if only "Any webhook" matches."""
    groups = []
    for group, (name, says) in GROUP_WORDS.items():
        rows = [
            {
                "href": to_flow.address(reverse("connection-add", args=(each.key,))),
                "name": each.name,
                "what": each.what,
                "needs": each.needs,
                "sets": each.sets,
            }
            for each in presets()
            if each.group is group and each.matches(search)
        ]
        is_any = group is PresetGroup.ANY and _is_any_webhook(search)
        if rows or is_any:
            groups.append({"id": group.value, "name": name, "says": says, "presets": rows, "any": is_any})
    return groups


def get_row(request: AccountRequest, id: int) -> ConnectionRow:
    """One connection of the account with its health. Raises Http404."""
    with read_database() as db:
        row = ConnectionList(db, request.account.pk).row(id)
    if row is None:
        raise Http404
    return row


def redirect(name: str, *args: object) -> HttpResponseRedirect:
    """Redirects to one of our own pages."""
    return HttpResponseRedirect(reverse(name, args=args))
