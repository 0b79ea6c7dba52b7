"""The figures of the Chinese sample report, in ten thousand yuan (人民币万元), and the checks that tie
them together. Columns are 2024, 2023."""

from __future__ import annotations

Pair = tuple[int, int]
Table = dict[str, Pair]


def add(*rows: Pair) -> Pair:
    return sum(r[0] for r in rows), sum(r[1] for r in rows)


REVENUE: Pair = (186_425, 158_930)
COSTS: Table = {
    "营业成本": (108_127, 95_358),
    "税金及附加": (1_305, 1_128),
    "销售费用": (14_914, 13_350),
    "管理费用": (12_118, 11_284),
    "研发费用": (20_507, 16_211),
    "财务费用": (865, 1_042),
}
GAINS: Table = {
    "其他收益": (2_436, 1_985),
    "投资收益": (612, 430),
    "信用减值损失": (-745, -612),
    "资产减值损失": (-1_063, -894),
}
TOTAL_COST = add(*COSTS.values())
OPERATING_PROFIT: Pair = (29_829, 21_466)
NON_OPERATING_INCOME: Pair = (186, 143)
NON_OPERATING_EXPENSE: Pair = (215, 209)
PRE_TAX: Pair = (29_800, 21_400)
TAX: Pair = (3_874, 2_782)
NET_PROFIT: Pair = (25_926, 18_618)
PARENT_PROFIT: Pair = (24_785, 17_894)
MINORITY_PROFIT: Pair = (1_141, 724)
ADJUSTED_PROFIT: Pair = (22_910, 16_305)
NON_RECURRING: dict[str, int] = {
    "非流动性资产处置损益": -38,
    "计入当期损益的政府补助": 1_986,
    "银行理财产品收益": 412,
    "其他营业外收入和支出": -29,
    "所得税影响额": -350,
    "少数股东权益影响额": -106,
}
CURRENT_ASSETS: Table = {
    "货币资金": (58_236, 49_870),
    "交易性金融资产": (12_000, 8_000),
    "应收票据": (3_865, 3_210),
    "应收账款": (46_512, 40_385),
    "预付款项": (4_128, 3_756),
    "其他应收款": (1_036, 982),
    "存货": (41_873, 38_264),
    "其他流动资产": (1_952, 1_640),
}
OTHER_ASSETS: Table = {
    "固定资产": (52_418, 47_925),
    "在建工程": (11_306, 6_842),
    "使用权资产": (2_215, 2_534),
    "无形资产": (9_867, 9_420),
    "商誉": (6_350, 6_350),
    "长期待摊费用": (1_284, 1_106),
    "递延所得税资产": (2_148, 1_895),
    "其他非流动资产": (1_610, 1_221),
}
CURRENT_LIABILITIES: Table = {
    "短期借款": (15_000, 18_000),
    "应付票据": (8_420, 7_365),
    "应付账款": (27_836, 24_118),
    "合同负债": (9_215, 7_640),
    "应付职工薪酬": (5_862, 4_975),
    "应交税费": (2_418, 1_836),
    "其他应付款": (1_946, 1_725),
    "一年内到期的非流动负债": (3_120, 2_260),
}
OTHER_LIABILITIES: Table = {
    "长期借款": (12_000, 9_000),
    "租赁负债": (1_386, 1_742),
    "递延收益": (4_265, 3_918),
    "递延所得税负债": (632, 571),
}
EQUITY: Table = {
    "股本": (20_600, 20_600),
    "资本公积": (62_350, 60_180),
    "其他综合收益": (312, -162),
    "盈余公积": (7_586, 5_412),
    "未分配利润": (66_706, 48_215),
}
MINORITY_EQUITY: Pair = (7_146, 6_005)
TOTAL_CURRENT_ASSETS = add(*CURRENT_ASSETS.values())
TOTAL_OTHER_ASSETS = add(*OTHER_ASSETS.values())
TOTAL_ASSETS = add(TOTAL_CURRENT_ASSETS, TOTAL_OTHER_ASSETS)
TOTAL_CURRENT_LIABILITIES = add(*CURRENT_LIABILITIES.values())
TOTAL_OTHER_LIABILITIES = add(*OTHER_LIABILITIES.values())
TOTAL_LIABILITIES = add(TOTAL_CURRENT_LIABILITIES, TOTAL_OTHER_LIABILITIES)
PARENT_EQUITY = add(*EQUITY.values())
TOTAL_EQUITY = add(PARENT_EQUITY, MINORITY_EQUITY)

