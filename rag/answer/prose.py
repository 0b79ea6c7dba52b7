"""Statements of figures in running Chinese text: 2017年海水养殖产量93.1万吨,同比增长3%.

Promises: a statement has an item in the text's own words, one value with its unit, and a period that the
text names before it; growth and change are kept only when they are against the year before; a number after
a comparison with anything else ("比9月份") changes no statement. Places are those of the text. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

_FLAT = str.maketrans("０１２３４５６７８９，．％（）：；—–～~〔〕", "0123456789,.%():;----()")
_SENTENCE = re.compile(r"[^。;\n!！]+[。;\n!！]?")
_CLAUSE = re.compile(r"(?:[^,、]|(?<=\d),(?=\d{3}(?!\d))|、(?!同比|比|较|增长|下降))+")
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_UNIT = (
    r"(?P<scale>[十百千]?[万亿]{1,2}|[百千](?=[元吨米克]))?"
    r"(?P<unit>美元|欧元|港元|元|吨|公斤|斤|立方米|平方米|公里|公顷|亩|千瓦时|千瓦|人次|人|名|户|家|个|辆|台|只"
    r"|套|件|头|股|笔|份|项|吨标准煤|桶)?"
)
_PERIOD = re.compile(
    r"(?:(?P<year>(?:19|20)\d{2})\s*年度?)?\s*"
    r"(?P<part>前?(?P<m1>\d{1,2})\s*-\s*(?P<m2>\d{1,2})\s*月份?|前(?P<first>[一二三四五六七八九十\d]{1,3})个?月"
    r"|(?P<month>\d{1,2})\s*月份?|上半年|下半年|前三(?:个)?季度|第?[一二三四1-4]季度|全年)?"
    r"(?:\d{1,2}日)?\s*(?:[年月]?[末底初]|期间)?"
)
_EACH = re.compile(
    r"^\D{0,12}?(?P<years>(?:19|20)\d{2}年?(?:度|末)?(?:[、和及至到-](?:19|20)\d{2}年(?:度|末)?)+)"
    r"(?P<item>\D{2,40}?)分别(?:为|是|达到?|实现)(?P<values>\d.*)$"
)
_COMPARED = re.compile(r"(?:比|较|与|同|从|由|自)(?:去年|上年)?\s*$")
_VALUE = re.compile(rf"(?<![\d.])(?P<digits>{_NUMBER}){_UNIT}(?P<percent>\s?%|个百分点)?")
_LAST_YEAR = r"(?:比|较|与)?(?:上年|去年|上一年)(?:同期|年末|末|底|同月)?(?:相比)?|同比"
_MOVED = re.compile(
    rf"^(?:分别)?(?:其中)?(?P<item>.{{0,14}}?)(?P<against>{_LAST_YEAR})?(?:分别)?(?:实际|名义|约|共)?"
    rf"(?P<way>增长|增加|上升|提高|增|下降|减少|下滑|降低|降)(?:了|约|幅度为|幅度达)?"
    rf"(?P<digits>{_NUMBER})(?P<percent>%)?{_UNIT}(?P<points>个百分点)?$"
)
_AGAINST_OTHER = re.compile(r"(?:(?<!同)比|较)(?!上年|去年|上一年)|环比|年均")
_AGAINST_YEAR = re.compile(r"^(?:比|较)(?P<year>(?:19|20)\d{2})年(?:同期|末|底)?")
_DOWN = ("下降", "减少", "下滑", "降低", "降")
_TAIL = re.compile(
    r"(?:总数|总量|总额)?(?:已|共|就)?(?:高|增加|上升|下降|增长)?(?:达到?了?|为|是|位|约|有|共计?|合计|计|完成|实现|仅)+了?$|[:：]$"
)
_LEAD = re.compile(r"^(?:其中|而|同时|此外|另外|全年|当年|当月|累计|共|我国|和|[:：]|[完]成|实现|年)+")
_NO_ITEM = re.compile(r"[比较超占]|(?<!规模)以上|以下|分别|高于|低于|\d")
_MONTHS = {"上半年": "1-6", "前三季度": "1-9", "前三个季度": "1-9", "下半年": "7-12"}
_COUNT = {c: i for i, c in enumerate("一二三四五六七八九十", 1)}
_POWERS = {"十": 1, "百": 2, "千": 3, "万": 4, "亿": 8}


@dataclass(frozen=True, slots=True)
class Period:
    """``part``: "" the whole year or its end, "1-10" its first ten months, "10" October."""

    year: int | None = None
    part: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """What a value changed by since the year before: percent, or an amount in base units; falls are
    negative."""

    text: str
    value: Decimal
    percent: bool
    end: int


@dataclass(frozen=True, slots=True)
class Statement:
    """``text[start:end]`` of what was read is the clause with the item and the value, to its last move."""

    item: str
    period: Period
    text: str
    value: Decimal  # in base units
    unit: str  # without its scale: 元, 吨, "" when none is said
    power: int
    decimals: int
    start: int
    end: int
    growth: Move | None = None
    change: Move | None = None


def statements(text: str) -> tuple[Statement, ...]:
    """The statements of ``text`` in order."""
    return _statements(text)


@lru_cache(maxsize=256)
def _statements(text: str) -> tuple[Statement, ...]:
    flat = text.translate(_FLAT)
    found: list[Statement] = []
    period = Period()
    for sentence in _SENTENCE.finditer(flat):
        open_one: int | None = None  # of the statement that moves may still belong to
        for clause in _CLAUSE.finditer(flat, sentence.start(), sentence.end()):
            said = clause.group().rstrip("。;!！\n ")
            bare = said.strip()
            at = clause.start() + said.index(bare) if bare else clause.start()
            if open_one is not None:
                bare, at = _against_last(bare, at, found[open_one].period)
            moved = _MOVED.match(bare)
            if moved is not None and _is_move(moved, bare, found, open_one):
                if open_one is not None and not _AGAINST_OTHER.search(bare):
                    found[open_one] = _with_move(found[open_one], moved, at)
                continue
            period = _period(bare, period)
            several = _each_year(bare, at)
            if several:
                found += several
                open_one = None
                continue
            one = _statement(bare, at, period)
            open_one = None
            if one is not None:
                found.append(one)
                open_one = len(found) - 1
    return tuple(found)


def _against_last(clause: str, at: int, period: Period) -> tuple[str, int]:
    """The clause without a comparison that names the year before: "比2011年增加356万吨" in 2012."""
    match = _AGAINST_YEAR.match(clause)
    if match is None or period.year is None or int(match["year"]) != period.year - 1:
        return clause, at
    return clause[match.end() :], at + match.end()


def _is_move(moved: re.Match[str], clause: str, found: list[Statement], open_one: int | None) -> bool:
    """Whether the clause only says how the value before it moved."""
    item = moved["item"]
    return not item or bool(_AGAINST_OTHER.search(clause)) or item in ("增速", "增幅")


def _with_move(one: Statement, moved: re.Match[str], at: int) -> Statement:
    if moved["points"] or moved["item"]:
        return one
    value = Decimal(moved["digits"].replace(",", ""))
    down = moved["way"].startswith(_DOWN)
    end = at + moved.end()
    if moved["percent"]:
        if one.growth is not None:
            return one
        return replace(one, growth=Move(f"{moved['digits']}%", -value if down else value, True, end), end=end)
    if not moved["unit"] or moved["unit"] != one.unit or one.change is not None:
        return one
    value = value.scaleb(power_of(moved["scale"] or ""))
    text = f"{moved['digits']}{moved['scale'] or ''}{moved['unit']}"
    return replace(one, change=Move(text, -value if down else value, False, end), end=end)


def _statement(clause: str, at: int, period: Period) -> Statement | None:
    """The clause's one value; None where it says none, or several."""
    masked = _masked(clause)
    values = [m for m in _VALUE.finditer(masked) if not m["percent"]]
    if len(values) != 1 or not (values[0]["unit"] or values[0]["scale"]):
        return None
    (value,) = values
    rest = clause[value.end() :]
    if rest.strip(" )") and not re.match(r"^(?:左右|以上|多)?$", rest.strip()):
        return None
    item = clause_item(clause[: value.start()])
    if len(item) < 2 or _NO_ITEM.search(item):
        return None
    digits = value["digits"].replace(",", "")
    power = power_of(value["scale"] or "")
    return Statement(
        item,
        period,
        value.group().strip(),
        Decimal(digits).scaleb(power),
        value["unit"] or "",
        power,
        len(digits.partition(".")[2]),
        at,
        at + value.end(),
    )


