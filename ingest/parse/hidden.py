"""White text: on a white page it is hidden, on a dark table header it is design. Only a picture can tell."""

from __future__ import annotations

from typing import Any, Final

from ingest.parse.pdfium import RawPage

_WIDTH_PX: Final = 1000
_MAX_IMAGE_PIXELS: Final = 50_000_000


def any_invisible(document: Any, pages: list[tuple[int, RawPage]]) -> bool:
    """Whether white text on one of ``pages`` (0-based index, what was read) does not show. Renders each
    page once; pages with giant pictures are not rendered."""
    return any(_page_hides(document, index, page) for index, page in pages)


def _page_hides(document: Any, index: int, raw_page: RawPage) -> bool:
    import pypdfium2
    from pypdfium2 import raw

    try:
        page = document[index]
        for item in page.get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,), max_depth=3):
            width, height = item.get_px_size()
            if width * height > _MAX_IMAGE_PIXELS:
                return False
        scale = min(2.0, _WIDTH_PX / max(1.0, raw_page.width_pt))
        if raw_page.height_pt * scale > 4 * _WIDTH_PX:
            return False
        bitmap = page.render(scale=scale, grayscale=True)
    except pypdfium2.PdfiumError:
        return False
    data = memoryview(bitmap.buffer).cast("B")
    hidden = 0
    for x0, y0, x1, y1 in raw_page.white[:200]:
        left, right = max(0, int(x0 * scale)), min(bitmap.width, int(x1 * scale) + 1)
        top, bottom = max(0, int(y0 * scale)), min(bitmap.height, int(y1 * scale) + 1)
        if right - left < 3 or bottom - top < 3:
            continue
        darkest, lightest = 255, 0
        for row in range(top, bottom):
            strip = bytes(data[row * bitmap.stride + left : row * bitmap.stride + right])
            darkest, lightest = min(darkest, min(strip)), max(lightest, max(strip))
        if lightest - darkest < 12:
            hidden += 1
    return hidden >= 1
