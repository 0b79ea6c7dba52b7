"""A PDF page as spans of text with geometry, read through pdfium with as few calls as possible.

A call from Python into pdfium costs a few microseconds, a page holds thousands of characters: so nothing here is
asked per character. The page's text comes in one call; pdfium's own rectangles (one for each text object) are
matched to the words by the text object that each word starts in; style is read once for each rectangle.

Coordinates of spans are points on the page as it is *shown* (rotation and crop box applied), origin top left, then
turned so that the text of the span runs to the right (``Span.turn`` says by how many quarter turns).
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Callable
from ctypes import CFUNCTYPE, addressof, c_double, c_float, c_int, c_size_t, c_uint, c_void_p
from dataclasses import dataclass, field
from typing import Any, Final

import pypdfium2.raw as raw

_TINY_PT: Final = 4.0
_WORD: Final = re.compile(r"[^\s\x00\x02\ufffe]+[\x02\ufffe]?")
_BOLD_NAME: Final = re.compile(r"bold|black|heavy|demi|simhei|黑体|[-,]hei", re.IGNORECASE)
_WIDE: Final = re.compile("[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]")
_MAX_OBJECTS: Final = 5000


class Span:
    """A piece of text on one baseline. ``order`` counts along the content stream; ``glued`` says that no space
    stood between it and the span before it there."""

    __slots__ = ("baseline", "bold", "glued", "order", "size", "text", "turn", "x0", "x1", "y0", "y1")

    def __init__(
        self,
        text: str,
        box: tuple[float, float, float, float],
        baseline: float,
        size: float,
        bold: bool,
        turn: int,
        order: int,
        glued: bool,
    ) -> None:
        self.text = text
        self.x0, self.y0, self.x1, self.y1 = box
        self.baseline = baseline
        self.size = size
        self.bold = bold
        self.turn = turn
        self.order = order
        self.glued = glued


@dataclass(slots=True)
class RawPage:
    """What pdfium says about one page. ``pictures`` is the share of the page under images (0..1)."""

    width_pt: float
    height_pt: float
    spans: list[Span] = field(default_factory=list)
    text: str = ""  # in content stream order
    pictures: float = 0.0
    drawings: int = 0
    white: list[tuple[float, float, float, float]] = field(default_factory=list)  # boxes of white text, shown points
    tiny_chars: int = 0


def _function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    """pdfium's function with plain integers for handles and addresses: half the cost of the typed binding."""
    address = ctypes.cast(getattr(raw, name), c_void_p).value
    assert address is not None
    return CFUNCTYPE(result, *arguments)(address)


_P = c_void_p
_load_page = _function("FPDF_LoadPage", _P, _P, c_int)
_close_page = _function("FPDF_ClosePage", None, _P)
_load_text = _function("FPDFText_LoadPage", _P, _P)
_close_text = _function("FPDFText_ClosePage", None, _P)
_count_chars = _function("FPDFText_CountChars", c_int, _P)
_get_text = _function("FPDFText_GetText", c_int, _P, c_int, c_int, _P)
_get_unicode = _function("FPDFText_GetUnicode", c_uint, _P, c_int)
_count_rects = _function("FPDFText_CountRects", c_int, _P, c_int, c_int)
_get_rect = _function("FPDFText_GetRect", c_int, _P, c_int, _P, _P, _P, _P)
_get_object = _function("FPDFText_GetTextObject", _P, _P, c_int)
_get_matrix = _function("FPDFText_GetMatrix", c_int, _P, c_int, _P)
_get_size = _function("FPDFText_GetFontSize", c_double, _P, c_int)
_get_font = _function("FPDFTextObj_GetFont", _P, _P)
_font_weight = _function("FPDFFont_GetWeight", c_int, _P)
_font_name = _function("FPDFFont_GetBaseFontName", c_size_t, _P, _P, c_size_t)
_get_fill = _function("FPDFText_GetFillColor", c_int, _P, c_int, _P, _P, _P, _P)
_render_mode = _function("FPDFTextObj_GetTextRenderMode", c_int, _P)
_count_objects = _function("FPDFPage_CountObjects", c_int, _P)
_page_object = _function("FPDFPage_GetObject", _P, _P, c_int)
_object_type = _function("FPDFPageObj_GetType", c_int, _P)
_object_bounds = _function("FPDFPageObj_GetBounds", c_int, _P, _P, _P, _P, _P)
_count_in_form = _function("FPDFFormObj_CountObjects", c_int, _P)
_object_in_form = _function("FPDFFormObj_GetObject", _P, _P, c_int)
_page_box = _function("FPDF_GetPageBoundingBox", c_int, _P, _P)
_rotation = _function("FPDFPage_GetRotation", c_int, _P)
_count_annotations = _function("FPDFPage_GetAnnotCount", c_int, _P)
_flatten = _function("FPDFPage_Flatten", c_int, _P, c_int)
_form_type = _function("FPDF_GetFormType", c_int, _P)


