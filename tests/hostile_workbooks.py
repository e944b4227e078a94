"""Handmade workbooks: a small valid one, and some that are built to be expensive to read."""

from __future__ import annotations

import io
import zipfile
from typing import Final

_TYPES: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_SCHEMAS: Final = "http://schemas.openxmlformats.org"
_RELATIONSHIPS: Final = f"{_SCHEMAS}/officeDocument/2006/relationships"
_PARTS: Final = {
    "[Content_Types].xml": f'<Types xmlns="{_SCHEMAS}/package/2006/content-types"><Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_SCHEMAS}/package/2006/relationships"><Relationship Id="rId1" Type="{_RELATIONSHIPS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="{main}" xmlns:r="{rel}"><sheets><sheet name="{sheet}" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_SCHEMAS}/package/2006/relationships"><Relationship Id="rId1" Type="{_RELATIONSHIPS}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="{_RELATIONSHIPS}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
}


def workbook(rows: str, *, shared: str = "", sheet: str = "S") -> bytes:
    """An .xlsx with these rows (XML). shared: its shared strings (XML); sheet: the name of its sheet."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in _PARTS.items():
            named = text.replace("{main}", f"{_SCHEMAS}/spreadsheetml/2006/main").replace("{rel}", _RELATIONSHIPS).replace("{sheet}", sheet)
            archive.writestr(name, named)
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{_SCHEMAS}/spreadsheetml/2006/main">{shared}</sst>')
        archive.writestr(
            "xl/worksheets/sheet1.xml",
            f'<worksheet xmlns="{_SCHEMAS}/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>',
        )
    return file.getvalue()


def cell(text: str) -> str:
    """A cell with an inline text."""
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


def row(*cells: str) -> str:
    """A row of cells."""
    return f"<row>{''.join(cells)}</row>"


def small() -> bytes:
    """A valid one: a header and a registration."""
    return workbook(row(cell("code"), cell("name")) + row(cell("H-1"), cell("Zoë")))
