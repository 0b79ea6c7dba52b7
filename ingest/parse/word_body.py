"""The body of a Word document as blocks: a paragraph, a list item, a heading, a table, a note.

python-docx gives the package, the styles and the numbering; the content is walked element by element, because
``iter_inner_content`` (like ``paragraphs`` and ``tables``) skips what sits in content controls, text boxes
and insertions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ingest.parse.clean import clean

_W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_MC: Final = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_HEADING_STYLE: Final = re.compile(
    r"^(?:heading|überschrift|titre|título|titolo|заголовок|nagłówek|kop|rubrik|overskrift|başlık|見出し|标题|標題|제목)\s*(\d)$",
    re.IGNORECASE,
)
_TITLE_STYLE: Final = re.compile(r"^(?:title|titel|titre|titolo|название|标题|標題|文档标题)$", re.IGNORECASE)
_BULLETS: Final = {"bullet": "•"}
_SKIP: Final = frozenset(
    _W + name
    for name in (
        "del", "moveFrom", "pPr", "rPr", "tblPr", "tblGrid", "trPr", "tcPr", "sectPr", "sdtPr", "sdtEndPr",
        "delText", "instrText", "fldData", "delInstrText", "commentReference", "proofErr", "annotationRef",
    )
)  # fmt: skip
_PAGE: Final = "\x0c"  # stands for a page break while text is collected
_MAX_DEPTH: Final = 60


@dataclass(slots=True)
class Block:
    """``breaks`` are offsets in ``text`` where a new page begins; rows of a table are lines, cells tab-
    separated."""

    text: str
    level: int = 0  # of a heading; 0: none
    is_table: bool = False
    header: str = ""
    tight: bool = False  # no blank line before it (list items)
    breaks: list[int] = field(default_factory=list)

    def part(self, start: int, end: int) -> Block:
        return Block(self.text[start:end], self.level, self.is_table, self.header, self.tight and start == 0)


class BodyReader:
    """Walks one python-docx document."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._headings: dict[str, int] = {}
        self._style_lists: dict[str, tuple[str, int]] = {}
        self._counters: dict[tuple[str, int], int] = {}
        self._formats: dict[tuple[str, int], tuple[str, str, int]] = {}
        self._notes: dict[tuple[str, str], str] = {}
        self._pending: list[Block] = []  # text boxes met inside a paragraph
        self._used_notes: list[tuple[str, str]] = []
        self._at_page_start = True  # no words since the last page break
        self._read_styles()
        self._read_numbering()
        self._read_notes()

    def blocks(self) -> Iterator[Block]:
        """Page header, body in document order, notes, page footer. Texts are clean; empty ones are left
        out."""
        before, after = self._headers_and_footers()
        yield from before
        self._at_page_start = True
        body = self._document.element.body
        if body is not None:
            yield from self._walk(body, 0)
        for key in self._used_notes:
            text = self._notes.get(key, "")
            if text:
                yield Block(text)
        yield from after

    # ---- what the parts around the body say

    def _read_styles(self) -> None:
        """Heading level and list of each style id, inheritance followed."""
        styles: dict[str, Any] = {}
        try:
            root = self._document.styles.element
        except (KeyError, AttributeError, ValueError):
            return
        for style in root.iter(_W + "style"):
            identifier = style.get(_W + "styleId")
            if identifier:
                styles[identifier] = style
        for identifier in styles:
            level, numbering = 0, None
            current: str | None = identifier
            for _ in range(12):
                style = styles.get(current) if current else None
                if style is None:
                    break
                name = _value(style.find(_W + "name")) or ""
                if not level:
                    match = _HEADING_STYLE.match(name.strip())
                    outline = _value(style.find(f"{_W}pPr/{_W}outlineLvl"))
                    if match and 1 <= int(match.group(1)) <= 9:
                        level = int(match.group(1))
                    elif outline is not None and outline.isdigit() and int(outline) < 9:
                        level = int(outline) + 1
                    elif _TITLE_STYLE.match(name.strip()):
                        level = 1
                if numbering is None:
                    numbering = self._numbering_of(style.find(_W + "pPr"))
                current = _value(style.find(_W + "basedOn"))
            if level:
                self._headings[identifier] = min(level, 6)
            if numbering is not None:
                self._style_lists[identifier] = numbering

    @staticmethod
    def _numbering_of(properties: Any) -> tuple[str, int] | None:
        if properties is None:
            return None
        number = properties.find(_W + "numPr")
        if number is None:
            return None
        identifier = _value(number.find(_W + "numId"))
        depth = _value(number.find(_W + "ilvl")) or "0"
        if identifier is None:
            return None
        return identifier, int(depth) if depth.isdigit() else 0

    def _read_numbering(self) -> None:
        """(numId, depth) -> (format, text pattern, start)."""
        try:
            root = self._document.part.numbering_part.element
        except Exception:  # noqa: BLE001 - absent or malformed: lists lose their numbers, not their text
            return
        abstract: dict[str, Any] = {}
        for item in root.iter(_W + "abstractNum"):
            abstract[item.get(_W + "abstractNumId") or ""] = item
        for number in root.iter(_W + "num"):
            identifier = number.get(_W + "numId") or ""
            definition = abstract.get(_value(number.find(_W + "abstractNumId")) or "")
            if definition is None:
                continue
            for level in definition.iter(_W + "lvl"):
                depth = level.get(_W + "ilvl") or "0"
                start = _value(level.find(_W + "start")) or "1"
                self._formats[identifier, int(depth) if depth.isdigit() else 0] = (
                    _value(level.find(_W + "numFmt")) or "decimal",
                    _value(level.find(_W + "lvlText")) or "",
                    int(start) if start.isdigit() else 1,
                )

    def _read_notes(self) -> None:
        for relation in list(self._document.part.rels.values()):
            kind = str(relation.reltype).rsplit("/", 1)[-1]
            if kind not in ("footnotes", "endnotes") or relation.is_external:
                continue
            root = self._xml(relation.target_part)
            if root is None:
                continue
            for note in root:
                if note.get(_W + "type") in ("separator", "continuationSeparator", "continuationNotice"):
                    continue
                identifier = note.get(_W + "id") or ""
                text = " ".join(block.text for block in self._walk(note, 0)).strip()
                if text:
                    self._notes[kind[:-1], identifier] = text

    @staticmethod
    def _xml(part: Any) -> Any:
        element = getattr(part, "element", None)
        if element is not None:
            return element
        from docx.oxml import parse_xml

        try:
            return parse_xml(part.blob)
        except Exception:  # noqa: BLE001 - a broken side part is left out
            return None

    def _headers_and_footers(self) -> tuple[list[Block], list[Block]]:
        """Each distinct text once: headers before the body, footers after it."""
        found: dict[str, list[Block]] = {"header": [], "footer": []}
        seen: set[str] = set()
        for relation in list(self._document.part.rels.values()):
            kind = str(relation.reltype).rsplit("/", 1)[-1]
            if kind not in found or relation.is_external:
                continue
            root = self._xml(relation.target_part)
            if root is None:
                continue
            for block in self._walk(root, 0):
                key = re.sub(r"[\W\d]+", "", block.text)
                if key and key not in seen:
                    seen.add(key)
                    found[kind].append(Block(block.text))
        return found["header"], found["footer"]

    # ---- the body

    def _walk(self, parent: Any, depth: int) -> Iterator[Block]:
        if depth > _MAX_DEPTH:
            return
        for child in parent:
            tag = child.tag
            if tag == _W + "p":
                yield from self._paragraph(child)
            elif tag == _W + "tbl":
                yield from self._table(child, depth)
            elif not isinstance(tag, str) or tag in _SKIP:
                continue
            elif tag == _MC + "AlternateContent":
                yield from self._walk(_choice(child), depth + 1)
            else:  # w:sdt, w:sdtContent, w:ins, w:customXml, w:smartTag, w:moveTo ...
                yield from self._walk(child, depth + 1)

    def _paragraph(self, paragraph: Any) -> Iterator[Block]:
        parts: list[str] = []
        outer, self._pending = self._pending, []
        properties = paragraph.find(_W + "pPr")
        before = properties.find(_W + "pageBreakBefore") if properties is not None else None
        if before is not None and _value(before) not in ("0", "false") and not self._at_page_start:
            parts.append(_PAGE)
            self._at_page_start = True
        self._runs(paragraph, parts, 0)
        boxes, self._pending = self._pending, outer
        joined = "".join(parts)
        pieces = [clean(piece) for piece in joined.split(_PAGE)]
        breaks: list[int] = []
        text = pieces[0].lstrip("\n")
        for piece in pieces[1:]:
            breaks.append(len(text))
            text += piece
        block = Block(text, breaks=breaks)
        if text.strip():
            self._dress(block, properties)
        if block.text.strip() or breaks:
            yield block
        yield from boxes

    def _dress(self, block: Block, properties: Any) -> None:
        """Heading level and list marker of a paragraph."""
        style = _value(properties.find(_W + "pStyle")) if properties is not None else None
        level = self._headings.get(style or "", 0)
        numbering = self._numbering_of(properties) or self._style_lists.get(style or "")
        if properties is not None:
            outline = _value(properties.find(_W + "outlineLvl"))
            if outline is not None and outline.isdigit():
                level = int(outline) + 1 if int(outline) < 6 else 0
        if len(block.text) <= 200 and "\n" not in block.text.strip():
            block.level = min(level, 6)
        marker = self._marker(*numbering) if numbering is not None and numbering[0] != "0" else ""
        if marker:
            indent = "" if block.level else "  " * numbering[1] if numbering is not None else ""
            prefix = f"{indent}{marker} "
            block.text = prefix + block.text.lstrip()
            block.breaks = [at + len(prefix) if at else 0 for at in block.breaks]
            block.tight = not block.level

    def _marker(self, identifier: str, depth: int) -> str:
        known = self._formats.get((identifier, depth))
        if known is None:
            return ""
        kind, pattern, start = known
        if kind == "bullet":
            return "•"
        if kind == "none":
            return ""
        key = (identifier, depth)
        self._counters[key] = self._counters.get(key, start - 1) + 1
        for deeper in [k for k in self._counters if k[0] == identifier and k[1] > depth]:
            del self._counters[deeper]

        def number(match: re.Match[str]) -> str:
            level = int(match.group(1)) - 1
            form, _, first = self._formats.get((identifier, level), ("decimal", "", 1))
            return _numeral(self._counters.get((identifier, level), first), form)

        return re.sub(r"%(\d)", number, pattern).strip()

    def _runs(self, parent: Any, parts: list[str], depth: int) -> None:
        if depth > _MAX_DEPTH:
            return
        for child in parent:
            tag = child.tag
            if not isinstance(tag, str) or tag in _SKIP:
                continue
            if tag in (_W + "t", _M + "t"):
                words = (child.text or "").replace("\n", " ").replace(_PAGE, " ")
                parts.append(words)
                if words.strip():
                    self._at_page_start = False
            elif tag == _W + "tab" or tag == _W + "ptab":
                parts.append("\t")
            elif tag == _W + "br":
                if child.get(_W + "type") == "page":
                    parts.append(_PAGE)
                    self._at_page_start = True
                else:
                    parts.append("\n")
            elif tag == _W + "lastRenderedPageBreak":
                # Word records a hard break twice: as itself and where the next page was rendered.
                if not self._at_page_start:
                    parts.append(_PAGE)
                    self._at_page_start = True
            elif tag == _W + "cr":
                parts.append("\n")
            elif tag == _W + "noBreakHyphen":
                parts.append("-")
            elif tag == _W + "sym":
                parts.append(_symbol(child))
            elif tag in (_W + "footnoteReference", _W + "endnoteReference"):
                kind = "footnote" if tag.endswith("footnoteReference") else "endnote"
                key = (kind, child.get(_W + "id") or "")
                if key in self._notes and key not in self._used_notes:
                    self._used_notes.append(key)
            elif tag == _W + "txbxContent":
                self._pending.extend(self._walk(child, depth + 1))
            elif tag == _MC + "AlternateContent":
                self._runs(_choice(child), parts, depth + 1)
            elif tag == _M + "f":
                self._fraction(child, parts, depth)
            elif tag == _W + "tbl":  # a table inside a paragraph's content control
                self._pending.extend(self._table(child, depth + 1))
            else:
                self._runs(child, parts, depth + 1)

    def _fraction(self, fraction: Any, parts: list[str], depth: int) -> None:
        for n, name in enumerate(("num", "den")):
            part = fraction.find(_M + name)
            if n:
                parts.append("/")
            if part is not None:
                self._runs(part, parts, depth + 1)

    def _table(self, table: Any, depth: int) -> Iterator[Block]:
        """Rows as lines. A merged cell's text stands once; nested tables follow the row that holds them."""
        rows: list[str] = []
        breaks: list[int] = []
        length = 0
        for row in _rows(table):
            cells: list[str] = []
            nested: list[str] = []
            broken = False
            for cell in _cells_of(row):
                merge = cell.find(f"{_W}tcPr/{_W}vMerge")
                if merge is not None and _value(merge) in (None, "continue"):
                    cells.append("")
                    continue
                words: list[str] = []
                for block in self._walk(cell, depth + 1):
                    broken = broken or bool(block.breaks)
                    if block.is_table:
                        nested.append(block.text)
                    elif block.text.strip():
                        words.append(block.text.strip())
                cells.append(" ".join(" ".join(words).split()))
            text = "\t".join(cells).rstrip()
            if nested:
                text = "\n".join(t for t in (text, *nested) if t.strip())
            if not text.strip():
                continue
            if broken and length:
                breaks.append(length)
            rows.append(text)
            length += len(text) + 1
        if rows:
            whole = "\n".join(rows)
            columns = max(row.count("\t") for row in rows)
            header = rows[0].split("\n", 1)[0].strip()[:400] if len(rows) > 1 and columns else ""
            yield Block(
                whole, is_table=columns > 0, header=header, breaks=[b for b in breaks if b < len(whole)]
            )


