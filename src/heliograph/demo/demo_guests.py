"""The demo's invented people, in many scripts; only example domains."""

from __future__ import annotations

from typing import NamedTuple


class Attendee(NamedTuple):
    """A person who registers."""

    first: str
    last: str
    mail: str
    organization: str
    position: str
    country: str


_TABLE = """
    Zoë | Lindqvist | zoe.lindqvist@example.org | Nordlicht AB | Head of Events | SE
    Amir | Haddad | amir.haddad@example.com | Cedar Analytics | Data Engineer | LB
    结衣 | 青木 | yui.aoki@example.net | 青木設計 | Architect | JP
    Joaquín | Muñoz | joaquin.munoz@example.org | Viñedos del Sur | Export Manager | CL
    Siobhán | O'Brien | SIOBHAN.OBRIEN@EXAMPLE.COM | Liffey Press | Editor | IE
    Jean-Luc | Moreau | jl.moreau@example.net | Atelier Moreau | Directeur | FR
    Мария | Иванова | maria.ivanova@example.org | Северный мост | Инженер | BG
    Δημήτρης | Παπαδόπουλος | d.papadopoulos@example.com | Αιγαίο Α.Ε. | Σύμβουλος | GR
    Olumide | Adeyemi | olumide@example.org | Lagos Mobility | Founder | NG
    Priya | Raghunathan | priya.r@example.net | Coromandel Foods | Procurement | IN
    민준 | 김 | minjun.kim@example.com | 한빛소프트 | Developer | KR
    Łukasz | Wójcik | lukasz.wojcik@example.org | Wisła Logistics | Operations | PL
    Ayşe | Yılmaz | ayse.yilmaz@example.net | Boğaziçi Medya | Journalist | TR
    نور | الحسيني | nour.alhusseini@example.com | دار النور | Publisher | JO
    Günther | von der Heide | g.vdheide@example.org | Heide & Söhne | Geschäftsführer | DE
    Maximilian-Alexander | Freiherr von Hohenlohe-Waldenburg | max@example.net | Hohenlohe'sche Verwaltung | Vorstand | DE
    Tanvi | Deshpande | tanvi.deshpande@example.com | Sahyadri Labs | Researcher | IN
    Noah | Smith | noah.smith@example.org | Harbour Credit Union | Marketing | CA
    Emily | Clark | emily.clark@example.net | Clark & Daughters | Owner | GB
    Tomás | Ferreira | tomas.ferreira@example.com | Porto Seguro Eventos | Planner | PT
    Ingrid | Sørensen | ingrid.sorensen@example.org | Fjordkraft | Press Officer | NO
    Wanjiru | Kamau | wanjiru.kamau@example.net | Savanna Radio | Producer | KE
    Thị Hương | Nguyễn | huong.nguyen@example.com | Sông Hồng Tech | Product | VN
    Björk | Jónsdóttir | bjork.jons@example.org | Reykjavík Letters | Author | IS
    Rafael | da Silva | rafael.dasilva@example.net | Mata Atlântica | Biologist | BR
    דנה | כהן | dana.cohen@example.com | תל אביב ונצ'רס | Partner | IL
    Chukwuemeka | Okafor | emeka.okafor@example.org | Enugu Steel | Engineer | NG
    Sofia | Rossi | sofia.rossi@example.net | Rossi Vini | Sales | IT
    Anaïs | Dubois | anais.dubois@example.com | Studio Dubois | Designer | BE
    Kwame | Mensah | kwame.mensah@example.org | Accra Fintech | Analyst | GH
"""
PEOPLE = tuple(Attendee(*(part.strip() for part in line.split("|"))) for line in _TABLE.strip().splitlines())
