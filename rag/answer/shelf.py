"""The figures within a question's reach: of the pages that its passages lie on, and of what a search adds.

Promises: nothing outside the scope is read; at most ``MAX_SEARCHES`` further searches for one question; every
figure that is given out can be cited: it lies in a passage of the question or in one that can be added.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from rag.answer.columns import PARENT
from rag.answer.evidence import head, term_set, years
from rag.answer.figures import Figure, figures
from rag.records import Page, Passage, Scope, StoredChunk
from rag.vocabulary.page_types import last_statement

MAX_SEARCHES = 5
_FOUND = 8  # passages of one search
_PAGES = 14  # of one document that are read for one question
_BESIDE = 6  # further ones, before and after those
_BACK = 4  # pages: how far back the title of a statement is looked for that goes on over pages

Search = Callable[[str, Scope, int], Sequence[Passage]]
PageOf = Callable[[int, int], Page]
ChunksOf = Callable[[int, int], Sequence[Passage]]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A figure with the passage that holds its row. ``start``, ``end``: of the row in the passage's text."""

    figure: Figure
    passage: Passage
    start: int
    end: int
    order: int  # of the page among those read: earlier is nearer to the question
    page: frozenset[str]  # words of the page and of what stands around the passage


@dataclass
class Shelf:
    """One question's. ``search``: the library's, inside a scope; ``page_of``: a page of a document."""

    passages: Sequence[Passage]
    scope: Scope
    search: Search
    page_of: PageOf
    chunks_of: ChunksOf = lambda document_id, number: ()  # all passages of a page
    searches: int = 0
    _whole: dict[tuple[int, int], Sequence[Passage]] = field(default_factory=dict)
    _found: dict[int, list[Passage]] = field(default_factory=dict)
    _beside: dict[int, list[Passage]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for passage in self.passages:
            self._found.setdefault(passage.document_id, []).append(passage)

    def documents(self) -> list[int]:
        """Of the passages, the best first."""
        return list(dict.fromkeys(p.document_id for p in self.passages))

    def of(self, document_id: int) -> list[Passage]:
        return self._found.get(document_id, [])

    def look_for(self, query: str, document_id: int) -> bool:
        """Searches one document for more; whether new passages came."""
        if self.searches >= MAX_SEARCHES:
            return False
        self.searches += 1
        inside = replace(self.scope, document_ids=frozenset({document_id}))
        known = {p.chunk_id for p in self.of(document_id)}
        new = [p for p in self.search(query, inside, _FOUND) if p.chunk_id not in known]
        self._found.setdefault(document_id, []).extend(new)
        return bool(new)

    def turn_over(self, document_id: int, numbers: Iterable[int]) -> bool:
        """Adds the pages before and after ``numbers``, where a statement goes on; whether any was new."""
        here = self._beside.setdefault(document_id, [])
        known = {p.page_start for p in (*self.of(document_id), *here)}
        wanted = dict.fromkeys(n + step for n in numbers for step in (1, -1))
        new = [p for n in wanted if n > 0 and n not in known for p in self._chunks(document_id, n)[:1]]
        here += new[: _BESIDE - len(here)]
        return bool(new)

    def sightings(self, document_id: int) -> list[Sighting]:
        """The figures of the document's pages that passages lie on, and of the passages."""
        passages = self.of(document_id)
        seen: list[Sighting] = []
        year = own_year(passages[0]) if passages else None
        pages: dict[int, list[Passage]] = {}
        for passage in passages:
            pages.setdefault(passage.page_start, []).append(passage)
        read = list(pages.items())[:_PAGES]
        read += [(p.page_start, [p]) for p in self._beside.get(document_id, ()) if p.page_start not in pages]
        for order, (number, here) in enumerate(read):
            first = min(here, key=lambda p: p.char_start)
            text = self._page_text(document_id, number)
            if text is not None:
                # The header of a table that goes on from the page before is known to the page's first chunk.
                top = first if not first.char_start else next(iter(self._chunks(document_id, number)), first)
                goes_on = "" if _begins(top.table_header, top.text) else top.table_header
                words = term_set(text) | term_set(head(first))
                alone = _own_alone(here)
                parent = self._goes_on_alone(document_id, number)
                for figure in figures(text, table_header=goes_on, year=year, parent=parent):
                    if alone and not figure.parent:
                        figure = replace(figure, parent=True)
                    row = text[figure.start : figure.end]
                    place = _place(row, here) or _place(row, self._chunks(document_id, number))
                    if place is not None:
                        seen.append(Sighting(figure, *place, order, words))
                continue
            for passage in here:
                words = term_set(passage.text) | term_set(head(passage))
                for figure in figures(passage.text, table_header=passage.table_header, year=year):
                    seen.append(Sighting(figure, passage, figure.start, figure.end, order, words))
        return seen

    def _goes_on_alone(self, document_id: int, number: int) -> bool:
        """Whether the last statement that the pages before begin is the parent company's own."""
        for before in range(number - 1, max(0, number - 1 - _BACK), -1):
            text = self._page_text(document_id, before)
            title = last_statement(text) if text is not None else None
            if title is not None:
                return title.parent
        return False

    def _chunks(self, document_id: int, number: int) -> Sequence[Passage]:
        key = (document_id, number)
        if key not in self._whole:
            self._whole[key] = self.chunks_of(document_id, number)
        return self._whole[key]

    def _page_text(self, document_id: int, number: int) -> str | None:
        from rag.errors import WenjuError

        try:
            text = self.page_of(document_id, number).text
        except WenjuError:
            return None  # deleted meanwhile
        return text if len(text) < 40_000 else None


def _own_alone(passages: Sequence[Passage]) -> bool:
    """Whether the sections say that the page is of the parent company's own statements."""
    return all(any(PARENT.search(s) for s in p.section_path) for p in passages)


def _begins(header: str, text: str) -> bool:
    """Whether the header's last line stands in the text itself, before any row of figures."""
    last = header.split(" / ")[-1].strip()
    before, found, _ = text.partition(last) if last else ("", "", "")
    return bool(found) and not re.search(r"\t[^\n]*\d", before)


def _place(row: str, passages: Sequence[Passage]) -> tuple[Passage, int, int] | None:
    for passage in passages:
        at = passage.text.find(row)
        if at >= 0:
            return passage, at, at + len(row)
    return None


def own_year(passage: Passage) -> int | None:
    """The fiscal year that the passage's document is about."""
    if passage.about.fiscal_year:
        return passage.about.fiscal_year
    stated = years(f"{passage.document}\n{passage.title}")
    stated |= {int(y) for y in re.findall(r"(?<!\d)((?:19|20)\d{2})(?!\d)", passage.document)}
    return max(stated) if stated else None


def whole_passage(chunk: StoredChunk) -> Passage:
    """A chunk that no search ranked, as a passage."""
    return Passage(
        rank=0,
        chunk_id=chunk.id,
        document_id=chunk.document_id,
        document=chunk.document,
        title=chunk.title,
        page_start=chunk.page_start,
        page_end=chunk.page_end,
        section_path=chunk.section_path,
        table_header=chunk.table_header,
        text=chunk.text,
        char_start=chunk.char_start,
        char_end=chunk.char_end,
        boxes=chunk.boxes,
        language=chunk.language,
        page_kind=chunk.page_kind,
        score=0.0,
        page_type=chunk.page_type,
        about=chunk.about,
    )
