"""The numbers of a text and what they are worth: "(1,577)", "$1.6 billion", "12.5%", "1.23亿元", 三千二百万.

Promises: pure; ``text[number.start:number.end] == number.text``, in order, without overlaps; names that hold
digits (FY2018, 10-K, 3M, Q3, COVID-19), list marks ("7.", "[1]", 第三) and the day of a date are no numbers.
Scales that a table states for all its cells are not applied: :func:`stated_scale` reads them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
# Same length, so that offsets stay: full-width forms and look-alikes of the minus sign.
_FLAT = str.maketrans(
    "０１２３４５６７８９，．％（）＋－＄￥\u2212\u2012\u00a0\u3000〔〕",
    "0123456789,.%()+-$¥--  ()",
)
_DIGITS = {c: i for row in ("零一二三四五六七八九", "〇壹贰叁肆伍陆柒捌玖") for i, c in enumerate(row)} | {
    "两": 2
}
_SMALL = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_LARGE = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8, "兆": 10**12}
_ZH_DIGIT = "".join(_DIGITS)
_ZH_NUMERAL = _ZH_DIGIT + "".join(_SMALL) + "".join(_LARGE)

_SCALES = {
    "thousand": 10**3,
    "k": 10**3,
    "million": 10**6,
    "mn": 10**6,
    "mm": 10**6,
    "m": 10**6,
    "billion": 10**9,
    "bn": 10**9,
    "b": 10**9,
    "trillion": 10**12,
    "tn": 10**12,
}
_CURRENCIES = {
    "us$": "USD", "usd": "USD", "$": "USD", "美元": "USD", "dollar": "USD", "dollars": "USD",
    "hk$": "HKD", "hkd": "HKD", "港元": "HKD", "港币": "HKD",
    "c$": "CAD", "cad": "CAD", "a$": "AUD", "aud": "AUD",
    "€": "EUR", "eur": "EUR", "欧元": "EUR", "euro": "EUR", "euros": "EUR",
    "£": "GBP", "gbp": "GBP", "英镑": "GBP", "pounds": "GBP",
    "¥": "CNY", "cny": "CNY", "rmb": "CNY", "人民币": "CNY", "元": "CNY", "圆": "CNY", "块": "CNY",
    "yuan": "CNY", "renminbi": "CNY",
    "jpy": "JPY", "yen": "JPY", "日元": "JPY", "chf": "CHF", "sgd": "SGD",
}  # fmt: skip
_THINGS = {
    "shares": "shares", "share": "shares", "股": "shares",
    "times": "times", "倍": "times", "x": "times",
    "years": "years", "年": "year", "months": "months", "个月": "months", "days": "days", "天": "days",
    "employees": "people", "people": "people", "人": "people", "名": "people",
    "家": "count", "项": "count", "个": "count", "台": "count", "辆": "count", "件": "count", "套": "count",
    "吨": "tons", "tons": "tons", "tonnes": "tons",
}  # fmt: skip
_PERCENT = r"%|percentage[ -]points?|percent|per cent|pct\b|个百分点|百分点"
_BASIS = r"basis points?|bps?\b|个基点|基点|bp\b"
_SIGNS = r"US\$|HK\$|C\$|A\$|[$€£¥]|(?:USD|CNY|RMB|EUR|GBP|HKD|JPY|CAD|AUD|CHF|SGD)\b|人民币|港币|美元"
_WORD_UNITS = (
    r"dollars?|euros?|pounds|yuan|renminbi|yen|shares?|times|x(?![A-Za-z])|years|months|days|employees|people"
    r"|tonnes|tons|USD|CNY|RMB|EUR|GBP|HKD|JPY"
)
_ZH_UNITS = r"人民币|港元|港币|美元|欧元|英镑|日元|元|股|倍|个月|吨|人|名|家|项|个|台|辆|件|套|天"
_GROUPED = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?(?![0-9]|,[0-9]{3})"
_PLAIN = r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+"

_ARABIC = re.compile(
    rf"(?P<open>\([ \t]?)?(?:(?P<sign>{_SIGNS})[ \t]?)?(?P<open2>\([ \t]?)?"
    r"(?P<minus>(?<![\w)%.])[-+\u2013][ \t]?|负)?"
    rf"(?:(?P<sign2>{_SIGNS})[ \t]?)?"
    rf"(?<![A-Za-z0-9_.])(?<![A-Za-z]-)(?<![0-9],)(?P<digits>{_GROUPED}|{_PLAIN})"
    r"(?![0-9])(?P<close>[ \t]?\))?"
    rf"(?:[ \t]?(?P<percent>{_PERCENT})|[ \t]?(?P<basis>{_BASIS})"
    r"|(?P<zhscale>[ \t]?(?:[十百千]?[万亿萬億]|万亿|[百千](?![分])){1,2}(?:[0-9]+(?:\.[0-9]+)?万)?)"
    r"|[ \t-]?(?P<scale>thousand|million|billion|trillion|mn|bn|tn|mm)\b|(?P<letter>[kKmMbB])(?![\w-]))?"
    rf"(?:[ \t-]?(?P<unit>(?:{_WORD_UNITS})\b|{_ZH_UNITS})|[ \t]?(?P<year>年度?))?"
    r"(?P<close2>[ \t]?\))?"
)
_CHINESE = re.compile(
    rf"(?<![第数几{_ZH_NUMERAL}点])(?P<minus>负)?(?P<percent>百分之|千分之)?"
    rf"(?P<whole>[{_ZH_NUMERAL}]+)(?:点(?P<part>[{_ZH_DIGIT}]+))?"
    rf"(?:(?P<unit>{_ZH_UNITS})|(?P<year>年度?))?"
)
_POSITIONAL = re.compile(rf"[{_ZH_DIGIT}]{{2,}}")
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATES = re.compile(
    rf"\b{_MONTH}\.?[ \t]+[0-9]{{1,2}}(?:st|nd|rd|th)?(?:,?[ \t]+(?P<y1>[0-9]{{4}}))?(?![0-9,.]*[0-9])"
    rf"|\b[0-9]{{1,2}}(?:st|nd|rd|th)?[ \t]+{_MONTH}\.?,?(?:[ \t]+(?P<y2>[0-9]{{4}}))?\b"
    r"|(?<![0-9])(?P<y3>(?:19|20)[0-9]{2})(?:-[0-9]{1,2}-|/[0-9]{1,2}/|\.[0-9]{1,2}\.)[0-9]{1,2}(?![0-9])"
    r"|(?<![0-9/])[0-9]{1,2}/[0-9]{1,2}/(?P<y4>(?:19|20)[0-9]{2})(?![0-9])"
    r"|(?P<y5>(?:19|20)[0-9]{2})[ \t]*年[ \t]*[0-9]{1,2}[ \t]*月(?:[ \t]*[0-9]{1,2}[ \t]*日)?"
    rf"|(?P<y6>[{_ZH_DIGIT}]{{4}})年[一二三四五六七八九十]{{1,2}}月(?:[一二三四五六七八九十]{{1,3}}日)?"
    r"|[0-9]{1,2}[ \t]*月(?:[ \t]*[0-9]{1,2}[ \t]*日)?"
    r"|[一二三四五六七八九十]{1,2}月(?:[一二三四五六七八九十]{1,3}日)?",
    re.IGNORECASE,
)
# What holds digits and is no number: list marks, names with a hyphen, ordinals, parts of longer codes.
_MARKS = re.compile(
    r"\[[0-9]{1,3}\]|【[0-9]{1,3}】|第[ \t]*[0-9]+|(?m:^[ \t]*\(?[0-9]{1,2}[.)、][ \t]+(?=[^0-9\s]))"
    r"|\b[0-9]+-[A-Za-z]+(?<!-million)(?<!-billion)(?<!-thousand)(?<!-trillion)\b|\b[A-Za-z]+-[0-9]+\b"
    r"|\b[0-9]+(?:st|nd|rd|th)\b|\b[0-9]+(?:\.[0-9]+){2,}|\b[0-9]{1,2}:[0-9]{2}\b"
    r"|\b(?:Item|Note|Part|Page|Section|Exhibit|Article|Rule|Level|Tier|Step|No\.)[ \t]+[0-9]+[A-Z]?\b"
)
_STATED = re.compile(
    r"(?:\b(?:amounts?|dollars?|rmb|usd|figures|in)\b|\$)[^\n.;]{0,24}?"
    r"\b(?P<scale>thousands|millions|billions)\b(?: of (?:us )?dollars)?"
    r"|\((?P<scale2>thousands|millions|billions)\b"
    r"|(?:金额)?单位[ \t]*[:：]?[ \t]*(?:人民币|rmb|cny)?"
    r"[ \t]*(?P<zh>(?:[十百千]?[万亿])?(?:美元|港元|欧元|元|股)?)"
    r"|人民币(?P<zh2>[十百千]?[万亿]?元)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Number:
    """``value`` is in base units: "(1,577)" -1577, "$1.6 billion" 1.6e9, "12.5%" 0.125, "五千万元" 5e7:
    always the printed number times ``scale`` (a percent's scale is 0.01, a basis point's 0.0001). ``unit``:
    "", a currency ("USD", "CNY", ...), "percent", "shares", "times", "people", "count", "tons", "days",
    "months", "years", "year" (2019年, or that of a date). ``decimals``: digits printed after the
    point."""

    start: int
    end: int
    text: str
    value: float
    unit: str = ""
    scale: float = 1.0
    percent: bool = False
    negative: bool = False  # by brackets or by a minus sign
    decimals: int = 0

    @property
    def printed(self) -> float:
        """The number without its scale: 12.5 of "12.5%"."""
        return float(Decimal(str(self.value)) / Decimal(str(self.scale)))

    @property
    def step(self) -> float:
        """What one unit of the last printed digit is worth, in base units: a rounded number is right within
        half of it."""
        return self.scale * 10.0**-self.decimals

    @property
    def looks_like_year(self) -> bool:
        """A bare 1900 to 2099, or one said to be a year."""
        bare = self.unit == "" and self.scale == 1 and self.text.isdigit() and len(self.text) == 4
        return self.unit == "year" or (bare and 1900 <= self.value < 2100)


def parse_numbers(text: str) -> tuple[Number, ...]:
    """Every number of ``text``, English and Chinese, in order."""
    flat = text.translate(_FLAT)
    found: list[Number] = []
    taken: list[tuple[int, int]] = []
    for match in _DATES.finditer(flat):
        taken.append(match.span())
        for name in ("y1", "y2", "y3", "y4", "y5", "y6"):
            if match.group(name):
                start, end = match.span(name)
                year = chinese_value(flat[start:end]) if name == "y6" else int(flat[start:end])
                if year is not None:
                    found.append(Number(start, end, text[start:end], float(year), "year"))
    taken += [match.span() for match in _MARKS.finditer(flat)]
    covered = bytearray(len(flat))
    for start, end in taken:
        covered[start:end] = b"\x01" * (end - start)
    for match in _ARABIC.finditer(flat):
        if not covered[match.start("digits")]:
            number = _arabic(text, flat, match)
            if number is not None:
                found.append(number)
                covered[number.start : number.end] = b"\x01" * (number.end - number.start)
    if not flat.isascii():
        for match in _CHINESE.finditer(flat):
            if not any(covered[match.start() : match.end()]):
                number = _chinese(text, flat, match)
                if number is not None:
                    found.append(number)
    return tuple(sorted(found, key=lambda n: n.start))


def _arabic(text: str, flat: str, match: re.Match[str]) -> Number | None:
    digits = match["digits"]
    after = flat[match.end() : match.end() + 1]
    plain = match.end() == match.end("digits")
    if plain and after.isascii() and (after.isalpha() or after == "_"):
        return None  # 3M, 10K, 5G: a name
    sign = match["sign"] or match["sign2"] or ""
    letter = match["letter"]
    if letter and not sign and ("." not in digits or letter in "bBkK"):
        return None
    scale, exact = Decimal(1), Decimal(digits.replace(",", ""))
    percent = bool(match["percent"] or match["basis"])
    if match["percent"]:
        scale = Decimal("0.01")
    elif match["basis"]:
        scale = Decimal("0.0001")
    elif match["zhscale"]:
        scale, more = _chinese_scale(match["zhscale"].strip())
        exact += more / scale
    elif match["scale"] or letter:
        scale = Decimal(_SCALES[(match["scale"] or letter).lower()])
    unit = _unit(sign, match["unit"] or "", match["year"] or "", percent)
    if unit == "year" and not (1000 <= exact < 10_000 and "," not in digits and scale == 1):
        unit = "years" if scale == 1 else ""
    # The span: from the first sign or bracket that belongs to the number to its unit.
    first, last = match.start(), match.end()
    opened = match["open"] is not None or match["open2"] is not None
    closed = match["close"] is not None or match["close2"] is not None
    negative = opened and closed and _bracket_means_minus(flat, match, unit, scale)
    if not negative:
        if match["open"] is not None and not (match["close"] and match["unit"]):
            first = match.end("open")
        elif match["open2"] is not None and not sign:
            first = match.end("open2")
        if match["close2"] is not None:
            last = match.start("close2")
        elif match["close"] is not None and match["percent"] is None and match["unit"] is None:
            last = match.start("close")
    minus = (match["minus"] or "").strip()
    negative = negative or minus in ("-", "\u2013", "负")
    value = exact * scale * (-1 if negative else 1)
    while last > first and flat[last - 1] in " \t":
        last -= 1
    decimals = len(digits.partition(".")[2])
    return Number(
        first, last, text[first:last], float(value), unit, float(scale), percent, negative, decimals
    )


def _bracket_means_minus(flat: str, match: re.Match[str], unit: str, scale: Decimal) -> bool:
    """Accounting writes a minus as brackets; a footnote mark or a year in brackets is none."""
    digits = match["digits"]
    if unit in ("", "shares", "times", *_CURRENCIES.values(), "percent") and (
        "," in digits or "." in digits or unit or scale != 1
    ):
        # "(2.5 million shares)" after a word is an aside, "(2.5)" in a table is a minus.
        before = flat[: match.start()].rstrip(" ")[-1:]
        aside = before.isalpha() and (unit in ("shares", "times") or bool(match["scale"] or match["zhscale"]))
        aside = aside or (unit == "percent" and before.isalpha())
        return match["close"] is not None or not aside
    if len(digits) >= 3:
        return not (len(digits) == 4 and digits[:2] in ("19", "20"))
    around = flat[match.start() - 1 : match.start()] + flat[match.end() : match.end() + 1]
    return len(digits) == 2 and "\t" in around


def _unit(sign: str, unit: str, year: str, percent: bool) -> str:
    if percent:
        return "percent"
    if unit and unit not in ("人民币", "港币"):
        thing = _CURRENCIES.get(unit.lower()) or _THINGS.get(unit.lower(), "")
        if sign and thing in ("CNY", "shares"):  # 人民币5元, US$5元
            return _CURRENCIES[sign.lower()]
        return thing
    if year:
        return "year"
    return _CURRENCIES.get((sign or unit).lower(), "")


def _chinese_scale(run: str) -> tuple[Decimal, Decimal]:
    """亿 -> (1e8, 0); 万亿 -> (1e12, 0); 亿2000万 -> (1e8, 2e7)."""
    head = re.match(r"[十百千万亿萬億]+", run)
    assert head is not None
    scale = Decimal(1)
    for char in head.group():
        scale *= _SMALL.get(char) or _LARGE[char]
    rest = run[head.end() :]
    return scale, Decimal(rest.rstrip("万")) * 10_000 if rest else Decimal(0)


def _chinese(text: str, flat: str, match: re.Match[str]) -> Number | None:
    whole, part, unit = match["whole"], match["part"] or "", match["unit"] or ""
    value = chinese_value(whole)
    percent, end = match["percent"] is not None, match.end()
    if percent:
        end, unit = (match.start("unit") if unit else end), ""
    if value is None or not (percent or part or _is_numeral(whole, unit, match["year"] or "")):
        return None
    exact = Decimal(value)
    if part:
        exact += Decimal("0." + "".join(str(_DIGITS[c]) for c in part))
    scale = Decimal({"百分之": "0.01", "千分之": "0.001"}.get(match["percent"] or "", "1"))
    if match["minus"]:
        exact = -exact
    name = _unit("", unit, match["year"] or "", percent)
    if name == "year" and not (len(whole) == 4 and _POSITIONAL.fullmatch(whole)):
        name = "years"
    negative = match["minus"] is not None
    found = text[match.start() : end]
    return Number(
        match.start(), end, found, float(exact * scale), name, float(scale), percent, negative, len(part)
    )


def _is_numeral(whole: str, unit: str, year: str) -> bool:
    """Whether the characters are a number there and not part of a word (一般, 三一重工, 千万别)."""
    one = len(whole) == 1
    positional = _POSITIONAL.fullmatch(whole) is not None
    if year and positional:
        return len(whole) == 4
    if one:
        counted = bool(unit or year) and whole in _DIGITS
        return counted and (whole != "一" or unit in _CURRENCIES or unit in ("股", "倍", "吨"))
    if unit or year:
        return True
    if positional:
        return len(whole) > 2 and ("〇" in whole or "零" in whole)
    return len(whole) > 2 or any(c in _LARGE for c in whole)


def chinese_value(numeral: str) -> int | None:
    """The value of a whole Chinese numeral: 三千二百万 3.2e7, 一百零五 105, 二〇一九 2019; None for
    what is none (万, 百千)."""
    if _POSITIONAL.fullmatch(numeral):
        return int("".join(str(_DIGITS[c]) for c in numeral))
    total = section = digit = 0
    seen = False
    for char in numeral:
        if char in _DIGITS:
            if digit:
                return None
            digit, seen = _DIGITS[char], True
        elif char in _SMALL:
            if not digit and char in "十拾" and not section:
                digit, seen = 1, True
            if not digit:
                return None
            section += digit * _SMALL[char]
            digit = 0
        else:
            large = _LARGE[char]
            if not (section + digit or total):
                return None
            if total and section + digit == 0:  # 万亿
                total *= large
            elif total and large > total:
                total = (total + section + digit) * large
            else:
                total += (section + digit) * large
            section = digit = 0
    return total + section + digit if seen else None


def stated_scale(text: str) -> tuple[float, str] | None:
    """What a table's head says of all its cells: "(in millions, except per share)" (1e6, ""), "Dollars in
    thousands" (1e3, "USD"), "单位：万元" (1e4, "CNY"); None when it says nothing. The first one counts."""
    flat = text.translate(_FLAT).lower()
    for match in _STATED.finditer(flat):
        if match["scale"] or match["scale2"]:
            scale = float(_SCALES[(match["scale"] or match["scale2"])[:-1]])
            said = match.group()
            unit = (
                "CNY" if "rmb" in said else "USD" if "$" in said or "dollar" in said or "usd" in said else ""
            )
            return scale, unit
        printed = match["zh"] or match["zh2"] or ""
        if printed:
            magnitude = printed.rstrip("元股美港欧")
            unit = _CURRENCIES.get(printed[len(magnitude) :]) or _THINGS.get(printed[len(magnitude) :], "")
            scale_of = _chinese_scale(magnitude)[0] if magnitude else Decimal(1)
            return float(scale_of), unit
    return None
