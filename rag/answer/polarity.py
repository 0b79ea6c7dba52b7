"""Whether two sentences say the opposite: a negation or a direction that only one of them has.

Promises: small and cautious; words that hold a negation without negating (不断, 不动产, "not only") don't
count; a sentence that has both directions has none. Pure.
"""

from __future__ import annotations

import re

_NEGATION = re.compile(
    r"\b(?:not(?! only)|never|neither|nor|cannot|without|unable|failed to|no longer|none)\b|n['’]t\b"
    r"|\bno (?!\.|\d|one\b|doubt)"
    r"|(?<!如)未(?!来|经审计|分配|偿|到期|上市|实现|确认|摊销|必)|没有|无法|并非|不存在|不再|不适用|不会|不得|不能|并不"
    r"|不(?=是|属于|构成|具备|涉及|符合|满足|同意|包括|需要|予|进行)|无(?=重大|任何|新增|需)",
    re.IGNORECASE,
)
_UP = re.compile(
    r"\b(?:increas\w*|rose|ris(?:e|es|en|ing)|gr(?:ew|ow\w*)|higher|improv\w*|expand\w*|gain(?:ed|s)?|climb\w*"
    r"|exceed\w*|above|more than|up (?:by|from|\d))\b|增长|增加|上升|提高|提升|上涨|高于|多于|增幅|扩大",
    re.IGNORECASE,
)
_DOWN = re.compile(
    r"\b(?:decreas\w*|declin\w*|fell|fall(?:s|en|ing)?|drop\w*|lower|reduc\w*|worsen\w*|shr(?:ank|ink\w*)|below"
    r"|less than|down (?:by|from|\d)|contract(?:ed|ing))\b|减少|下降|降低|下滑|下跌|低于|少于|降幅|回落|收窄",
    re.IGNORECASE,
)
_PAIRS = (
    (
        re.compile(r"\bnet income\b|\bprofit(?:able)?\b|盈利", re.I),
        re.compile(r"\bnet loss\b|\bloss-making\b|亏损", re.I),
    ),
    (
        re.compile(r"\bapprov\w+|通过|批准", re.I),
        re.compile(r"\breject\w*|\bdefeat\w*|否决|未通过|未获", re.I),
    ),
)  # fmt: skip


def direction(text: str) -> int:
    """1 up, -1 down, 0 neither or both."""
    up, down = bool(_UP.search(text)), bool(_DOWN.search(text))
    return up - down


def negations(text: str) -> int:
    return len(_NEGATION.findall(text))


def opposed(claim: str, source: str) -> bool:
    """Whether ``claim`` says the opposite of ``source``, which shares most of its words."""
    if (negations(claim) % 2) != (negations(source) % 2):
        return True
    ways = direction(claim), direction(source)
    if ways[0] * ways[1] < 0:
        return True
    for one, other in _PAIRS:
        a = bool(one.search(claim)) - bool(other.search(claim))
        b = bool(one.search(source)) - bool(other.search(source))
        if a * b < 0:
            return True
    return False
