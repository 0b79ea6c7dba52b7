"""Whose report it is: the company of a cover, a release or a page of company information.

Promises: names are found by where they stand and by their legal form, never by a list; a name printed in
capitals is written as the text writes it elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from rag.text.companies import ENGLISH_COMPANY, clean_name, name_key, short_name


@dataclass(frozen=True, slots=True)
class Companies:
    """``registrant``: the paper is a company's own filing by its form, whatever else is known."""

    company: str = ""
    ticker: str = ""
    aliases: tuple[str, ...] = ()
    registrant: bool = False


_MAX_NAME = 90
_EXACT: Final = re.compile(r"\(?\s*exact\s+name\s+of\s+(?:the\s+)?(?:registrant|company)", re.IGNORECASE)
_COMMISSION: Final = re.compile(r"commission\s+file\s+(?:number|no)[^\n]{0,60}", re.IGNORECASE)
_RULE: Final = re.compile(r"^[\W_]*$")
_SYMBOL: Final = re.compile(
    r"(?P<name>[A-Z0-9][^\n()“”]{1,80}?)\s*\(\s*(?:NYSE(?:\s+(?:American|Arca))?|NASDAQ(?:GS|GM|CM)?|AMEX|LSE|ASX|TSX|"
    r"HKEX|SEHK|SGX|OTC\w*|Euronext[^:)]{0,20}|Nasdaq[^:)]{0,30}|New York Stock Exchange)\s*:\s*"
    r"[“\"]?(?P<ticker>[A-Z0-9][A-Z0-9.-]{0,9})[”\"]?"
)
_TRADING: Final = re.compile(
    r"(?i:common|ordinary|class a)[^\t\n]{0,80}(?:\t|\s{2,})\s*"
    r"[“\"]?(?P<ticker>[A-Z]{1,5}(?:\.[A-Z])?)[”\"]?(?=\t|\s{2,}|\s[A-Z][a-z])"
)
_HAS_SYMBOLS: Final = re.compile(r"trading\s+symbol|ticker\s+symbol", re.IGNORECASE)
_DEFINED: Final = re.compile(r"[“\"]([^”\"\n]{2,40})[,.]?[”\"]")
_FORMERLY: Final = re.compile(
    r"\(?\bformerly\s+(?:known\s+as\s+)?[“\"]?([A-Z][\w&.,' -]{1,50}?)[”\")]", re.IGNORECASE
)
_FILED: Final = re.compile(r"\bform\s+\S+\s+for\s+(?P<name>.{2,60}?)\s+filed\b", re.IGNORECASE)
_ISSUER: Final = re.compile(
    r"^(?:\S+\s+-\s+)?\d\d/\d\d/\d{4}\s+-\s+(?P<name>.{2,60})$|^10-[KQ]\s+-\s+.{8,12}\s+-\s+(?P<n2>.{2,60})$"
)
_HEADLINE: Final = re.compile(
    r"^\W*(?P<name>[A-Z0-9][\w&.,'’ -]{1,60}?)\s+(?:reports|announces?|delivers?|posts?)\b", re.IGNORECASE
)
_TITLED: Final = re.compile(
    r"^\W*(?P<name>[A-Z][\w&.,'’ -]{1,60}?)[\s,:–—-]+(?:(?:19|20)\d\d\s+)?"
    r"(?:[Aa]nnual|ANNUAL|[Ii]nterim|INTERIM|[Hh]alf[- ][Yy]ear(?:ly)?|[Qq]uarterly|[Ii]ntegrated)\s+"
    r"(?:[Rr]eport|REPORT)\b"
)
# What a filing calls its company without naming it.
_GENERIC: Final = frozenset(
    [
        "company", "registrant", "corporation", "group", "we", "us", "our", "issuer", "the", "trust", "fund",
        "partnership", "parent", "exchange", "act", "sec", "annual", "meeting", "securities", "commission",
        "board", "management", "subsidiaries", "successor", "predecessor",
    ]
)  # fmt: skip


