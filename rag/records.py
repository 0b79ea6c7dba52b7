"""The frozen records that cross room boundaries. Nothing here does I/O.

Coordinates are fractions of the page (0..1), origin top left. Pages are 1-based. Character
offsets are Python string indices, end exclusive. The *document text* is the pages' texts joined
by a form feed (``"\\f"``); a chunk's ``char_start``/``char_end`` index into that string, so
``document_text[chunk.char_start:chunk.char_end] == chunk.text`` always holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

PAGE_BREAK = "\f"

DocumentStatus = Literal[
    "queued",  # waiting for a worker
    "parsing",  # a worker holds the lease and reads pages
    "embedding",  # pages are read, vectors are being computed
    "ready",  # all there: pages, chunks and vectors became visible in one transaction
    "password",  # encrypted; retry with a password
    "scanned",  # pictures of pages without text
    "garbled",  # text comes out as nonsense (broken font encodings)
    "empty",  # no pages, no text, no pictures
    "corrupt",  # not readable as what it claims to be
    "unsupported",  # another file type
    "failed",  # limits, crashes, a full disk: see the error code
]
PENDING: tuple[DocumentStatus, ...] = ("queued", "parsing", "embedding")
FINAL: tuple[DocumentStatus, ...] = (
    "ready", "password", "scanned", "garbled", "empty", "corrupt", "unsupported", "failed",
)  # fmt: skip
PageKind = Literal["physical", "estimated"]
Language = Literal["zh", "en", "other"]
AnswerMode = Literal["generative", "extractive", "refused"]
ReportType = Literal[
    "", "annual", "half_year", "quarterly", "earnings", "current", "prospectus", "proxy", "other"
]
FiscalPeriod = Literal["", "FY", "H1", "H2", "Q1", "Q2", "Q3", "Q4", "9M"]
PageType = Literal["", "cover", "income_statement", "balance_sheet", "cash_flow", "equity", "notes"]
ChipKind = Literal["company", "period", "report_type", "document"]
Support = Literal["quoted", "supported", "calculated", "weak", "unsupported", "no_claim"]
HintAction = Literal["reword", "upload", "widen", "wait", "library"]
NumberStatus = Literal["found", "recomputed", "missing"]
Review = Literal["", "accepted", "dismissed"]  # an evaluator's verdict on a reader's feedback; "" not yet
GoldenState = Literal["draft", "accepted", "rejected"]
RuleKind = Literal["forbidden", "required", "mask"]
HitState = Literal["open", "accepted", "dismissed"]  # accepted: the rule was right
HitAction = Literal["replaced", "masked", "appended", "held", "flagged", "noted"]
RunStatus = Literal["running", "done", "stopped", "failed"]
Right = Literal["read", "ask", "write", "feedback", "evaluate", "admin"]  # what an API token may be used for


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page, in fractions of its width and height, origin top left."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Line:
    """One visual line (or table row) of a page: ``page.text[start:end]`` lies inside the box."""

    start: int
    end: int
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: ``page.text[start:end]`` is its words; level 1 is the outermost."""

    start: int
    end: int
    level: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table region: rows are the lines of ``page.text[start:end]``; ``header`` is the header row's
    text (empty when unknown), possibly inherited from the table's start on an earlier page."""

    start: int
    end: int
    header: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as parsed. ``lines`` is empty for formats without geometry (Word, text)."""

    number: int
    text: str
    width_pt: float = 0.0
    height_pt: float = 0.0
    lines: tuple[Line, ...] = ()
    headings: tuple[Heading, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """What a document is about, read from its first pages and its name; "" and None: unknown. ``date`` is the
    period's end or the publication, ISO 8601. ``aliases`` are other names of the company."""

    company: str = ""
    ticker: str = ""
    report_type: ReportType = ""
    fiscal_year: int | None = None
    fiscal_period: FiscalPeriod = ""
    date: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a parser makes of a file's bytes."""

    media_type: str
    title: str
    language: Language
    pages: tuple[Page, ...]
    page_kind: PageKind = "physical"
    metadata: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()  # message codes of rag.messages, e.g. "warn.hidden_text"
    about: About = About()

    @property
    def text(self) -> str:
        return PAGE_BREAK.join(page.text for page in self.pages)


