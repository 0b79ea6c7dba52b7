"""Which row labels of financial tables can be asked about, in English and Chinese.

Promises: pure; a label is taken only when it is whole and names something of the field by itself.
"""

from __future__ import annotations

import re

from rag.records import Language

# What English statements are made of. A label is asked about when it is built from these words alone.
_WORDS_EN = """
accounts accrued accumulated acquired acquisition acquisitions activities additional adjusted
administrative advertising after amortization and assets attributable available average bank basic
before benefit benefits bonds borrowings business capital cash cash, charges commercial common
compensation comprehensive consolidated content continuing contract contributions controlling cost
costs credit current customer debt deferred deposits depreciation development diluted dividends
earnings ebitda employee equipment equity equivalents equivalents, excess expenditures expense expenses
expenses, fees financing for from general goods goodwill gross held impairment in income income,
intangible intangibles interest inventories inventories, inventory, investing investment investments
issuance lease leases liabilities loans long long-lived long-term loss losses maintenance margin
marketable marketing membership merchandise minority net non-current noncontrolling noncurrent notes
obligations occupancy of on operating operations other paid paid-in parent payable payables payments
payroll per plant plant, preferred premiums prepaid proceeds products profit property property,
provision purchase purchases receivable receivable, receivables receivables, refunds rent repurchase
repurchased repurchases research restricted restructuring retained revenue revenues salaries sale sales
securities selling selling, service services share share-based shareholders shareholders' shareholders’
short-term sold stock stock-based stockholders stockholders' stockholders’ subscription tax taxes
technology term the to total trade treasury unearned wages with working
"""
_FIELD_EN = frozenset(_WORDS_EN.split())
_FOOTNOTE = re.compile(r"\s*(?:\((?:\d{1,2}|[a-z])\))+\s*$|[®™*†‡]+")
_HEADS_EN = re.compile(
    r"\b(?:revenues?|sales|income|expenses?|costs?|profit|loss|earnings|assets|liabilities|equity|cash|debt|taxes"
    r"|receivables?|payables?|inventor(?:y|ies)|depreciation|amortization|dividends|expenditures|goodwill|margin"
    r"|compensation|deposits|loans|borrowings|ebitda|securities|equivalents|equipment|proceeds|repurchases|charges"
    r"|provision|fees|development|sold|maintenance)\b",
    re.IGNORECASE,
)
_VAGUE_EN = re.compile(
    r"^(?:total|net|other|basic|diluted|current|deferred|interest|tax|taxes|cash|balance|sub-?total|sales|loss|costs?"
    r"|expenses?|assets|equity|fees|notes|loans|charges|provision|deposits|securities|compensation|services?|products?"
    r"|net (?:amount|change|other)|other(?:,? net)?|total (?:other|net|cost|costs|expenses?)|other .*"
    r"|total other .*"
    r"|proceeds from sales|income taxes|total accumulated .*|.* and other|.* of|.* to|.* from|.* for"
    r"|.* and|.* in"
    r"|.* on|.*,)$",
    re.IGNORECASE,
)
_ALONE = frozenset({"revenues", "revenue", "goodwill", "inventories", "depreciation", "amortization"})
_HEADS_ZH = re.compile(
    r"收入|成本|费用|利润|资产|负债|权益|现金流量净额|税金|收益|应收|应付|存货|借款|折旧|摊销|股利|商誉|薪酬|净额|损失|在建工程"
    r"|预付|预收|每股|研发投入|公积|股本|准备金|存款|贷款|款项|货币资金|收益率|毛利率|比率|人数"
)
_VAGUE_ZH = re.compile(
    r"^(?:合计|小计|总计|其他|其中|占|加|减|期末|期初|本期|上期|账面|余额|一|二|三|四|五|六|七|八|1|2|3|4|5|6|7|8|9|（|\()"
    r"|^(?:其他|其它).*|^(?:收入|成本|费用|利润|资产|负债|存货跌价|净额|损失|收益|原材料|折旧|摊销|工程)$|[的和与及、，,：:“（(]$"
    r"|补助|补贴|奖励|影响|调整|差异|加计|变动|冲回|转销|项目|公司$|客户|第[一二三四五]名|应收账款坏账"
)
_STOCK_WORDS = re.compile(
    r"accrued|deferred|unearned|assets|liabilit|equity$|receivable|payable|inventor|goodwill|\bdebt\b|equivalents|securities|property|retained|accumulated"
    r"|资产|负债|应收|应付|存货|商誉|借款|货币资金|公积|股本|未分配利润|所有者权益|预付|预收|在建工程|存款",
    re.IGNORECASE,
)
_OUTFLOW = re.compile(
    r"purchase|payment|paid|repurchase|repay|expenditure|expense|cost|provision|amortization|depreciation",
    re.IGNORECASE,
)
_FLOW_EXCEPTIONS = re.compile(
    r"收益|损失|减值|收到|支付|处置|购建|每股|income|loss|purchase|proceeds|return on|interest on"
    r"|depreciation|amortization|sales",
    re.IGNORECASE,
)


def label_of(language: Language, raw: str, following: str) -> str | None:
    """The row's label as one can ask about it, or None. A label that goes on in the next line is not
    whole."""
    label = raw
    for _ in range(2):
        label = _FOOTNOTE.sub("", label).strip(" :：.…")
    rest = following.strip()
    if language == "zh":
        label = re.sub(
            r"[（(](?:[%％]|(?:人民币)?(?:百万|千|万|亿)?元(?:[／/]股)?|“.*?”|以“.*?”.*?)[)）]", "", label
        )
        label = re.sub(
            r"[（(](?:净?亏损|损失|收益|净).{0,12}号填列[)）]|^[一二三四五六七八九十]+、", "", label
        ).strip()
        label = re.sub(r"\s+|[\[［]注\d*[\]］]", "", label)
        alone = bool(rest) and "\t" not in following and not rest.endswith(("：", ":"))
        wrapped = alone and (len(rest) <= 12 or len(label) > 12)
        if wrapped or not 2 <= len(label) <= 22 or not re.match(r"^[\u4e00-\u9fff]", label):
            return None
        if label.count("（") != label.count("）") or label.count("(") != label.count(")"):
            return None
        if _VAGUE_ZH.search(label) or not _HEADS_ZH.search(label):
            return None
        return label
    words = label.lower().replace("/", " ").split()
    wrapped = bool(rest) and "\t" not in following and rest[:1].islower()
    if wrapped or not 5 <= len(label) <= 64 or not label[:1].isupper() or _VAGUE_EN.match(label):
        return None
    if any(w not in _FIELD_EN for w in words) or not _HEADS_EN.search(label) or len(words) < 2:
        return None if label.lower() not in _ALONE else label
    return label


def is_stock(label: str) -> bool:
    """Whether it is a balance at a day, not a flow over a year."""
    return bool(_STOCK_WORDS.search(label)) and not _FLOW_EXCEPTIONS.search(label)


def is_outflow(label: str) -> bool:
    """Whether an English statement may print it in parentheses though it is spoken of as an amount."""
    return bool(_OUTFLOW.search(label))