def english_companies(cover: str, front: str, info: str, report: bool) -> Companies:
    """The registrant of a cover page; else, of a report, who releases it, whom the file's information names,
    or the company that a line of the first pages consists of."""
    head = cover[:8000]
    exact = _EXACT.search(head)
    name = _line_before(head, exact.start()) if exact else ""
    registrant = bool(name)
    symbol = _SYMBOL.search(head)
    if not name and report:
        if commission := _COMMISSION.search(head):
            name = _line_after(head, commission.end())
        if not name and symbol:
            name = _tail_name(symbol.group("name"))
        if not name and (filed := _FILED.search(info) or _ISSUER.search(info)):
            name = clean_name(filed.groupdict().get("name") or filed.groupdict().get("n2") or "")
        if not name:
            name = _company_line(head)
        if not name:
            name = _titled(head) or _speaker(head)
    if not name:
        return Companies()
    name = _as_written(name, front)
    ticker = symbol.group("ticker") if symbol and not registrant else ""
    if not ticker and _HAS_SYMBOLS.search(head) and (trading := _TRADING.search(head)):
        ticker = trading.group("ticker")
    return Companies(name, ticker.upper(), tuple(_aliases(name, front)), registrant)


def _line_before(text: str, at: int) -> str:
    lines = [x for x in text[:at].splitlines() if not _RULE.match(x)]
    return _plausible(lines[-1]) if lines else ""


def _line_after(text: str, at: int) -> str:
    for line in text[at : at + 400].splitlines():
        if not _RULE.match(line):
            name = _plausible(line)
            return name if name and (ENGLISH_COMPANY.search(name) or name.isupper()) else ""
    return ""


def _plausible(line: str) -> str:
    name = clean_name(line.split("\t")[0])
    if not 2 <= len(name) <= _MAX_NAME or sum(c.isalpha() for c in name) < 2 or re.search(r"\d{4,}|:", name):
        return ""
    return name


def _tail_name(before: str) -> str:
    """The name at the end of a sentence's beginning: "Las Vegas, Nevada, February 8, 2023 – MGM Resorts"."""
    return _plausible(re.split(r"\s[-–—]+\s*|--\s*|:\s", before)[-1])


def _company_line(head: str) -> str:
    """The first line of the first page that is nothing but a company's name."""
    for line in head.splitlines()[:60]:
        name = _plausible(line)
        alone = name[:1].isupper() and len(name.split()) <= 8 and ENGLISH_COMPANY.search(f" {name}")
        if alone and not re.search(r"\b(?:of|by|for|to|and its|with)\b", name):
            return name
    return ""


def _titled(head: str) -> str:
    """Whose report a title says it is: "Halden Ferries AS Annual Report 2025"."""
    for line in [x for x in head.splitlines() if x.strip()][:12]:
        found = _TITLED.match(line)
        words = found.group("name").split() if found else []
        if words and len(words) <= 6 and not all(w.lower().strip("’'s") in _GENERIC for w in words):
            return _plausible(" ".join(words))
    return ""


def _speaker(head: str) -> str:
    """Whose headline it is: "Amcor reports fiscal 2023 results"."""
    for line in [x for x in head.splitlines() if x.strip()][:12]:
        found = _HEADLINE.match(line)
        if found and len(found.group("name").split()) <= 6:
            return _plausible(found.group("name"))
    return ""


def _as_written(name: str, front: str) -> str:
    """Not in capitals, where the text writes it otherwise; in capitals every word else its own way."""
    letters = [c for c in name if c.isalpha()]
    if not letters or not all(c.isupper() for c in letters):
        return name
    for wanted in (name, short_name(name)):
        pattern = r"\s+".join(re.escape(word) for word in wanted.split())
        for found in re.finditer(pattern, front, re.IGNORECASE):
            if any(c.islower() for c in found.group()) and not found.group()[0].islower():
                rest = name[len(wanted) :] if name.startswith(wanted) else ""
                return clean_name(" ".join(found.group().split()) + _capitalised(rest))
    return name


def _capitalised(tail: str) -> str:
    return re.sub(
        r"[A-Z]{2,}", lambda m: m.group() if m.group() in ("LLC", "LLP") else m.group().capitalize(), tail
    )


def _aliases(name: str, front: str) -> list[str]:
    """Names that the text defines beside the full one: (“Pfizer”), “MGM Resorts”, formerly Square."""
    found: list[str] = []
    key = name_key(name)
    short = name_key(short_name(name))
    pattern = r"\s+".join(re.escape(w) for w in short_name(name).split())
    for at in list(re.finditer(pattern, front, re.IGNORECASE))[:12]:
        around = front[at.end() : at.end() + 160]
        bracket = re.match(r"[^()“”\"]{0,60}\(?[^()]{0,90}", around)
        for quoted in _DEFINED.findall(bracket.group() if bracket else ""):
            alias = clean_name(quoted)
            words = alias.lower().split()
            if (
                not 1 <= len(words) <= 4
                or all(w.strip("’'s") in _GENERIC for w in words)
                or not alias[:1].isupper()
            ):
                continue
            if _abbreviates(name_key(alias), short, name):
                found.append(alias)
        former = _FORMERLY.search(around[:100])
        if former and name_key(former.group(1)) not in (key, short):
            found.append(short_name(former.group(1)))
    return found


