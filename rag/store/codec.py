"""Records to and from what a database column holds.

Every record comes back equal to what went in, except for two kinds of characters that no database text
may hold (NUL and lone surrogates): each becomes one U+FFFD, so that every offset stays right.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, to_json

from rag.records import About, Answer, Box, EmbeddingSpec, Heading, Line, Page, Table

Vectors = NDArray[np.float32]
"""float32, shape (n, dimension)."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """``text`` with NUL and lone surrogates replaced one for one: the length never changes."""
    return _UNSTORABLE.sub("\ufffd", text)


def dump(value: object) -> str:
    """Compact JSON."""
    return clean(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


@lru_cache(maxsize=4096)
def load_strings(text: str) -> tuple[str, ...]:
    """Kept: neighbouring chunks carry the same sections."""
    return tuple(json.loads(text))


def load_mapping(text: str) -> Mapping[str, str]:
    loaded: dict[str, str] = json.loads(text)
    return loaded


def dump_geometry(page: Page) -> bytes:
    """Lines, headings and tables of a page, as compressed JSON lists."""
    lists = {
        "lines": [(i.start, i.end, i.x0, i.y0, i.x1, i.y1) for i in page.lines],
        "headings": [(i.start, i.end, i.level) for i in page.headings],
        "tables": [(i.start, i.end, i.header) for i in page.tables],
    }
    # Level 1: half the time of level 6 for a tenth more bytes on pages of numbers.
    return zlib.compress(dump({k: v for k, v in lists.items() if v}).encode(), 1)


def load_page(number: int, text: str, width_pt: float, height_pt: float, geometry: bytes) -> Page:
    lists: dict[str, list[list[Any]]] = json.loads(zlib.decompress(geometry))
    return Page(
        number=number,
        text=text,
        width_pt=width_pt,
        height_pt=height_pt,
        lines=tuple(Line(*row) for row in lists.get("lines", ())),
        headings=tuple(Heading(*row) for row in lists.get("headings", ())),
        tables=tuple(Table(*row) for row in lists.get("tables", ())),
    )


def dump_boxes(boxes: Sequence[Box]) -> str:
    return dump([(b.page, b.x0, b.y0, b.x1, b.y1) for b in boxes])


@lru_cache(maxsize=4096)
def load_boxes(text: str) -> tuple[Box, ...]:
    """Kept (10 MB at most): decoding a dozen boxes costs as much as everything else of a passage."""
    return tuple(Box(*row) for row in json.loads(text))


def dump_vectors(matrix: Vectors) -> list[bytes]:
    """One little-endian float32 string a row."""
    rows = np.ascontiguousarray(matrix, dtype="<f4")
    whole, width = rows.tobytes(), rows.shape[1] * 4
    return [whole[i * width : (i + 1) * width] for i in range(rows.shape[0])]


def load_vectors(rows: Sequence[bytes]) -> Vectors:
    """A writable float32 matrix, shape (len(rows), dimension); (0, 0) for no rows."""
    if not rows:
        return np.empty((0, 0), dtype=np.float32)
    flat = np.frombuffer(b"".join(rows), dtype="<f4").astype(np.float32)
    return flat.reshape(len(rows), -1)


@cache
def _adapter(record: type) -> TypeAdapter[Any]:
    return TypeAdapter(record)


def dump_answer(answer: Answer) -> str:
    """As :func:`dump` would write it, in a third of the time."""
    try:
        return to_json(answer, inf_nan_mode="constants").decode()
    except PydanticSerializationError:  # a lone surrogate somewhere
        return dump(_adapter(Answer).dump_python(answer))


def load_answer(text: str) -> Answer:
    """Fields that a later version added take their defaults; unknown ones are left out."""
    answer: Answer = _adapter(Answer).validate_python(json.loads(text))
    return answer


def dump_about(about: About) -> str:
    """Only what is known: "{}" for nothing."""
    known = {name: getattr(about, name) for name in About.__slots__ if getattr(about, name)}
    return dump({k: list(v) if isinstance(v, tuple) else v for k, v in known.items()})


@lru_cache(maxsize=4096)
def load_about(text: str) -> About:
    """Fields that are not there are unknown. Kept: a document's chunks all carry the same."""
    if text == "{}":
        return About()
    about: About = _adapter(About).validate_python(json.loads(text))
    return about


def dump_spec(spec: EmbeddingSpec) -> str:
    """Canonical: equal specs give equal text."""
    plain = _adapter(EmbeddingSpec).dump_python(spec)
    return json.dumps(plain, ensure_ascii=True, separators=(",", ":"), sort_keys=True)


def load_spec(text: str) -> EmbeddingSpec:
    spec: EmbeddingSpec = _adapter(EmbeddingSpec).validate_python(json.loads(text))
    return spec
