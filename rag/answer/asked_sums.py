"""Operations that a question asks for in its own words, in English and Chinese: growth, change, share, ratio,
difference, sum, average, or a single figure.

Promises: only what the words say; what no pattern fits has no plan. Pure.
"""

from __future__ import annotations

import re

from rag.answer.expressions import Average, Expression, Operation, Plan, Wanted
from rag.text.terms import terms
from rag.vocabulary import Item, mentions

_TRIM = re.compile(
    r"^(?:the|a|an|total change in|company'?s?|its|their)\s+"
    r"|\s+(?:in|for|as of|at|during|between|from|of|and)$|^\W+|\W+$",
    re.I,
)
_PERIODS = re.compile(
    r"\b(?:in|for|as of|as at|at|during|between|from|by|of|the|over|to|and|compared to|,)?\s*(?:the )?"
    r"(?:fiscal |calendar )?(?:years?|year[- ]?end(?:ed)?|FY|period|financial years?|end of)?\s*"
    r"(?:ended |ending |of )?"
    r"(?:the )?(?:(?:January|February|March|April|May|June|July|August|September|October|November|December)"
    r"\s+\d{1,2},?\s*)?(?:FY\s?|F)?'?(?:(?:19|20)\d{2}|(?<=F)\d{2}|(?<=FY)\d{2})\b"
    r"(?: year end)?(?:, respectively)?",
    re.I,
)
_WHOSE = re.compile(
    r"^(?:[A-Z0-9][\w.&]*\s){0,3}(?!(?:share|stock)holders|owners|members|partners)[A-Z0-9][\w.&]*"
    r"(?:['’]s|(?<=s)['’])\s+(?=\S)"
)
"""Of a phrase the company that it begins with: "Johnson Controls' revenue" is revenue."""
_ZH_PERIODS = re.compile(
    r"(?:19|20)\d{2}\s*年度?[末初底]?|上年|去年|本年|本期|同期|报告期(?:内|末)?|期末|年末|上一年"
)
_EN = (
    ("growth", r"(?:percentage|percent|%|per cent) (?:change|increase|decrease|growth)"
               r"\s*(?:/ ?\(?decrease\)?\s*)?(?:in|of|for|between)\s+(?P<x>.+)"),
    ("growth", r"(?P<x>[^?]+?)\s+growth rate|growth rate (?:of|in)\s+(?P<x2>.+)"),
    ("growth", r"\bhow (?:did|has|have|fast did|fast has|fast have)\s+(?P<x>[^?,;]+?)\s+"
               r"(?:changed?|gr[eo]wn?|developed?|evolved?)\s+(?:from|between|since|in|over|during)\b"),
    ("share", r"(?:what|which) (?:percentage|percent|proportion|share) of\s+(?P<y>.+?)\s+"
              r"(?:does|do|did|is|are|was|were|came from|comes from)\s+(?P<x>.+?)"
              r"(?:\s+(?:make up|constitute|form|represent|account for).*)?$"),
    ("share", r"(?:what (?:is|was|were|are) (?:the )?(?:percentage of )?)?"
              r"(?P<x>.+?)\s+as a "
              r"(?:percentage|percent|%|share|proportion) of\s+(?P<y>.+)"),
    ("share", r"(?:proportion|percentage(?: constitution)?|percent|share)\s+(?:\([^)]*\)\s+)?of\s+"
              r"(?P<x>.+?)\s+"
              r"(?:over|among|in|to|out of)\s+(?P<y>.+)"),
    ("ratio", r"\bratio of\s+(?P<x>.+?)\s+to\s+(?P<y>.+)"),
    ("apart", r"difference between\s+(?P<x>.+?)\s+and\s+(?P<y>.+)"),
    ("apart", r"difference in (?:the )?.+?\s+between\s+(?P<x>.+?)\s+and\s+(?P<y>.+)"),
    ("average", r"\b(?:average|mean)\s+(?P<x>.+)"),
    ("total", r"\b(?:sum|total) of\s+(?P<x>.+?)\s+and\s+(?P<y>.+)"),
    ("change", r"\b(?:change|increase ?/ ?\(?decrease\)?|increase|decrease|difference)\s+(?:in|of)\s+"
               r"(?P<x>.+)"),
    ("change", r"how much (?:did|has|have)\s+(?P<x>.+?)\s+(?:change|increase|decrease|grow)\w*"),
)  # fmt: skip


def of_words(left: str, stated: list[int]) -> Plan | None:
    sentence = left.strip().rstrip("?？. ")
    if re.search("[\u3400-\u9fff]", sentence):
        return None
    for kind, pattern in _EN:
        match = re.search(pattern, sentence, re.IGNORECASE)
        if match is None:
            continue
        groups = match.groupdict()
        x = _phrase(groups.get("x") or groups.get("x2") or "")
        y = _phrase(groups.get("y") or "")
        made = _operation(kind, x, y, stated)
        if made is not None:
            return made
    return _lookup(sentence, stated)