@dataclass(frozen=True, slots=True)
class Chunk:
    """An indexed unit, not yet stored. ``token_count`` counts the *embedded* text (context header
    and special tokens included) with the embedding model's own tokenizer."""

    ordinal: int
    text: str
    page_start: int
    page_end: int
    char_start: int
    char_end: int
    section_path: tuple[str, ...]
    table_header: str
    boxes: tuple[Box, ...]
    token_count: int
    language: Language
    page_type: PageType = ""


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as kept: with its id (never given out twice) and its document. Offsets and pages as in
    :class:`Chunk`."""

    id: int
    document_id: int
    collection_id: int
    document: str  # the uploaded file's name
    title: str
    page_kind: PageKind
    ordinal: int
    text: str
    page_start: int
    page_end: int
    char_start: int
    char_end: int
    section_path: tuple[str, ...]
    table_header: str
    boxes: tuple[Box, ...]
    token_count: int
    language: Language
    page_type: PageType = ""
    about: About = About()


@dataclass(frozen=True, slots=True)
class Collection:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account. ``id`` is never given out twice and never changes, ``name`` is what they type
    at sign-in."""

    id: str
    name: str
    shown_name: str
    roles: frozenset[str]
    active: bool
    must_change_password: bool
    through_oidc: bool  # signs in with the organisation's provider and has no password here
    created_at: datetime
    signed_in_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A user who may read a collection, or also write into it. Admins need no membership."""

    collection_id: int
    user_id: str
    name: str
    may_write: bool


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A key for programs. Its secret is shown once, when it is made; ``prefix`` is how it begins.
    ``collection_ids`` None: whatever its owner may read."""

    id: int
    user_id: str
    name: str
    prefix: str
    rights: frozenset[Right]
    collection_ids: frozenset[int] | None
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A file in the library, as the Library page shows it."""

    id: int
    collection_id: int
    collection: str
    name: str  # display name: the uploaded file's name; never used in a path
    sha256: str
    size_bytes: int
    status: DocumentStatus
    media_type: str = ""
    title: str = ""
    language: Language = "other"
    page_kind: PageKind = "physical"
    page_count: int = 0
    chunk_count: int = 0
    pages_done: int = 0
    chunks_done: int = 0
    error_code: str = ""
    error_params: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    source: str = ""  # where a CLI ingest read it from: the same source again is a new version
    attempts: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None
    rendition_sha256: str = ""  # original of the decrypted copy of a password-protected file; "" for none
    about: About = About()
    about_edited: tuple[str, ...] = ()  # names of the fields of ``about`` (and "title") that a person has set


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. ``rag.access`` turns it into a :class:`Scope`. ``rights`` and ``collection_ids`` narrow what
    the roles allow, None: not at all; an API token carries them."""

    user_id: str
    name: str
    roles: frozenset[str] = frozenset()
    rights: frozenset[Right] | None = None
    collection_ids: frozenset[int] | None = None
    token_id: int | None = None  # the API token it came in with


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be read. An empty ``collection_ids`` means nothing at all. ``document_ids`` narrows
    further; None means every document of those collections."""

    collection_ids: frozenset[int]
    document_ids: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk shown to the model or the reader. ``score`` is the fused score (higher is better,
    comparable within one query only); the others say what they are, None when that leg did not
    find the chunk or did not run."""

    rank: int  # 1-based
    chunk_id: int
    document_id: int
    document: str  # the uploaded file's name
    title: str
    page_start: int
    page_end: int
    section_path: tuple[str, ...]
    table_header: str
    text: str
    char_start: int
    char_end: int
    boxes: tuple[Box, ...]
    language: Language
    page_kind: PageKind
    score: float
    cosine: float | None = None
    bm25: float | None = None
    rerank_logit: float | None = None
    page_type: PageType = ""
    about: About = About()


@dataclass(frozen=True, slots=True)
class Chip:
    """Something a question was understood to name, shown so that the reader can take it away. It favours
    ``document_ids``."""

    kind: ChipKind
    text: str  # as shown: "3M", "FY2018", "annual report"
    document_ids: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """What :meth:`rag.engine.Engine.ask` takes in ``ignored_chips``."""
        return f"{self.kind}:{self.text}"


@dataclass(frozen=True, slots=True)
class Understood:
    """What was made of a question. ``queries``: what was searched, the standalone question first, then its
    parts and its translation. ``added``: words that the vocabulary added. ``ignored``: keys of chips that the
    reader took away."""

    chips: tuple[Chip, ...] = ()
    queries: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """A claim's pointer: marker ``[n]`` in the answer -> passage -> page -> boxes of the quote."""

    marker: int
    chunk_id: int
    document_id: int
    document: str
    page_start: int
    page_end: int
    quote: str
    char_start: int  # of the quote, in the document text
    char_end: int
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class NumberCheck:
    """A number of an answer, ``answer.text[start:end]``. "recomputed": it is not in the passages but follows
    from numbers that are (``formula`` says how); ``markers`` are the passages it was traced to."""

    start: int
    end: int
    text: str
    status: NumberStatus
    markers: tuple[int, ...] = ()
    formula: str = ""


