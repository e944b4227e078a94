"""Names of columns in exports from other systems, by their target; in several languages and spellings.

Names are compared ignoring case, accents, spaces and punctuation: "E-Mail Address" is `emailaddress`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

# Targets are those of the registration document (I2); `event.…` are facts of the event, repeated in each row.
_NAMES: Final[Mapping[str, str]] = {
    "event": "event, event code, event id, eventkey, veranstaltung, veranstaltungscode, evenement, code evenement, evento, codigo evento, codice evento, evenementcode",
    "event.name": "event name, event title, veranstaltungsname, nom evenement, nombre evento, nome evento",
    "event.status": "event status, veranstaltungsstatus",
    "event.start": "event start, event start date, event date, event begin, veranstaltungsbeginn, debut evenement",
    "event.end": "event end, event end date, veranstaltungsende, fin evenement",
    "event.timezone": "event timezone, event time zone, zeitzone, fuseau horaire",
    "event.location": "event location, event place, venue, veranstaltungsort, lieu evenement",
    "code": "code, registration code, reg code, reg no, reg nr, reg id, registration id, registration number, registration no, registration key, confirmation number,"
    " confirmation code, booking number, ticket number, ticket code, anmeldenummer, anmeldecode, registrierungsnummer, registriernummer, buchungsnummer, ticketnummer,"
    " numero inscription, code inscription, codigo registro, numero de registro, codigo inscripcion, codice registrazione, numero iscrizione, registratiecode",
    "status": "status, registration status, reg status, anmeldestatus, registrierungsstatus, statut, statut inscription, estado registro, estado inscripcion, stato, stato registrazione, situacao",
    "attendee_type": "attendee type, type, attendee category, registrant type, registration type, ticket, ticket type, category, participant type, teilnehmertyp, teilnehmerart,"
    " tickettyp, kategorie, type participant, type de participant, categorie, tipo asistente, tipo de asistente, tipo partecipante, categoria, deelnemerstype",
    "active": "active, is active, aktiv, actif, activo, attivo",
    "order_code": "order code, order, order no, order number, order id, bestellnummer, bestellcode, auftragsnummer, numero commande, numero pedido, numero ordine",
    "modified": "modified, last modified, date modified, modified at, updated, updated at, last updated, last change, changed, changed at, geaendert, geandert, geandert am, zuletzt geandert, letzte anderung,"
    " modifie, modifie le, date de modification, modificado, fecha de modificacion, modificato",
    "profile.pin": "pin, profile pin, person id, attendee id, contact id, personnummer",
    "profile.external_key": "external key, external id, crm id, external reference, externe id",
    "profile.prefix": "prefix, title, salutation, anrede, titel, civilite, tratamiento, titolo",
    "profile.first_name": "first name, firstname, first, given name, forename, vorname, prenom, nombre, nome, primeiro nome, voornaam, imie, fornamn, fornavn, имя, 名, 이름",
    "profile.middle_name": "middle name, middle, second name, zweiter vorname, deuxieme prenom, segundo nombre, secondo nome, отчество",
    "profile.last_name": "last name, lastname, last, surname, family name, nachname, familienname, nom, nom de famille, apellido, apellidos, cognome, sobrenome, achternaam, nazwisko, efternamn,"
    " etternavn, фамилия, 姓, 성",
    "profile.suffix": "suffix, name suffix, namenszusatz",
    "profile.badge_name": "badge name, name on badge, badgename, name auf badge, nom badge",
    "profile.email": "email, e mail, mail, email address, e mail address, mail address, emailadresse, e mail adresse, mailadresse, courriel, adresse email, adresse e mail, correo, correo electronico,"
    " indirizzo email, posta elettronica, e mailadres, epost, e post, электронная почта, メール, メールアドレス, 이메일, 邮箱, 电子邮件",
    "profile.phone": "phone, phone number, telephone, tel, telefon, telefonnummer, telefono, telefone, telefoonnummer, telefoon, телефон, 電話, 電話番号, 전화, 电话",
    "profile.mobile": "mobile, mobile phone, mobile number, cell, cell phone, cellphone, handy, handynummer, mobil, mobiltelefon, portable, telephone portable, movil, cellulare, celular, gsm",
    "profile.fax": "fax, fax number, faxnummer, telefax",
    "profile.organization": "organization, organisation, company, company name, employer, institution, firma, firmenname, unternehmen, societe, entreprise, empresa, organizacion, azienda, societa, bedrijf,"
    " organisatie, companhia, компания, 会社, 会社名, 회사, 公司",
    "profile.department": "department, dept, division, abteilung, service, departement, departamento, reparto, afdeling",
    "profile.position": "position, job title, jobtitle, job, role, function, funktion, stelle, fonction, poste, cargo, puesto, posizione, functie, должность, 役職, 직책, 职位",
    "profile.address_1": "address, address 1, address line 1, street, street address, adresse, adresse 1, strasse, strasse hausnummer, rue, direccion, calle, indirizzo, via, endereco, adres, straat",
    "profile.address_2": "address 2, address line 2, adresse 2, adresszusatz, complement adresse, direccion 2, indirizzo 2",
    "profile.address_3": "address 3, address line 3, adresse 3",
    "profile.city": "city, town, ort, stadt, wohnort, ville, ciudad, citta, cidade, plaats, stad, miasto, город, 市",
    "profile.state": "state, province, region, county, bundesland, etat, provincia, estado, provincie",
    "profile.postal_code": "postal code, postcode, post code, zip, zip code, zipcode, plz, postleitzahl, code postal, codigo postal, cap, cep, kod pocztowy, индекс, 郵便番号, 우편번호, 邮编",
    "profile.country": "country, country code, land, pays, pais, paese, nazione, kraj, страна, 国, 国家, 국가",
    "profile.website": "website, web site, web, url, homepage, webseite, internetseite, site web, sitio web, sito, sito web",
    "profile.notes": "notes, note, notiz, notizen, bemerkung, bemerkungen, anmerkung, anmerkungen, remark, remarks, comment, comments, kommentar, commentaire, commentaires, remarques, notas, observaciones,"
    " comentarios, commenti, osservazioni, opmerkingen, uwagi, примечание, 備考, 비고, 备注",
    "properties.Complete": "complete, is complete, completed, registration complete, vollstandig",
    "properties.Badge Printed": "badge printed, is badge printed, badge gedruckt, badge imprime",
    "properties.On To Do List": "on to do list, on todo list, to do, todo",
    "properties.Invoice Generated": "invoice generated, invoiced, is invoiced, rechnung erstellt, facture",
    "properties.Test": "test, is test, test registration, testanmeldung",
}
YES: Final = frozenset(
    [
        "yes",
        "y",
        "true",
        "1",
        "x",
        "✓",
        "✔",
        "ja",
        "j",
        "oui",
        "o",
        "si",
        "sí",
        "s",
        "sim",
        "tak",
        "da",
        "да",
        "はい",
        "예",
        "是",
        "wahr",
        "vrai",
        "verdadero",
        "vero",
        "on",
    ]
)
NO: Final = frozenset(
    [
        "no",
        "n",
        "false",
        "0",
        "-",
        "nein",
        "non",
        "nao",
        "não",
        "nee",
        "nie",
        "нет",
        "いいえ",
        "아니요",
        "否",
        "falsch",
        "faux",
        "falso",
        "off",
    ]
)


def plain(name: str) -> str:
    """A name as it is compared: without case, accents, spaces and punctuation."""
    decomposed = unicodedata.normalize("NFKD", name.replace("ß", "ss")).casefold()
    return "".join(c for c in decomposed if c.isalnum())


def standard_targets() -> dict[str, str]:
    """Plain name of a column -> target."""
    targets = {plain(name): target for target, names in _NAMES.items() for name in names.split(",")}
    # the document's own names: "profile.email", "properties.Complete"
    return targets | {plain(target): target for target in _NAMES}