def _lookup(sentence: str, stated: list[int]) -> Plan | None:
    """A single figure: of an item of the vocabulary, or of what the words after "what was" name."""
    match = next(reversed(list(_ASKS.finditer(sentence))), None)
    if match is None or len(stated) != 1 or re.search(r"\bwho\b|\bwhich\b|\bquarter\b|\bQ[1-4]\b", sentence):
        return None
    asked = re.sub(r"\([^()]*\)", " ", sentence[match.end() :])
    asked = re.split(r"[.?!;](?:\s|$)", asked)[0]
    found = [m for m in mentions(asked) if isinstance(m.entry, Item) and m.entry.amount]
    x = _phrase(asked)
    if len(found) == 1:
        one = found[0]
        rest = {t for t in terms(x) if t not in one.name.terms and t not in _SAID_BESIDE and not t.isdigit()}
        wanted = Wanted(one.name.text, (one.id, *one.also), stated[0])
        others = (Wanted(x, (), stated[0]),) if rest else ()
        return Plan(wanted.name, wanted, "amount", others, certain=False, rest=frozenset(rest))
    if not x or found:
        return None
    return Plan(x, Wanted(x, (), stated[0]), "amount", certain=False)


_ASKS = re.compile(
    r"\b(?:what|how much|how many)\b(?:'s)?\s*(?:is|was|were|are|did|has|had|does)?\b", re.IGNORECASE
)
_SAID_BESIDE_WORDS = """
total net the of in year end amount its for to and at by with a on from as did have had has was were is are
their company fy usd million
billion thousand value reported consolidated group inc corp end ended fiscal dollars s
"""
_SAID_BESIDE = frozenset(_SAID_BESIDE_WORDS.split())


def _operation(kind: str, x: str, y: str, stated: list[int]) -> Plan | None:
    if not x or len(x) > 160:
        return None
    newest = stated[-1] if stated else None
    oldest = stated[0] if len(stated) > 1 else (newest - 1 if newest is not None else None)

    def of(phrase: str, year: int | None) -> Wanted:
        return Wanted(phrase, _ids(phrase), year)

    if kind in ("growth", "change"):
        if newest is None or oldest is None:
            return None
        now, before = of(x, newest), of(x, oldest)
        if kind == "change":
            return Plan(f"change in {x}", Operation("-", now, before), "amount")
        return Plan(f"change in {x}", Operation("/", Operation("-", now, before), before), "percent")
    if kind == "average":
        parts = tuple(of(x, year) for year in stated)
        return Plan(f"average {x}", Average(parts), "amount") if len(parts) > 1 else None
    if not y:
        return None
    if kind == "share":
        return Plan(f"{x} / {y}", Operation("/", _summed(x, newest), of(y, newest)), "percent")
    if kind == "ratio":
        return Plan(f"{x} / {y}", Operation("/", of(x, newest), of(y, newest)), "ratio")
    if kind == "apart":
        if re.fullmatch(r"(?:19|20)?\d{0,4}", x):
            return None
        return Plan(f"{x} - {y}", Operation("-", of(x, newest), of(y, newest)), "amount")
    if len(stated) > 1:
        return None
    return Plan(f"{x} + {y}", Operation("+", of(x, newest), of(y, newest)), "amount")


def bare_phrase(phrase: str, chinese: bool) -> str:
    """What a phrase names, without its periods and small words around it."""
    return _zh_phrase(phrase) if chinese else _phrase(phrase)


def ids_of(phrase: str, chinese: bool) -> tuple[str, ...]:
    """Of the one item of the vocabulary that a bare phrase is; () when it is none."""
    return _zh_ids(phrase) if chinese else _ids(phrase)


def _summed(phrase: str, year: int | None) -> Expression:
    """ "the sum of A and B" as a sum; any other phrase as one figure."""
    match = re.match(r"(?:the )?sum of\s+(?P<a>.+?)\s+and\s+(?P<b>.+)", phrase, re.I)
    if match is None:
        return Wanted(phrase, _ids(phrase), year)
    a, b = _phrase(match["a"]), _phrase(match["b"])
    return Operation("+", Wanted(a, _ids(a), year), Wanted(b, _ids(b), year))


def _phrase(text: str) -> str:
    text = _PERIODS.sub(" ", text)
    text = re.sub(r"\s+", " ", text).strip()
    for _ in range(4):
        text = _TRIM.sub("", text).strip()
    return _WHOSE.sub("", text)


def _ids(phrase: str) -> tuple[str, ...]:
    """Of the one item that the phrase is: only when its name is all of the phrase but small words."""
    found = [m for m in mentions(phrase) if isinstance(m.entry, Item) and m.entry.amount]
    if len(found) != 1:
        return ()
    rest = [t for t in terms(phrase) if t not in found[0].name.terms and t not in _LIGHT]
    if found[0].name.chinese:
        rest = [c for c in phrase.replace(found[0].name.text, "") if c not in _LIGHT_ZH]
    return (found[0].id, *found[0].also) if not rest else ()


