"""What a document is about: its company, what kind of report it is, and for which period.

Promises: read from the first pages, the file's information and its name, by the forms that such papers
share (a registrant's cover, a release's dateline, 公司简称), never from a list of companies; what is not
stated stays empty, and a document that is no report of a company (a contract, a manual) stays empty
altogether; the text says more than the name of the file, and a file called scan0001.pdf costs only what
stands nowhere else; bounded: a few pages are looked at, a fiscal year's naming in some tens of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ingest.about_companies import Companies, chinese_companies, english_companies
from ingest.about_periods import Stated, chinese_period, english_period
from rag.records import About, Document, Page, ParsedDocument, ReportType
from rag.text.companies import clean_name, is_chinese, name_key, short_name
from rag.text.file_names import about_from_name
from rag.text.reports import report_types_in

COVER_PAGES = 2
FRONT_PAGES = 12  # company information of a Chinese annual report stands on its first ten pages
FRONT_CHARS = 40_000
NAMING_CHARS = 400_000  # where a fiscal year's own name is looked for
MAX_ALIASES = 8
_TITLE_KEYS = ("title", "subject")
EDITABLE: Final = ("company", "ticker", "report_type", "fiscal_year", "fiscal_period", "date", "aliases")


@dataclass(frozen=True, slots=True)
class Texts:
    """What is read: ``cover`` the first pages, ``front`` some more, ``body`` for counting, ``info`` the
    titles that the file's information gives."""

    cover: str
    front: str
    body: str
    info: str


def about_of(parsed: ParsedDocument, name: str) -> About:
    """What ``parsed`` is about. ``name`` is the uploaded file's name."""
    texts = _texts(parsed.pages, [parsed.metadata.get(key, "") for key in _TITLE_KEYS])
    from_name = about_from_name(name)
    chinese = is_chinese(texts.cover[:2000]) or (parsed.language == "zh" and not texts.cover.strip())
    kind = _report_type(texts, chinese) or from_name.report_type
    companies: Companies = (chinese_companies if chinese else english_companies)(
        texts.cover, texts.front, texts.info, bool(kind)
    )
    if not kind and not companies.registrant:
        return About()
    company = companies.company
    aliases = list(companies.aliases)
    if from_name.company:
        if not company:
            company = from_name.company
        else:
            aliases.append(from_name.company)
    stated: Stated = (chinese_period if chinese else english_period)(
        texts.cover, texts.info, texts.body, kind, from_name.fiscal_year
    )
    if stated.year is None and from_name.fiscal_year is not None:
        stated = replace(stated, year=from_name.fiscal_year, part=stated.part or from_name.fiscal_period)
    if not company and stated.year is None:
        return About()
    part = stated.part
    if not part:
        part = {"annual": "FY", "half_year": "H1"}.get(kind, from_name.fiscal_period)  # type: ignore[assignment]
    ticker = companies.ticker or from_name.ticker
    return About(
        company=company,
        ticker=ticker,
        report_type=kind,
        fiscal_year=stated.year,
        fiscal_period=part,
        date=stated.date or from_name.date,
        aliases=_distinct(company, ticker, [short_name(company), *aliases] if company else []),
    )


def with_about(document: Document, parsed: ParsedDocument) -> ParsedDocument:
    """``parsed`` with what it is about, and with the values that a person has set for ``document``."""
    about = about_of(parsed, document.name)
    edited = {f: getattr(document.about, f) for f in document.about_edited if f in EDITABLE}
    title = document.title if "title" in document.about_edited else parsed.title
    return replace(parsed, about=replace(about, **edited), title=title)


def _texts(pages: Sequence[Page], info: Sequence[str]) -> Texts:
    def joined(count: int, limit: int) -> str:
        found, size = [], 0
        for page in pages[:count]:
            found.append(page.text[: limit - size])
            size += len(page.text)
            if size >= limit:
                break
        return "\n".join(found)

    return Texts(
        joined(COVER_PAGES, FRONT_CHARS // 2),
        joined(FRONT_PAGES, FRONT_CHARS),
        joined(len(pages), NAMING_CHARS),
        "\n".join(clean_name(i) for i in info if i),
    )


# Lines that say what a paper is stand alone; a sentence that mentions a report does not make one.
_MENTION: Final = re.compile(
    r"incorporated (?:herein )?by reference|pursuant to (?:rule|item)|\bsee\b|\bour\b|\bthis\b|item \d|\.{3}"
)
_EARNINGS: Final = re.compile(
    r"\b(?:reports?|announces?|delivers?|posts?)\b.{0,80}?\b(?:results|earnings)\b|"
    r"\b(?:first|second|third|fourth|[1-4]q|q[1-4]|full[\s-]year)\b.{0,50}?\b(?:results|earnings)\b|"
    r"\breported (?:financial )?results for the\b|\bannounced (?:its )?(?:financial )?results for the\b|"
    r"业绩(?:快报|公告|公报)",
    re.IGNORECASE,
)
_RELEASE: Final = re.compile(
    r"for immediate release|\bexhibit 99|business wire|pr ?newswire|globe ?newswire|"
    r"\btoday (?:announced|reported)\b|reported (?:sales|results)",
    re.IGNORECASE,
)
_SEC_COVER: Final = re.compile(
    r"^\W*form\s+(?:10|8|20|40|6)-?\s?[kqf](?:405|/a)?\W*$", re.IGNORECASE | re.MULTILINE
)


def _report_type(texts: Texts, chinese: bool) -> ReportType:
    """From the cover's lines, then from the title in the file's information."""
    head = texts.cover[:6000]
    found = _SEC_COVER.search(head[:3000])
    if found:
        named = report_types_in(found.group())
        if named:
            return named[0].kind
    lines = [line.strip() for line in head.splitlines()]
    opening = "\n".join([x for x in lines if x][:8])
    if not chinese and _RELEASE.search(head[:4000]) and _EARNINGS.search(opening):
        return "earnings"
    for line in [x for x in lines if x][: 60 if chinese else 40]:
        named = report_types_in(line)
        if chinese and named and len(line) <= 40 and not re.search(r"[，。；：]", line):
            return named[0].kind
        if not chinese and named and len(line) <= 70 and not _MENTION.search(line.lower()):
            return named[0].kind
    if not chinese and (_RELEASE.search(head) and (_EARNINGS.search(head) or _quarterly_figures(head))):
        return "earnings"
    for line in texts.info.splitlines():
        named = report_types_in(line)
        if named:
            # An exhibit of an 8-K that reports a quarter's results is the release itself.
            release = named[0].kind == "current" and re.search(r"exhibit|ex-?99", line, re.IGNORECASE)
            return "earnings" if release and _EARNINGS.search(head) else named[0].kind
    if not chinese and _EARNINGS.search(opening):
        return "earnings"
    return ""


def _quarterly_figures(head: str) -> bool:
    return bool(
        re.search(r"\b(?:first|second|third|fourth)[\s-]quarter\b.{0,60}\bearnings per share", head, re.I)
    )


def _distinct(company: str, ticker: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names that say something new, at most MAX_ALIASES."""
    seen = {name_key(company), name_key(ticker), ""}
    found: list[str] = []
    for name in names:
        name = clean_name(name)
        key = name_key(name)
        if key not in seen and 2 <= len(key) <= 80 and not key.isdigit():
            seen.add(key)
            found.append(name)
    return tuple(found[:MAX_ALIASES])