def _rows(table: Any) -> Iterator[Any]:
    for child in table:
        if child.tag == _W + "tr":
            properties = child.find(_W + "trPr")
            if properties is None or properties.find(_W + "del") is None:
                yield child
        elif isinstance(child.tag, str) and child.tag not in _SKIP:
            yield from _rows(child)


def _cells_of(row: Any) -> Iterator[Any]:
    for child in row:
        if child.tag == _W + "tc":
            yield child
        elif isinstance(child.tag, str) and child.tag not in _SKIP:
            yield from _cells_of(child)


def _choice(alternatives: Any) -> Any:
    """The modern drawing, or the fallback when the choice holds no text: never both."""
    choice = alternatives.find(_MC + "Choice")
    fallback = alternatives.find(_MC + "Fallback")
    if choice is not None and (fallback is None or next(choice.iter(_W + "t"), None) is not None):
        return choice
    return fallback if fallback is not None else []


def _value(element: Any) -> str | None:
    if element is None:
        return None
    value = element.get(_W + "val")
    return str(value) if value is not None else None


def _symbol(element: Any) -> str:
    code = element.get(_W + "char") or ""
    try:
        number = int(code, 16)
    except ValueError:
        return ""
    if 0xF000 <= number <= 0xF0FF:  # a symbol font: what it shows cannot be known, most are bullets and ticks
        return {
            0xF0B7: "•",
            0xF0A7: "▪",
            0xF0FC: "✓",
            0xF0FE: "☒",
            0xF0A8: "☐",
            0xF0D8: "➢",
            0xF0E0: "→",
        }.get(number, "")
    return chr(number) if number < 0x110000 else ""


_HAN: Final = "〇一二三四五六七八九"


def _numeral(number: int, kind: str) -> str:
    if kind in ("lowerLetter", "upperLetter"):
        letter = chr(97 + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letter if kind == "lowerLetter" else letter.upper()
    if kind in ("lowerRoman", "upperRoman"):
        roman = _roman(number)
        return roman if kind == "upperRoman" else roman.lower()
    if kind in (
        "chineseCounting",
        "chineseCountingThousand",
        "ideographTraditional",
        "japaneseCounting",
        "taiwaneseCountingThousand",
    ):
        return _han(number)
    if kind == "decimalZero":
        return f"{number:02d}"
    if kind == "decimalEnclosedCircle" and 1 <= number <= 20:
        return chr(0x245F + number)
    return str(number)


def _roman(number: int) -> str:
    result = ""
    for value, sign in (
        (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
        (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
    ):  # fmt: skip
        while number >= value:
            result += sign
            number -= value
    return result


def _han(number: int) -> str:
    if not 0 < number < 100:
        return str(number)
    tens, ones = divmod(number, 10)
    return ("" if not tens else ("" if tens == 1 else _HAN[tens]) + "十") + (
        _HAN[ones] if ones or not tens else ""
    )
