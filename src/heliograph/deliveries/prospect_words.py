"""What keeps an action from being sent, in words. No page promises a delivery without asking for it (D7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from heliograph.deliveries.delivery_words import isolated
from heliograph.deliveries.prospects import ConnectionHold, Hold, Prospect
from heliograph.domain.delivery.outcomes import Cause
from heliograph.store.instants import from_micros
from heliograph.web.templatetags.moments import soon

_STANDSTILLS: Final = {Hold.PAUSED, Hold.UNRELEASED}
_STOPS: Final = {
    Cause.FLOW_INACTIVE: gettext_lazy("The flow is off: nothing is sent until you switch it on."),
    Cause.FLOW_MODE: gettext_lazy("It was made in the flow’s other mode, Live or Test: it is not sent until the flow is switched back."),
    Cause.FLOW_WATCH: gettext_lazy("The flow now watches for something else: it is not sent until the flow watches for this again."),
    Cause.CONNECTION_GONE: gettext_lazy("The flow has no usable connection: nothing is sent until it has one."),
    Cause.MAPPING_GONE: gettext_lazy("A mapping of the flow was deleted: nothing is sent until you choose another."),
    Cause.FLOW_INCOMPLETE: gettext_lazy("The flow is incomplete: nothing is sent until it’s complete."),
}


def hindrance(prospect: Prospect) -> str:
    """What keeps an item from being sent, with its flow and connection as they are today; "" if nothing does."""
    if prospect.stop in _STOPS:
        return str(_STOPS[prospect.stop])
    if prospect.hold is not None:
        return _hold(prospect)
    return ""


def may_go(prospect: Prospect) -> bool:
    """True if an item is tried when it is due: its connection is not paused, its account sends, and its flow can send it."""
    return prospect.stop is None and (prospect.hold is None or prospect.hold.hold not in _STANDSTILLS)


def _hold(prospect: Prospect) -> str:
    assert prospect.hold is not None
    facts = {"connection": isolated(prospect.name) or _("The connection"), "time": soon(from_micros(prospect.hold.until))}
    match prospect.hold.hold:
        case Hold.PAUSED:
            return _("%(connection)s is paused: nothing is sent until somebody chooses Release in its menu.") % facts
        case Hold.RELEASED:
            return _("%(connection)s is being released: held items go out at the chosen rate.") % facts
        case Hold.UNRELEASED:
            return _("This is a restored copy: nothing is sent until an Administrator lets it send.")
        case Hold.RESTS:
            return _("%(connection)s is paused until %(time)s, because its target asked us to wait.") % facts
        case Hold.SILENT:
            return _("%(connection)s did not answer recently. Single requests test it, and the rest follows once it answers.") % facts


def on_their_way(connections: Sequence[int], names: Mapping[int, str], holds: Mapping[int, ConnectionHold]) -> str:
    """The message after new actions were made: how many, for which connections, and what keeps them from being sent.

    connections: the connection of each action
    """
    count, connection_names = len(connections), ", ".join(dict.fromkeys(names.get(connection, "") for connection in connections))
    held_up = [
        Prospect(None, connection, names.get(connection, ""), holds[connection])
        for connection in dict.fromkeys(connections)
        if connection in holds
    ]
    facts = {"n": count, "connections": connection_names}
    if not held_up:
        return (
            ngettext("%(n)d action is being sent, to %(connections)s.", "%(n)d actions are being sent, to %(connections)s.", count) % facts
        )
    made = ngettext("%(n)d action is created, for %(connections)s.", "%(n)d actions are created, for %(connections)s.", count) % facts
    return " ".join([made, *(hindrance(prospect) for prospect in held_up)])