OPERATING_IN: Table = {
    "销售商品、提供劳务收到的现金": (196_380, 168_452),
    "收到的税费返还": (1_862, 1_540),
    "收到其他与经营活动有关的现金": (4_215, 3_630),
}
OPERATING_OUT: Table = {
    "购买商品、接受劳务支付的现金": (112_684, 98_730),
    "支付给职工以及为职工支付的现金": (41_236, 35_918),
    "支付的各项税费": (9_845, 8_206),
    "支付其他与经营活动有关的现金": (10_058, 10_053),
}
INVESTING_IN: Table = {
    "收回投资收到的现金": (30_000, 22_000),
    "取得投资收益收到的现金": (612, 430),
    "处置长期资产收回的现金净额": (85, 62),
}
INVESTING_OUT: Table = {
    "购建长期资产支付的现金": (15_420, 11_865),
    "投资支付的现金": (34_000, 25_000),
}
FINANCING_IN: Table = {"取得借款收到的现金": (32_000, 30_000)}
FINANCING_OUT: Table = {
    "偿还债务支付的现金": (31_140, 28_500),
    "分配股利、利润或偿付利息支付的现金": (5_236, 4_418),
    "支付其他与筹资活动有关的现金": (1_240, 1_186),
}
EXCHANGE: Pair = (71, 42)
CASH_AT_START: Pair = (48_050, 45_770)
CASH_AT_END: Pair = (52_416, 48_050)
RESTRICTED_CASH: Pair = (5_820, 1_820)


def net(incoming: Table, outgoing: Table) -> Pair:
    came, went = add(*incoming.values()), add(*outgoing.values())
    return came[0] - went[0], came[1] - went[1]


OPERATING_CASH = net(OPERATING_IN, OPERATING_OUT)
INVESTING_CASH = net(INVESTING_IN, INVESTING_OUT)
FINANCING_CASH = net(FINANCING_IN, FINANCING_OUT)

PRODUCTS: Table = {
    "光学测量仪器": (78_463, 65_210),
    "精密传感器": (62_108, 53_846),
    "智能检测系统": (34_682, 29_324),
    "技术服务及其他": (11_172, 10_550),
}
PRODUCT_COSTS: Table = {
    "光学测量仪器": (42_370, 36_518),
    "精密传感器": (36_644, 32_308),
    "智能检测系统": (22_543, 20_527),
    "技术服务及其他": (6_570, 6_005),
}
REGIONS: Table = {
    "华东地区": (71_215, 60_870),
    "华南地区": (43_860, 36_912),
    "西南地区": (28_346, 24_105),
    "其他境内地区": (19_004, 17_243),
    "境外": (24_000, 19_800),
}
QUARTERS: dict[str, tuple[int, int, int, int]] = {
    "营业收入": (37_285, 44_742, 47_538, 56_860),
    "归属于上市公司股东的净利润": (3_965, 5_948, 6_197, 8_675),
    "经营活动产生的现金流量净额": (1_260, 5_884, 7_352, 14_138),
}
RECEIVABLES: dict[str, tuple[int, int]] = {  # balance, loss allowance
    "1年以内": (42_630, 1_279),
    "1至2年": (3_985, 398),
    "2至3年": (1_760, 528),
    "3年以上": (1_245, 903),
}
INVENTORIES: dict[str, tuple[int, int]] = {  # balance, write-down
    "原材料": (14_236, 612),
    "在产品": (10_842, 228),
    "库存商品": (15_420, 1_187),
    "发出商品": (3_518, 116),
}


def check() -> None:
    """Raises AssertionError where two figures that must agree do not."""
    for year in (0, 1):
        gains = add(*GAINS.values())[year]
        assert OPERATING_PROFIT[year] == REVENUE[year] - TOTAL_COST[year] + gains
        assert PRE_TAX[year] == (
            OPERATING_PROFIT[year] + NON_OPERATING_INCOME[year] - NON_OPERATING_EXPENSE[year]
        )
        assert NET_PROFIT[year] == PRE_TAX[year] - TAX[year] == PARENT_PROFIT[year] + MINORITY_PROFIT[year]
        assert TOTAL_ASSETS[year] == TOTAL_LIABILITIES[year] + TOTAL_EQUITY[year]
        flows = OPERATING_CASH[year] + INVESTING_CASH[year] + FINANCING_CASH[year] + EXCHANGE[year]
        assert CASH_AT_END[year] == CASH_AT_START[year] + flows
        assert CURRENT_ASSETS["货币资金"][year] == CASH_AT_END[year] + RESTRICTED_CASH[year]
    assert add(*PRODUCTS.values()) == add(*REGIONS.values()) == REVENUE
    assert add(*PRODUCT_COSTS.values()) == COSTS["营业成本"]
    assert sum(NON_RECURRING.values()) == PARENT_PROFIT[0] - ADJUSTED_PROFIT[0]
    assert sum(QUARTERS["营业收入"]) == REVENUE[0]
    assert sum(QUARTERS["归属于上市公司股东的净利润"]) == PARENT_PROFIT[0]
    assert sum(QUARTERS["经营活动产生的现金流量净额"]) == OPERATING_CASH[0]
    assert sum(a - b for a, b in RECEIVABLES.values()) == CURRENT_ASSETS["应收账款"][0]
    assert sum(a - b for a, b in INVENTORIES.values()) == CURRENT_ASSETS["存货"][0]
