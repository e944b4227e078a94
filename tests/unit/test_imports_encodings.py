"""Real names and addresses, in the encodings that spreadsheets use for each language, are recognized automatically."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from heliograph.registrations.imports.encodings import checked, detect
from heliograph.registrations.imports.import_errors import ImportFileError

EXPORT = Path(__file__).parents[1] / "data" / "registrations-export.csv"
CZECH = (
    "Řehoř,Dvořák,Příčná ulice 12,Plzeň\nŽofie,Černá,Náměstí Svobody,Brno\nJiří,Kučera,U Říčky,Děčín\nLuděk,Šťastný,Třída Míru,Břeclav\n"
)
HUNGARIAN = "Győző,Kovács,Petőfi utca 3,Győr\nÁgnes,Szűcs,Kossuth tér,Pécs\nÖdön,Fűzfa,Fő út,Nyíregyháza\nErzsébet,Őri,Új sor,Szőreg\n"
TURKISH = "Ayşe,Yılmaz,İstiklal Caddesi,Beyoğlu\nÇağrı,Öztürk,Şişli,İstanbul\nIşıl,Güneş,Kızılay,Ankara\nGökçe,Doğan,Alsancak,İzmir\n"
LATVIAN = "Jānis,Bērziņš,Brīvības iela,Rīga\nLīga,Kalniņa,Ķekava,Liepāja\nĢirts,Ozoliņš,Vaļņu iela,Jūrmala\n"
GREEK = "Γιώργος,Παπαδόπουλος,Αθήνα,Ελλάδα\nΕλένη,Νικολάου,Θεσσαλονίκη,Ελλάδα\nΚατερίνα,Γεωργίου,Πάτρα,Ελλάδα\n"
MIXED_MARKS = "Zoë’s guest,Café “Zür Post”,Straße 5 – Hof,€ 40\nJosé,Peña,Ñandú,Señor\n"


def by_country(country):
    with EXPORT.open(encoding="utf-8-sig", newline="") as file:
        return "\n".join(",".join(row.values()) for row in csv.DictReader(file) if row["country"] == country)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *(pytest.param(by_country(c), "cp1252", id=f"{c}-1252") for c in ("DE", "FR", "ES", "IT", "BR", "SE")),
        pytest.param(by_country("PL"), "cp1250", id="PL-1250"),
        pytest.param(by_country("PL"), "iso8859-2", id="PL-latin2"),
        pytest.param(CZECH, "cp1250", id="czech"),
        pytest.param(HUNGARIAN, "cp1250", id="hungarian"),
        pytest.param(TURKISH, "cp1254", id="turkish"),
        pytest.param(LATVIAN, "cp1257", id="latvian"),
        pytest.param(GREEK, "cp1253", id="greek"),
        pytest.param(MIXED_MARKS, "cp1252", id="typography"),
        pytest.param(by_country("RU"), "cp1251", id="RU-1251"),
        pytest.param(by_country("RU"), "koi8-r", id="RU-koi8"),
        pytest.param(by_country("IL"), "cp1255", id="IL"),
        pytest.param(by_country("EG"), "cp1256", id="EG"),
        pytest.param(by_country("JP"), "cp932", id="JP-shift-jis"),
        pytest.param(by_country("JP"), "euc_jp", id="JP-euc"),
        pytest.param(by_country("CN"), "gb18030", id="CN"),
        pytest.param(by_country("KR"), "cp949", id="KR"),
        pytest.param(by_country("DE"), "mac_roman", id="DE-mac"),
        pytest.param(by_country("DE"), "cp850", id="DE-dos"),
        pytest.param(by_country("FR"), "latin-1", id="FR-latin1"),
    ],
)
def test_I4_the_usual_encodings_are_recognised(text, encoding):
    lines = []
    for line in text.splitlines():  # text that the encoding cannot represent cannot be in such a file
        try:
            lines.append(line.encode(encoding))
        except UnicodeEncodeError:
            continue
    data = b"a,b,c,d\r\n" + b"\r\n".join(lines)
    assert len(lines) > 1
    found, mark = detect(io.BytesIO(data))
    assert mark == 0
    assert data.decode(found) == data.decode(encoding), found


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_I4_a_byte_order_mark_says_it(encoding):
    data = "code,name\n1,Zoë\n".encode(encoding)
    found, mark = detect(io.BytesIO(data))
    assert data[mark:].decode(found) == "code,name\n1,Zoë\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_I4_utf_16_without_a_mark(encoding):
    data = "code,name\r\nA-1,日本\r\n".encode(encoding)
    assert detect(io.BytesIO(data)) == (encoding, 0)


def test_one_spoiled_line_does_not_change_the_encoding_of_all_others():
    good = "\n".join(f"{i},Zoë,Łódź" for i in range(100)).encode()
    assert detect(io.BytesIO(good + b"\n101,Zo\xeb,x\n")) == ("utf-8", 0)


def test_an_encoding_can_be_named_in_any_usual_spelling():
    assert checked("Windows-1252") == "cp1252"
    assert checked("UTF8") == "utf-8"
    for wrong in ("klingon", "base64", "rot13", "utf-7", "cp037"):
        with pytest.raises(ImportFileError):
            checked(wrong)
