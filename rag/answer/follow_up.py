"""What makes a question a follow-up, and whom it names: words of both languages, nothing of conversations.

Pure. Names are found by what the library's documents are called; without one, by how names look.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

PERIOD = re.compile(
    r"(?:FY\s?'?)?(?:19|20)\d{2}\s*(?:年度?)?(?:\s*(?:上半年|下半年|第?[一二三四1-4]季度|[1-4]?Q[1-4]))?"
    r"|\bQ[1-4]\s*(?:of\s*)?(?:FY)?\s*(?:19|20)\d{2}|\bFY\s?'?\d{2}\b|\bQ[1-4]\b|第?[一二三四]季度"
    r"|(?:上|去|本|今|前|下)(?:一)?年度?|上半年|下半年"
    r"|\b(?:the )?(?:last|previous|prior|this|next) (?:year|quarter)\b"
    r"|\bthe year (?:before|after)\b",
    re.IGNORECASE,
)
YEAR = re.compile(r"(?:19|20)\d{2}")
BEFORE = re.compile(r"[上去前](?:一)?年|(?:last|previous|prior) year|year before", re.IGNORECASE)
AFTER = re.compile(r"下(?:一)?年|next year|year after", re.IGNORECASE)
OPENING = re.compile(
    r"^(?:那么|那|而|再|还有|另外|换成|改成|改为|如果是"
    r"|(?:the )?same (?:question )?(?:for|with)|and(?: (?:what|how) about)?|(?:what|how) about|or|also|then)"
    r"(?![a-z])[\s,，]*",
    re.IGNORECASE,
)
TOPIC = re.compile(
    r"^(?:换个?(?:话题|问题)|另(?:外)?(?:问|有)?一个问题|另外问一下|新(?:话题|问题)"
    r"|(?:a )?(?:different|new|another|unrelated) (?:question|topic|subject)"
    r"|change of (?:topic|subject))[\s:：,，.。]+",
    re.IGNORECASE,
)
CORRECTION = re.compile(
    r"^(?:(?:不是(?:的)?|不对|错了|不)[\s,，。！!]+(?:我(?:说|问|指|要)的?是|应该是|而是|是)?"
    r"|我(?:说|问|指|要)的是"
    r"|(?:no|nope|not that|wrong|sorry)[\s,.!]+(?:i (?:meant|mean|want(?:ed)?|asked (?:about|for))\s+)?"
    r"|i (?:meant|mean|asked (?:about|for))\s+)[\s,，]*",
    re.IGNORECASE,
)
ENDING = re.compile(r"(?:又)?(?:呢|如何呢|怎么样呢|又如何)?[\s?？。.!！]*$")
PREPOSITION = re.compile(
    r"^(?:(?:in|for|of|at|during|on|by|the|and)\b\s*)+|(?:\s+(?:in|for|of|at|during|on|by|and))+$"
    r"|^(?:在|于|对于|关于|和|与)",
    re.IGNORECASE,
)
PRONOUN = re.compile(
    r"它们?的?|(?:该|这家|那家|此)(?:公司|企业|集团|银行)(?:的)?|其(?=[\u4e00-\u9fff])(?!他|中|余|它|实)"
    r"|\b(?:it|its|they|their|them|the company|the company's|that company|this company)\b",
    re.IGNORECASE,
)
# What says something only of the item asked about before.
MODIFIER = re.compile(
    r"^(?:的)?(?:同比|环比|比(?:上年|去年|前一年|上期|同期)?.{0,6}[增减上下升降]|为什么|为何|原因|什么原因|怎么[回会]|占.{1,16}(?:比例|比重|比率|百分比|多少)"
    r"|(?:所占)?比例|合并|母公司"
    r"|(?:扣非|归母)(?:后)?的?$|[增下][长降减]|变[化动]|单位|每股(?:的)?$|具体|详细|分(?:季度|产品|地区|业务)"
    r"|why\b|how come\b|(?:in|as) (?:a |us )?(?:percent|millions|billions|thousands|dollars|share|usd|rmb)"
    r"|how does (?:that|this|it) compare\b"
    r"|(?:and )?year[ -](?:over|on)[ -]year|yoy\b|as a (?:share|percentage) of|per share\b"
    r"|(?:the )?(?:consolidated|parent|segment|adjusted|restated|gaap|non-gaap|unit|breakdown|growth|change"
    r"|reason)\b"
    r"|(?:by|how much|by how much|did) ?.{0,24}"
    r"\b(?:grow|rise|fall|increase|decrease|decline|change|drop)[a-z]*$)",
    re.IGNORECASE,
)
DEFINES = re.compile(
    r"什么是|是什么意思|何为|的定义|\bwhat (?:is|are) an? "
    r"|^what (?:is|are) (?!(?:the|its|their|it|that|this)\b)[a-z][a-z -]*\?*$|\bdefine\b|\bdefinition\b"
    r"|\bwhat does .{2,40} mean\b",
    re.IGNORECASE,
)
_CAPITALISED = re.compile(r"(?:\b[A-Z0-9][\w&.'-]*\b(?:\s+(?=[A-Z]))?)+")
_ORGANISATION = re.compile(
    r"[\u4e00-\u9fffA-Za-z（）()]{2,24}?(?:股份有限公司|有限责任公司|有限公司|集团|银行|公司|股份|科技|保险|证券)"
)
_NOT_NAMES = re.compile(
    r"^(?:What|How|Which|Who|When|Where|Why|Is|Are|Was|Were|Does|Do|Did|The|In|And|No|New|Different|FY|Q[1-4]"
    r"|(?:19|20)\d{2}|[0-9.]+|I|A|An|EPS|EBITDA|GAAP|ROE|ROA|CEO|CFO|R&D|CAPEX)$"
)


def strip(question: str) -> str:
    """The question without what only makes it a follow-up."""
    return ENDING.sub("", OPENING.sub("", question.strip())).strip()


def name_in(text: str, names: Sequence[str]) -> str:
    """What of the text names a document's subject: the longest piece (two ideographs or a word at least)
    that it shares with a document's name or title, else an organisation's or a capitalised name."""
    best = ""
    for name in names:
        shared = shared_name(text, name)
        if len(shared) > len(best):
            best = shared
    if best:
        return best
    match = _ORGANISATION.search(PERIOD.sub(" ", text))
    if match and not re.search("哪|什么|[子分]公司", match.group()):
        return match.group()
    found = [m.group().strip() for m in _CAPITALISED.finditer(PERIOD.sub(" ", text))]
    found = [f for f in found if not all(_NOT_NAMES.match(w) for w in f.split())]
    return max(found, key=len, default="")


_GENERIC = frozenset(
    [
        "annual",
        "report",
        "年度",
        "报告",
        "年度报告",
        "年报",
        "年年度报告",
        "公司",
        "有限公司",
        "股份有限公司",
        "10k",
        "10q",
        "8k",
    ]
)


def shared_name(text: str, name: str) -> str:
    """The longest run of ideographs (two or more) or of whole neighbouring words of ``text`` that ``name``
    holds as well; words count from a capital or a digit on."""
    best = ""
    low = re.sub(r"[^a-z0-9&]+", " ", name.lower())
    bare = PERIOD.sub(" ", text)
    for run in re.findall(r"[\u4e00-\u9fff]+", bare):
        for start in range(len(run)):
            for end in range(len(run), start + max(1, len(best)), -1):
                piece = run[start:end]
                if piece in name and not any(piece in g for g in _GENERIC):
                    best = piece
                    break
    words = list(re.finditer(r"[A-Za-z0-9][A-Za-z0-9&]*", bare))
    for first in range(len(words)):
        if not re.match(r"[A-Z0-9]", words[first].group()):
            continue
        for last in range(len(words) - 1, first - 1, -1):
            piece = bare[words[first].start() : words[last].end()]
            flat = re.sub(r"[^a-z0-9&]+", " ", piece.lower()).strip()
            if len(piece) <= max(1, len(best)) or flat in _GENERIC or not re.search(r"[A-Z]", piece):
                continue
            if re.search(rf"(?<![a-z0-9]){re.escape(flat)}(?![a-z0-9])", low):
                best = piece
                break
    return best
