"""How generated questions and their answers are worded, in the document's language. Pure."""

from __future__ import annotations

import re

from evaluation.cells import Cell
from rag.records import Language

_CORPORATE = re.compile(
    r",?\s+(?:Inc|Incorporated|Corp|Corporation|Company|Co|Ltd|Limited|PLC|plc|LLC|N\.V|S\.A|AG)\.?$",
    re.IGNORECASE,
)
_NOT_NAME = re.compile(
    r"^(?:\d.*|10-?[KQ].*|8-?K|FY\d*|Q\d.*|[12]\d{3}Q\d|annual|report|earnings|form|dated.*|final|年度报告|年报|半年度报告|季度报告)$",
    re.IGNORECASE,
)
_PLURAL = re.compile(
    r"(?:revenues|sales|expenses|costs|assets|liabilities|earnings|taxes|receivables?|payables?|inventories|dividends"
    r"|expenditures|deposits|loans|borrowings|securities|equivalents|proceeds|repurchases|charges|fees|purchases"
    r"|contributions|payments|premiums|maturities|sales)(?:, net)?$",
    re.IGNORECASE,
)


def company_name(company: str, file_name: str, title: str) -> str:
    """What a person would call the company: without "Inc."; from the file's name when it is not known. ""
    when neither says."""
    if company:
        return _CORPORATE.sub("", _CORPORATE.sub("", company.strip())).strip(" ,")
    chinese = re.search(r"[\u4e00-\u9fff]{2,20}?(?:股份有限公司|有限责任公司|有限公司)", title)
    stem = re.sub(r"\.[A-Za-z]{2,5}$", "", file_name)
    parts = [p for p in re.split(r"[_\-\s.]+", stem) if p and not _NOT_NAME.match(p)]
    for part in parts:
        if re.search(r"[\u4e00-\u9fff]{2}", part):
            cut = re.split(r"(?:19|20)\d{2}|年度", part)[0]
            return cut or (chinese.group() if chinese else part)
    if chinese:
        return chinese.group()
    name = " ".join(p.title() if p.isupper() and len(p) > 4 else p for p in parts)
    return name if re.search(r"[A-Za-z]{2}", name) else ""


def _verb(label: str) -> str:
    """ "were" when the first noun that a label is about is a plural: "provision for taxes" is not."""
    if re.search(r"\b(?:liabilities|expenses|cash) and\b", label, re.IGNORECASE):
        return "were"
    head = re.split(r" (?:for|of|on|from|to|in|before) ", label)[0]
    return "were" if _PLURAL.search(re.sub(r"(?:, net| paid| received| sold)+$", "", head)) else "was"


def possessive(company: str) -> str:
    return f"{company}’" if company.endswith("s") else f"{company}’s"


def item(label: str) -> str:
    """An English row label inside a sentence: lower case, abbreviations kept."""
    return " ".join(
        w if w.isupper() and len(w) > 1 else w.replace("Ebitda", "EBITDA").lower() for w in label.split()
    )


def period(cell: Cell) -> str:
    """ "in fiscal 2022", "at the end of 2022", "in the fiscal year ended January 28, 2023"; Chinese:
    "2022年"."""
    if cell.language == "zh":
        return f"{cell.year}年末" if cell.timing == "stock" else f"{cell.year}年"
    if cell.timing == "stock":
        return f"at {cell.date}, {cell.year}" if cell.date else f"at the end of fiscal {cell.year}"
    if cell.date.startswith(("January", "February")):
        return f"in the fiscal year ended {cell.date}, {cell.year}"
    return f"in {cell.year}" if cell.date == "December 31" else f"in fiscal {cell.year}"


def amount(cell: Cell) -> str:
    """The value with its unit: "$1,577 million", "-$0.31", "8.83%", "2.07亿元". Payments and expenses that a
    statement prints in parentheses are amounts, not negative ones."""
    negative = cell.value < 0 and not cell.outflow
    digits = re.sub(r"[^\d.,]", "", cell.text)
    sign = "-" if negative else ""
    if cell.unit == "%":
        return f"{sign}{digits}%"
    if cell.unit == "CNY":
        return f"{sign}{digits}{cell.unit_text}"
    return f"{sign}${digits}{' ' + cell.unit_text[:-1] if cell.unit_text else ''}"


def in_millions(cell: Cell) -> str:
    """ "$500.0 million" for what is printed in thousands, else ""."""
    if cell.unit != "USD" or cell.scale != 1e3 or abs(cell.value) < 1e3 or cell.per_share:
        return ""
    sign = "-" if amount(cell).startswith("-") else ""
    return f"{sign}${abs(cell.value) / 1e3:,.1f} million"


def lookup(cell: Cell, company: str, variant: int) -> str:
    """Asks for one cell."""
    if cell.language == "zh":
        return (
            f"{company}{period(cell)}的{cell.label}是多少？",
            f"{period(cell)}{company}的{cell.label}为多少？",
        )[variant % 2]
    name = item(cell.label)
    verb = _verb(cell.label)
    return (
        f"What {verb} {possessive(company)} {name} {period(cell)}?",
        f"What {name} did {company} report {period(cell).replace('in ', 'for ', 1)}?",
    )[variant % 2]


def change(new: Cell, old: Cell, company: str) -> str:
    """Asks for the growth of a row in percent."""
    if new.language == "zh":
        return f"{company}{period(new)}的{new.label}比{period(old)}变动了百分之几？"
    since = period(old).replace("in ", "", 1).replace("at ", "", 1)
    until = period(new).replace("in ", "", 1).replace("at ", "", 1)
    return f"By what percentage did {possessive(company)} {item(new.label)} change from {since} to {until}?"


def comparison(one: Cell, other: Cell, first: str, second: str) -> str:
    """Asks which of two companies has more."""
    if one.language == "zh":
        return f"{period(one)}，{first}和{second}哪一家的{one.label}更高？"
    return f"Which company reported higher {item(one.label)} for fiscal {one.year}, {first} or {second}?"


def absent_period(cell: Cell, company: str, year: int) -> str:
    """Asks for a row in a year that no document covers."""
    if cell.language == "zh":
        return f"{company}{year}年{'末' if cell.timing == 'stock' else ''}的{cell.label}是多少？"
    verb = _verb(cell.label)
    when = "at the end of" if cell.timing == "stock" else "in"
    return f"What {verb} {possessive(company)} {item(cell.label)} {when} fiscal {year}?"


def cloze(sentence: str, start: int, end: int, company: str, language: Language) -> str:
    """A sentence with a gap."""
    gap = f"{sentence[:start]}____{sentence[end:]}"
    if language == "zh":
        return f"{company}的文件中写道：“{gap}”空白处应填什么？"
    return f"{possessive(company)} document says: “{gap}” What belongs in the gap?"


def definition(term: str, company: str, language: Language) -> str:
    if language == "zh":
        return f"在{company}的文件中，“{term}”指什么？"
    return f"How does {company} define “{term}”?"


def acronym(letters: str, company: str) -> str:
    return f"What does “{letters}” stand for in {possessive(company)} document?"


def topic(heading: str, company: str, language: Language) -> str:
    if language == "zh":
        return f"{company}的文件中关于“{heading}”是怎么说的？"
    return f"What does {possessive(company)} document say about “{heading}”?"


def ratio(name: str, company: str, year: int, language: Language) -> str:
    """Asks for a figure that must be calculated."""
    if language == "zh":
        return f"{company}{year}年的{name}是多少？"
    return f"What was {possessive(company)} {name} for fiscal {year}?"
