"""Personal data in a text: found by shape, believed only when its check digits or numbering plan agree.

Promises: pure; ``text[span.start:span.end]`` is the span, in order, without overlaps; amounts of money and
other figures are left alone. Identity and account numbers are checked by python-stdnum, telephone numbers by
Google's numbering plans (phonenumbers). Names of people are not looked for: a pattern cannot tell them from
companies.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

PersonalKind = Literal["email", "phone", "identity_number", "bank_card", "iban"]

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+(?![\w-])")
_CHINESE_IDENTITY = re.compile(r"(?<![\dA-Za-z.,])\d{17}[\dXx](?![\dA-Za-z.,]\d|\d)")
_US_SECURITY = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_CARD = re.compile(r"(?<![\d.,])(?:\d[ -]?){12,18}\d(?![\d.,]\d|\d)")
_IBAN = re.compile(r"(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Z0-9])")
_DIGITS = re.compile(r"\d{7}|\d[\d ()./-]{6,}\d")
_REGIONS = ("CN", "US")  # of numbers written without a country code
_MONEY = re.compile(r"[$¥￥€£]\s*$|[,.]$")


@dataclass(frozen=True, slots=True)
class PersonalSpan:
    kind: PersonalKind
    start: int
    end: int


def personal_spans(text: str) -> tuple[PersonalSpan, ...]:
    """What of ``text`` is personal, by place."""
    found: list[PersonalSpan] = []
    for span in _candidates(text):
        if not any(span.start < other.end and other.start < span.end for other in found):
            found.append(span)
    return tuple(sorted(found, key=lambda span: span.start))


def mask_personal(text: str) -> tuple[str, Mapping[PersonalKind, int]]:
    """``text`` with each span replaced by its kind in brackets ("[phone]"), and how many of each were."""
    pieces: list[str] = []
    counts: Counter[PersonalKind] = Counter()
    at = 0
    for span in personal_spans(text):
        pieces += [text[at : span.start], f"[{span.kind}]"]
        counts[span.kind] += 1
        at = span.end
    return "".join([*pieces, text[at:]]), counts


def _candidates(text: str) -> Iterator[PersonalSpan]:
    """The most certain kinds first: what they take, later ones leave."""
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield PersonalSpan("email", *match.span())
    if not _DIGITS.search(text):
        return
    from stdnum import iban, luhn
    from stdnum.cn import ric
    from stdnum.us import ssn

    for match in _CHINESE_IDENTITY.finditer(text):
        if ric.is_valid(match.group().upper()):
            yield PersonalSpan("identity_number", *match.span())
    for match in _US_SECURITY.finditer(text):
        if ssn.is_valid(match.group()):
            yield PersonalSpan("identity_number", *match.span())
    for match in _IBAN.finditer(text):
        if iban.is_valid(match.group()):
            yield PersonalSpan("iban", *match.span())
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        # Issuers begin with 3 to 6 (ISO/IEC 7812-1); groups of a card are of four digits, or there are none.
        if digits[0] in "3456" and luhn.is_valid(digits) and _grouped_by_four(match.group()):
            yield PersonalSpan("bank_card", *match.span())
    yield from _phones(text)


def _grouped_by_four(text: str) -> bool:
    groups = re.split(r"[ -]", text)
    return len(groups) == 1 or all(len(group) == 4 for group in groups[:-1])


def _phones(text: str) -> Iterator[PersonalSpan]:
    import phonenumbers

    for region in _REGIONS:
        for match in phonenumbers.PhoneNumberMatcher(
            text, region, leniency=phonenumbers.Leniency.VALID, max_tries=1000
        ):
            before = text[max(0, match.start - 3) : match.start]
            # A bare run of digits is a figure unless it is a mobile number of China.
            plain = match.raw_string.isdigit() and not re.fullmatch(r"1[3-9]\d{9}", match.raw_string)
            if not plain and not _MONEY.search(before):
                yield PersonalSpan("phone", match.start, match.end)