@dataclass(frozen=True, slots=True)
class SentenceCheck:
    """A sentence of an answer, ``answer.text[start:end]``, held against the passages it cites. ``score``
    (0..1) is how much of it they carry."""

    start: int
    end: int
    support: Support
    score: float
    markers: tuple[int, ...] = ()
    numbers: tuple[NumberCheck, ...] = ()
    reason: str = ""  # why it is weak or unsupported: a code in rag.messages


@dataclass(frozen=True, slots=True)
class Operand:
    """A cited number that was calculated with. ``value`` is in base units (1,577 in millions: 1.577e9)."""

    text: str  # as printed in the passage
    value: float
    label: str  # the row it stands in
    period: str  # "FY2018", "" when unknown
    marker: int


@dataclass(frozen=True, slots=True)
class Calculation:
    """Arithmetic that the calculator did on cited numbers: never a model's guess."""

    name: str  # what was calculated: "gross margin"
    formula: str  # with names: "gross profit / revenue"
    expression: str  # with the printed numbers: "1,577 / 32,765"
    value: float
    result: str  # as shown, with unit: "4.81 %"
    operands: tuple[Operand, ...] = ()
    line: str = ""  # as a chat model was told it, with markers; "" when none was


@dataclass(frozen=True, slots=True)
class Degraded:
    """Something was missing and the answer came all the same. ``code`` is in rag.messages."""

    part: str  # "chat" | "calculator" | "embedding" | "dense" | "lexical" | "reranker" | "citations" ...
    code: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The standalone question that is searched (equal to the typed one without history)."""

    question: str


@dataclass(frozen=True, slots=True)
class Retrieved:
    passages: tuple[Passage, ...]
    timings_ms: Mapping[str, float]
    understood: Understood = Understood()


@dataclass(frozen=True, slots=True)
class Thinking:
    """A piece of the model's reasoning: folded away by the page, never part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Token:
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the chat server counted them (estimated when it does not say)."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Hint:
    """What would help after a refusal. ``code`` is in rag.messages; ``action`` is what the reader can do."""

    code: str
    params: Mapping[str, str] = field(default_factory=dict)
    action: HintAction = "reword"


@dataclass(frozen=True, slots=True)
class Rule:
    """What answers must or must not say. ``definition`` holds the fields of rag.answer.rules.Definition.
    ``shipped`` names a rule that came with the program, "" for an admin's own."""

    id: int
    name: str
    kind: RuleKind
    definition: Mapping[str, Any]
    active: bool
    shipped: str = ""
    edited: bool = False  # a shipped rule that an admin has changed
    created_by: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RuleHit:
    """A rule that an answer met: what was done about it, ``count`` times. Never the words themselves."""

    rule_id: int
    rule: str
    kind: RuleKind
    action: HitAction
    count: int = 1


@dataclass(frozen=True, slots=True)
class HitRecord:
    """A hit in the review queue. ``excerpt`` is what the rule met, for admins alone; ``turn_id`` None: the
    reader has deleted the conversation, or it was never kept."""

    id: int
    hit: RuleHit
    excerpt: str
    turn_id: int | None
    user_id: str
    question: str
    state: HitState
    note: str
    reviewed_by: str
    reviewed_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """The session record of one question. ``citations`` are computed from what the text cites."""

    turn_id: int | None
    conversation_id: int | None
    question: str
    standalone_question: str
    text: str
    mode: AnswerMode
    refused: bool
    refusal_code: str  # "" or a code in rag.messages, e.g. "refusal.no_evidence"
    model: str  # "" for extractive answers
    citations: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    degraded: tuple[Degraded, ...]
    incomplete: bool  # stopped by the reader, cut by the server or timed out
    thinking: str
    prompt_version: str
    timings_ms: Mapping[str, float]
    understood: Understood = Understood()
    checks: tuple[SentenceCheck, ...] = ()
    groundedness: float | None = None  # 0..1, share of claims that are supported; None: nothing was claimed
    calculations: tuple[Calculation, ...] = ()
    usage: Usage = Usage()
    adapter: str = ""  # the LoRA adapter that answered, "" for none
    from_cache: bool = False
    request_id: str = ""
    hints: tuple[Hint, ...] = ()  # of a refusal, the most helpful first
    cache_key: str = ""  # what it is or would be kept under (rag.answer.kept); "" when it cannot be
    rule_hits: tuple[RuleHit, ...] = ()
    rules_version: str = ""  # of the compliance rules it was checked by; "" for none


@dataclass(frozen=True, slots=True)
class Done:
    answer: Answer


Event = Rewritten | Retrieved | Thinking | Token | Degraded | Done