def _each_year(clause: str, at: int) -> list[Statement]:
    """The values of a list, one for each year named before: 2017年、2018年收入分别为1.2亿元、1.5亿元."""
    match = _EACH.match(clause)
    if match is None:
        return []
    named = [int(y) for y in re.findall(r"(?:19|20)\d{2}", match["years"])]
    if re.search("[至到-]", match["years"]) and len(named) == 2:
        named = list(range(named[0], named[1] + 1))
    values = list(_VALUE.finditer(clause, match.start("values")))
    units = {(v["scale"], v["unit"]) for v in values if v["scale"] or v["unit"]}
    item = clause_item(match["item"])
    if len(values) != len(named) or len(units) != 1 or len(item) < 2 or any(v["percent"] for v in values):
        return []
    scale, unit = units.pop()
    power = power_of(scale or "")
    found = []
    for year, value in zip(named, values, strict=True):
        digits = value["digits"].replace(",", "")
        found.append(
            Statement(
                item, Period(year), f"{value['digits']}{scale or ''}{unit or ''}",
                Decimal(digits).scaleb(power), unit or "", power, len(digits.partition(".")[2]),
                at, at + len(clause),
            )
        )  # fmt: skip
    return found


def clause_item(before: str) -> str:
    """The item that is named before a value, without its period and the verbs around it."""
    item = re.sub(r"\([^()]*\)|^.*\)", "", before)
    item = _masked(item).replace("\0", "").strip()
    for _ in range(3):
        item = _TAIL.sub("", _LEAD.sub("", item)).strip()
    return item