_LIGHT = frozenset(["total", "net", "the", "of", "in", "year", "end", "amount", "its", "for", "to"])
_LIGHT_ZH = frozenset("的总额金额合计公司为是 ()（）元")
_ZH_SHARE = re.compile(
    r"(?P<x>[^，。？占]{2,40}?)占(?:公司)?(?P<y>[^，。？]{2,30}?)的?(?:比例|比重|比率|百分比|百分之)"
)
_ZH_OF = re.compile(r"(?P<x>[^，。？]{2,40}?)(?:是|为|达|有)?(?:多少|几何|什么)")
_ZH_GROWTH = re.compile(
    r"(?P<x>[^，。？]{2,40}?)(?:的)?(?:较|比|相比|与)?(?:上年同期|上年|去年|同期|上一年)?(?:的)?(?:同比)?"
    r"(?:增长率|增减率|变动率|增长了?百分之|同比增长|同比变动|同比下降|增长(?:比例|幅度)"
    r"|变动(?:比例|幅度)|增幅)"
)
_ZH_CHANGE = re.compile(
    r"(?P<x>[^，。？]{2,40}?)(?:较|比|相比).{0,12}?(?:增加|减少|增长|变动)了?多少(?!百分)"
    r"|(?P<x2>[^，。？]{2,40}?)同比(?:增加|减少|增长|变动)了?多少"
)
_ZH_FORMULA = re.compile(r"[（(](?P<x>[^/÷（）()]{2,30})[/÷](?P<y>[^/÷（）()]{2,30})[）)]")
_ZH_QUALIFIED = re.compile(
    r"每|前[一二三四五六七八九十\d]|人均|季度|业务|产品|子公司|母公司|分部|地区|拟|行业"
)
_ZH_SUM = re.compile(r"(?P<x>[^，。？]{2,30}?)(?:与|和|及|加)(?P<y>[^，。？]{2,30}?)(?:之和|合计|总和|一共)")
_ZH_APART = re.compile(
    r"(?P<x>[^，。？]{2,30}?)(?:比|较)(?P<y>[^，。？]{2,30}?)(?:多|高出?|少|低)(?:了)?多少"
)


def of_chinese(left: str, stated: list[int]) -> Plan | None:
    if not re.search("[\u3400-\u9fff]", left):
        return None
    text = re.sub(r"\s+", "", left)
    newest = stated[-1] if stated else None
    oldest = stated[0] if len(stated) > 1 else (newest - 1 if newest is not None else None)

    def of(phrase: str, year: int | None) -> Wanted | None:
        bare = _zh_phrase(phrase)
        return Wanted(bare, _zh_ids(bare), year) if len(bare) > 1 else None

    for kind, pattern in (
        ("share", _ZH_SHARE),
        ("growth", _ZH_GROWTH),
        ("sum", _ZH_SUM),
        ("change", _ZH_CHANGE),
    ):
        match = pattern.search(text)
        if match is None:
            continue
        x = of(match["x"] or match.groupdict().get("x2") or "", newest)
        y = of(match["y"], newest) if "y" in match.groupdict() else None
        if x is None:
            return None
        if kind in ("growth", "change") and oldest is not None:
            before = Wanted(x.name, x.ids, oldest)
            name = f"{x.name}变动"
            if kind == "change" and re.search(r"金额|多少[亿万千百]*元|额(?:是|为)?多少", text):
                return Plan(name, Operation("-", x, before), "amount")
            return Plan(name, Operation("/", Operation("-", x, before), before), "percent")
        if y is not None and kind == "share":
            return Plan(f"{x.name}占{y.name}的比例", Operation("/", x, y), "percent", certain=False)
        if y is not None and kind == "sum":
            return Plan(f"{x.name}与{y.name}之和", Operation("+", x, y), "amount")
    match = _ZH_OF.search(text)
    if match and len(stated) == 1:
        x = of(match["x"], newest)
        if x is not None and x.ids and not _ZH_QUALIFIED.search(match["x"]):
            return Plan(x.name, x, "amount", certain=False)
    return None


def _zh_phrase(phrase: str) -> str:
    phrase = _ZH_PERIODS.sub("", phrase)
    known = [m for m in mentions(phrase) if m.name.chinese]
    if known:
        # What stands before the first known name is the company, unless it is short.
        at = min(phrase.find(m.name.text) for m in known if m.name.text in phrase) if known else 0
        phrase = phrase[at:] if at > 0 else phrase
    return phrase.strip("的在是为，、 ")


def _zh_ids(phrase: str) -> tuple[str, ...]:
    found = [m for m in mentions(phrase) if isinstance(m.entry, Item) and m.entry.amount and m.name.chinese]
    if len(found) != 1:
        return ()
    rest = [c for c in phrase.replace(found[0].name.text, "") if c not in _LIGHT_ZH]
    return (found[0].id, *found[0].also) if len(rest) <= 0 else ()
