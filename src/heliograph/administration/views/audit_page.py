"""Account Settings > Management > Users > Audit: each change with its actor, before and after.

What its reader may see is decided in `administration.audit_list`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from heliograph.accounts.actors import Actors
from heliograph.accounts.audit import Deed
from heliograph.accounts.models import AuditEntry, Role, User
from heliograph.accounts.roles import AccountRequest, may
from heliograph.administration.audit_list import REFUSALS, SIGN_INS, matching_entries, readable_values
from heliograph.administration.views.audit_words import TAGGED, AuditNames
from heliograph.administration.views.users import tabs
from heliograph.deliveries.account_reader import account_reader
from heliograph.jobs.models import Job
from heliograph.setup.models import Tag
from heliograph.setup.views.setup_frame import settings_page
from heliograph.store import configuration_versions
from heliograph.store.access_refusals import SOMEBODY
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.instants import to_micros
from heliograph.web.cursor import Pager, keyset, read_cursor
from heliograph.web.list_filters import ChoiceFilter, Filter, ListFilters, SearchFilter
from heliograph.web.shown_fields import Choice

MOST: Final = 10_000
"""Most entries that are counted exactly."""
MOST_LOOKED_UP: Final = 25
"""Most past configurations of the account that are read for the names of one page."""
SHOWN_AT_ONCE: Final = 3
"""Settings of a thing that was made or deleted; more are folded."""
KIND_NAMES: Final = {
    "signal": gettext_lazy("Flows, connections, mappings"),
    "tags": gettext_lazy("Tags and statuses"),
    "events": gettext_lazy("Events"),
    "people": gettext_lazy("Users and tokens"),
    "account": gettext_lazy("The account"),
    "exports": gettext_lazy("Exports and downloads"),
}
REFUSED_AS: Final = {
    "user": gettext_lazy("Was refused the sign-in as"),
    "token": gettext_lazy("Was refused with the token"),
    "account": gettext_lazy("Was refused, among many others"),
}
"""Refused access, by the kind of the entry's object: the user or the token that was given, or the account if there were too many of them."""
VERBS: Final = {
    Deed.CREATED: gettext_lazy("Created the %(kind)s"),
    Deed.CHANGED: gettext_lazy("Changed the %(kind)s"),
    Deed.DELETED: gettext_lazy("Deleted the %(kind)s"),
    Deed.MERGED: gettext_lazy("Merged the %(kind)s"),
    Deed.SWITCHED_ON: gettext_lazy("Switched on the %(kind)s"),
    Deed.SWITCHED_OFF: gettext_lazy("Switched off the %(kind)s"),
    Deed.REVOKED: gettext_lazy("Revoked the %(kind)s"),
    Deed.CONNECTED: gettext_lazy("Connected the %(kind)s"),
    Deed.INVITED: gettext_lazy("Invited the %(kind)s"),
    Deed.LINKED: gettext_lazy("Created a link for the %(kind)s"),
    Deed.JOINED: gettext_lazy("Took the invitation as"),
    Deed.PASSWORD_CHANGED: gettext_lazy("Changed the password of"),
    Deed.SIGNED_IN: gettext_lazy("Signed in as"),
    Deed.REFUSED: gettext_lazy("Was refused a page"),
    Deed.SIGNED_OUT: gettext_lazy("Signed out everywhere"),
    Deed.SECOND_FACTOR_ON: gettext_lazy("Set up the second factor of"),
    Deed.REPLAYED: gettext_lazy("Replayed"),
    Deed.REPLAY_CANCELLED: gettext_lazy("Cancelled the replay of"),
    Deed.EXPORTED: gettext_lazy("Exported the list"),
    Deed.APPLIED: gettext_lazy("Applied the %(kind)s"),
    Deed.DOWNLOADED: gettext_lazy("Downloaded rows of"),
    Deed.ERASED: gettext_lazy("Erased the %(kind)s"),
    Deed.SECOND_FACTOR_OFF: gettext_lazy("Removed the second factor of"),
}
PLACES: Final = {"tag": "tags", "user": "users", "token": "api-tokens", "account": "account-settings", "event": "events"}
FILES: Final = {"record list": "job", "failed rows": "retry-download-ready"}
"""The page of an export or a download, by the kind of the entry's object. Its URL has the id of the job."""


class AuditFilters(ListFilters):
    """The filters of the list of entries."""

    no_match = gettext_lazy("No entry matches")
    no_match_text = gettext_lazy("Change the search or remove a filter.")
    show_all = gettext_lazy("Show all entries")

    q = SearchFilter(gettext_lazy("Search"), placeholder=gettext_lazy("What, or a value"))
    who = Filter(gettext_lazy("Who"), every=gettext_lazy("Everybody"))
    """An actor, such as "user:7"."""
    kind = ChoiceFilter(
        gettext_lazy("Kind"),
        options=[
            *(Choice(key, words) for key, words in KIND_NAMES.items()),
            Choice(SIGN_INS, gettext_lazy("Sign-ins")),
            Choice(REFUSALS, gettext_lazy("Refused access")),
        ],
        every=gettext_lazy("Everything"),
    )


