"""The encoding of a text file: a guess that is then checked on the whole file.

A byte order mark decides; text that is strict UTF-8 is hardly ever anything else. For the rest, charset-normalizer distinguishes scripts
well but confuses Latin code pages, so these are weighed here by the letters that each one's languages actually use.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

from charset_normalizer import from_bytes

from heliograph.domain.sentence_template import gettext_noop
from heliograph.registrations.imports.import_errors import ImportFileError
from heliograph.registrations.imports.rows import clip_value

BLOCK = 1 << 18


def _by_name(names: str, label: str) -> dict[str, str]:
    return {name: label.format(name.rpartition("-")[2].removeprefix("cp")) for name in names.split()}


OFFERED: Final = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16 (big-endian)",
    "utf-32-le": "UTF-32",
    "utf-32-be": "UTF-32 (big-endian)",
    "ascii": "ASCII",
    **_by_name("cp1252 cp1250 cp1251 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258", "Windows-{}"),
    **_by_name(" ".join(f"iso8859-{n}" for n in range(1, 17) if n != 12), "ISO 8859-{}"),
    "mac-roman": "Mac OS Roman",
    "mac-latin2": "Mac OS Central European",
    "mac-cyrillic": "Mac OS Cyrillic",
    "mac-greek": "Mac OS Greek",
    "mac-turkish": "Mac OS Turkish",
    **_by_name("cp437 cp737 cp775 cp850 cp852 cp855 cp857 cp858 cp860 cp861 cp862 cp863 cp865 cp866 cp869 cp874", "DOS {}"),
    "koi8-r": "KOI8-R",
    "koi8-u": "KOI8-U",
    "kz1048": "KZ-1048",
    "cp932": "Shift-JIS (Windows)",
    "shift_jis": "Shift-JIS",
    "euc_jp": "EUC-JP",
    "gb18030": "GB 18030",
    "gbk": "GBK",
    "gb2312": "GB 2312",
    "big5": "Big5",
    "big5hkscs": "Big5-HKSCS",
    "cp950": "Big5 (Windows)",
    "cp949": "Korean (Windows)",
    "euc_kr": "EUC-KR",
    "johab": "Johab",
}
"""Encodings that a person can choose, with their usual names. Python has more codecs; some of them execute code, raise unexpected errors,
or take another character for a separator (A8)."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:() -]{0,39}")
_SAMPLE = 1 << 16  # bytes of lines with non-ASCII letters, used for the guess
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
WIDE: Final = frozenset({"utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"})
# For each Latin code page, letters by weight: how much one of them supports this page. Any other letter counts -1, a sign -2.
_LATIN: Final = {
    "cp1252": {1.0: "äöüßÄÖÜéèêàçâîôûëÉÈÊÀÇñáíóúÁÍÓÚÑãÃåøæÅØÆ", 0.6: "õÕùïœŒìòÔÎÂýÿ"},
    "cp1250": {1.0: "ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčéěířšúůýžÁČÉĚÍŘŠÚŮÝŽőűŐŰäöüßÄÖÜşţŞŢđĐ", 0.6: "ďňťĎŇŤăâîĂÂÎľĽôÔçë"},
    "cp1254": {1.0: "çğıöşüÇĞİÖŞÜ", 0.6: "âîûé"},
    "cp1257": {0.9: "āčēģīķļņšūžĀČĒĢĪĶĻŅŠŪŽąęėįųĄĘĖĮŲõäöüÕÄÖÜ", 0.5: "éó"},
    "mac_roman": {0.95: "äöüßÄÖÜéèêàçâîôûëÉÈÊÀÇñáíóúÁÍÓÚÑãÃåøæÅØÆ", 0.6: "õÕùïœŒìò"},
    "cp850": {0.95: "äöüßÄÖÜéèêàçâîôûëÉÈÊÀÇñáíóúÁÍÓÚÑãÃåøæÅØÆ", 0.6: "õÕùïìò"},
    "iso8859-2": {0.9: "ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčéěířšúůýžÁČÉĚÍŘŠÚŮÝŽőűŐŰäöüßÄÖÜşţŞŢđĐ", 0.6: "ďňťĎŇŤăâîĂÂÎ"},
    "iso8859-15": {0.9: "äöüßÄÖÜéèêàçâîôûëÉÈÊÀÇñáíóúÁÍÓÚÑãÃåøæÅØÆ€", 0.6: "õÕùïœŒìò"},
}
_TYPOGRAPHY: Final = frozenset("’‘“”„‚–—…€£§°«»¿¡´·ªº™®©½¼¾²³¹\u00a0•†")
_OTHERS: Final = ("cp1251", "koi8_r", "cp866", "cp1253", "cp1255", "cp1256", "cp932", "euc_jp", "gb18030", "big5", "cp949", "cp874")
_LATIN_AT_LEAST = 0.45  # the mean weight per letter from which a Latin code page is plausible
_RUNS_AT_MOST = 0.5  # the share of non-ASCII letters next to another one; in other scripts nearly all are


