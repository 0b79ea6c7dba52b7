"""What kind of thing a question asks for, and whether a quote holds one: a date, a percentage, money or a
price, a number of shares or people, a code.

Promises: judged by the question's own words, in Chinese and English; a table row holds any kind of figure
(its unit may stand elsewhere), a sentence must show the kind itself. Pure.
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["date", "percent", "money", "count", "code"]

_ASKED: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "date",
        re.compile(
            r"何时|什么时候|哪一?[年天日月]|日期|时间(?!序)|\bwhen\b"
            r"|\b(?:what|which) (?:date|year|day|month)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "percent",
        re.compile(
            r"比例|占比|占.{0,12}(?:之比|比(?=[是为?？]|多少|$))|百分比|百分之几|[增降]长?幅|(?:增长|毛利|净利|负债|收益|利|税)率"
            r"|\bpercent(?:age)?\b|\bwhat share\b|\b(?:growth|tax|interest) rate\b|\bmargin\b",
            re.IGNORECASE,
        ),
    ),
    (
        "money",
        re.compile(
            r"金额|多少(?:万|亿)?(?:元|钱|美元)|价格|单价|市值"
            r"|\bhow much (?:money|did .{2,60} (?:cost|pay|earn|spend))\b"
            r"|\bwhat price\b|\bhow many (?:dollars|euros|yuan)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "count",
        re.compile(
            r"数量|人数|多少[人名家个股次台座项枚块]|几[个家名项人次座]|\bhow many\b|\bnumber of\b",
            re.IGNORECASE,
        ),
    ),
    ("code", re.compile(r"(?:证券|股票|公司)代码|\bticker\b", re.IGNORECASE)),
)
_NUMBER = r"(?:\d|[一二三四五六七八九十百千万亿两零〇]+)"
HELD: dict[Kind, re.Pattern[str]] = {
    "date": re.compile(
        r"\d\s*[年月日号时点]|[一二三四五六七八九十〇零]+[年月日号]|(?:今|昨|前|明|当)[天日年晚]|近日|日前|上午|下午"
        r"|凌晨|[本上今去]年|[本上]月|世纪|朝|(?:周|星期)[一二三四五六日天]|(?:1[0-9]|20)\d{2}|\b\d{1,2}[-/.]\d{1,2}\b"
        r"|\d:\d{2}|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)(?:[a-z]{3,6})?\b|\b\w+day\b|\bcentur"
        r"|\b\d{3,4}s?\b|\b(?:spring|summer|autumn|fall|winter|decade|today|yesterday|year)",
        re.IGNORECASE,
    ),
    "percent": re.compile(
        r"[%％]|百分|[一二三四五六七八九十半]成|倍|\bper ?cent|\d\.\d|\bhalf\b|\bthird|\bquarter|\d/\d"
        r"|之[一二三四五六七八九]"
    ),
    "money": re.compile(
        rf"{_NUMBER}[\d,.，\s]*[余多几]?\s*[万亿千百]*(?:美|港|日|欧|人民币)*\s*(?:元|币|镑|卢布|USD|RMB)"
        r"|\d[\d,.]*\s*[万亿](?!股|份|吨|台|辆|人(?!民币)|户|平)|[$€£¥￥]|\b(?:dollars?|euros?|pounds?|yuan|million|billion|cents?)\b",
        re.IGNORECASE,
    ),
    "count": re.compile(
        _NUMBER + r"|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|hundreds?"
        r"|thousands?|no|none|both|single|several)\b",
        re.IGNORECASE,
    ),
    "code": re.compile(r"(?<!\d)\d{4,6}(?!\d)|\b[A-Z]{1,5}\b"),
}
_FIGURE = re.compile(r"\d")

_DEFINITION = re.compile(
    r"^(?:请问|请解释|解释)?什么是|是什么意思|的?(?:含义|定义|概念)是什么|何谓|何为"
    r"|^what (?:is|are) (?:an? )?[a-z]|\bdefin(?:e|ition of)\b|\bwhat does .{2,40} mean\b",
    re.IGNORECASE,
)


def kinds_asked(question: str) -> tuple[Kind, ...]:
    """The kinds of thing asked for; several for a question of several parts."""
    return tuple(kind for kind, words in _ASKED if words.search(question))


def holds(kind: Kind, text: str, *, row: bool) -> bool:
    """Whether a quote holds a thing of that kind. ``row``: it is a table row, whose figures may be of any."""
    return bool((row and _FIGURE.search(text)) or HELD[kind].search(text))


def asks_definition(question: str) -> bool:
    """Whether it asks what a term means, and nothing else."""
    return bool(_DEFINITION.search(question.strip()))
