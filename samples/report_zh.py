"""Writes the Chinese sample report: the annual report of a fictional instrument maker, as a Word document.

Real Word things throughout: heading styles, list styles, tables with a repeated header row, page breaks and a page
number field in the footer.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.section import WD_ORIENT
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

from samples import figures_zh as f

COMPANY = "云岭精密仪器股份有限公司"
TITLE = f"{COMPANY}2024年年度报告"
MADE = datetime(2025, 4, 18, 9, 0, 0)
NAVY = RGBColor(0x17, 0x36, 0x5D)


class Report:
    """A small writer over python-docx."""

    def __init__(self) -> None:
        self.document = Document()
        section = self.document.sections[0]
        section.orientation = WD_ORIENT.PORTRAIT
        section.page_width, section.page_height = Cm(21.0), Cm(29.7)
        section.left_margin = section.right_margin = Cm(2.6)
        section.top_margin = section.bottom_margin = Cm(2.3)
        self._fonts()
        self._header_and_footer(section)
        properties = self.document.core_properties
        properties.title, properties.author, properties.subject = TITLE, COMPANY, "虚构公司的示例年度报告"
        properties.language, properties.comments = "zh-CN", ""
        properties.created = properties.modified = MADE

    def _fonts(self) -> None:
        for name, latin, chinese, size in (
            ("Normal", "Times New Roman", "宋体", 10.5),
            ("Title", "Arial", "黑体", 24),
            ("Heading 1", "Arial", "黑体", 16),
            ("Heading 2", "Arial", "黑体", 13),
            ("Heading 3", "Arial", "黑体", 11),
            ("List Bullet", "Times New Roman", "宋体", 10.5),
            ("List Number", "Times New Roman", "宋体", 10.5),
        ):
            style: Any = self.document.styles[name]
            style.font.name = latin
            style.font.size = Pt(size)
            fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
            for attribute in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
                fonts.attrib.pop(qn(attribute), None)
            fonts.set(qn("w:eastAsia"), chinese)
            if name.startswith(("Title", "Heading")):
                style.font.color.rgb = NAVY
            style.paragraph_format.space_after = Pt(5)
            style.paragraph_format.line_spacing = 1.15

    def _header_and_footer(self, section: Any) -> None:
        section.header.paragraphs[0].text = f"{COMPANY}　2024年年度报告"
        section.header.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.CENTER
        footer = section.footer.paragraphs[0]
        footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
        run = footer.add_run()
        for kind, words in (("begin", ""), ("", " PAGE "), ("end", "")):
            if kind:
                element = OxmlElement("w:fldChar")
                element.set(qn("w:fldCharType"), kind)
            else:
                element = OxmlElement("w:instrText")
                element.set(qn("xml:space"), "preserve")
                element.text = words
            run._r.append(element)

    def page(self) -> None:
        """The next words start a new page."""
        self.document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)

    def h(self, level: int, words: str) -> None:
        self.document.add_heading(words, level)

    def p(self, *paragraphs: str, indent: bool = True, center: bool = False) -> None:
        for words in paragraphs:
            paragraph = self.document.add_paragraph(words)
            if center:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
            elif indent:
                paragraph.paragraph_format.first_line_indent = Pt(21)

    def bullets(self, *items: str) -> None:
        for words in items:
            self.document.add_paragraph(words, style="List Bullet")

    def numbers(self, *items: str) -> None:
        for words in items:
            self.document.add_paragraph(words, style="List Number")

    def unit(self, words: str = "单位：人民币万元") -> None:
        self.document.add_paragraph(words).alignment = WD_ALIGN_PARAGRAPH.RIGHT

    def table(self, rows: Sequence[Sequence[str]], *, bold: Sequence[int] = ()) -> None:
        """The first row is the header, repeated on every page; numbers stand right."""
        table = self.document.add_table(rows=0, cols=len(rows[0]))
        table.style = "Table Grid"
        table.alignment = WD_TABLE_ALIGNMENT.CENTER
        for number, row in enumerate(rows):
            added = table.add_row()
            for cell, words in zip(added.cells, row, strict=True):
                paragraph = cell.paragraphs[0]
                run = paragraph.add_run(words)
                run.font.size = Pt(9)
                run.bold = number == 0 or number in bold
                paragraph.paragraph_format.space_after = Pt(0)
                paragraph.paragraph_format.line_spacing = 1.0
                if number == 0:
                    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
                elif words[-1:].isdigit() or words.endswith("%") or words in ("-", "—"):
                    paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            if number == 0:
                repeated = OxmlElement("w:tblHeader")
                repeated.set(qn("w:val"), "true")
                added._tr.get_or_add_trPr().append(repeated)
        self.document.add_paragraph().paragraph_format.space_after = Pt(2)

    def pairs(self, header: Sequence[str], *rows: tuple[str, f.Pair] | str, bold: Sequence[str] = ()) -> None:
        """A table of this year and last; a bare text is a sub-heading row."""
        cells = [list(header)]
        for row in rows:
            cells.append([row, "", ""] if isinstance(row, str) else [row[0], money(row[1][0]), money(row[1][1])])
        self.table(cells, bold=[i for i, row in enumerate(cells) if row[0] in bold])

    def save(self, path: Path) -> None:
        """Same bytes every time: the archive's clock is fixed."""
        buffer = io.BytesIO()
        self.document.save(buffer)
        with zipfile.ZipFile(buffer) as made, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
            for name in sorted(made.namelist(), key=lambda n: (n != "[Content_Types].xml", n)):
                entry = zipfile.ZipInfo(name, MADE.timetuple()[:6])
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                out.writestr(entry, made.read(name))


def money(value: int) -> str:
    return f"{value:,}"


def growth(pair: f.Pair) -> str:
    return f"{100 * (pair[0] / pair[1] - 1):.2f}%"


def ratio(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f}%"


def write(path: Path) -> None:
    """Writes the report. Same bytes every time."""
    from samples.text_zh import fill

    f.check()
    report = Report()
    fill(report)
    report.save(path)
