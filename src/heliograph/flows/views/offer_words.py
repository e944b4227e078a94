"""The message with an offer to replay (F1, Y1): one sentence and a link, on the next page."""

from __future__ import annotations

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.deliveries.replay_links import replay_address
from heliograph.flows.replay_offers import ReplayOffer
from heliograph.web.toasts import say


def say_with_offer(request: HttpRequest, message: str, flow: int, offer: ReplayOffer | None, *, saved: bool = False) -> None:
    """Shows a message; with an offer, also how many changes it concerns and a link to the replay with flow and range filled in.

    message: what was done
    saved: the offer follows from a saved rule, not from switching the flow on
    """
    if offer is None:
        say(request, message)
        return
    href = replay_address(flow, offer.since, offer.until)
    if not offer.count:
        say(request, f"{message} {_('What it sent before stays as it was sent.')}", link=_("Replay it"), href=href)
        return
    if saved:
        text = ngettext(
            "%(n)s change of the last 7 days would turn out differently.",
            "%(n)s changes of the last 7 days would turn out differently.",
            offer.count,
        )
    else:
        text = ngettext("%(n)s change happened meanwhile.", "%(n)s changes happened meanwhile.", offer.count)
    count = _("More than %(n)s") % {"n": intcomma(offer.count)} if offer.more else intcomma(offer.count)
    say(request, f"{message} {text % {'n': count}}", link=ngettext("Replay it", "Replay them", offer.count), href=href)