@dataclass(frozen=True, slots=True)
class Turn:
    """One logged question and answer of a conversation, with the reader's feedback."""

    id: int
    conversation_id: int
    user_id: str
    created_at: datetime
    answer: Answer
    rating: Literal[-1, 0, 1] = 0
    reasons: tuple[str, ...] = ()
    comment: str = ""
    correction: str = ""  # the right answer, as a reader wrote it
    rated_at: datetime | None = None
    review: Review = ""
    reviewed_by: str = ""
    collection_ids: frozenset[int] | None = None  # of the documents that it rests on; None: not noted


@dataclass(frozen=True, slots=True)
class OwnTerm:
    """A term that an admin added for one collection: names of one thing, the term itself first."""

    id: int
    collection_id: int
    names: tuple[str, ...]
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """A wording of what a chat model is told, for one use and language ("zh", "en"). Never changes. ``id`` 0:
    it came with the program; an empty ``text`` took saved wordings out of use."""

    id: int
    use: str
    language: str
    text: str
    note: str
    fingerprint: str  # the last part of Answer.prompt_version
    created_by: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Conversation:
    id: int
    user_id: str
    title: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class EmbeddingSpec:
    """What an index must know of its embedding model. Equal specs share vectors; any difference
    needs a re-index."""

    model: str
    revision: str
    dimension: int
    max_tokens: int
    normalized: bool
    query_instruction: str
    languages: tuple[str, ...]  # languages the model covers; ("*",) is multilingual
    chunker: str  # fingerprint of the chunker's settings

    def differs_from(self, other: EmbeddingSpec) -> tuple[str, ...]:
        """Names of the fields that differ, in declaration order."""
        return tuple(n for n in self.__slots__ if getattr(self, n) != getattr(other, n))


@dataclass(frozen=True, slots=True)
class Change:
    """One step of the store's generation: a document's chunks appeared, disappeared, or what is known of the
    document was edited ("edit": their texts and vectors stayed)."""

    generation: int
    kind: Literal["add", "delete", "edit"]
    document_id: int
    chunk_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One line of `wenju doctor` and of the readiness panel."""

    part: str  # "chat" | "embeddings" | "index" | "store" | "cache" | "ocr" | ...
    state: Literal["ok", "limited", "off", "broken"]
    code: str  # message code in rag.messages; {params} filled in
    params: Mapping[str, str] = field(default_factory=dict)
    remedy: str = ""  # the one command that would mend or improve it


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """Kept answers, counted in this process since it started. ``hit_rate`` is hits / (hits + misses), None
    before the first question. ``refused``: values that were not ours or were damaged. ``shared``: hits of
    questions that waited for the same one. ``similar``: hits of the same question in other words. Saved
    tokens are those that the chat model did not read and write again, ``saved_ms`` is the time of the answers
    that were not written again."""

    on: bool
    semantic: bool
    hits: int
    misses: int
    hit_rate: float | None
    kept: int
    evicted: int
    refused: int
    shared: int
    similar: int
    saved_prompt_tokens: int
    saved_completion_tokens: int
    saved_ms: float
    status: PartStatus  # of what they are kept in


@dataclass(frozen=True, slots=True)
class Dataset:
    """A named set of golden questions. Counted by state."""

    id: int
    name: str
    source: str
    created_by: str
    created_at: datetime
    accepted: int = 0
    drafts: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class GoldenQuestion:
    """A question with its known answer. Only accepted ones are asked; a draft waits for a person."""

    id: int
    dataset_id: int
    key: str  # its own id inside the dataset
    question: Mapping[str, Any]  # fields of evaluation.datasets.Question
    state: GoldenState
    origin: str  # "file", "generated", "turn:12"
    reviewed_by: str
    created_at: datetime
    collection_ids: frozenset[int] = frozenset()  # of the documents of the library that it names


@dataclass(frozen=True, slots=True)
class EvalRun:
    """Systems asked the questions of a dataset. ``summary`` is evaluation.summary's, {} until the end."""

    id: int
    name: str
    dataset: str
    dataset_sha256: str
    systems: tuple[Mapping[str, Any], ...]  # evaluation.runs.SystemSpec, each with its fingerprint
    settings: Mapping[str, Any]  # what the run was given besides: measures, limit, code version, library
    status: RunStatus
    asked: int
    total: int
    summary: Mapping[str, Any]
    created_by: str
    created_at: datetime
    finished_at: datetime | None = None
    collection_ids: frozenset[int] = frozenset()  # what could be searched for its answers


@dataclass(frozen=True, slots=True)
class EvalResult:
    """One question asked of one system. ``answer`` is what evaluation.runs.Output holds."""

    id: int
    run_id: int
    system: str
    question_key: str
    question: Mapping[str, Any]
    answer: Mapping[str, Any]
    measures: Mapping[str, float]
    error_class: str
    created_at: datetime