def detect(file: BinaryIO) -> tuple[str, int]:
    """The encoding of a text file and the length of its byte order mark. Leaves the file at its beginning."""
    head = file.read(4)
    file.seek(0)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name, len(mark)
    wide = _wide_without_mark(file)
    if wide:
        return wide, 0
    good, bad, sample = _utf8_lines(file)
    # a few broken lines do not change the encoding: they are refused one by one
    if not bad or good > 20 * bad:
        return "utf-8", 0
    for name in guesses(sample):
        if _decodes(file, name):
            return codecs.lookup(name).name, 0
    return codecs.lookup(next(iter(guesses(sample)), "cp1252")).name, 0


def checked(name: str) -> str:
    """One of OFFERED, in any usual spelling. Raises ImportFileError for any other."""
    try:
        codec_name = codecs.lookup(name).name if _NAME.fullmatch(name) else ""
    except LookupError:
        codec_name = ""
    plain = {"utf-16": "utf-16-le", "utf-32": "utf-32-le", "utf-8-sig": "utf-8"}.get(codec_name, codec_name)
    if plain not in OFFERED:
        sentence = gettext_noop("“%(name)s” is not a supported encoding; give one such as utf-8, windows-1252 or shift_jis.")
        raise ImportFileError(sentence, name=clip_value(name, 40))
    return plain


def mark_length(file: BinaryIO, encoding: str) -> int:
    """The length of this encoding's byte order mark, if the file begins with it."""
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    return next((len(mark) for mark, name in _BOMS if name == encoding and head.startswith(mark)), 0)


def guesses(sample: bytes) -> list[str]:
    """Likely encodings of lines that are not UTF-8, best first."""
    latin = sorted(((weight, name) for name in _LATIN if (weight := _latin_weight(sample, name)) is not None), key=lambda w: -w[0])
    likely = [name for weight, name in latin if weight >= _LATIN_AT_LEAST]
    foreign = [str(m.encoding) for m in from_bytes(sample, cp_isolation=list(_OTHERS))]
    rest = [name for _, name in latin if name not in likely]
    return [*likely, *foreign, *rest]


def _latin_weight(sample: bytes, name: str) -> float | None:
    """The mean weight of the non-ASCII letters in this code page. None if the bytes are invalid in it, if there are no such letters, or if
    more of them stand side by side than in Latin text (`_RUNS_AT_MOST`).
    """
    try:
        text = sample.decode(name)
    except UnicodeDecodeError:
        return None
    weights = {letter: weight for weight, letters in _LATIN[name].items() for letter in letters}
    total, letters, runs = 0.0, 0, 0
    before = " "
    for letter, after in zip(text, text[1:] + " ", strict=True):
        if not letter.isascii():
            letters += 1
            runs += not after.isascii() and after.isalpha() and letter.isalpha()
            if letter in _TYPOGRAPHY and not (before.isalpha() and after.isalpha() and letter not in "’·"):
                total += 0.5
            elif letter.isalpha():
                total += weights.get(letter, -1.0)
            else:
                total -= 2.0
        before = letter
    if not letters or runs > _RUNS_AT_MOST * letters:
        return None
    return total / letters


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(BLOCK):
        yield block
    file.seek(0)


def _wide_without_mark(file: BinaryIO) -> str | None:
    """UTF-16 without a byte order mark: in a table, every other byte of separators, digits and line ends is NUL."""
    head = file.read(4096)
    file.seek(0)
    if len(head) < 4 or b"\0" not in head:
        return None
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > len(head) // 8 and even * 20 < odd:
        return "utf-16-le"
    if even > len(head) // 8 and odd * 20 < even:
        return "utf-16-be"
    return None


def _utf8_lines(file: BinaryIO) -> tuple[int, int, bytes]:
    """The number of non-ASCII lines that are UTF-8, of those that are not, and a sample of the latter."""
    good = bad = size = 0
    sample: list[bytes] = []
    rest = b""
    for block in _blocks(file):
        if not rest and block.isascii():
            continue
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        if len(rest) > BLOCK:
            rest = b""
        for line in _beyond_ascii(lines):
            try:
                line.decode()
                good += 1
            except UnicodeDecodeError:
                bad += 1
                if size < _SAMPLE:
                    sample.append(line[:2000])
                    size += len(sample[-1])
    for line in _beyond_ascii([rest]):
        try:
            line.decode()
            good += 1
        except UnicodeDecodeError:
            bad += 1
            sample.append(line[:2000])
    return good, bad, b"\n".join(sample)


def _beyond_ascii(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (line for line in lines if not line.isascii())


def _decodes(file: BinaryIO, name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)()
    try:
        for block in _blocks(file):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        file.seek(0)
    return True
