"""What a message says, in words of events, with a link to the cure (B4). No value of a registration and no secret is among the facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from heliograph.connections.diagnosis_words import likely_remedy
from heliograph.deliveries.delivery_words import CAUSES, isolated
from heliograph.domain.connection.connection import SignIn
from heliograph.domain.connection.connection_health import Health
from heliograph.domain.connection.diagnosis import Finding, refusal_finding
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.delivery.retry_policy import DAY, HOUR, MINUTE
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.problem_plan import Observed
from heliograph.notifications.delivered_yesterday import DeliveredYesterday
from heliograph.notifications.letters import Letter, TableRow
from heliograph.notifications.observations import MOST
from heliograph.retry.retry_items import StatusChoice
from heliograph.store.instants import from_micros
from heliograph.web.percentages import difference, percent
from heliograph.web.templatetags.moments import short_moment, since_when, soon

MOST_LINES: Final = 10


@dataclass(frozen=True, slots=True)
class Summary:
    """What the morning summary tells."""

    lines: Sequence[Observed]
    waiting: int
    failed: int
    delivered: DeliveredYesterday


def letter_of(observed: Observed, account: str) -> Letter:
    """The message about a problem that was just opened.

    account: the name of the account
    """
    letter = _OPENED[observed.kind](observed)
    if not letter.where:
        since = _("%(account)s, since %(time)s") % {"account": account, "time": since_when(from_micros(observed.since))}
        letter = replace(letter, where=since)
    return letter


def resolved_letter(observed: Observed, account: str, now: int) -> Letter:
    """The message that a problem is resolved.

    now: microseconds
    """
    title = _("Resolved: %(what)s") % {"what": _RESOLVED[observed.kind](observed)}
    failed = int(observed.facts.get("failed", 0)) if observed.kind is Kind.REFUSES else 0
    lasted = _("It lasted %(time)s.") % {"time": duration(now - observed.since)}
    left = ngettext(
        "%(n)s has used up its retries. Send it again from Retry.", "%(n)s have used up their retries. Send them again from Retry.", failed
    ) % {"n": intcomma(failed)}
    return Letter(
        title,
        _("%(account)s, %(time)s") % {"account": account, "time": soon(from_micros(now))},
        paragraphs=[lasted, left] if failed else [lasted],
        button=_("Open Retry") if failed else "",
        path=reverse("retry") if failed else "",
        why=_("You get this because you were told about the problem."),
    )


def summary_letter(summary: Summary, account: str, now: int) -> Letter:
    """The morning summary."""
    failed = [_line(each, _failed_count(each.number)) for each in summary.lines if each.kind is Kind.FAILED]
    waiting = [_line(each, _waiting_count(each.number)) for each in summary.lines if each.kind is Kind.WAITS]
    numbers = [
        words for words in (summary.failed and _failed_count(summary.failed), summary.waiting and _waiting_count(summary.waiting)) if words
    ]
    tables: list[tuple[str, Sequence[TableRow]]] = []
    if failed:
        tables.append((_("Needs you"), failed[:MOST_LINES]))
    if waiting:
        tables.append((_("Still waiting"), waiting[:MOST_LINES]))
    if summary.delivered.total:
        tables.append((_("Delivered yesterday"), _delivered_rows(summary.delivered)))
    return Letter(
        _("This morning: %(numbers)s") % {"numbers": ", ".join(numbers)},
        _("%(account)s, %(time)s") % {"account": account, "time": short_moment(from_micros(now))},
        tables=tables,
        button=_("Open Retry"),
        path=reverse("retry"),
        why=_("You get this summary when something waits or failed. Otherwise we stay quiet."),
    )


def _delivered_rows(delivered: DeliveredYesterday) -> list[TableRow]:
    """The flows with the most deliveries, and the sum of all, compared with the day before."""
    rows = [(isolated(name or _("Without a name")), "", intcomma(number)) for name, number in delivered.by_flow[:MOST_LINES]]
    share, is_more = difference(delivered.total, delivered.before), delivered.total > delivered.before
    if not share:
        compared = ""
    elif delivered.total == delivered.before:
        compared = _("As many as on the day before")
    else:
        compared = (_("%(share)s more than on the day before") if is_more else _("%(share)s fewer than on the day before")) % {
            "share": share
        }
    return [*rows, (_("All"), compared, intcomma(delivered.total))]


def test_letter(account: str) -> Letter:
    """A message that shows that messages arrive."""
    return Letter(
        _("A test from Heliograph"),
        account,
        paragraphs=[_("Messages arrive here. Nothing is wrong.")],
        button=_("Open Notifications"),
        path=reverse("notifications"),
        why=_("You get this because somebody pressed “Send me a test”."),
    )


def digest_title(count: int) -> tuple[str, str]:
    """The subject of several messages that are sent as one, and the heading above them."""
    return ngettext("%(n)s message", "%(n)s messages", count) % {"n": count}, _("What happened")


def duration(microseconds: int) -> str:
    """ "53 minutes", "2 hours 5 minutes", "3 days"."""
    minutes = max(1, microseconds // MINUTE)
    if microseconds >= 2 * DAY:
        days = microseconds // DAY
        return ngettext("%(n)s day", "%(n)s days", days) % {"n": days}
    if minutes < 60:
        return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}
    hours = ngettext("%(n)s hour", "%(n)s hours", microseconds // HOUR) % {"n": microseconds // HOUR}
    rest = minutes % 60
    return f"{hours} {ngettext('%(n)s minute', '%(n)s minutes', rest) % {'n': rest}}" if rest else hours


def number_words(number: int) -> str:
    """A number of items, which are counted up to MOST + 1: "more than 10,000"."""
    return _("more than %(n)s") % {"n": intcomma(MOST)} if number > MOST else intcomma(number)


def _number(observed: Observed) -> str:
    """The number of a cause's items in words: "at least 12" if not all items were counted."""
    if observed.facts.get("is_more") and observed.number <= MOST:
        return _("at least %(n)s") % {"n": intcomma(observed.number)}
    return number_words(observed.number)