def _abbreviates(alias: str, short: str, name: str) -> bool:
    initials = "".join(w[0] for w in re.findall(r"[A-Za-z0-9]+", name)).lower()
    return bool(alias) and (short.startswith(alias) or (initials.startswith(alias) and len(alias) >= 2))


_ZH_COMPANY = (
    r"[\u4e00-\u9fff（）()·A-Za-z0-9]{2,40}?"
    r"(?:股份有限公司|有限责任公司|有限公司|集团公司|银行(?![\u4e00-\u9fff]))"
)
_SEP = r"[\s|:：\t]{0,8}"
_ZH_LABELLED: Final = re.compile(
    rf"(?:公司(?:的)?中文名称|法定中文名称|公司名称|发行人名称|中文名称){_SEP}(?P<name>{_ZH_COMPANY})(?![\u4e00-\u9fff])"
)
_ZH_LINE: Final = re.compile(
    rf"^\s*(?P<name>{_ZH_COMPANY})\s*(?P<rest>(?:(?:19|20)\d\d|二[〇零○]|第|关于|首次|半?年度|公开|招股).*)?$",
    re.MULTILINE,
)
_ZH_SHORT: Final = re.compile(
    rf"(?:公司简称|股票简称|证券简称|中文简称|公司(?:的)?中文简称|A股简称){_SEP}[“\"]?(?P<name>[\u4e00-\u9fffA-Za-z0-9*]{{2,12}}?)(?=[”\"\s|，。；;）)]|股票代码|证券代码|编号|$)"
)
_ZH_CODE: Final = re.compile(
    rf"(?:公司代码|股票代码|证券代码|股份代号|A股代码){_SEP}(?:[A-Za-z]{{0,4}}[.:]?)(?P<code>\d{{4,6}})(?!\d)"
)
_ZH_TABLE: Final = re.compile(r"股票简称[\s|]+股票代码(?:[\s|]+变更前股票简称)?\s*\n(?P<row>[^\n]{0,200})")
_ZH_FOREIGN: Final = re.compile(
    rf"(?:外文名称|英文名称|法定英文名称)(?:（如有）|\(如有\))?{_SEP}[“\"]?"
    rf"(?P<name>[A-Za-z][A-Za-z0-9&.,，'’()\- ]{{2,90}})"
)
_ZH_FOREIGN_SHORT: Final = re.compile(
    rf"(?:外文名称缩写|英文简称|英文缩写|外文简称)(?:（如有）|\(如有\))?{_SEP}[“\"]?"
    rf"(?P<name>[A-Za-z][A-Za-z0-9&. \-]{{1,40}})"
)
_ZH_FORMER: Final = re.compile(rf"(?:曾用名|前身为){_SEP}[“\"]?(?P<name>{_ZH_COMPANY})")


def chinese_companies(cover: str, front: str, info: str, report: bool) -> Companies:
    """The company of a Chinese report: by its labels, else by the line of the cover that names it."""
    head = cover[:6000]
    labelled = _ZH_LABELLED.search(front)
    line = _ZH_LINE.search(head[:1500])
    code, short = _ZH_CODE.search(front), _ZH_SHORT.search(front)
    name = labelled.group("name") if labelled and (report or code) else ""
    dated = bool(line and re.match(r"(?:19|20)\d\d|二[〇零○]", line.group("rest") or ""))
    if not name and line and (report or code or dated):
        name = line.group("name")
    if not name and report and short:
        name = short.group("name")
    if not name:
        return Companies()
    aliases = [
        m.group("name") for m in (short, _ZH_FOREIGN.search(front), _ZH_FOREIGN_SHORT.search(front)) if m
    ]
    if table := _ZH_TABLE.search(front):
        cells = [c for c in re.split(r"[\t| ]+", table.group("row")) if c]
        aliases += [
            c
            for c in cells
            if re.fullmatch(r"[\u4e00-\u9fffA-Za-z*]{2,8}", c) and not re.search(r"交易所|股$|适用", c)
        ]
    aliases += [m.group("name") for m in list(_ZH_FORMER.finditer(front))[:2]]
    cleaned = [clean_name(a.replace("，", ",")).rstrip(" .（(/") for a in aliases]
    ticker = code.group("code") if code else ""
    return Companies(clean_name(name), ticker, tuple(a for a in cleaned if a), bool(code and short) or dated)
