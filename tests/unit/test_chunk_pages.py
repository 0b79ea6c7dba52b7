"""Chunks: where they are cut, what they carry, and what always holds."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from ingest.chunk import MAX_BOXES, MIN_TOKENS, Chunker
from rag.records import Chunk, Heading, Line, Page, ParsedDocument, Table
from rag.settings import ChunkSettings
from rag.testing import WordTokenizer
from rag.text.context import context_header, embedded_text
from rag.text.normalise import normalise

WORDS = ["revenue", "profit", "cash", "营业收入", "净利润", "the", "of", "and", "2021", "increased", "by"]


class TrainedTokenizer:
    """A real tokenizer, trained on a few words: everything else is cut into small pieces."""

    def __init__(self, model: str, max_tokens: int = 64) -> None:
        if model == "wordpiece":
            self.inner = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
            self.inner.normalizer = normalizers.BertNormalizer()
            self.inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
            trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[UNK]"])
        else:
            self.inner = Tokenizer(models.BPE())
            self.inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
            trainer = trainers.BpeTrainer(
                vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
            )
        self.inner.train_from_iterator(WORDS * 5, trainer)
        self.max_tokens = max_tokens
        self.special_tokens = 2

    def offsets(self, text: str) -> Sequence[tuple[int, int]]:
        return self.inner.encode(text, add_special_tokens=False).offsets

    def count(self, text: str) -> int:
        return len(self.inner.encode(text, add_special_tokens=False))


class LyingTokenizer(WordTokenizer):
    """Sees words on a page, but counts characters: cuts must hold all the same."""

    def count(self, text: str) -> int:
        return len(text)


TOKENIZERS = {
    "words": WordTokenizer(64),
    "wordpiece": TrainedTokenizer("wordpiece"),
    "bytes": TrainedTokenizer("bytes"),
    "lying": LyingTokenizer(64),
}
LIMITS = ChunkSettings(max_tokens=48, context_tokens=16)


def document(*texts: str, title: str = "", **more: object) -> ParsedDocument:
    pages = tuple(Page(number, text) for number, text in enumerate(texts, 1))
    return ParsedDocument("text/plain", title, "en", pages, **more)  # type: ignore[arg-type]


def chunk(parsed: ParsedDocument, limit: int = 64) -> list[Chunk]:
    return Chunker(WordTokenizer(512), ChunkSettings(max_tokens=limit)).chunk(parsed)


def sentence(start: int, words: int) -> str:
    return "W" + " ".join(f"w{n}" for n in range(start, start + words - 1)) + "."


# ---------------------------------------------------------------- what always holds

PIECES = [
    "Revenue rose by 12.5% in 2021. ",
    "营业收入同比增长。",
    "a\tb\tc\n",
    "\n\n",
    "x" * 70,
    "Item 7. ",
    "— ",
]
PIECES += [
    "\u200b",
    "净利润\t1,577\n",
    "word ",
    "Hello! ",
    "，",
    "\n",
    "a clause, a comma; and: it ",
    "ﬁ①",
    "🙂",
    "e\u0301",
]
pieces = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
texts = pieces | st.text(max_size=200)


@st.composite
def documents(draw: st.DrawFn) -> ParsedDocument:
    pages = []
    for number, text in enumerate(draw(st.lists(texts, max_size=4)), 1):
        spans = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)
        headings = tuple(
            Heading(*draw(spans), draw(st.integers(1, 4))) for _ in range(draw(st.integers(0, 3)))
        )
        tables = tuple(
            Table(*draw(spans), draw(st.sampled_from(["", "a\tb\tc", "long header " * 40])))
            for _ in range(draw(st.integers(0, 2)))
        )
        lines = tuple(Line(*draw(spans), 0.1, 0.2, 0.3, 0.4) for _ in range(draw(st.integers(0, 3))))
        pages.append(Page(number, text, lines=lines, headings=headings, tables=tables))
    title = draw(st.sampled_from(["", "Annual report", "标题" * 60, "t" * 300]))
    return ParsedDocument("text/plain", title, "en", tuple(pages))


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(parsed=documents())
@settings(max_examples=40, deadline=None)
def test_what_always_holds(kind: str, parsed: ParsedDocument) -> None:
    tokenizer = TOKENIZERS[kind]
    chunker = Chunker(tokenizer, LIMITS)
    chunks = chunker.chunk(parsed)
    assert chunks == chunker.chunk(parsed)
    assert [c.ordinal for c in chunks] == list(range(len(chunks)))
    text = parsed.text
    covered = 0
    seen = set()
    starts = {p.number: sum(len(q.text) + 1 for q in parsed.pages[: p.number - 1]) for p in parsed.pages}
    dropped: list[str] = []
    for found in chunks:
        assert text[found.char_start : found.char_end] == found.text
        assert found.char_start >= covered
        dropped.append(text[covered : found.char_start])
        covered = found.char_end
        page = parsed.pages[found.page_start - 1]
        assert found.page_start == found.page_end
        start = starts[page.number]
        assert start <= found.char_start < found.char_end <= start + len(page.text)
        assert found.text == found.text.strip()
        assert found.text
        embedded = chunker.embedded(parsed.title, found)
        assert embedded.endswith(found.text)
        assert found.token_count == tokenizer.count(embedded) + tokenizer.special_tokens
        if kind != "lying" or len(found.text) > 1:
            assert found.token_count <= 48
        seen.add((embedded, found.text))
    assert len(seen) == len(chunks)
    # What no chunk holds is blank, cannot be seen, or stands in other chunks word for word.
    kept = {bare(c.text) for c in chunks}
    dropped.append(text[covered:])
    for piece in dropped:
        assert is_made_of(bare(piece), kept)


def test_units_inside_one_token_are_all_kept() -> None:
    page = Page(1, "x" * 70, headings=(Heading(0, 60, 1),))
    chunker = Chunker(LyingTokenizer(64), ChunkSettings(max_tokens=48))
    chunks = chunker.chunk(ParsedDocument("text/plain", "标题" * 70, "en", (page,)))
    assert (60, 70) in [(c.char_start, c.char_end) for c in chunks]


def bare(text: str) -> str:
    return "".join(c for c in text if normalise(c).strip())


def is_made_of(text: str, words: set[str]) -> bool:
    reached = {0}
    for end in range(1, len(text) + 1):
        if any(end - len(w) in reached and text.startswith(w, end - len(w)) for w in words if w):
            reached.add(end)
    return len(text) in reached


# ---------------------------------------------------------------- where it is cut


def test_a_short_page_is_one_chunk_with_its_context() -> None:
    parsed = document("Revenue rose. Costs fell.", title="Annual report")
    (only,) = chunk(parsed)
    assert only.text == "Revenue rose. Costs fell."
    chunker = Chunker(WordTokenizer(512), ChunkSettings())
    assert chunker.embedded("Annual report", only) == "Annual report\nRevenue rose. Costs fell."
    assert only.token_count == 6 + 2 + 2


def test_a_chunk_never_spans_pages() -> None:
    found = chunk(document("one two", "", "three"))
    assert [(c.page_start, c.page_end, c.text) for c in found] == [(1, 1, "one two"), (3, 3, "three")]


def test_cuts_fall_between_sentences_and_halves_are_balanced() -> None:
    text = " ".join(sentence(10 * n, 10) for n in range(7))  # 77 tokens, 62 fit
    found = chunk(document(text))
    assert len(found) == 2
    assert all(c.text.endswith(".") and c.text.startswith("W") for c in found)
    assert min(c.token_count for c in found) > 30


def test_a_heading_stays_with_its_text_and_names_the_section() -> None:
    first, second = sentence(0, 50), sentence(100, 50)
    text = f"{first}\nRisk factors\n{second}"
    at = text.index("Risk")
    page = Page(1, text, headings=(Heading(at, at + len("Risk factors"), 1),))
    after = Page(2, "Still the same section.")
    found = chunk(ParsedDocument("text/plain", "", "en", (page, after)), 96)
    assert [c.text for c in found] == [first, f"Risk factors\n{second}", "Still the same section."]
    assert [c.section_path for c in found] == [(), ("Risk factors",), ("Risk factors",)]


def test_a_running_header_above_the_first_heading_does_not_keep_the_old_section() -> None:
    first = "Market risk\n\nRates may change at any time."
    second = "Calder Ridge | Report\n\nFinancial statements\n\nIncome rose a little."
    pages = (
        Page(1, first, headings=(Heading(0, len("Market risk"), 1),)),
        Page(2, second, headings=(Heading(23, 23 + len("Financial statements"), 1),)),
    )
    chunks = chunk(ParsedDocument("text/plain", "Report", "en", pages))
    assert [c.section_path for c in chunks] == [("Market risk",), ("Financial statements",)]


def test_section_path_nests_and_unwinds() -> None:
    body = sentence(0, 60)
    text = f"A\nB\n{body}\nC\n{body[::-1]}\nD\n{body[1:]}"
    headings = tuple(
        Heading(text.index(f"{name}\n"), text.index(f"{name}\n") + 1, level)
        for name, level in (("A", 1), ("B", 2), ("C", 2), ("D", 1))
    )
    found = chunk(ParsedDocument("text/plain", "", "en", (Page(1, text, headings=headings),)), 90)
    assert [c.section_path for c in found] == [("A", "B"), ("A", "C"), ("D",)]


def test_a_paragraph_named_as_heading_gives_its_first_words_to_the_path() -> None:
    heading = (
        "二、报告期内主要经营情况 报告期内公司实现营业收入158,191万元，同比增加40.39%，实现净利润40,620万元"
    )
    text = f"{heading}\n\n研发投入合计为两亿元。"
    page = Page(1, text, headings=(Heading(0, len(heading), 1),))
    (only,) = chunk(ParsedDocument("text/plain", "年报", "zh", (page,)), limit=200)
    assert only.section_path == ("二、报告期内主要经营情况 报告期内公司实现营业收入158,191万元",)


def test_table_rows_stay_whole_and_carry_their_header() -> None:
    header = "Item\t2021\t2020"
    rows = [f"Line {n}\t{n},577\t{n},200" for n in range(30)]
    text = "Table 1: Revenue\n" + "\n".join([header, *rows])
    start = text.index(header)
    page = Page(1, text, tables=(Table(start, len(text), header),))
    on = Page(2, "\n".join(rows[:3]).replace("Line", "More"), tables=(Table(0, 10_000, header),))
    found = chunk(ParsedDocument("text/plain", "", "en", (page, on)), 96)
    assert len(found) > 3
    assert found[0].text.startswith("Table 1: Revenue\nItem\t2021\t2020\nLine 0\t")
    assert found[0].table_header == ""
    lines = set(text.split("\n"))
    for other in found[1:-1]:
        assert other.table_header == header
        assert set(other.text.split("\n")) <= lines
        assert header not in other.text
    assert found[-1].page_start == 2
    assert found[-1].table_header == header


def test_a_sentence_without_end_is_cut_at_clauses_words_and_tokens() -> None:
    clauses = ", ".join(" ".join(f"c{n}x{m}" for m in range(12)) for n in range(12))
    assert all(c.text.endswith(",") for c in chunk(document(clauses))[:-1])
    words = " ".join(f"w{n}" for n in range(300))
    assert re.split(r"\s+", " ".join(c.text for c in chunk(document(words)))) == words.split()
    solid = "".join(chr(0x4E00 + n) for n in range(500))
    assert "".join(c.text for c in chunk(document(solid))) == solid
    blob = "".join(chr(97 + n % 26) * (1 + n % 7) for n in range(5000))  # one token of 20,000 letters
    found = chunk(document(blob))
    assert "".join(c.text for c in found) == blob
    assert max(len(c.text) for c in found) <= 64 * 24


def test_fragments_join_their_neighbour() -> None:
    text = "\n\n".join([sentence(0, 100), "Page footer 17", sentence(200, 100)])
    found = chunk(document(text), 128)
    assert min(c.token_count for c in found) > MIN_TOKENS
    assert sum("footer" in c.text for c in found) == 1


def test_a_repeated_page_is_kept_once_and_a_footer_hides_nothing() -> None:
    footer = "Confidential. Annual report."
    parsed = document(
        "This page is left blank.", f"Words one.\n{footer}", "This page is left blank.", f"Two.\n{footer}"
    )
    assert [c.page_start for c in chunk(parsed)] == [1, 2, 4]


def test_boxes_are_those_of_the_lines_and_capped() -> None:
    rows = [f"line {n} has words." for n in range(200)]
    text = "\n".join(rows)
    lines, at = [], 0
    for n, row in enumerate(rows):
        lines.append(Line(at, at + len(row), 0.1, n / 200, 0.9, (n + 1) / 200))
        at += len(row) + 1
    found = chunk(ParsedDocument("application/pdf", "", "en", (Page(1, text, lines=tuple(lines)),)), 512)
    for c in found:
        held = [n for n in range(200) if lines[n].start < c.char_end and lines[n].end > c.char_start]
        assert 0 < len(c.boxes) <= MAX_BOXES
        assert c.boxes[0].y0 == held[0] / 200
        assert c.boxes[-1].y1 == (held[-1] + 1) / 200


def test_language_is_the_chunks_own_or_the_documents() -> None:
    found = chunk(document("营业收入同比增长。", "1,577 2,000", "Revenue rose."))
    assert [c.language for c in found] == ["zh", "en", "en"]


def test_the_header_never_crowds_out_the_text() -> None:
    long_path = tuple(f"section number {n} with a long name" for n in range(8))
    headings, text = [], ""
    for level, name in enumerate(long_path, 1):
        headings.append(Heading(len(text), len(text) + len(name), level))
        text += name + "\n"
    text += sentence(0, 200)
    page = Page(1, text, headings=tuple(headings))
    parsed = ParsedDocument("text/plain", "A title of some length", "en", (page,))
    for c in Chunker(WordTokenizer(64), ChunkSettings(context_tokens=20)).chunk(parsed)[1:]:
        header = context_header(parsed.title, c.section_path, c.table_header)
        assert WordTokenizer().count(header) <= 20
        assert c.section_path[-1] == long_path[-1]
        assert c.token_count == WordTokenizer().count(embedded_text(header, c.text)) + 2 <= 64


def test_fingerprint_follows_settings_and_limit() -> None:
    base = ChunkSettings()
    prints = {
        Chunker(WordTokenizer(256), base).fingerprint,
        Chunker(WordTokenizer(512), base).fingerprint,
        Chunker(WordTokenizer(256), base.model_copy(update={"max_tokens": 300})).fingerprint,
        Chunker(WordTokenizer(256), base.model_copy(update={"context_tokens": 9})).fingerprint,
    }
    assert len(prints) == 4
    assert Chunker(WordTokenizer(256), base).fingerprint in prints


def test_nothing_gives_nothing() -> None:
    assert chunk(document()) == []
    assert chunk(document("", " \n\t", "\u200b\u2060")) == []
    assert dataclasses.is_dataclass(chunk(document("x"))[0])