def _waiting_count(number: int) -> str:
    return ngettext("%(n)s waiting", "%(n)s waiting", number) % {"n": number_words(number)}


def _failed_count(number: int) -> str:
    return ngettext("%(n)s failed", "%(n)s failed", number) % {"n": number_words(number)}


def _line(observed: Observed, number: str) -> TableRow:
    facts = observed.facts
    if facts.get("scope") == "tag":
        return _("No tag in %(events)s") % {"events": ", ".join(facts.get("events", ()))}, "", number
    return isolated(str(facts.get("name", ""))), ", ".join(map(isolated, facts.get("flows", ()))), number


def _name(observed: Observed) -> str:
    return isolated(str(observed.facts.get("name", "")))


# --- a connection or source


_TITLES: Final[Mapping[str, Callable[[], str]]] = {
    Health.PAUSED: lambda: _("%(name)s is paused"),
    Health.LOST: lambda: _("%(name)s is no longer connected"),
    Health.SILENT: lambda: _("%(name)s doesn’t answer"),
    Health.BLOCKED: lambda: _("%(name)s has an address that requests may not go to"),
    Health.REFUSES: lambda: _("%(name)s refuses what we send"),
}
_CREDENTIALS: Final[Mapping[SignIn, Callable[[], str]]] = {
    SignIn.KEY: lambda: _("Enter a new key"),
    SignIn.PASSWORD: lambda: _("Enter the password"),
}
"""The button by what a connection signs in with, once the target did not accept that."""


def _refuses(observed: Observed) -> Letter:
    facts, name = observed.facts, _name(observed)
    if "source" in facts:
        return Letter(
            _("%(name)s can’t be read") % {"name": name},
            paragraphs=[
                _("New registrations don’t come in from it. Nothing is lost: we try again automatically and continue where it stopped.")
            ],
            button=_("Open the source"),
            path=reverse("source", args=(facts["source"],)),
            why=_("You get this because you are told about sources. We’ll write once more when it works again."),
        )
    health, words = str(facts.get("health", "")), str(facts.get("words", ""))
    status = facts.get("status")
    paragraphs = []
    if status and not words:
        paragraphs.append(_("It answers with status %(status)s.") % {"status": status})
    if facts.get("by"):
        paragraphs.append(_("%(who)s paused it.") % {"who": isolated(str(facts["by"]))})
    paragraphs.append(
        ngettext(
            "%(n)s is waiting, and no new ones reach %(name)s. Nothing is lost: what waits is sent as soon as it works again.",
            "%(n)s are waiting, and no new ones reach %(name)s. Nothing is lost: what waits is sent as soon as it works again.",
            observed.number,
        )
        % {"n": _number(observed), "name": name}
        if observed.number
        else _("Nothing waits yet, and nothing new reaches %(name)s. Nothing is lost: what comes is sent as soon as it works again.")
        % {"name": name}
    )
    finding = refusal_finding(status, str(facts.get("error", ""))) if health == Health.REFUSES and status else None
    sign_in = SignIn(facts["sign_in"]) if facts.get("sign_in") else None
    enter = _CREDENTIALS.get(sign_in) if finding is Finding.UNAUTHORIZED and sign_in else None
    if enter is not None:
        paragraphs.append(_("Most likely its key or password was replaced or has expired. Its administrator can give you a new one."))
    elif finding is not None:
        paragraphs.append(likely_remedy(finding, sign_in))
    return Letter(
        _TITLES.get(health, _TITLES[Health.REFUSES])() % {"name": name},
        before_words=_("It answers:") if words else "",
        words=words,
        paragraphs=paragraphs,
        button=enter() if enter is not None else _("Connect again") if health == Health.LOST else _("Open %(name)s") % {"name": name},
        path=reverse("connection", args=(observed.connection,)),
        why=_("You get this because you are told about %(name)s. We’ll write once more when it works again.") % {"name": name},
    )


