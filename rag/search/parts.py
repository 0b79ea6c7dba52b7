"""The parts of a question that asks for several things, by rule: "compare A and B", "A和B分别", "2018, 2019".

Promises: pure; a part is the question with one of the listed things in place of all of them, so it can be
searched by itself; at most :data:`MAX_PARTS`; () for a question of one thing.
"""

from __future__ import annotations

import re
from typing import Final

MAX_PARTS: Final = 4
_YEAR = r"(?:FY ?'?|fiscal (?:year )?)?(?:19|20)\d\d(?:年度?)?"
_YEARS = re.compile(
    rf"{_YEAR}(?:(?:,|and|or|to|vs\.?|versus|through|&|-|\u2013|、|，|和|与|及|至|到|较|比|\s){{1,5}}"
    rf"(?:the )?{_YEAR})+",
    re.IGNORECASE,
)
_ONE_YEAR = re.compile(_YEAR, re.IGNORECASE)
_NAME = r"[A-Z0-9][\w&.'\u2019-]*(?: (?:of |& )?[A-Z][\w&.'\u2019-]*){0,3}"
_NAMES = re.compile(rf"({_NAME})((?:, {_NAME})*),? (?:and|or|vs\.?|versus|with|than|to) ({_NAME})")
_COMPARING = re.compile(
    r"\b(?:compar\w+|versus|vs\.?|both|respective\w*|each|differ\w*|between|higher|lower|larger|greater"
    r"|which of)\b",
    re.IGNORECASE,
)
_ZH_ITEM = "[\u4e00-\u9fffA-Za-z0-9]{2,16}?"
_ZH_COMPARED = re.compile(
    rf"(?:比较|对比|相比)(?:一下)?({_ZH_ITEM})(?:和|与|及|跟|、)({_ZH_ITEM})(?=的|在|20|谁|哪|[，。？]|$)"
)
_ZH_SEPARATE = re.compile(
    rf"({_ZH_ITEM})(?:和|与|及|以及|、)({_ZH_ITEM})(?=(?:的[^，。？]{{0,12}})?(?:分别|各自|各是|各为|谁|哪个|哪家))"
)
_ZH_BEFORE = re.compile("^.*(?:年度?|在|中|的)")


def parts_of(question: str) -> tuple[str, ...]:
    """The question once for each thing it lists, in order."""
    for finder in (_years, _names, _chinese):
        found = finder(question)
        if len(found) > 1:
            return found[:MAX_PARTS]
    return ()


def _years(question: str) -> tuple[str, ...]:
    match = _YEARS.search(question)
    if match is None:
        return ()
    years = dict.fromkeys(_ONE_YEAR.findall(match.group()))
    return tuple(_instead(question, match.span(), year) for year in years)


def _names(question: str) -> tuple[str, ...]:
    if not _COMPARING.search(question):
        return ()
    match = _NAMES.search(question)
    if match is None:
        return ()
    listed = (match[1], *(n for n in match[2].split(", ") if n), match[3])
    return tuple(_instead(question, match.span(), name) for name in dict.fromkeys(listed))


def _chinese(question: str) -> tuple[str, ...]:
    match = _ZH_COMPARED.search(question) or _ZH_SEPARATE.search(question)
    if match is None:
        return ()
    first, start = match[1], match.start(1)
    before = _ZH_BEFORE.match(first)  # 2019年四方科技的营业外支出和营业外收入: what is listed begins after 的
    if before is not None and before.end() < len(first):
        first, start = first[before.end() :], start + before.end()
    return tuple(_instead(question, (start, match.end(2)), item) for item in dict.fromkeys((first, match[2])))


def _instead(question: str, span: tuple[int, int], one: str) -> str:
    return question[: span[0]] + one + question[span[1] :]
