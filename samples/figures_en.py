"""The figures of the English sample report, in thousands of US dollars, and the checks that tie them
together. Columns are fiscal 2024, 2023, 2022 (balance sheet: 2024, 2023)."""

from __future__ import annotations

Row = tuple[int, ...]

PRODUCTS: Row = (412_386, 371_940, 338_215)
SERVICES: Row = (118_742, 101_365, 88_430)
COST_PRODUCTS: Row = (226_812, 208_286, 192_783)
COST_SERVICES: Row = (61_746, 54_737, 49_521)
RESEARCH: Row = (63_735, 54_430, 47_358)
SELLING: Row = (97_198, 88_982, 81_489)
AMORTIZATION: Row = (8_460, 7_220, 7_220)
RESTRUCTURING: Row = (3_150, 0, 1_890)
INTEREST: Row = (6_842, 5_118, 4_236)
OTHER_INCOME: Row = (2_315, 1_460, 724)
TAX: Row = (13_755, 11_982, 9_260)
BASIC_SHARES: Row = (38_420, 38_115, 37_860)
DILUTED_SHARES: Row = (39_050, 38_690, 38_375)
DIVIDENDS: Row = (13_831, 12_197, 10_601)


def add(*rows: Row) -> Row:
    return tuple(map(sum, zip(*rows, strict=True)))


def less(first: Row, *rest: Row) -> Row:
    return tuple(a - b for a, b in zip(first, add(*rest), strict=True))


REVENUE = add(PRODUCTS, SERVICES)
COST = add(COST_PRODUCTS, COST_SERVICES)
GROSS = less(REVENUE, COST)
OPERATING_EXPENSES = add(RESEARCH, SELLING, AMORTIZATION, RESTRUCTURING)
OPERATING_INCOME = less(GROSS, OPERATING_EXPENSES)
PRE_TAX = less(add(OPERATING_INCOME, OTHER_INCOME), INTEREST)
NET_INCOME = less(PRE_TAX, TAX)

CURRENT_ASSETS: dict[str, Row] = {
    "Cash and cash equivalents": (84_216, 71_905),
    "Short-term investments": (22_500, 30_000),
    "Accounts receivable, net": (92_430, 81_264),
    "Inventories": (78_655, 74_120),
    "Prepaid expenses and other current assets": (14_380, 12_945),
}
OTHER_ASSETS: dict[str, Row] = {
    "Property, plant and equipment, net": (104_972, 93_518),
    "Operating lease right-of-use assets": (27_640, 25_110),
    "Goodwill": (148_306, 121_450),
    "Intangible assets, net": (52_175, 44_635),
    "Other long-term assets": (11_208, 10_376),
}
CURRENT_LIABILITIES: dict[str, Row] = {
    "Accounts payable": (41_873, 38_926),
    "Accrued compensation": (29_540, 26_318),
    "Deferred revenue, current": (36_912, 30_457),
    "Current portion of long-term debt": (12_500, 10_000),
    "Other current liabilities": (18_264, 16_733),
}
OTHER_LIABILITIES: dict[str, Row] = {
    "Long-term debt": (110_000, 97_500),
    "Operating lease liabilities, noncurrent": (22_318, 20_406),
    "Deferred revenue, noncurrent": (9_846, 8_120),
    "Deferred income taxes": (12_090, 11_275),
}
EQUITY: dict[str, Row] = {
    "Common stock and additional paid-in capital": (168_540, 156_230),
    "Retained earnings": (217_412, 179_498),
    "Accumulated other comprehensive loss": (-6_215, -5_480),
    "Treasury stock, at cost": (-36_598, -24_660),
}
TOTAL_CURRENT_ASSETS = add(*CURRENT_ASSETS.values())
TOTAL_ASSETS = add(TOTAL_CURRENT_ASSETS, *OTHER_ASSETS.values())
TOTAL_CURRENT_LIABILITIES = add(*CURRENT_LIABILITIES.values())
TOTAL_LIABILITIES = add(TOTAL_CURRENT_LIABILITIES, *OTHER_LIABILITIES.values())
TOTAL_EQUITY = add(*EQUITY.values())

