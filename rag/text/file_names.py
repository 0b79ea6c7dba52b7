"""What the name of a file says of a report: "ACME_2023_10K.pdf", "四方科技_2019年_年度报告.pdf". Pure.

Promises: a name that does not follow the habit of company, period and kind of report says nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from rag.records import About
from rag.text.companies import is_chinese, name_key
from rag.text.reports import periods_in, report_types_in

_EXTENSION: Final = re.compile(r"\.[A-Za-z0-9]{1,5}$")
# What a file's name holds beside a company: years, forms, dates, codes, and words without a name in them.
_NAME_NOISE: Final = re.compile(
    r"dated|date|filing|filings|report|reports|form|final|draft|signed|copy|scan|scanned|img|image|doc|docs|document|"
    r"file|annual|quarterly|interim|earnings?|results?|release|press|presentation|version|v\d+|en|zh|cn|eng|pdf|"
    r"财务|报告|公告|正文|全文|摘要|修订版|更新版|更新后|扫描|扫描件|文件|文档|英文版|中文版|年|的",
    re.IGNORECASE,
)
_DATE: Final = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])(?!\d)")


@lru_cache(maxsize=4096)
def about_from_name(name: str) -> About:
    """What a file's name says, when it follows the habit of company, period and kind of report."""
    stem = _EXTENSION.sub("", name).replace("_", " ")
    kinds = report_types_in(stem)
    rest = stem
    date = ""
    if found := _DATE.search(stem):
        date = "-".join(found.groups())
        rest = rest.replace(found.group(), " ")
    periods = [p for p in periods_in(rest) if p.year is not None]
    if not kinds and not (periods and periods[0].fiscal):
        return About()
    spans = [(s.start, s.end) for s in report_types_in(rest)] + [(s.start, s.end) for s in periods_in(rest)]
    for start, end in sorted(spans, reverse=True):
        rest = f"{rest[:start]} {rest[end:]}"
    code = re.search(r"(?<!\d)\d{6}(?!\d)", rest)
    ticker = code.group() if code and is_chinese(stem) else ""
    words = [w for w in re.split(r"[\s,.()（）\[\]【】+&-]+", rest) if w]
    words = [w for w in words if not _NAME_NOISE.fullmatch(w) and not w.isdigit()]
    company = " ".join(words)
    if len(name_key(company)) < 2 or len(company) > 60:
        company = ""
    kind = kinds[0].kind if kinds else ""
    part = periods[0].part if periods else ""
    return About(
        company=company,
        ticker=ticker,
        report_type=kind,
        fiscal_year=periods[0].year if periods else int(date[:4]) if date else None,
        fiscal_period=part or ("FY" if kind == "annual" else ""),
        date=date,
    )