def _works_again(observed: Observed) -> str:
    name = _name(observed)
    if "source" in observed.facts:
        return _("%(name)s is read again") % {"name": name}
    return (_("%(name)s is no longer paused") if observed.facts.get("health") == Health.PAUSED else _("%(name)s works again")) % {
        "name": name
    }


# --- what waits, what failed


def _waits(observed: Observed) -> Letter:
    facts, number = observed.facts, _number(observed)
    why = _("You get this because something has waited longer than you want. We’ll write once more when nothing waits.")
    if facts.get("scope") == "tag":
        events = ", ".join(facts.get("events", ()))
        return Letter(
            ngettext("%(n)s is waiting for a tag", "%(n)s are waiting for a tag", observed.number) % {"n": number},
            paragraphs=[
                _("Something in %(events)s has no tag that a flow needs. Nothing is lost: add the tag, and what waits is sent.")
                % {"events": events}
            ],
            button=_("Add the tags"),
            path=reverse("tag-coverage"),
            why=why,
        )
    name, flows = _name(observed), ", ".join(map(isolated, facts.get("flows", ())))
    return Letter(
        ngettext("%(n)s is waiting for %(name)s", "%(n)s are waiting for %(name)s", observed.number) % {"n": number, "name": name},
        paragraphs=[_("Flows: %(flows)s.") % {"flows": flows}] if flows and facts.get("scope") == "connection" else [],
        button=_("See what waits"),
        path=_retry_path(observed, StatusChoice.WAITING),
        why=why,
    )


_FAILED_BY: Final[Mapping[str, Promise]] = {
    Cause.ANSWER: gettext_lazy("%(connection)s answered with an error"),
    Cause.RULE: gettext_lazy("%(connection)s answered what its rule counts as a failure"),
    Cause.INVALID: gettext_lazy("%(connection)s needs other values"),
    Cause.OAUTH: gettext_lazy("%(connection)s has no access token"),
    Cause.BAD_REQUEST: gettext_lazy("%(connection)s has a URL or header that cannot be sent"),
    Cause.PROXY: gettext_lazy("%(connection)s was not reached by the proxy"),
}
"""Causes whose words depend elsewhere on the answer or the value; a message is about all items of a cause."""


def _failed_by(observed: Observed) -> str:
    """The connection with the cause, so that two causes of one connection are told apart; "The flow is off (Leads)" for a cause of a flow."""
    name, cause = _name(observed), observed.facts.get("cause", "")
    words = _FAILED_BY.get(cause) or CAUSES.get(cause)
    if words is None:
        return name
    by_cause = (str(words) % {"connection": name}).rstrip(".")
    return by_cause if observed.facts.get("scope") == "connection" else _("%(cause)s (%(name)s)") % {"cause": by_cause, "name": name}


def _failed(observed: Observed) -> Letter:
    flows = ", ".join(map(isolated, observed.facts.get("flows", ())))
    again = ngettext(
        "All retries are used up, so it is not sent again automatically. Fix the cause, then send it from Retry.",
        "All retries are used up, so they are not sent again automatically. Fix the cause, then send them from Retry.",
        observed.number,
    )
    return Letter(
        ngettext("%(n)s failed for good: %(name)s", "%(n)s failed for good: %(name)s", observed.number)
        % {"n": _number(observed), "name": _failed_by(observed)},
        paragraphs=[*([_("Flows: %(flows)s.") % {"flows": flows}] if flows else []), again],
        button=ngettext("See it in Retry", "See them in Retry", observed.number),
        path=_retry_path(observed, StatusChoice.FAILED),
        why=_("You get this once per cause, however many fail. We’ll write once more when none are left."),
    )


