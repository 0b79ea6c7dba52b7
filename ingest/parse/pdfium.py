"""A PDF page as spans of text with geometry, read through pdfium with as few calls as possible.

A call from Python into pdfium costs a few microseconds, a page holds thousands of characters: so nothing
here is asked per character. The page's text comes in one call; pdfium's own rectangles (one for each text
object) are matched to the words by the text object that each word starts in; style is read once for each
rectangle.

Coordinates of spans are points on the page as it is *shown* (rotation and crop box applied), origin top
left, then turned so that the text of the span runs to the right (``Span.turn`` says by how many quarter
turns).
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

_FILLING: Final = (0, 2, 4, 6)  # render modes that paint the inside of letters
_WORD: Final = re.compile(r"[^\s\x00\x02\ufffe]+[\x02\ufffe]?")
_BOLD_NAME: Final = re.compile(r"bold|black|heavy|demi|simhei|黑体|[-,]hei", re.IGNORECASE)
_WIDE: Final = re.compile("[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]")
_MAX_OBJECTS: Final = 5000


class Span:
    """A piece of text on one baseline. ``order`` counts along the content stream; ``glued`` says that no
    space stood between it and the span before it there."""

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
    white: list[tuple[float, float, float, float]] = field(
        default_factory=list
    )  # boxes of white text, shown points


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
        self._last_style: tuple[tuple[int | float | None, ...], float, bool, int] | None = None
        self._numbers = (c_double * 4)()
        base = addressof(self._numbers)
        self._rect_out = (base, base + 16, base + 8, base + 24)  # left, top, right, bottom at 0, 2, 1, 3
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
        extent = self._extent
        order = 0
        previous_end = -1
        last: int | None = -1
        runs: list[tuple[int, int]] = []  # words of one text object: first, last + 1
        objects: list[int | None] = []
        for i, (start, _) in enumerate(words):
            obj = _get_object(text_page, start)
            if obj == last:
                runs[-1] = (runs[-1][0], i + 1)
            else:
                runs.append((i, i + 1))
                objects.append(obj)
                last = obj
        self._last_style = None
        spans = page.spans
        for (first, stop), obj in zip(runs, objects, strict=True):
            begin, end = words[first][0], words[stop - 1][1]
            size, origin, bold, turn = self._style(text_page, begin, obj, rotation, crop)
            box = extent(text_page, begin, end)
            if box is None:
                continue
            pieces = [(begin, end, box)]
            if stop - first > 1 and self._has_gap(text[begin:end], box, size, turn):
                pieces = []
                for b, e in words[first:stop]:
                    word_box = extent(text_page, b, e)
                    if word_box is not None:
                        pieces.append((b, e, word_box))
            for b, e, rect in pieces:
                shown = _show(rect, rotation, crop)
                content = text[b:e]
                if stop - first > 1 and "\n" in content:
                    content = " ".join(content.split())
                if turn:
                    shown = _turned(shown, turn, page.width_pt, page.height_pt)
                spans.append(
                    Span(
                        content,
                        shown,
                        _baseline(origin, size, turn, shown, page),
                        size,
                        bold,
                        turn,
                        order,
                        b == previous_end,
                    )
                )
                order += 1
                previous_end = e
            if end - begin >= 4 and _get_fill(text_page, begin, *self._ints_at):
                red, green, blue, alpha = self._ints
                unseen = alpha < 8 or (red >= 250 and green >= 250 and blue >= 250)
                if unseen and obj and _render_mode(obj) in _FILLING:
                    page.white.extend(_show(rect, rotation, crop) for _, _, rect in pieces)

    def _extent(self, text_page: int, begin: int, end: int) -> tuple[float, float, float, float] | None:
        """The box of characters on one line. Some generators write every letter as an object of its own: the
        first and the last rectangle tell enough."""
        n = _count_rects(text_page, begin, end - begin)
        if n <= 0:
            return None
        numbers = self._numbers
        left_at, top_at, right_at, bottom_at = self._rect_out
        _get_rect(text_page, 0, left_at, top_at, right_at, bottom_at)
        x0, x1, y1, y0 = numbers
        if n > 1:
            _get_rect(text_page, n - 1, left_at, top_at, right_at, bottom_at)
            a0, a1, b1, b0 = numbers
            return min(x0, a0), min(y0, b0), max(x1, a1), max(y1, b1)
        return x0, y0, x1, y1

    @staticmethod
    def _has_gap(text: str, box: tuple[float, float, float, float], size: float, turn: int) -> bool:
        """Whether one text object may hold two cells of a table: it is wider than its letters, or ends in
        several numbers."""
        width = max(box[2] - box[0], box[3] - box[1]) if turn in (1, 3) else box[2] - box[0]
        wide = 0 if text.isascii() else len(_WIDE.findall(text))
        expected = size * (0.56 * (len(text) - wide) + 1.02 * wide + 0.6)
        return width > expected or "\n" in text or _NUMBER_TAIL.search(text) is not None

    def _style(
        self,
        text_page: int,
        index: int,
        obj: int | None,
        rotation: int,
        crop: tuple[float, float, float, float],
    ) -> tuple[float, tuple[float, float], bool, int]:
        """(size in points, origin as shown, bold, quarter turns) of the text object at a character."""
        font = _get_font(obj) if obj else None
        if _get_matrix(text_page, index, self._floats_at):
            a, b, c, d, e, f = self._floats
        else:
            a, b, c, d, e, f = 1.0, 0.0, 0.0, 1.0, 0.0, 0.0
        known = self._last_style
        origin = (e - crop[0], crop[3] - f) if rotation == 0 else _show((e, f, e, f), rotation, crop)[:2]
        key = (font, a, b, c, d, f)
        if known is not None and known[0] == key:  # the next word of the same line in the same font
            return known[1], origin, known[2], known[3]
        scale = math.hypot(c, d) or math.hypot(a, b) or 1.0
        size = abs(_get_size(text_page, index) * scale)
        # direction of the text as shown; y grows downwards there
        dx, dy = ((a, -b), (b, a), (-a, b), (-b, -a))[rotation]
        if abs(dx) >= abs(dy):
            turn = 0 if dx >= 0 else 2
        else:
            turn = 1 if dy > 0 else 3
        bold = False
        if font:
            cached = self._fonts.get(font)
            bold = cached if cached is not None else self._is_bold(font)
        self._last_style = (key, size, bold, turn)
        return size, origin, bold, turn

    def _is_bold(self, font: int) -> bool:
        buffer = ctypes.create_string_buffer(128)
        _font_name(font, addressof(buffer), 128)
        name = buffer.value.decode("utf-8", "replace")
        bold = _font_weight(font) >= 600 or bool(_BOLD_NAME.search(name))
        self._fonts[font] = bold
        return bold

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


def _baseline(
    origin: tuple[float, float], size: float, turn: int, box: tuple[float, float, float, float], page: RawPage
) -> float:
    x, y = origin
    baseline = y if turn == 0 else _turned((x, y, x, y), turn, page.width_pt, page.height_pt)[1]
    # Some generators place glyphs by other means: an origin far from the ink is no baseline.
    if box[1] - size <= baseline <= box[3] + size:
        return baseline
    return box[3]
