"""Questions about a term itself (what it means, how it is worked out), and the formula of a ratio in words.

Promises: a question that names a year or somebody's figure asks for that figure, not for a meaning; the
formula in words is the one that the calculator uses. Pure.
"""

from __future__ import annotations

import re
from decimal import Decimal

from rag.answer.expressions import Expression, Number, Operation, Wanted, write
from rag.text.normalise import normalise
from rag.vocabulary import Ratio, mentions, vocabulary
from rag.vocabulary import formula as formulas

_MEANING = re.compile(
    r"^(?:请问|请|解释|说明|一下|我想知道)*(?:什么是|何谓|何为|什么叫)"
    r"|是什么意思|指的?是什么|(?:含义|定义|概念|公式|计算方法|计算方式|算法)(?:是什么|是怎样的)"
    r"|(?:怎么|怎样|如何)(?:来)?(?:计算|算|理解|定义)(?:的|得来的|出来的|得出的)?[?？。]*$"
    r"|^(?:so |please )?(?:what(?:'s| is| are)|explain|describe) (?:an? |meant by |the (?:meaning|definition"
    r"|formula)\b)"
    r"|^(?:please )?define\b|\bwhat does .{2,60} mean\b"
    r"|\bhow (?:is|are) .{2,60} (?:calculated|computed|defined|worked out|derived)\b"
    r"|\bhow (?:do|does|to|would|can) (?:you |i |we |one )?(?:calculate|compute|work out|define)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)|\bFY ?'?\d{2}\b", re.IGNORECASE)
_WHOSE = re.compile(r"[a-z]['’]s?\s+[a-z]|\b(?:our|their|its)\b", re.IGNORECASE)
_BARE = re.compile(r"^(?:请问)?(?P<name>.{2,16}?)(?:是|指)(?:的是)?(?:什么|啥)[?？。]*$")


def asks_meaning(question: str) -> bool:
    """Whether it asks what a term means or how it is worked out, of no year and nobody in particular."""
    flat = normalise(question).strip()
    if _YEAR.search(flat) or _WHOSE.search(flat.replace("what's", "what is").replace("What's", "What is")):
        return False
    if _MEANING.search(flat):
        return True
    bare = _BARE.match(flat)
    return bare is not None and any(
        isinstance(m.entry, Ratio) and m.name.text == bare["name"] for m in mentions(bare["name"])
    )


def formula_told(question: str, language: str) -> tuple[str, str] | None:
    """(name, formula) of the ratio whose meaning is asked, in words of ``language``; None when it is not one
    of the vocabulary's."""
    found = [m for m in mentions(question) if isinstance(m.entry, Ratio) and not m.entry.of_any_item]
    if not found:
        return None
    ratio = max(found, key=lambda m: len(m.name.text)).entry
    assert isinstance(ratio, Ratio)
    names = ratio.names_zh if language == "zh" else ratio.names_en
    tree = _in_words(formulas.parse_formula(ratio.formula), language)
    return (names or ratio.names)[0].text, write(tree, lambda wanted: wanted.name, "")


_PERIODS = {
    "en": {
        "now": "{}",
        "previous": "{} of the year before",
        "average": "average {}",
        "change": "change in {}",
    },
    "zh": {"now": "{}", "previous": "上年{}", "average": "平均{}", "change": "{}变动额"},
}


def _in_words(tree: formulas.Node, language: str) -> Expression:
    match tree:
        case formulas.Number(value=value):
            return Number(Decimal(repr(value)))
        case formulas.Reference(item=item, period=period):
            known = vocabulary().items[item]
            names = known.names_zh if language == "zh" else known.names_en
            spoken = _PERIODS["zh" if language == "zh" else "en"][period]
            return Wanted(spoken.format((names or known.names)[0].text), (item,), None)
        case formulas.Operation(operator=operator, left=left, right=right):
            return Operation(operator, _in_words(left, language), _in_words(right, language))
    raise AssertionError(tree)