def _retry_path(observed: Observed, status: StatusChoice) -> str:
    scope = observed.facts.get("scope")
    filters: dict[str, Any] = {"status": status.value}
    if scope in ("connection", "flow"):
        filters[str(scope)] = observed.facts["thing"]
    return f"{reverse('retry')}?{urlencode(filters)}"


# --- what ended, what ends


def _ended(observed: Observed) -> Letter:
    facts = observed.facts
    counts: Mapping[str, int] = facts.get("counts", {})
    is_replay = facts["job"] == "replay"
    if is_replay:
        names = {"sent": _("sent"), "left_out": _("left out")}
        stopped, ended = _("Your replay stopped"), _("Your replay ended")
    else:
        names = {"created": _("created"), "updated": _("changed"), "refused": _("refused")}
        stopped, ended = _("Your import stopped"), _("Your import ended")
    numbers = ", ".join(f"{intcomma(counts[name])} {word}" for name, word in names.items() if counts.get(name))
    title = stopped if facts.get("failed") else ended
    path = reverse("replay-run", args=(facts["replay"],)) if is_replay and facts.get("replay") else reverse("job", args=(facts["id"],))
    return Letter(
        f"{title}: {numbers}" if numbers else title,
        paragraphs=[_("It hit an error. Its page says why, and continues from where it stopped.")] if facts.get("failed") else [],
        button=_("Open the replay") if is_replay else _("Open the import"),
        path=path,
        why=_("You get this because you started it."),
    )


def _ends(observed: Observed) -> Letter:
    facts, name = observed.facts, _name(observed)
    days = int(facts["days"])
    left = ngettext("%(n)s day", "%(n)s days", days) % {"n": days}
    end = short_moment(from_micros(int(facts["ends"])))
    if facts["scope"] == "token":
        title = _("The API token %(name)s ends within %(days)s") % {"name": name, "days": left}
        text = _("Programs that use it are refused from %(time)s on. Make a new one and give it to them before that.") % {"time": end}
        return Letter(
            title,
            paragraphs=[text],
            button=_("Open API Tokens"),
            path=reverse("api-tokens"),
            why=_("You get this 14 days and 2 days before."),
        )
    title = _("A certificate of %(name)s ends within %(days)s") % {"name": name, "days": left}
    text = _("From %(time)s on, nothing reaches it. Enter a new certificate before that.") % {"time": end}
    path = reverse("connection", args=(observed.connection,))
    return Letter(
        title, paragraphs=[text], button=_("Open %(name)s") % {"name": name}, path=path, why=_("You get this 14 days and 2 days before.")
    )


def _trouble(observed: Observed) -> Letter:
    facts = observed.facts
    why = _("You get this because you look after this installation. We’ll write once more when it is over.")
    if facts["what"] == "disk":
        title = _("The disk of the folder “%(name)s” is nearly full: %(free)s free") % {
            "name": facts["name"],
            "free": percent(facts["free"] / 100),
        }
        return Letter(
            title,
            _("Installation"),
            paragraphs=[_("When it is full, no registration is accepted. Free some space, or make the disk larger.")],
            why=why,
        )
    text = _(
        "Registrations are accepted, but nothing is delivered. Start “heliograph serve” or “heliograph worker”; if one is running, check its log and restart it."
    )
    return Letter(_("No worker is sending"), _("Installation"), paragraphs=[text], why=why)


def _trouble_over(observed: Observed) -> str:
    return (
        _("The disk of “%(name)s” has room again") % {"name": observed.facts["name"]}
        if observed.facts["what"] == "disk"
        else _("A worker is sending again")
    )


def _nothing_waits(observed: Observed) -> str:
    if observed.facts.get("scope") == "tag":
        return _("nothing is waiting for a tag")
    return _("nothing is waiting for %(name)s") % {"name": _name(observed)}


_OPENED: Final[Mapping[Kind, Callable[[Observed], Letter]]] = {
    Kind.REFUSES: _refuses,
    Kind.WAITS: _waits,
    Kind.FAILED: _failed,
    Kind.ENDED: _ended,
    Kind.ENDS: _ends,
    Kind.TROUBLE: _trouble,
}
_RESOLVED: Final[Mapping[Kind, Callable[[Observed], str]]] = {
    Kind.REFUSES: _works_again,
    Kind.WAITS: _nothing_waits,
    Kind.FAILED: lambda observed: _("no such failure is left: %(what)s") % {"what": _failed_by(observed)},
    Kind.TROUBLE: _trouble_over,
}
