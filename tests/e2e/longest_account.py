"""An account whose names have no room and no one script: what a column, a heading, a chip and a menu do with them."""

from __future__ import annotations

from typing import Any, Final

from tests.builders import platform_account
from tests.builders.platform_account import START, PlatformAccount

from heliograph.accounts.api_tokens import create_token
from heliograph.accounts.models import Account, ApiToken, Role, User
from heliograph.domain.setup.compiled_setup import EventState
from heliograph.domain.setup.statuses import StatusClass
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.services import custom_fields, event_setup
from heliograph.setup.services.events import save_event
from heliograph.setup.services.object_tags import set_tags
from heliograph.setup.services.tags import TagFacts, save_tag
from heliograph.store.database import Database

WORD: Final = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
NAMES: Final = (
    f"Z{WORD}"[:80],
    "مؤتمر القاهرة الدولي لتسويق الفعاليات والمعارض (2026)",
    "כנס השיווק הבינלאומי של תל אביב – VIP (2026)",
    "二〇二六年上海国际活动营销与注册技术大会贵宾登记类别第一组",
    "अंतरराष्ट्रीय कार्यक्रम विपणन सम्मेलन पंजीकरण",
    "🎉👩‍👩‍👧‍👦🏳️‍🌈 Party 🎈🇦🇹👍🏽",
)
ZONE: Final = "America/Argentina/ComodRivadavia"
PEOPLE: Final = (
    (WORD, "Adolph Blaine Charles"),
    ("محمد بن عبد العزيز", "آل الشيخ"),
    ("שירה־מרים", "לוי"),
    ("山田", "花子"),
    ("अनन्या", "चक्रवर्ती"),
)


def made(store: Database) -> PlatformAccount:
    """Such an account, by the services. Its Planner and its Viewer see it."""
    plan = platform_account.made(store)
    Account.objects.filter(pk=plan.pk).update(name=f"Acme-{WORD}{WORD}", timezone=ZONE)
    User.objects.filter(account=plan.pk).update(name=f"Maximiliane{WORD}")
    tags = _of_account(plan)
    _of_event(plan, tags)
    for n, (first, last) in enumerate(PEOPLE):
        profile = {"first_name": first, "last_name": last, "email": f"{'e' * 60}@example.org", "organization": NAMES[n], "notes": WORD * 3}
        sessions = [{"code": f"SE{n}", "status": "Attended"}]
        plan.record("L" * 100 if n == 0 else f"R-{n}", status=NAMES[n], attendee_type=NAMES[n], profile=profile, sessions=sessions)
    by = f"user:{plan.people[Role.ADMINISTRATOR].pk}"
    tokens: list[ApiToken] = [create_token(plan.pk, name, by=by).row for name in NAMES]
    assert len(tokens) == len(NAMES)
    return plan


def _of_account(plan: PlatformAccount) -> list[int]:
    """Tags for everything, custom fields and events; the ids of the tags."""
    with plan.acme.setting_up() as transaction:
        tags = [save_tag(transaction, TagFacts(name, frozenset(TagKind))).pk for name in NAMES]
        set_tags(transaction, TagKind.REGISTRATION_STATUS, plan.acme.status("New"), tags)
        for n, name in enumerate(NAMES):
            options: tuple[Any, ...] = (name, "South")
            custom_fields.save_field(transaction, custom_fields.FieldFacts("event", f"e{n}", name, "select", options))
            custom_fields.save_field(transaction, custom_fields.FieldFacts("profile", f"p{n}", name, "multi-select", options))
            state = EventState("A" * 25 if n == 0 else f"EV-{n}", name, plan.acme.event_status("Live"), START, None, ZONE, name * 2)
            save_event(transaction, state)
    return tags


def _of_event(plan: PlatformAccount, tags: list[int]) -> None:
    with plan.acme.planning() as transaction:
        for n, name in enumerate(NAMES):
            carried = tuple(tags) if n % 2 else ()
            event_setup.save_status(
                transaction, plan.acme.event, event_setup.StatusFacts("S" * 25 if n == 0 else f"S{n}", name, StatusClass.ACCEPTED, carried)
            )
            event_setup.save_type(transaction, plan.acme.event, event_setup.TypeFacts(f"T{n}", name, carried))
            event_setup.save_property(transaction, plan.acme.event, event_setup.PropertyFacts(f"P{n}", name, carried))
            event_setup.save_question(
                transaction, plan.acme.event, event_setup.QuestionFacts("q" * 50 if n == 0 else f"q{n}", name, "select", NAMES, tags[n])
            )
            event_setup.save_session(transaction, plan.acme.event, event_setup.SessionFacts(f"SE{n}", name * 2, START))