def _masked(clause: str) -> str:
    """The clause with its periods blanked."""
    return _PERIOD.sub(lambda m: "\0" * len(m.group()) if m["year"] or m["part"] else m.group(), clause)


def _period(clause: str, before: Period) -> Period:
    """The last period that the clause names, as it follows from the one before; not one that it only
    compares with."""
    for match in _PERIOD.finditer(clause):
        if (match["year"] or match["part"]) and not _COMPARED.search(clause[: match.start()]):
            before = period_of(match, before)
    return before


def period_of(match: re.Match[str], before: Period) -> Period:
    year = int(match["year"]) if match["year"] else before.year
    return Period(year, _part(match))


def _part(match: re.Match[str]) -> str:
    part = (match["part"] or "").replace(" ", "")
    if match["m1"]:
        first, last = int(match["m1"]), int(match["m2"])
        return "" if (first, last) == (1, 12) else f"{first}-{last}"
    if match["first"]:
        text = match["first"]
        return f"1-{int(text) if text.isdigit() else _COUNT.get(text, 0)}"
    if match["month"]:
        # The end of December is the end of the year.
        ends = re.search(r"[末底]|3[01]日", match.group())
        return "" if match["month"] == "12" and ends else match["month"]
    if part in _MONTHS:
        return _MONTHS[part]
    quarter = re.search(r"([一二三四1-4])季度", part)
    if quarter:
        number = int(quarter[1]) if quarter[1].isdigit() else _COUNT[quarter[1]]
        return f"{3 * number - 2}-{3 * number}"
    return ""


def periods_in(text: str) -> list[Period]:
    """The periods that a question names, in order; a year is carried on to a part without one."""
    flat = text.translate(_FLAT)
    found: list[Period] = []
    before = Period()
    for match in _PERIOD.finditer(flat):
        if match["year"] or match["part"]:
            before = period_of(match, before)
            found.append(before)
    return found


def without_periods(text: str) -> str:
    return _masked(text.translate(_FLAT)).replace("\0", "")


def power_of(scale: str) -> int:
    return sum(_POWERS[c] for c in scale)
