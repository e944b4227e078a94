"""The longest names, without a blank where lines would break, and names of all scripts: what they do to a page is seen in the showcase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.builders.platform_account import PlatformAccount
    from tests.builders.signal_account import SignalAccount

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftsjubiläumsempfangsregistrierung"[:100]
ARABIC, HEBREW, CHINESE, HINDI = (
    "تسجيلات المؤتمر الدولي السنوي",
    "רישום לכנס הבינלאומי (2026)",
    "年度国际会议注册名单同步到客户关系管理系统",
    "अंतर्राष्ट्रीय सम्मेलन पंजीकरण",
)
EMOJI = "🎪👩🏽‍💻 VIP 🎟️"
PEOPLE = (
    ("S26-ar", "عبد الرحمن", "الخوارزمي"),
    ("S26-he", "יעל", "כהן־לוי"),
    ("S26-zh", "欧阳", "修远"),
    ("S26-hi", "प्रियंका", "श्रीवास्तव"),
    ("S26-emoji", "🎪", "👩🏽‍💻🏳️‍🌈"),
    ("S26-" + "X" * 96, "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaftschaferswessenschafewarenwohlgepflege", LONG),
)


def people(site: SignalAccount) -> None:
    """Registrations of such people. Of each the first flow's action went another way."""
    from tests.builders.outcome import BUSY, INVALID, REFUSED
    from tests.builders.registration import person

    from heliograph.domain.delivery.outcomes import Delivered

    site.record(*(person(*who) for who in PEOPLE))
    ends = (REFUSED, BUSY, INVALID, Delivered(200), REFUSED, REFUSED)
    for (code, *_names), end in zip(PEOPLE, ends, strict=True):
        site.ends(site.actions(code)[0], end)


def flows(plan: PlatformAccount) -> dict[str, int]:
    """A flow of such names to two such connections, and others in other scripts. The id of the first one, by "Longest"."""
    from tests.builders.connection import connection
    from tests.builders.flow import destination, flow

    from heliograph.connections.services import pause
    from heliograph.domain.connection.secret import Secret
    from heliograph.domain.flow.flow import FilterRow, Mode, Op, Watch

    assert plan.acme.mapping is not None
    mapping = plan.acme.mapping.pk
    tags = (plan.acme.tags["Registered"].pk,)
    with plan.acme.setting_up() as transaction:
        made = [
            connection(transaction, name, url, auth="API Key / Token", key_place="bearer", secrets={Secret.KEY: "x"}).pk
            for name, url in (
                (LONG, f"https://{LONG[:20].lower()}.{'sub' * 20}.{'domain' * 9}.example.com/v2"),
                (ARABIC, "https://ar.example.com/hook"),
                (HEBREW, "https://he.example.com/hook"),
            )
        ]
        pause.pause(transaction, made[0], LONG)
        to = [destination(id, mapping, name) for id, name in zip(made, (LONG, ARABIC, HEBREW), strict=True)]
        values = (LONG, "山田電機" * 12, HINDI, EMOJI, "Österreich", "Ελλάδα", "Україна", "საქართველო")
        filters = (
            FilterRow("profile.organization", Op.IS_ANY_OF, values),
            FilterRow("profile.country", Op.IS_NONE_OF, ("Österreich", ARABIC)),
        )
        of_status: dict[str, Any] = {"mode": Mode.TEST, "watch": Watch.STATUS, "active": False, "statuses": tags}
        first = flow(transaction, LONG + LONG, to[:2], filters=filters, **of_status)
        for name in (ARABIC, HEBREW, CHINESE * 4, HINDI, EMOJI * 8):
            flow(transaction, name, to[1:], **of_status)
    return {"Longest": first.pk, "Longest connection": made[0]}
