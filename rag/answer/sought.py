"""Where in a text a thing of the sought kind stands: a date, a percentage, money, a count, a code, a person,
a place, a work.

Promises: judged by the question's own words, in Chinese and English, as :mod:`rag.answer.kinds` does, with
the kinds that have no digits besides; what the question says itself is not what it looks for; a person or a
place is told by its form (a surname, capitals, a suffix), so many that are none are taken for one. Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rag.answer.kinds import HELD, kinds_asked
from rag.text.normalise import normalise

DIGITS = frozenset(("date", "percent", "money", "count", "code"))
"""Kinds whose things are figures."""

_ASKED: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "person",
        re.compile(
            r"谁|哪位|姓名|主演|导演|编剧|人选|(?:冠|亚|季)军|得主|(?:男|女)主角|法定代表人|董事长|总裁|总经理|秘书"
            r"|\bwho(?:m|se)?\b|\bwhich (?:actor|actress|director|player|person|man|woman|author|singer)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "place",
        re.compile(
            r"哪里|在哪(?!家|些|个?公司)|何处|何地|地点|举办地|哪个(?:城市|国家|地方|省|市|县|地区)|哪国|地址|所在地"
            r"|\bwhere\b|\b(?:which|what) (?:country|city|state|place|town|county|region|continent)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "work",
        re.compile(
            r"哪[一]?[部首本](?!分|门)|什么(?:电影|歌|书|剧)|最佳(?:影片|电视剧|动画)"
            r"|\b(?:which|what) (?:movie|film|book|song|album|show|novel)\b",
            re.IGNORECASE,
        ),
    ),
)
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪"
    "范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施牛樊葛邢安齐易乔伍庞颜倪"
)
_FOUND: dict[str, re.Pattern[str]] = {
    "person": re.compile(
        rf"[{_SURNAMES}][\u4e00-\u9fff]{{1,2}}|[\u4e00-\u9fff]{{1,6}}[·•][\u4e00-\u9fff·•]{{1,9}}"
        r"|\b[A-Z][\w'’-]+(?: (?:[A-Z]\.|de|van|von|bin))? [A-Z][\w'’-]+|\b(?:Mr|Ms|Mrs|Dr|Sir)\.? [A-Z]\w+"
    ),
    "place": re.compile(
        r"[\u4e00-\u9fff]{2,8}(?:省|市|县|区|镇|乡|村|州|国|岛|馆|场|中心|大学|酒店|广场|路|街|公园|大厦|寺|山|湾)"
        r"|在[\u4e00-\u9fff]{2,10}(?:举[办行]|召开|开幕|举|拉开|坠|发生)"
        r"|\b(?:in|at|near|of|from|to) (?:the )?[A-Z][\w-]+(?: [A-Z][\w-]+)*"
    ),
    "work": re.compile(
        r"《[^》]{1,30}》|[“\"][^”\"]{2,40}[”\"]|\b[A-Z][\w'-]+(?: (?:of|the|and|in|[A-Z][\w'-]+))+"
    ),
}


@lru_cache(maxsize=512)
def sought(question: str) -> tuple[str, ...]:
    """The kinds of thing that the question looks for; none when its words do not tell."""
    others = tuple(kind for kind, words in _ASKED if words.search(question))
    return (*kinds_asked(question), *others)


def places(kinds: tuple[str, ...], text: str, question: str) -> list[tuple[int, int]]:
    """Spans of things of these kinds that the question does not say itself."""
    said = normalise(question).lower()
    spans: list[tuple[int, int]] = []
    for kind in kinds:
        pattern = _FOUND[kind] if kind in _FOUND else HELD[kind]  # type: ignore[index]
        for match in pattern.finditer(text):
            if normalise(match.group()).lower() not in said:
                spans.append(match.span())
    return spans
