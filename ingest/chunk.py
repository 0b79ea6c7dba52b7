"""Pages -> chunks: the units that are embedded, indexed and cited.

Promises, for every document:

- ``document_text[c.char_start:c.char_end] == c.text``; chunks come in page order and don't overlap.
- Every non-blank character is in exactly one chunk, but for a chunk that repeats an earlier one of the same
  document word for word under the same header.
- A chunk lies on one page. A sentence that runs over a page's end is cut there: a citation then names one
  page and its boxes, and pages can be chunked one at a time.
- ``token_count`` is what the embedding model's tokenizer counts for the embedded text, special tokens
  included, and is at most ``min(settings.max_tokens, tokenizer.max_tokens)``.
- Cuts fall on headings, paragraphs, table rows, sentences, clauses, words, tokens: the first that will do.
- No chunk is blank. A fragment joins its neighbour on the page where the limit allows it.

How: a page is read by the tokenizer once; its text is laid out as units (a heading, a sentence, a table row);
a shortest-path search over the units picks the cuts with the least cost.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ingest.units import CHARS_PER_TOKEN, Ruler, Sections, Unit, halves, page_units, split_unit
from rag.models.protocols import Tokenizer
from rag.records import PAGE_BREAK, About, Box, Chunk, Page, ParsedDocument
from rag.settings import ChunkSettings
from rag.text.context import NOT_KNOWN, context_header, embedded_text
from rag.text.language import detect_language
from rag.text.normalise import normalise
from rag.vocabulary.page_types import State, page_type

ALGORITHM = 2  # raise it whenever the same pages would give other chunks
MIN_TOKENS = 40  # a smaller chunk joins its neighbour on the page
HEADER_LINE_CHARS = 120  # a longer first unit of a page is text, not a running header
MAX_BOXES = 48  # of one chunk; neighbouring lines are merged above that

# A chunk costs 1, a cut what ingest.units says, and on top:
_HALF_EMPTY = 0.5  # times the square of the share of the limit that stays empty
_FRAGMENT = 8.0  # a chunk under MIN_TOKENS


@dataclass(frozen=True, slots=True)
class _Header:
    path: tuple[str, ...]
    table_header: str
    text: str
    tokens: int


class Chunker:
    """Cuts documents for one embedding model. Thread-safe when the tokenizer is."""

    def __init__(self, tokenizer: Tokenizer, settings: ChunkSettings) -> None:
        self._tokenizer = tokenizer
        self._settings = settings
        self._limit = min(settings.max_tokens, tokenizer.max_tokens)
        # What the line break between header and text costs: nothing for WordPiece, a token for others.
        self.header = lru_cache(maxsize=4096)(self._make_header)
        self._joint = max(0, tokenizer.count("a\nb") - 2 * tokenizer.count("a"))

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same pages would be cut in another way."""
        return f"{ALGORITHM}:{self._limit}/{self._settings.max_tokens}:{self._settings.context_tokens}"

    def chunk(self, parsed: ParsedDocument) -> list[Chunk]:
        """The document's chunks in reading order; none for a document without text."""
        return list(self.iter_chunks(parsed))

    def iter_chunks(self, parsed: ParsedDocument) -> Iterator[Chunk]:
        """As :meth:`chunk`, page by page."""
        job = _Document(self, parsed)
        offset = ordinal = 0
        for page in parsed.pages:
            for chunk in job.page_chunks(page, offset, ordinal):
                yield chunk
                ordinal += 1
            offset += len(page.text) + len(PAGE_BREAK)

    def embedded(self, title: str, chunk: Chunk, about: About = NOT_KNOWN) -> str:
        """The text of ``chunk`` that is embedded: its header, its words."""
        header = self.header(title, chunk.section_path, chunk.table_header, about)
        return embedded_text(header.text, chunk.text)

    def _make_header(
        self, title: str, path: tuple[str, ...], table_header: str, about: About = NOT_KNOWN
    ) -> _Header:
        """The context header within its limits: outer sections go first, then the ends of the table header;
        a title that leaves no room for the text is left out."""
        count = self._tokenizer.count
        while len(path) > 1 and count(context_header(title, path, "", about)) > self._settings.context_tokens:
            path = path[1:]
        most = self._limit // 2
        while True:
            text = context_header(title, path, table_header, about)
            tokens = count(text) if text else 0
            if tokens <= most:
                return _Header(path, table_header, text, tokens)
            if table_header:
                table_header = table_header[: len(table_header) // 2].rstrip()
            elif path:
                path = path[1:]
            else:
                return _Header((), "", "", 0)

    @property
    def limit(self) -> int:
        """The most tokens of an embedded text, special tokens included."""
        return self._limit

    def tokens(self, embedded: str) -> int:
        return self._tokenizer.count(embedded) + self._tokenizer.special_tokens

    def offsets(self, text: str) -> Sequence[tuple[int, int]]:
        return self._tokenizer.offsets(text)

    def room(self, header: _Header) -> int:
        """Tokens left for a chunk's own text."""
        joint = self._joint if header.text else 0
        return self._limit - self._tokenizer.special_tokens - header.tokens - joint


class _Document:
    """One document on its way through: the headings in force and what was seen already."""

    def __init__(self, chunker: Chunker, parsed: ParsedDocument) -> None:
        self._chunker = chunker
        self._parsed = parsed
        self._sections = Sections()
        self._seen: set[tuple[str, str]] = set()
        self._part = State()  # the statement or notes that the next page may go on with

    def page_chunks(self, page: Page, offset: int, ordinal: int) -> Iterator[Chunk]:
        kind, self._part = page_type(page.text, page.number, self._part)
        units = page_units(page, self._sections)
        if not units:
            return
        for start, end, header, tokens in _Packer(self._chunker, page, self.header).spans(units):
            text = page.text[start:end]
            key = (header.text, " ".join(text.split()))
            if key in self._seen or not normalise(text).strip():
                continue
            self._seen.add(key)
            language = detect_language(text)
            yield Chunk(
                ordinal=ordinal,
                text=text,
                page_start=page.number,
                page_end=page.number,
                char_start=offset + start,
                char_end=offset + end,
                section_path=header.path,
                table_header=header.table_header,
                boxes=line_boxes(page, start, end),
                token_count=tokens,
                language=self._parsed.language if language == "other" else language,
                page_type=kind,
            )
            ordinal += 1

    def header(self, path: tuple[str, ...], table_header: str) -> _Header:
        return self._chunker.header(self._parsed.title, path, table_header, self._parsed.about)


_Span = tuple[int, int, _Header, int]  # start, end on the page; header; tokens of the embedded text


class _Packer:
    """Units of one page -> spans of chunks, none over the limit."""

    def __init__(
        self, chunker: Chunker, page: Page, header: Callable[[tuple[str, ...], str], _Header]
    ) -> None:
        self._chunker = chunker
        self._page = page
        self._header = header
        self._ruler = Ruler(chunker.offsets(page.text))

    def spans(self, units: list[Unit], less: int = 0) -> Iterator[_Span]:
        """``less``: tokens by which the page's own count was found to be too hopeful."""
        chunker, text = self._chunker, self._page.text
        units = [piece for unit in units for piece in self._split(unit, less)]
        for first, last in self._pack(units, less):
            group = units[first : last + 1]
            header = self._header(_path(group, 0), self._table_header(group))
            start, end = group[0].start, group[-1].end
            tokens = chunker.tokens(embedded_text(header.text, text[start:end]))
            over = tokens - chunker.limit
            if over > 0 and end - start > 1:
                # Cut apart, words can have more tokens than they had on the page.
                size = self._ruler.size(start, end)
                if size > 1:
                    room = chunker.room(header)
                    wanted = min(size - 1, size * room // (room + over))
                    yield from self.spans(group, max(less + 1, room - wanted))
                else:
                    for part in group if len(group) > 1 else halves(text, group[0]):
                        yield from self.spans([part], less)
            else:
                yield start, end, header, tokens

    def _split(self, unit: Unit, less: int) -> Iterator[Unit]:
        room = self._room(unit.path, self._page.tables[unit.table].header if unit.table >= 0 else "", less)
        if self._ruler.size(unit.start, unit.end) <= room:
            return iter((unit,))
        return split_unit(self._page.text, unit, self._ruler, room)

    def _room(self, path: tuple[str, ...], table_header: str, less: int) -> int:
        return max(1, self._chunker.room(self._header(path, table_header)) - less)

    def _table_header(self, group: Sequence[Unit]) -> str:
        """The header row that the chunk's first table misses."""
        for position, unit in enumerate(group):
            if unit.table >= 0:
                has_it = any(u.header_row for u in group[position:] if u.table == unit.table)
                return "" if has_it else self._page.tables[unit.table].header
        return ""

    def _pack(self, units: list[Unit], less: int) -> list[tuple[int, int]]:
        """(first, last) units of each chunk: the cheapest way along the page."""
        count = len(units)
        starts = self._ruler.starts
        first_token = [bisect_left(starts, unit.start) for unit in units]
        end_token = [bisect_left(starts, unit.end) for unit in units]
        tables = self._page.tables
        best = [0.0] + [math.inf] * count
        back = [0] * (count + 1)
        for i, unit in enumerate(units):
            base = best[i] + 1.0 + (unit.cut if i else 0.0)
            path = _path(units, i)
            room = self._room(path, "", less)
            fragment = min(MIN_TOKENS, room // 4)
            table = -1
            for j in range(i, count):
                last = units[j]
                if last.table >= 0 and table < 0:
                    table = last.table
                    if not last.header_row and tables[table].header:
                        room = self._room(path, tables[table].header, less)
                size = max(end_token[j] - first_token[i], -(-(last.end - unit.start) // CHARS_PER_TOKEN))
                if j > i:
                    if size > room:
                        break
                    base += last.inside
                cost = base + _HALF_EMPTY * max(0.0, 1.0 - size / room) ** 2
                if size < fragment:
                    cost += _FRAGMENT
                if cost < best[j + 1]:
                    best[j + 1] = cost
                    back[j + 1] = i
        groups: list[tuple[int, int]] = []
        end = count
        while end:
            groups.append((back[end], end - 1))
            end = back[end]
        return groups[::-1]


def _path(units: Sequence[Unit], start: int) -> tuple[str, ...]:
    """The sections in force at the first words below the headings that ``units[start:]`` begins with. A line
    above a page's first heading (a running header, the tail of a sentence) does not speak for the page."""
    if (
        start == 0
        and len(units) > 1
        and units[1].heading
        and units[0].end - units[0].start <= HEADER_LINE_CHARS
    ):
        start = 1
    for position in range(start, len(units)):
        if not units[position].heading:
            # A heading may be followed by one of the same rank: then its own section is empty.
            return units[position].path
    return units[-1].path


def line_boxes(page: Page, start: int, end: int) -> tuple[Box, ...]:
    """The boxes of the lines that overlap ``page.text[start:end]``, in reading order, at most MAX_BOXES."""
    lines = [line for line in page.lines if line.start < end and line.end > start]
    boxes = [Box(page.number, line.x0, line.y0, line.x1, line.y1) for line in lines]
    step = -(-len(boxes) // MAX_BOXES)
    if step > 1:
        boxes = [_around(boxes[i : i + step]) for i in range(0, len(boxes), step)]
    return tuple(boxes)


def _around(boxes: Sequence[Box]) -> Box:
    return Box(
        boxes[0].page,
        min(box.x0 for box in boxes),
        min(box.y0 for box in boxes),
        max(box.x1 for box in boxes),
        max(box.y1 for box in boxes),
    )
