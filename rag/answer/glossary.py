"""Names for the same thing in financial reports: short forms, long forms, what a statement's row calls it.

Promises: small, general, of no company in particular; an English phrase is matched by its terms in a row, a
Chinese one as it is written; what a longer name of the glossary holds is not taken for a shorter one
("cost of sales" is no "sales").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.text.normalise import normalise
from rag.text.terms import terms

# One group a line (going on after a closing semicolon); a row under any of the names answers for the others.
_AMOUNTS = """
capital expenditures; capital expenditure; capex; cap ex; capital spending; purchases of property;
additions to property; acquisition of property; payments for property; capital investments;
purchases of property plant and equipment; purchases of property and equipment;
additions to property plant and equipment; additions to property and equipment;
acquisition of property plant and equipment; payments for property plant and equipment; 资本开支;
资本支出; 资本性支出; 购建固定资产
revenue; revenues; net revenue; total revenue; sales; net sales; total net sales; operating revenue;
turnover; 营业收入; 营收; 主营业务收入; 营业总收入
cost of sales; cost of goods sold; cost of revenue; cost of revenues; cogs; 营业成本
gross profit; 毛利; 毛利润
operating income; operating profit; income from operations; profit from operations; 营业利润
net income; net earnings; net profit; profit for the year; net loss; 净利润
归属于上市公司股东的净利润; 归属于母公司股东的净利润; 归属于母公司所有者的净利润; 归母净利润
property plant and equipment; property and equipment; pp&e; ppne; ppe; fixed assets; 固定资产
research and development; r&d; 研发投入; 研发费用; 研发支出
selling general and administrative; sg&a
depreciation and amortization; depreciation amortization; d&a; 折旧和摊销; 折旧与摊销
earnings per share; eps; net income per share; 每股收益; eps
operating cash flow; cash flow from operations; cash from operating activities;
cash provided by operating activities; cash flows from operating activities; 经营现金流; 经营性现金流;
经营活动现金流; 经营活动产生的现金流量净额
free cash flow; fcf; 自由现金流
share repurchases; stock repurchases; share buybacks; repurchases of common stock;
repurchase of common shares; purchases of treasury stock
accounts receivable; trade receivables; 应收账款
accounts payable; trade payables; 应付账款
inventory; inventories; merchandise inventories; 存货
stockholders equity; shareholders equity; shareowners equity; net assets; 净资产; 所有者权益合计; 股东权益合计
total assets; 总资产; 资产总计; 资产总额; 资产合计
total liabilities; 总负债; 负债合计; 负债总额; 负债总计
employees; headcount; 员工人数; 职工总数; 员工总数; 职工人数; 在职员工的数量合计; 在职员工总数
effective tax rate; effective income tax rate; actual tax rate; 实际税率
dividends; 股息; 股利; 现金红利; 分红; 派息
"""
_ROLES = """
ceo; chief executive officer; chief executive; 首席执行官; 行政总裁; 总经理; 总裁
cfo; chief financial officer; 首席财务官; 财务总监; 财务负责人
coo; chief operating officer; 首席运营官
cto; chief technology officer; 首席技术官
chairman; chairwoman; chairperson; chair of the board; 董事长
auditor; auditors; independent registered public accounting firm; 会计师事务所; 审计机构
headquarters; principal executive offices; registered office; 总部; 办公地址
agm; annual meeting of shareholders; annual general meeting; 股东大会
"""
_FUNCTION = frozenset(["of", "and", "the", "for", "to", "from", "by", "in", "a", "e"])


@dataclass(frozen=True, slots=True)
class Name:
    """One name: its terms in order (English), or its characters (Chinese)."""

    text: str
    terms: tuple[str, ...]

    @property
    def chinese(self) -> bool:
        return not self.text.isascii()


@dataclass(frozen=True, slots=True)
class Mention:
    """A name that stands in a text, and the other names of the same thing."""

    name: Name
    others: tuple[Name, ...]
    amount: bool  # a thing that is counted or paid
    group: int


def _name(text: str) -> Name:
    return Name(text, tuple(t for t in terms(text.replace("&", "") if "pp&" in text else text)))


@lru_cache(maxsize=1)
def _names() -> tuple[tuple[Name, int, tuple[Name, ...], bool], ...]:
    """(name, its group's number, the group, whether an amount), longest names first."""
    found = []
    number = 0
    for table, amount in ((_AMOUNTS, True), (_ROLES, False)):
        for line in table.strip().replace(";\n", "; ").splitlines():
            group = tuple(_name(part.strip()) for part in line.split(";"))
            found += [(name, number, group, amount) for name in group]
            number += 1
    return tuple(sorted(found, key=lambda item: -len(item[0].terms)))


@lru_cache(maxsize=8192)
def mentions(text: str) -> tuple[Mention, ...]:
    """The glossary's names in a text, longest first; each place is taken once."""
    flat = normalise(text).lower()
    words = terms(flat.replace("pp&e", "ppe"))
    taken_words: set[int] = set()
    found: list[Mention] = []
    present = set(words)
    seen: dict[int, int] = {}
    for name, number, group, amount in _names():
        if name.chinese:
            if name.text not in flat:
                continue
            flat = flat.replace(name.text, "，")
        else:
            if name.terms[0] not in present:
                continue
            places = [p for p in _places(name.terms, words) if not taken_words & set(p)]
            if not places:
                continue
            taken_words.update(i for p in places for i in p)
        if number not in seen:
            seen[number] = len(found)
            found.append(Mention(name, tuple(n for n in group if n.terms != name.terms), amount, number))
    return tuple(found)


def _places(wanted: Sequence[str], words: Sequence[str]) -> list[range]:
    if not wanted:
        return []
    first, size = wanted[0], len(wanted)
    return [
        range(i, i + size)
        for i, word in enumerate(words)
        if word == first and tuple(words[i : i + size]) == tuple(wanted)
    ]


def content(name: Name) -> frozenset[str]:
    """The name's terms that say something."""
    return frozenset(t for t in name.terms if t not in _FUNCTION)
