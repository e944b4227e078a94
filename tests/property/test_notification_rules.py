"""The rules of notifications: once per problem, quiet hours, who is told (B4)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.delivery.retry_policy import HOUR, MINUTE, SECOND
from heliograph.domain.notification.audience import Audience, Person, Topic
from heliograph.domain.notification.kinds import OF_THINGS, Kind
from heliograph.domain.notification.notification_settings import MAIL, SUMMARY_MINUTES, WAITS_MINUTES, Rule, Settings
from heliograph.domain.notification.problem_plan import CALM, Observed, Stored, plan
from heliograph.domain.notification.quiet_hours import DAY_MINUTES, QuietHours
from heliograph.domain.notification.quotes import quotable
from heliograph.domain.notification.tries import MOST_REFUSED, MOST_UNREACHED, Result, next_try

ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Vienna", "America/St_Johns", "Pacific/Apia")]
minutes = st.integers(0, DAY_MINUTES - 1)
hours = st.builds(QuietHours, minutes, minutes, st.booleans())
instants = st.integers(0, 2 * 365 * 24 * 3600).map(lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
WAYS = ("c1", "c2", "ops@example.org")
chosen = st.dictionaries(st.sampled_from(list(Kind)), st.frozensets(st.sampled_from([MAIL, *WAYS])))
settings = st.builds(
    Settings, st.just(WAYS), chosen, st.sampled_from(WAITS_MINUTES), st.sampled_from(SUMMARY_MINUTES), hours, st.booleans()
) | st.builds(
    Settings.without, st.builds(Settings, st.just(WAYS), chosen), st.frozensets(st.sampled_from(list(Kind))), st.sampled_from([MAIL, *WAYS])
)
people = st.lists(
    st.builds(Person, st.integers(1, 4), st.sampled_from(["a@x.org", "b@x.org"]), st.booleans(), st.booleans(), st.none() | settings),
    max_size=4,
    unique_by=lambda person: person.id,
)
rules = st.dictionaries(
    st.tuples(st.sampled_from(["connection", "flow"]), st.integers(1, 3)),
    st.builds(
        Rule,
        st.frozensets(st.integers(1, 4), min_size=1),
        st.lists(st.sampled_from(WAYS), unique=True).map(tuple),
        st.frozensets(st.sampled_from(OF_THINGS), min_size=1),
    ),
)
connections = st.frozensets(st.integers(1, 2))
audiences = st.builds(Audience, people, settings, rules, connections, connections)
topics = st.builds(
    Topic, st.sampled_from(list(Kind)), st.none() | st.integers(1, 3), st.frozensets(st.integers(1, 3)), st.none() | st.integers(1, 4)
)


@given(hours, instants, st.sampled_from(ZONES))
def test_quiet_hours_end_at_the_first_loud_minute(quiet: QuietHours, at: datetime, zone: ZoneInfo) -> None:
    end = quiet.end(at, zone)
    assert end >= at
    if end == at:
        return
    assert quiet.contains(at.astimezone(zone))
    assert not quiet.contains(end.astimezone(zone))
    between = at
    while between < end:
        assert quiet.contains(between.astimezone(zone))
        between += max(timedelta(minutes=1), (end - at) / 50)


@given(audiences, topics)
def test_each_address_is_told_once_and_no_connection_tells_of_its_own_trouble(audience: Audience, topic: Topic) -> None:
    recipients = audience.recipients(topic)
    assert max(Counter((each.way, each.address.lower()) for each in recipients).values(), default=1) == 1
    for each in recipients:
        if each.way == "connection":
            assert int(each.address) in audience.usable
            assert int(each.address) not in audience.in_trouble
            assert int(each.address) != topic.connection


@given(audiences, topics)
def test_nobody_is_told_what_they_switched_off(audience: Audience, topic: Topic) -> None:
    people = {person.id: person for person in audience.people}
    for each in audience.recipients(topic):
        if each.user and not each.instead_of:
            assert people[each.user].wants.ways_of(topic.kind)
        if each.user and each.way == MAIL:
            assert topic.kind not in people[each.user].wants.no_mail


@given(settings)
def test_settings_survive_being_stored(given_settings: Settings) -> None:
    read = Settings.from_body(given_settings.to_body())
    assert all(read.ways_of(kind) == given_settings.ways_of(kind) for kind in Kind)
    assert (read.ways, read.no_mail, read.waits_minutes, read.summary_at, read.quiet) == (
        given_settings.ways,
        given_settings.no_mail,
        given_settings.waits_minutes,
        given_settings.summary_at,
        given_settings.quiet,
    )


@given(st.lists(st.booleans(), max_size=60), st.integers(10, 120))
def test_a_problem_is_opened_and_resolved_in_turn_and_never_twice(seen: list[bool], seconds: int) -> None:
    """A cause that comes and goes: between two openings there is a resolve, after its whole calm."""
    stored: Stored | None = None
    openings = 0
    told = []
    for step, is_there in enumerate(seen):
        now = step * seconds * SECOND + HOUR
        cause = [Observed("k", Kind.REFUSES, now - 2 * MINUTE)] if is_there else []
        changes = plan(cause, [stored] if stored else [], now)
        if changes.opened:
            openings += 1
            stored = Stored(openings, "k", Kind.REFUSES, now, openings)
            told.append("opened")
        elif changes.resolved:
            assert stored is not None
            assert stored.calm_since is not None
            assert now - stored.calm_since >= CALM[min(openings, len(CALM)) - 1]
            stored = None
            told.append("resolved")
        elif stored is not None:
            calm = stored.calm_since or now if changes.calmed or (stored.calm_since and not is_there) else None
            stored = Stored(stored.id, "k", Kind.REFUSES, stored.opened, openings, calm)
    assert told == ["opened", "resolved"] * (len(told) // 2) + ["opened"] * (len(told) % 2)


@given(st.sampled_from(list(Result)), st.integers(1, 100))
def test_tries_end(result: Result, tries: int) -> None:
    again = next_try(result, tries, 0)
    assert (again is None) == (
        result in (Result.SENT, Result.IMPOSSIBLE) or tries >= (MOST_REFUSED if result is Result.REFUSED else MOST_UNREACHED)
    )
    assert again is None or again > 0


@given(
    st.text("abc xyz", max_size=40),
    st.sampled_from(
        [
            *("zoe@example.org", "0676 12345", "'Österreich'", "“Zoë”", "sk-abcdefghijklmnopqrstuvwxyz", "https://x", "HTTPS://x", "//x"),
            *("www.x.example", "x.example", "[click](x)", "<!channel>", "javascript:x"),
        ]
    ),
)
def test_what_could_be_a_value_or_a_secret_is_not_quoted(words: str, value: str) -> None:
    assert quotable(f"{words} {value} {words}") == ""


def test_a_sentence_about_the_sign_in_is_quoted() -> None:
    assert quotable(" The token\n has expired.") == "The token has expired."
