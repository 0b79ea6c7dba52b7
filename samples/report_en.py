"""Writes the English sample report: the annual report of a fictional maker of water instruments, as PDF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import inch
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    ListFlowable,
    ListItem,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from samples import figures_en as f

COMPANY = "Calder Ridge Instruments, Inc."
NAVY = colors.HexColor("#17365d")
RULE = colors.HexColor("#9db2c9")

BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=10.2, leading=13.4, spaceAfter=6)
CELL = ParagraphStyle("cell", parent=BODY, fontSize=9, leading=10.8, spaceAfter=0)
SMALL = ParagraphStyle("small", parent=BODY, fontSize=8.4, leading=10.4, textColor=colors.HexColor("#444444"))
TITLE = ParagraphStyle(
    "title", parent=BODY, fontName="Helvetica-Bold", fontSize=24, leading=30, alignment=TA_CENTER, textColor=NAVY
)
CENTER = ParagraphStyle("center", parent=BODY, alignment=TA_CENTER)
H1 = ParagraphStyle(
    "h1", parent=BODY, fontName="Helvetica-Bold", fontSize=15, leading=19, spaceAfter=8, textColor=NAVY
)
H2 = ParagraphStyle(
    "h2", parent=BODY, fontName="Helvetica-Bold", fontSize=11, leading=14, spaceBefore=6, spaceAfter=4
)


class Report(BaseDocTemplate):  # type: ignore[misc]  # reportlab has no types
    """Letter pages with a running head, page numbers and an outline of the headings."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            str(path), pagesize=LETTER, leftMargin=inch, rightMargin=inch, topMargin=0.95 * inch,
            bottomMargin=0.85 * inch, title=f"{COMPANY} 2024 Annual Report", author=COMPANY,
            subject="Fiscal year ended June 30, 2024. A fictional company.", invariant=1, lang="en-US",
        )  # fmt: skip
        frame = Frame(self.leftMargin, self.bottomMargin, self.width, self.height, id="page", showBoundary=0)
        self.addPageTemplates(PageTemplate("page", [frame], onPage=self._furniture))

    def _furniture(self, canvas: Any, _: Any) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 8)
        canvas.setFillColor(colors.HexColor("#666666"))
        if canvas.getPageNumber() > 1:
            canvas.drawString(inch, 10.45 * inch, f"{COMPANY}  |  2024 Annual Report")
        canvas.drawRightString(7.5 * inch, 0.5 * inch, str(canvas.getPageNumber()))
        canvas.restoreState()

    def afterFlowable(self, flowable: Flowable) -> None:
        level = {"h1": 0, "h2": 1}.get(getattr(getattr(flowable, "style", None), "name", ""))
        if level is not None:
            key = f"heading-{self.seq.nextf('heading')}"
            self.canv.bookmarkPage(key)
            self.canv.addOutlineEntry(flowable.getPlainText(), key, level, closed=level == 0)


def money(value: int) -> str:
    if value == 0:
        return "\N{EM DASH}"
    return f"({-value:,})" if value < 0 else f"{value:,}"


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%"


def p(*words: str) -> list[Flowable]:
    return [Paragraph(text, BODY) for text in words]


def bullets(*words: str) -> ListFlowable:
    items = [ListItem(Paragraph(text, BODY), leftIndent=16) for text in words]
    return ListFlowable(items, bulletType="bullet", bulletFontSize=7, leftIndent=14)


def table(
    rows: Sequence[Sequence[str]], *, widths: Sequence[float] | None = None, totals: Sequence[int] = (),
    heads: Sequence[int] = (), wrap: bool = False,
) -> Table:  # fmt: skip
    """The first row is the header, repeated on every page. ``totals`` are ruled above and bold, ``heads`` are
    sub-headings, both as row numbers."""
    columns = len(rows[0])
    if widths is None:
        widths = [6.5 * inch - (columns - 1) * 0.98 * inch] + [0.98 * inch] * (columns - 1)
    cells: list[list[Any]] = [list(row) for row in rows]
    if wrap:
        cells = [cells[0]] + [[Paragraph(text, CELL) for text in row] for row in cells[1:]]
    style: list[tuple[Any, ...]] = [
        ("FONT", (0, 0), (-1, -1), "Times-Roman", 9.2),
        ("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 8.4),
        ("TEXTCOLOR", (0, 0), (-1, 0), NAVY),
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, NAVY),
        ("ALIGN", (1, 0), (-1, -1), "LEFT" if wrap else "RIGHT"),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 1.6),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.2),
        ("LEFTPADDING", (0, 0), (-1, -1), 3),
        ("RIGHTPADDING", (0, 0), (-1, -1), 3),
        ("LINEBELOW", (0, -1), (-1, -1), 0.4, RULE),
    ]
    for row in totals:
        style += [
            ("FONT", (0, row), (-1, row), "Times-Bold", 9.2),
            ("LINEABOVE", (1, row), (-1, row), 0.4, colors.black),
        ]
    style += [("FONT", (0, row), (-1, row), "Times-Italic", 9.2) for row in heads]
    return Table(cells, colWidths=list(widths), repeatRows=1, style=TableStyle(style), hAlign="LEFT")


def figures(header: Sequence[str], *rows: tuple[str, Sequence[int] | None, bool], **more: Any) -> Table:
    """Rows are (label, numbers or None for a sub-heading, is a total)."""
    width = len(header) - 1
    cells = [list(header)] + [
        [label, *([""] * width if numbers is None else [money(n) for n in numbers])] for label, numbers, _ in rows
    ]
    totals = [i for i, row in enumerate(rows, 1) if row[2]]
    heads = [i for i, row in enumerate(rows, 1) if row[1] is None]
    return table(cells, totals=totals, heads=heads, **more)


def section(title: str, *parts: Flowable | list[Flowable]) -> list[Flowable]:
    """A new page with a heading of the first level."""
    story: list[Flowable] = [PageBreak(), Paragraph(title, H1)]
    for part in parts:
        story += part if isinstance(part, list) else [part]
    return story


def h2(title: str) -> Paragraph:
    return Paragraph(title, H2)


def gap(points: float = 8) -> Spacer:
    return Spacer(1, points)


YEARS = ("", "2024", "2023", "2022")


def write(path: Path) -> None:
    """Writes the report. Same bytes every time."""
    from samples.text_en import story

    f.check()
    Report(path).build(story())