class PageReader:
    """Reads the pages of one open pdfium document. Not thread-safe (pdfium is not)."""

    def __init__(self, document: Any) -> None:
        self._handle = ctypes.cast(document.raw, c_void_p).value
        self.has_form = _form_type(self._handle) != raw.FORMTYPE_NONE
        self._fonts: dict[int, bool] = {}
        self._numbers = (c_double * 4)()
        base = addressof(self._numbers)
        self._rect_out = (base, base + 16, base + 8, base + 24)  # left, top, right, bottom -> x0, y1(top), x1, y0
        self._floats = (c_float * 6)()
        self._floats_at = addressof(self._floats)
        self._ints = (c_uint * 4)()
        at = addressof(self._ints)
        self._ints_at = (at, at + 4, at + 8, at + 12)

    def read(self, index: int) -> RawPage | None:
        """The page (0-based); None when pdfium cannot load it."""
        page = _load_page(self._handle, index)
        if not page:
            return None
        try:
            if self.has_form and _count_annotations(page) > 0 and _flatten(page, 0) == raw.FLATTEN_SUCCESS:
                _close_page(page)  # field values and stamps became page content: load it anew
                page = _load_page(self._handle, index)
                if not page:
                    return None
            text_page = _load_text(page)
            if not text_page:
                return self._geometry(page)[0]
            try:
                return self._read(page, text_page)
            finally:
                _close_text(text_page)
        finally:
            if page:
                _close_page(page)

    def _geometry(self, page: int) -> tuple[RawPage, int, tuple[float, float, float, float]]:
        _page_box(page, self._floats_at)
        left, top, right, bottom = self._floats[:4]  # FS_RECTF's order
        if right <= left or top <= bottom:
            left, bottom, right, top = 0.0, 0.0, 612.0, 792.0
        rotation = _rotation(page) & 3
        width, height = right - left, top - bottom
        if rotation & 1:
            width, height = height, width
        return RawPage(width, height), rotation, (left, bottom, right, top)

    def _read(self, page: int, text_page: int) -> RawPage:
        result, rotation, crop = self._geometry(page)
        count = _count_chars(text_page)
        text = self._text(text_page, count) if count > 0 else ""
        result.text = text
        words = [match.span() for match in _WORD.finditer(text)]
        if words:
            self._spans(text_page, text, words, result, rotation, crop)
        if len(words) < 30 and sum(e - b for b, e in words) < 200:
            self._look_at_objects(page, result)
        return result

    def _text(self, text_page: int, count: int) -> str:
        buffer = (ctypes.c_uint16 * (count + 1))()
        got = _get_text(text_page, 0, count, addressof(buffer))
        text = bytes(buffer)[: 2 * max(0, got - 1)].decode("utf-16-le", "surrogatepass")
        if len(text) == count:
            return text
        # Characters outside the basic plane or left out by pdfium: indices must stay the character indices.
        codes = (_get_unicode(text_page, i) for i in range(count))
        return "".join(chr(c) if c < 0x110000 else "\ufffd" for c in codes)

    # ---- geometry

    def _spans(
        self,
        text_page: int,
        text: str,
        words: list[tuple[int, int]],
        page: RawPage,
        rotation: int,
        crop: tuple[float, float, float, float],
    ) -> None:
        objects = [_get_object(text_page, start) for start, _ in words]
        runs: list[list[int]] = []  # [first word, last word + 1]
        last: int | None = -1
        for i, obj in enumerate(objects):
            if obj == last:
                runs[-1][1] = i + 1
            else:
                runs.append([i, i + 1])
                last = obj
        rects = self._rects(text_page, 0, -1)
        if len(rects) != len(runs) or not self._agrees(text_page, words, runs, rects):
            rects = []
        order = 0
        previous_end = -1
        for number, (first, stop) in enumerate(runs):
            style = self._style(text_page, words[first][0], objects[first], rotation, crop)
            size = style[0]
            begin, end = words[first][0], words[stop - 1][1]
            pieces: list[tuple[int, int, tuple[float, float, float, float]]]
            box = rects[number] if rects else self._union(text_page, begin, end)
            if stop - first == 1 or (box is not None and not self._has_gap(text[begin:end], box, size, style[3])):
                pieces = [(begin, end, box)] if box is not None else []
            else:
                pieces = []
                for b, e in words[first:stop]:
                    word_box = self._union(text_page, b, e)
                    if word_box is not None:
                        pieces.append((b, e, word_box))
            for b, e, rect in pieces:
                shown = _show(rect, rotation, crop)
                content = text[b:e] if "\n" not in text[b:e] else " ".join(text[b:e].split())
                page.spans.append(
                    Span(
                        content,
                        _turned(shown, style[3], page.width_pt, page.height_pt),
                        _turned_baseline(style, shown, page.width_pt, page.height_pt),
                        size,
                        style[2],
                        style[3],
                        order,
                        b == previous_end,
                    )
                )
                order += 1
                previous_end = e
            if pieces:
                self._note_hidden(text_page, objects[first], begin, end, size, pieces, page, rotation, crop)

    def _rects(self, text_page: int, start: int, count: int) -> list[tuple[float, float, float, float]]:
        n = _count_rects(text_page, start, count)
        numbers, out = self._numbers, self._rect_out
        rects = []
        for i in range(n):
            _get_rect(text_page, i, *out)
            rects.append((numbers[0], numbers[3], numbers[1], numbers[2]))  # left, bottom, right, top
        return rects

    def _union(self, text_page: int, begin: int, end: int) -> tuple[float, float, float, float] | None:
        rects = self._rects(text_page, begin, end - begin)
        if not rects:
            return None
        if len(rects) == 1:
            return rects[0]
        return (
            min(r[0] for r in rects),
            min(r[1] for r in rects),
            max(r[2] for r in rects),
            max(r[3] for r in rects),
        )

    def _agrees(
        self,
        text_page: int,
        words: list[tuple[int, int]],
        runs: list[list[int]],
        rects: list[tuple[float, float, float, float]],
    ) -> bool:
        """Spot checks that rectangle n is run n: at the end, where a slip shows, and in the middle."""
        for n in {len(runs) - 1, len(runs) // 2}:
            box = self._union(text_page, words[runs[n][0]][0], words[runs[n][1] - 1][1])
            if box is None or max(abs(a - b) for a, b in zip(box, rects[n], strict=True)) > 0.01:
                return False
        return True

    @staticmethod
    def _has_gap(text: str, box: tuple[float, float, float, float], size: float, turn: int) -> bool:
        """Whether one text object may hold two cells of a table: it is wider than its letters, or ends in
        several numbers."""
        width = (box[2] - box[0]) if turn in (0, 2) else (box[3] - box[1])
        width = max(width, 0.0) if turn in (0, 2) else max(box[3] - box[1], box[2] - box[0])
        wide = len(_WIDE.findall(text)) if not text.isascii() else 0
        expected = size * (0.56 * (len(text) - wide) + 1.02 * wide + 0.6)
        return "\n" in text or width > expected or bool(_NUMBER_TAIL.search(text))

    def _style(
        self, text_page: int, index: int, obj: int | None, rotation: int, crop: tuple[float, float, float, float]
    ) -> tuple[float, tuple[float, float], bool, int]:
        """(size in points, origin as shown, bold, quarter turns) of the text object at a character."""
        size = _get_size(text_page, index)
        a, b, c, d, e, f = 1.0, 0.0, 0.0, 1.0, 0.0, 0.0
        if _get_matrix(text_page, index, self._floats_at):
            a, b, c, d, e, f = self._floats[:]
        scale = math.hypot(c, d) or math.hypot(a, b) or 1.0
        size = abs(size * scale)
        origin = _show((e, f, e, f), rotation, crop)[:2]
        # direction of the text as shown; y grows downwards there
        dx, dy = ((a, -b), (b, a), (-a, b), (-b, -a))[rotation]
        if abs(dx) >= abs(dy):
            turn = 0 if dx >= 0 else 2
        else:
            turn = 1 if dy > 0 else 3
        bold = False
        if obj:
            font = _get_font(obj)
            if font:
                known = self._fonts.get(font)
                bold = known if known is not None else self._is_bold(font)
        return size, origin, bold, turn

    def _is_bold(self, font: int) -> bool:
        buffer = ctypes.create_string_buffer(128)
        _font_name(font, addressof(buffer), 128)
        name = buffer.value.decode("utf-8", "replace")
        bold = _font_weight(font) >= 600 or bool(_BOLD_NAME.search(name))
        self._fonts[font] = bold
        return bold

    def _note_hidden(
        self,
        text_page: int,
        obj: int | None,
        begin: int,
        end: int,
        size: float,
        pieces: list[tuple[int, int, tuple[float, float, float, float]]],
        page: RawPage,
        rotation: int,
        crop: tuple[float, float, float, float],
    ) -> None:
        if end - begin < 4:
            return  # stray marks and separators
        if 0 < size < _TINY_PT:
            page.tiny_chars += end - begin
        if _get_fill(text_page, begin, *self._ints_at):
            red, green, blue, alpha = self._ints[:]
            if (
                alpha < 8 or (red >= 250 and green >= 250 and blue >= 250)
            ) and obj and _render_mode(obj) in (0, 2, 4, 6):  # fmt: skip
                page.white.extend(_show(rect, rotation, crop) for _, _, rect in pieces)

    # ---- pictures

    def _look_at_objects(self, page: int, result: RawPage) -> None:
        area = result.width_pt * result.height_pt
        covered = 0.0
        for i in range(min(_count_objects(page), _MAX_OBJECTS)):
            obj = _page_object(page, i)
            kind = _object_type(obj)
            if kind == raw.FPDF_PAGEOBJ_PATH:
                result.drawings += 1
            holds = kind == raw.FPDF_PAGEOBJ_IMAGE
            if kind == raw.FPDF_PAGEOBJ_FORM:
                inner = min(_count_in_form(obj), _MAX_OBJECTS)
                kinds = [_object_type(_object_in_form(obj, j)) for j in range(inner)]
                holds = raw.FPDF_PAGEOBJ_IMAGE in kinds or raw.FPDF_PAGEOBJ_FORM in kinds
                result.drawings += kinds.count(raw.FPDF_PAGEOBJ_PATH)
            if holds and _object_bounds(obj, *(self._floats_at + 4 * k for k in range(4))):
                left, bottom, right, top = self._floats[:4]
                covered += max(0.0, right - left) * max(0.0, top - bottom)
        result.pictures = min(1.0, covered / area) if area > 0 else 0.0


_NUMBER_TAIL: Final = re.compile(r"\d\)?%?\s+[$€£¥]?\s?\(?[\d,.]{3,}\)?%?$|\s[-–—]\s+[-–—$(\d]")


def _show(
    rect: tuple[float, float, float, float], rotation: int, crop: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """User space (left, bottom, right, top) -> the page as shown (x0, y0, x1, y1), origin top left."""
    x0, y0, x1, y1 = rect
    left, bottom, right, top = crop
    if rotation == 0:
        return x0 - left, top - y1, x1 - left, top - y0
    if rotation == 1:
        return y0 - bottom, x0 - left, y1 - bottom, x1 - left
    if rotation == 2:
        return right - x1, y0 - bottom, right - x0, y1 - bottom
    return top - y1, right - x1, top - y0, right - x0


def _turned(
    box: tuple[float, float, float, float], turn: int, width: float, height: float
) -> tuple[float, float, float, float]:
    """A shown box in the frame in which text of this turn runs to the right."""
    x0, y0, x1, y1 = box
    if turn == 0:
        return box
    if turn == 1:
        return y0, width - x1, y1, width - x0
    if turn == 2:
        return width - x1, height - y1, width - x0, height - y0
    return height - y1, x0, height - y0, x1


def unturned(
    box: tuple[float, float, float, float], turn: int, width: float, height: float
) -> tuple[float, float, float, float]:
    """The inverse of the turn: a box of the reading frame as shown on the page."""
    x0, y0, x1, y1 = box
    if turn == 0:
        return box
    if turn == 1:
        return width - y1, x0, width - y0, x1
    if turn == 2:
        return width - x1, height - y1, width - x0, height - y0
    return y0, height - x1, y1, height - x0


def _turned_baseline(
    style: tuple[float, tuple[float, float], bool, int],
    shown: tuple[float, float, float, float],
    width: float,
    height: float,
) -> float:
    x, y = style[1]
    baseline = _turned((x, y, x, y), style[3], width, height)[1]
    top, bottom = _turned(shown, style[3], width, height)[1::2]
    # Some generators place glyphs by other means: an origin far from the ink is no baseline.
    if top - style[0] <= baseline <= bottom + style[0]:
        return baseline
    return bottom
