"""Invented guests with names of many scripts; only example domains."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guest:
    """A person who registers."""

    first: str
    last: str
    mail: str
    """ "" for a person who gave no address."""
    organization: str
    position: str
    country: str


@dataclass(frozen=True, slots=True)
class _Names:
    """Usual names of one country."""

    country: str
    first: tuple[str, ...]
    last: tuple[str, ...]


_TABLE = """
    DE | Anna, Günther, Jörg, Katharina, Lena, Paul, Sabine, Uwe | Bäcker, Groß, Hofmann, Köhler, Müller, Schäfer, von der Heide, Weiß
    GB | Amelia, Emily, George, Harry, Jack, Mary Jane, Olivia, Oscar | Clark, Evans, Hughes, O'Neill, Smith, Taylor, Walker, Wright
    FR | Anaïs, Chloé, Éloïse, François, Jean-Luc, Léa, Noël, Zoé | Bernard, Dubois, Lefèvre, Martin, Moreau, Petit, Roux, Thévenot
    SE | Åsa, Björn, Elin, Göran, Ingrid, Lars, Märta, Nils | Ångström, Berg, Holmström, Lindqvist, Nyström, Öberg, Sjöberg, Wallin
    ES | Ángel, Begoña, Íñigo, Joaquín, José, Lucía, Núria, Sofía | Álvarez, García, Ibáñez, Muñoz, Núñez, Peña, Sánchez, Yáñez
    PL | Agnieszka, Jan, Łukasz, Małgorzata, Piotr, Stanisław, Wojciech, Zofia | Dąbrowska, Kowalczyk, Lis, Nowak, Sikora, Wójcik, Zając, Żak
    TR | Ayşe, Çağlar, Emre, Gülşen, İbrahim, Ömer, Şule, Ümit | Çelik, Demir, Kaya, Öztürk, Şahin, Ünal, Yıldız, Yılmaz
    BG | Анна, Борис, Галина, Иван, Мария, Николай, Ольга, Юрий | Иванов, Козлов, Морозов, Новик, Петров, Соколов, Стоянов, Тодоров
    UA | Богдан, Ганна, Їжак, Катерина, Михайло, Олена, Соломія, Тарас | Бондаренко, Гончар, Коваль, Лисенко, Мельник, Руденко, Ткач, Шевченко
    GR | Άννα, Γιώργος, Δημήτρης, Ελένη, Ιωάννης, Κώστας, Μαρία, Νίκος | Γεωργίου, Δημητρίου, Ιωάννου, Κωνσταντίνου, Νικολάου, Παπαδόπουλος
    JP | 花子, 結衣, 健太, 葵, 大輔, 美咲, 翔太, 陽菜 | 佐藤, 山田, 鈴木, 青木, 高橋, 田中, 伊藤, 渡辺
    KR | 민준, 서연, 지우, 하은, 도윤, 수아, 예준, 지민 | 김, 이, 박, 최, 정, 강, 조, 윤
    CN | 伟, 芳, 娜, 敏, 静, 丽, 强, 磊 | 王, 李, 张, 刘, 陈, 杨, 赵, 黄
    JO | نور, محمد, ليلى, يوسف, سارة, خالد, هدى, عمر | الأحمد, الحسيني, الخطيب, المصري, النجار, حداد, سليمان, منصور
    IL | דנה, יעל, נועם, איתי, תמר, אורי, מאיה, רון | כהן, לוי, מזרחי, פרץ, ביטון, דהן, אברהם, פרידמן
    IN | अनन्या, आरव, दिया, कबीर, मीरा, प्रिया, रोहन, विवान | शर्मा, वर्मा, गुप्ता, सिंह, देशपांडे, नायर, पटेल, जोशी
    TH | กมล, ชัย, ดาว, นิดา, ปกรณ์, พิม, มานะ, สมชาย | แก้วมณี, จันทร์ดี, ใจดี, ทองคำ, บุญมา, พงษ์ศรี, รักไทย, สุขใจ
    NG | Adaeze, Chukwuemeka, Femi, Ifeoma, Ngozi, Olumide, Tunde, Yetunde | Adeyemi, Balogun, Eze, Ibrahim, Nwosu, Okafor, Okonkwo, Ọlatunji
    VN | Anh, Bảo, Dũng, Hương, Linh, Minh, Phượng, Thảo | Đặng, Đỗ, Hoàng, Lê, Nguyễn, Phạm, Trần, Vũ
"""
_PEOPLES = tuple(
    _Names(country, tuple(first.split(", ")), tuple(last.split(", ")))
    for country, first, last in ((part.strip() for part in line.split("|")) for line in _TABLE.strip().splitlines())
)
_HOUSES = ("Atelier", "Harbour", "Nordlicht", "Cedar", "Liffey", "Porto", "Savanna", "Fjord", "Boğaziçi", "青木", "Северный", "Studio")
_TRADES = ("Analytics", "Foods", "Press", "Mobility", "Credit Union", "Logistics", "Labs", "Medya", "設計", "мост", "Söhne", "Vini")
_POSITIONS = ("Architect", "Editor", "Engineer", "Founder", "Head of Events", "Journalist", "Planner", "Procurement", "Researcher", "Sales")
WITHOUT_MAIL = 0.03
"""The share of guests who give no e-mail address: the CRM's mapping needs one, so their changes are validation errors."""


_BY_COUNTRY = {names.country: names for names in _PEOPLES}


def countryman(chance: random.Random, original: Guest, number: int) -> Guest:
    """Another guest of the original guest's country, with an e-mail address if the original guest has one."""
    names = _BY_COUNTRY[original.country]
    pick = chance.random
    return Guest(
        names.first[int(pick() * len(names.first))],
        names.last[int(pick() * len(names.last))],
        _mail(number) if original.mail else "",
        f"{_HOUSES[int(pick() * len(_HOUSES))]} {_TRADES[int(pick() * len(_TRADES))]}",
        _POSITIONS[int(pick() * len(_POSITIONS))],
        original.country,
    )


def _mail(number: int) -> str:
    return f"guest{number}@example.{('org', 'com', 'net')[number % 3]}"


def guest(chance: random.Random, number: int) -> Guest:
    """A guest.

    number: makes the e-mail address unique
    """
    names = _PEOPLES[int(chance.random() * len(_PEOPLES))]
    first = names.first[int(chance.random() * len(names.first))]
    last = names.last[int(chance.random() * len(names.last))]
    house = _HOUSES[int(chance.random() * len(_HOUSES))]
    trade = _TRADES[int(chance.random() * len(_TRADES))]
    position = _POSITIONS[int(chance.random() * len(_POSITIONS))]
    mail = "" if chance.random() < WITHOUT_MAIL else _mail(number)
    return Guest(first, last, mail, f"{house} {trade}", position, names.country)