OPERATING: dict[str, Row] = {
    "Net income": NET_INCOME,
    "Depreciation and amortization": (27_106, 24_148, 22_864),
    "Stock-based compensation": (11_480, 9_865, 8_430),
    "Deferred income taxes": (815, 640, 512),
    "Accounts receivable": (-9_026, -7_412, -6_105),
    "Inventories": (-2_665, -5_208, -9_874),
    "Prepaid expenses and other assets": (-2_267, -1_330, -1_418),
    "Accounts payable": (1_967, 3_115, 4_260),
    "Accrued compensation and other liabilities": (4_753, 2_969, 1_925),
    "Deferred revenue": (6_855, 4_936, 3_218),
    "Operating leases, net": (-618, -353, -204),
}
INVESTING: dict[str, Row] = {
    "Purchases of property, plant and equipment": (-28_860, -22_615, -20_148),
    "Short-term investments, net": (7_500, -10_000, -5_000),
    "Acquisition of Brightwater Analytics, net of cash": (-45_800, 0, 0),
}
FINANCING: dict[str, Row] = {
    "Proceeds from long-term debt": (25_000, 0, 0),
    "Repayments of long-term debt": (-10_000, -10_000, -10_000),
    "Dividends paid": tuple(-value for value in DIVIDENDS),
    "Repurchases of common stock": (-11_938, -9_405, -7_250),
    "Proceeds from employee stock plans": (4_830, 3_960, 3_415),
    "Taxes paid on vested share awards": (-4_000, -3_120, -2_640),
}
FOREIGN_EXCHANGE: Row = (-735, -410, -620)
CASH_AT_START: Row = (71_905, 60_312, 55_936)
OPERATING_CASH = add(*OPERATING.values())
INVESTING_CASH = add(*INVESTING.values())
FINANCING_CASH = add(*FINANCING.values())
CASH_CHANGE = add(OPERATING_CASH, INVESTING_CASH, FINANCING_CASH, FOREIGN_EXCHANGE)
CASH_AT_END = add(CASH_AT_START, CASH_CHANGE)

SEGMENTS: dict[str, Row] = {
    "Environmental Monitoring": (238_614, 205_478, 182_340),
    "Industrial Process": (189_072, 174_690, 160_215),
    "Laboratory and Research": (103_442, 93_137, 84_090),
}
SEGMENT_INCOME: dict[str, Row] = {
    "Environmental Monitoring": (52_495, 43_150, 35_556),
    "Industrial Process": (30_252, 27_077, 23_231),
    "Laboratory and Research": (16_551, 13_970, 11_773),
}
CORPORATE: Row = (-17_661, -17_327, -15_066)
REGIONS: dict[str, Row] = {
    "Americas": (276_187, 250_852, 230_388),
    "Europe, Middle East and Africa": (143_405, 127_792, 115_194),
    "Asia Pacific": (111_536, 94_661, 81_063),
}
SEGMENT_BY_REGION: dict[str, Row] = {  # fiscal 2024: Americas, EMEA, Asia Pacific
    "Environmental Monitoring": (131_238, 66_812, 40_564),
    "Industrial Process": (94_536, 47_268, 47_268),
    "Laboratory and Research": (50_413, 29_325, 23_704),
}
PRODUCT_LINES: dict[str, tuple[tuple[str, int], ...]] = {  # weight in the segment
    "Environmental Monitoring": (
        ("River and lake sondes", 21), ("Groundwater loggers", 13), ("Ocean profilers", 11),
        ("Nutrient analyzers", 14), ("Dissolved oxygen sensors", 9), ("Telemetry stations", 12),
        ("Flood warning systems", 8), ("Monitoring services", 12),
    ),
    "Industrial Process": (
        ("Inline conductivity meters", 18), ("Turbidity controllers", 15), ("Ultrapure water analyzers", 19),
        ("Chlorine and pH controllers", 14), ("Flow meters", 11), ("Gateway software", 9),
        ("Calibration and field service", 14),
    ),
    "Laboratory and Research": (
        ("Benchtop spectrophotometers", 24), ("Total organic carbon analyzers", 20), ("Portable test kits", 15),
        ("Reagents and consumables", 26), ("Method development services", 15),
    ),
}  # fmt: skip
QUARTER_WEIGHTS = (22, 24, 25, 29)


def share(total: int, weights: tuple[int, ...]) -> Row:
    """``total`` in whole parts proportional to ``weights``; the largest remainders get what is left."""
    exact = [total * weight / sum(weights) for weight in weights]
    parts = [int(value) for value in exact]
    order = sorted(range(len(weights)), key=lambda i: (parts[i] - exact[i], i))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return tuple(parts)


def check() -> None:
    """Raises AssertionError where two figures that must agree do not."""
    assert add(TOTAL_LIABILITIES, TOTAL_EQUITY) == TOTAL_ASSETS
    assert CASH_AT_END[0] == CURRENT_ASSETS["Cash and cash equivalents"][0]
    assert CASH_AT_END[1:] == CASH_AT_START[:2]
    assert add(*SEGMENTS.values()) == REVENUE == add(*REGIONS.values())
    assert less(add(*SEGMENT_INCOME.values(), CORPORATE), AMORTIZATION, RESTRUCTURING) == OPERATING_INCOME
    assert all(sum(SEGMENT_BY_REGION[name]) == row[0] for name, row in SEGMENTS.items())
    assert add(*SEGMENT_BY_REGION.values()) == tuple(row[0] for row in REGIONS.values())
    assert EQUITY["Retained earnings"][0] == (
        EQUITY["Retained earnings"][1] + NET_INCOME[0] - DIVIDENDS[0]
    )