@require_safe
def audit(request: AccountRequest) -> HttpResponse:
    """The list of entries, newest first."""
    filters = AuditFilters(request)
    who = filters.cleaned_data["who"]
    whole = may(request.user, Role.ADMINISTRATOR)
    matching = matching_entries(filters.cleaned_data["q"], who, filters.cleaned_data["kind"], whole=whole)
    rows = keyset(matching, "id", "id", read_cursor(request, (int, int)))
    entries = list(rows.rows)
    total = matching.order_by()[: MOST + 1].count()
    people = list(User.objects.filter(account=request.account).order_by("name", "pk")[:200])
    actors = Actors.from_stored(request.account, [*(row.by for row in entries), who])
    names = _names(request, entries)
    jobs = set(Job.objects.filter(pk__in=[row.object_id for row in entries if row.kind in FILES]).values_list("pk", flat=True))
    known = {**{each.actor: each.name for each in people}, "command": _("The operator")}
    if who and who not in known:
        known[who] = actors.name(who)
    filters.offer("who", known.items())
    if not whole:
        filters.offer("kind", [*KIND_NAMES.items(), (SIGN_INS, gettext_lazy("Sign-ins"))])
    return settings_page(
        request,
        "administration/audit.html",
        entry="users",
        tabs=tabs("audit"),
        entries=[_entry(row, actors, names[row.pk], jobs, whole=whole) for row in entries],
        filters=filters,
        total=_("more than %(n)s entries") % {"n": intcomma(MOST)} if total > MOST else _("%(n)s entries") % {"n": intcomma(total)},
        pager=Pager.from_page(request, rows, _("Changes of registrations are in their timelines.")),
    )


def _entry(row: AuditEntry, actors: Actors, words: AuditNames, jobs: Collection[int], *, whole: bool) -> dict[str, Any]:
    before, after = readable_values(row, whole=whole)
    verb = VERBS[Deed(row.what)] if row.what in set(Deed) else gettext_lazy("%(kind)s")
    if row.what == Deed.REFUSED and row.by == SOMEBODY:
        verb = REFUSED_AS[row.kind]
    # The page of the object. The page of an export exists as long as its job.
    href = reverse(PLACES[row.kind]) if row.kind in PLACES else ""
    if row.kind == "flow":
        href = f"{reverse('flow-list')}?{urlencode({'q': row.name})}"
    elif row.kind in FILES:
        href = reverse(FILES[row.kind], args=(row.object_id,)) if row.object_id in jobs else ""
    fields = words.lines(row.kind, before, after)
    is_change = bool(before and after)
    return {
        "at": row.at,
        "who": actors.name(row.by),
        "place": actors.place(row.by),
        "did": str(verb) % {"kind": _(row.kind)},
        "name": row.name,
        "href": href,
        "fields": fields,
        "is_change": is_change,
        # All that somebody typed for a new thing is not what changed.
        "folded": ""
        if is_change or len(fields) <= SHOWN_AT_ONCE
        else ngettext("%(n)d setting", "%(n)d settings", len(fields)) % {"n": len(fields)},
    }


def _names(request: AccountRequest, entries: Sequence[AuditEntry]) -> dict[int, AuditNames]:
    """By the id of each entry, the names of the ids in it as of its time. An id without a name at that time has today's."""
    names_by_entry, then = dict[int, AuditNames](), dict[int, AuditNames]()
    with account_reader(request.account.pk) as reader:
        today = AuditNames.from_config(reader.config, _tags(entries))
        config = Committed(reader.db, ConfigCache())
        versions = configuration_versions.versions_at(reader.db, reader.account, [to_micros(row.at) for row in entries])
        for row in entries:
            version = versions[to_micros(row.at)]
            if version and version not in then and len(then) < MOST_LOOKED_UP:
                then[version] = AuditNames.from_config(config.account(reader.account, version)).over(today)
            names_by_entry[row.pk] = then.get(version, today)
    return names_by_entry


def _tags(entries: Iterable[AuditEntry]) -> dict[int, str]:
    """Labels of the tags that entries refer to by id."""
    ids: set[int] = set()
    for row in entries:
        for side in (row.before, row.after):
            known: Mapping[str, Any] = side or {}
            for key in TAGGED & known.keys():
                values: Sequence[Any] = known[key] if isinstance(known[key], list) else [known[key]]
                ids |= {value for value in values if isinstance(value, int)}
    return dict(Tag.objects.filter(pk__in=ids).values_list("pk", "label")) if ids else {}
