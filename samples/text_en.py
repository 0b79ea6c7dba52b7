"""The words and tables of the English sample report, page by page."""

from __future__ import annotations

from reportlab.lib.units import inch
from reportlab.platypus import Flowable, Paragraph, Spacer

from samples import figures_en as f
from samples.report_en import (
    CENTER,
    COMPANY,
    SMALL,
    TITLE,
    YEARS,
    bullets,
    figures,
    gap,
    h2,
    money,
    p,
    percent,
    section,
    table,
)


def story() -> list[Flowable]:
    return [
        *_cover(), *_letter(), *_business(), *_risks(), *_properties(), *_discussion(), *_liquidity(),
        *_income(), *_balance(), *_cash(), *_policies(), *_segments(), *_acquisition(), *_tax_and_equity(),
        *_schedule(), *_governance(),
    ]  # fmt: skip


def _per_share(net: int, shares: int) -> str:
    return f"{net / shares:.2f}"


def _cover() -> list[Flowable]:
    rows = [["In thousands, except per share amounts", "2024", "2023", "Change"]]
    for label, row in (
        ("Revenue", f.REVENUE), ("Gross profit", f.GROSS), ("Operating income", f.OPERATING_INCOME),
        ("Net income", f.NET_INCOME), ("Net cash from operating activities", f.OPERATING_CASH),
    ):  # fmt: skip
        rows.append([label, money(row[0]), money(row[1]), f"{100 * (row[0] / row[1] - 1):.1f}%"])
    rows.append(["Diluted earnings per share", "1.33", "1.14", "16.7%"])
    rows.append(["Dividends declared per share", "0.36", "0.32", "12.5%"])
    return [
        Spacer(1, 1.5 * inch),
        Paragraph(COMPANY, TITLE),
        Paragraph("2024 Annual Report", TITLE),
        gap(10),
        Paragraph("For the fiscal year ended June 30, 2024", CENTER),
        Paragraph("Principal executive offices: 410 Foundry Street, Portland, Maine", CENTER),
        gap(36),
        table(rows),
        gap(60),
        Paragraph(
            "Calder Ridge Instruments is a fictional company. This report was written as a sample document; its "
            "people, products and figures are invented, and its figures agree with each other.",
            SMALL,
        ),
    ]


def _letter() -> list[Flowable]:
    return section(
        "To Our Shareholders",
        p(
            "Fiscal 2024 was the year in which Calder Ridge passed half a billion dollars of revenue. Revenue grew "
            "12.2% to $531.1 million, operating income grew 17.4% to $70.0 million, and diluted earnings per share "
            "rose to $1.33 from $1.14. We did this while investing 12.0% of revenue in research and development, the "
            "highest share in our history.",
            "Water utilities, regulators and manufacturers are moving from samples that are carried to a laboratory "
            "to instruments that measure where the water is, every minute, for years. Three decisions of the past "
            "year follow from that. We acquired Brightwater Analytics, whose software turns the readings of "
            "thousands of sensors into forecasts. We opened a second calibration center, in Rotterdam, which cut "
            "the turnaround of European instruments from nineteen days to six. And we closed the Fresno assembly "
            "plant, moving its work to Portland and Monterrey.",
            "Closing a plant is never only a figure. Of the 84 people who worked in Fresno, 31 moved to other sites "
            "of the company, and every one of the others received at least six months of pay and training support. "
            "The closure cost $3.2 million in fiscal 2024 and is expected to save $4.5 million a year from fiscal "
            "2025 on.",
            "Our balance sheet remains strong. We ended the year with $106.7 million of cash and short-term "
            "investments and $122.5 million of debt. We returned $25.8 million to shareholders: $13.8 million as "
            "dividends and $11.9 million through the repurchase of 284,000 shares.",
            "For fiscal 2025 we expect revenue between $575 million and $590 million, an operating margin between "
            "13.5% and 14.2%, and capital expenditures of about $32 million. The Board of Directors has approved a "
            "quarterly dividend of $0.10 per share, an increase of 11.1%.",
            "Thank you for your confidence, and thanks to the 2,146 people who earn it every day.",
        ),
        gap(10),
        p("Miriam Castellane<br/>President and Chief Executive Officer<br/>August 29, 2024"),
    )


def _business() -> list[Flowable]:
    return section(
        "Item 1. Business",
        h2("Overview"),
        p(
            "Calder Ridge designs, makes and services instruments that measure the quality and flow of water. Our "
            "products range from handheld test kits to networks of several thousand sensors. We were founded in "
            "1978 and have been listed since 1996. At June 30, 2024 we employed 2,146 people in eleven countries, of "
            "whom 512 worked in research and development.",
        ),
        h2("Segments"),
        bullets(
            "<b>Environmental Monitoring</b> (44.9% of fiscal 2024 revenue) sells sondes, loggers, ocean profilers and "
            "telemetry to public agencies, utilities and universities.",
            "<b>Industrial Process</b> (35.6%) sells inline analyzers and controllers to power, semiconductor, food "
            "and pharmaceutical plants.",
            "<b>Laboratory and Research</b> (19.5%) sells benchtop instruments, portable kits and reagents.",
        ),
        gap(4),
        h2("Customers and backlog"),
        p(
            "We sold to about 9,400 customers in 71 countries. No customer accounted for more than 6% of revenue in "
            "any of the last three fiscal years. Agencies of the United States government together accounted for 14% "
            "of revenue in fiscal 2024. Backlog at June 30, 2024 was $187.4 million, compared with $158.9 million a "
            "year earlier; we expect to deliver about 82% of it in fiscal 2025.",
        ),
        h2("Manufacturing and suppliers"),
        p(
            "We assemble and calibrate instruments in Portland, Monterrey and Tampere. Optical detectors for our "
            "spectrophotometers come from a single supplier in Japan; we hold about seven months of stock of them.",
        ),
        h2("Intellectual property"),
        p(
            "We held 318 issued patents at June 30, 2024, expiring between 2024 and 2042, and 96 pending "
            "applications. We do not consider any single patent material to the company as a whole.",
        ),
        h2("Competition"),
        p(
            "Our markets are fragmented. We compete on accuracy over time in fouled water, on the cost of ownership "
            "over the life of an instrument, and on service. Several competitors have greater resources than we do.",
        ),
        h2("Employees"),
        table(
            [
                ["Function", "2024", "2023"],
                ["Manufacturing and calibration", "884", "861"],
                ["Research and development", "512", "447"],
                ["Sales and marketing", "398", "379"],
                ["Field service", "231", "214"],
                ["General and administrative", "121", "117"],
                ["Total employees", "2,146", "2,018"],
            ],
            totals=[6],
        ),
    )


def _risks() -> list[Flowable]:
    return section(
        "Item 1A. Risk Factors",
        p("The following risks could harm our business, our results and the price of our shares."),
        h2("Public budgets"),
        p(
            "About 41% of our revenue depends, directly or through contractors, on public budgets. Appropriations "
            "may be delayed or cut. A delay in the United States federal budget moved about $6 million of orders "
            "from the second to the third quarter of fiscal 2024.",
        ),
        h2("Single-source components"),
        p(
            "Certain optical detectors, membranes and radio modules come from single suppliers. To qualify a new "
            "supplier takes nine to fifteen months. A shortage of radio modules in fiscal 2022 lowered that "
            "year's revenue by an estimated $11 million.",
        ),
        h2("Acquisitions"),
        p(
            "We may fail to keep the customers and engineers of the businesses that we acquire. Goodwill was $148.3 "
            "million, or 23.3% of total assets, at June 30, 2024; an impairment would reduce our earnings.",
        ),
        h2("Foreign currencies"),
        p(
            "About 48% of revenue comes from outside the Americas. A 10% rise of the dollar against the euro would "
            "have lowered fiscal 2024 revenue by about $12.1 million and operating income by about $3.4 million. We do not "
            "hedge the translation of foreign results.",
        ),
        h2("Product liability and regulation"),
        p(
            "Our instruments are used to decide whether water may be drunk. An instrument that reads wrongly could "
            "expose us to claims beyond our insurance, which is limited to $50 million for one event.",
        ),
        h2("Information security"),
        p(
            "Our telemetry networks carry the readings of public water systems. In November 2023 an outside party "
            "gained access to a test server; no customer data and no production system were affected. We spent $1.1 "
            "million on the response and on new controls.",
        ),
        h2("Indebtedness"),
        p(
            "Our credit agreement limits net debt to 3.0 times earnings before interest, taxes, depreciation and "
            "amortization. A breach would let the lenders ask for immediate repayment.",
        ),
    )


def _properties() -> list[Flowable]:
    sites = [
        ("Portland, Maine", "Headquarters, assembly, research", "Owned", "286,000", "\N{EM DASH}"),
        ("Monterrey, Mexico", "Assembly", "Leased", "142,000", "2031"),
        ("Tampere, Finland", "Assembly, research", "Owned", "88,500", "\N{EM DASH}"),
        ("Rotterdam, Netherlands", "Calibration center", "Leased", "37,200", "2033"),
        ("Boulder, Colorado", "Research (hydrology)", "Leased", "41,600", "2028"),
        ("Ann Arbor, Michigan", "Software (Brightwater)", "Leased", "22,400", "2027"),
        ("Baton Rouge, Louisiana", "Calibration center", "Owned", "33,900", "\N{EM DASH}"),
        ("Osaka, Japan", "Sales, service", "Leased", "12,300", "2026"),
        ("Suzhou, China", "Sales, service, kitting", "Leased", "29,800", "2027"),
        ("Brisbane, Australia", "Sales, service", "Leased", "9,700", "2026"),
        ("Fresno, California", "Closed; held for sublease", "Leased", "64,000", "2026"),
    ]
    return section(
        "Item 2. Properties",
        p(
            "At June 30, 2024 we used the following principal properties. We believe that they are suitable and have "
            "room for the growth that we expect over the next three years.",
        ),
        table(
            [["Location", "Use", "Held", "Square feet", "Lease ends"], *map(list, sites)],
            widths=[1.6 * inch, 2.2 * inch, 0.7 * inch, 1.0 * inch, 1.0 * inch],
            wrap=True,
        ),
        gap(12),
        h2("Item 3. Legal Proceedings"),
        p(
            "In March 2023 Northfall Sensing LLC sued us in the District of Delaware, alleging that our nutrient "
            "analyzers infringe one of its patents. In May 2024 the court construed the disputed claims in our "
            "favor. Trial is set for February 2025. We have not recorded a liability because we do not consider a "
            "loss probable.",
        ),
        h2("Item 5. Market for Our Common Stock"),
        p(
            "Our common stock had 1,284 holders of record on August 15, 2024. The table shows repurchases in the "
            "fourth quarter of fiscal 2024 under the $40 million program approved in October 2022, of which $18.7 "
            "million remained.",
        ),
        table(
            [
                ["Month", "Shares", "Average price", "Remaining, thousands"],
                ["April 2024", "24,000", "$41.85", "$21,384"],
                ["May 2024", "31,000", "$43.10", "$20,048"],
                ["June 2024", "30,500", "$44.20", "$18,700"],
            ],
            widths=[2.0 * inch, 1.2 * inch, 1.4 * inch, 1.9 * inch],
        ),
    )


def _discussion() -> list[Flowable]:
    rows = [["In thousands", "2024", "2023", "Change"]]
    for name, row in f.SEGMENTS.items():
        rows.append([name, money(row[0]), money(row[1]), f"{100 * (row[0] / row[1] - 1):.1f}%"])
    rows.append(["Total revenue", money(f.REVENUE[0]), money(f.REVENUE[1]), "12.2%"])
    margins = [["Percent of revenue", "2024", "2023", "2022"]]
    for label, row in (
        ("Gross margin", f.GROSS), ("Research and development", f.RESEARCH),
        ("Selling, general and administrative", f.SELLING), ("Operating margin", f.OPERATING_INCOME),
        ("Net margin", f.NET_INCOME),
    ):  # fmt: skip
        margins.append([label, *(percent(a, b) for a, b in zip(row, f.REVENUE, strict=True))])
    return section(
        "Item 7. Management's Discussion and Analysis",
        h2("Revenue"),
        table(rows, totals=[4]),
        gap(6),
        p(
            "Revenue grew $57.8 million, or 12.2%, in fiscal 2024: 8.9 points from volume, 2.1 points from price, and "
            "1.7 points from Brightwater, less 0.5 points from exchange rates. Environmental Monitoring grew 16.1%, led by "
            "telemetry stations for flood warning in Germany and the Pacific Northwest. Industrial Process grew 8.2%; "
            "demand from semiconductor plants was strong and demand from food producers was flat. Laboratory "
            "and Research grew 11.1%, helped by the new TOC-9 carbon analyzer introduced in September 2023.",
        ),
        h2("Margins and expenses"),
        table(margins),
        gap(6),
        p(
            "Gross margin rose to 45.7% from 44.4% because services and software, with higher margins, grew faster "
            "than products, and because freight cost less. Research and development expense rose $9.3 million, or "
            "17.1%, to $63.7 million; 65 engineers were added, 38 of them with Brightwater. Selling, general and "
            "administrative expense rose 9.2% and fell as a share of revenue.",
            "Amortization of acquired intangible assets rose to $8.5 million with the acquisition of Brightwater. "
            "Restructuring of $3.2 million relates to the Fresno plant: $2.3 million of severance and $0.9 million "
            "of lease and moving costs.",
        ),
        h2("Interest and taxes"),
        p(
            "Interest expense rose to $6.8 million because we borrowed $25.0 million for the acquisition and because the "
            "average rate rose to 5.7% from 4.8%. The effective tax rate was 21.0%, compared with 21.4% in fiscal "
            "2023, because of higher research credits.",
        ),
    )


def _liquidity() -> list[Flowable]:
    free = [a + b for a, b in zip(f.OPERATING_CASH, f.INVESTING["Purchases of property, plant and equipment"], strict=True)]
    return section(
        "Liquidity and Capital Resources",
        figures(
            ("In thousands", *YEARS[1:]),
            ("Net cash from operating activities", f.OPERATING_CASH, False),
            ("Purchases of property, plant and equipment", f.INVESTING["Purchases of property, plant and equipment"], False),
            ("Free cash flow", free, True),
        ),
        gap(6),
        p(
            "Free cash flow, which is net cash from operating activities less purchases of property, plant and "
            "equipment, is not a measure under generally accepted accounting principles. It rose to $61.3 million, "
            "or 118% of net income.",
            "Receivables stood at 64 days of sales at June 30, 2024, one day more than a year before. Inventories turned "
            "3.8 times. We hold about $31 million of cash outside the United States and could bring it home without "
            "material tax.",
        ),
        h2("Debt"),
        p(
            "Our credit agreement, renewed in January 2024 and due in January 2029, consists of a term loan and a "
            "revolving facility of $150 million, of which nothing was drawn at June 30, 2024. Both bear interest at "
            "SOFR plus 1.25% to 2.00%, depending on leverage. We were in compliance with all covenants: net debt was "
            "0.2 times earnings before interest, taxes, depreciation and amortization, against a limit of 3.0 times.",
        ),
        h2("Contractual obligations at June 30, 2024"),
        table(
            [
                ["In thousands", "Total", "Within 1 year", "2 to 3 years", "Later"],
                ["Long-term debt", "122,500", "12,500", "30,000", "80,000"],
                ["Interest on debt", "24,300", "6,900", "11,200", "6,200"],
                ["Operating leases", "33,180", "6,340", "11,460", "15,380"],
                ["Purchase commitments", "58,700", "51,900", "6,800", "\N{EM DASH}"],
                ["Total", "238,680", "77,640", "59,460", "101,580"],
            ],
            totals=[5],
        ),
        gap(6),
        h2("Critical accounting estimates"),
        bullets(
            "<b>Revenue with several obligations.</b> Monitoring contracts combine instruments, installation and years of "
            "service. We allocate the price by stand-alone selling prices, which we review twice a year.",
            "<b>Inventories.</b> We write down stock that exceeds two years of expected use. The reserve was $9.6 "
            "million at June 30, 2024 and $8.8 million a year earlier.",
            "<b>Goodwill.</b> We test goodwill every April. In fiscal 2024 the fair value of each reporting unit exceeded "
            "its carrying amount by at least 38%.",
            "<b>Warranty.</b> We warrant instruments for two years. The accrued cost was $5.9 million.",
        ),
        gap(4),
        h2("Item 7A. Market risk"),
        p(
            "One percentage point more on the rate of our debt would cost about $1.2 million a year before tax.",
        ),
    )


def _income() -> list[Flowable]:
    shares = [_per_share(n, s) for n, s in zip(f.NET_INCOME, f.BASIC_SHARES, strict=True)]
    diluted = [_per_share(n, s) for n, s in zip(f.NET_INCOME, f.DILUTED_SHARES, strict=True)]
    return section(
        "Item 8. Financial Statements",
        h2("Consolidated Statements of Income"),
        p("Fiscal years ended June 30; in thousands, except per share amounts."),
        figures(
            YEARS,
            ("Revenue:", None, False),
            ("  Products", f.PRODUCTS, False),
            ("  Services", f.SERVICES, False),
            ("Total revenue", f.REVENUE, True),
            ("Cost of revenue:", None, False),
            ("  Cost of products", f.COST_PRODUCTS, False),
            ("  Cost of services", f.COST_SERVICES, False),
            ("Total cost of revenue", f.COST, True),
            ("Gross profit", f.GROSS, True),
            ("Operating expenses:", None, False),
            ("  Research and development", f.RESEARCH, False),
            ("  Selling, general and administrative", f.SELLING, False),
            ("  Amortization of acquired intangibles", f.AMORTIZATION, False),
            ("  Restructuring", f.RESTRUCTURING, False),
            ("Total operating expenses", f.OPERATING_EXPENSES, True),
            ("Operating income", f.OPERATING_INCOME, True),
            ("Interest expense", [-v for v in f.INTEREST], False),
            ("Interest and other income, net", f.OTHER_INCOME, False),
            ("Income before income taxes", f.PRE_TAX, True),
            ("Provision for income taxes", f.TAX, False),
            ("Net income", f.NET_INCOME, True),
        ),
        gap(10),
        table(
            [
                ["Per share", *YEARS[1:]],
                ["Basic earnings per share", *(f"${v}" for v in shares)],
                ["Diluted earnings per share", *(f"${v}" for v in diluted)],
                ["Dividends declared per share", "$0.36", "$0.32", "$0.28"],
                ["Basic weighted average shares, thousands", *(f"{v:,}" for v in f.BASIC_SHARES)],
                ["Diluted weighted average shares, thousands", *(f"{v:,}" for v in f.DILUTED_SHARES)],
            ]
        ),
        gap(6),
        Paragraph("See the accompanying notes to the consolidated financial statements.", SMALL),
    )


def _balance() -> list[Flowable]:
    return section(
        "Consolidated Balance Sheets",
        p("June 30; in thousands."),
        figures(
            ("", "2024", "2023"),
            ("Assets", None, False),
            *((label, row, False) for label, row in f.CURRENT_ASSETS.items()),
            ("Total current assets", f.TOTAL_CURRENT_ASSETS, True),
            *((label, row, False) for label, row in f.OTHER_ASSETS.items()),
            ("Total assets", f.TOTAL_ASSETS, True),
            ("Liabilities", None, False),
            *((label, row, False) for label, row in f.CURRENT_LIABILITIES.items()),
            ("Total current liabilities", f.TOTAL_CURRENT_LIABILITIES, True),
            *((label, row, False) for label, row in f.OTHER_LIABILITIES.items()),
            ("Total liabilities", f.TOTAL_LIABILITIES, True),
            ("Stockholders' equity", None, False),
            *((label, row, False) for label, row in f.EQUITY.items()),
            ("Total stockholders' equity", f.TOTAL_EQUITY, True),
            ("Total liabilities and stockholders' equity", f.add(f.TOTAL_LIABILITIES, f.TOTAL_EQUITY), True),
        ),
        gap(6),
        Paragraph("See the accompanying notes to the consolidated financial statements.", SMALL),
    )


def _cash() -> list[Flowable]:
    return section(
        "Consolidated Statements of Cash Flows",
        p("Fiscal years ended June 30; in thousands."),
        figures(
            YEARS,
            ("Operating activities", None, False),
            *((label, row, False) for label, row in f.OPERATING.items()),
            ("Net cash from operating activities", f.OPERATING_CASH, True),
            ("Investing activities", None, False),
            *((label, row, False) for label, row in f.INVESTING.items()),
            ("Net cash used in investing activities", f.INVESTING_CASH, True),
            ("Financing activities", None, False),
            *((label, row, False) for label, row in f.FINANCING.items()),
            ("Net cash used in financing activities", f.FINANCING_CASH, True),
            ("Effect of exchange rates on cash", f.FOREIGN_EXCHANGE, False),
            ("Change in cash and cash equivalents", f.CASH_CHANGE, True),
            ("Cash and cash equivalents at beginning of year", f.CASH_AT_START, False),
            ("Cash and cash equivalents at end of year", f.CASH_AT_END, True),
        ),
        gap(8),
        p("Interest paid was $6.6 million and income taxes paid were $13.4 million in fiscal 2024."),
    )


def _policies() -> list[Flowable]:
    return section(
        "Notes to Consolidated Financial Statements",
        h2("Note 1. Basis of presentation"),
        p(
            "The consolidated statements include Calder Ridge Instruments, Inc. and its wholly owned subsidiaries. "
            "Balances and transactions between them are eliminated. Our fiscal year ends on June 30.",
        ),
        h2("Note 2. Significant accounting policies"),
        p(
            "<b>Revenue recognition.</b> Revenue from products is recognized when control passes, which is usually on "
            "shipment. Revenue from monitoring services is recognized evenly over the contract, whose usual term is "
            "three years. Payment is usually due within 45 days.",
            "<b>Cash equivalents</b> are investments with an original maturity of three months or less.",
            "<b>Inventories</b> are stated at the lower of cost, by the first-in, first-out method, and net realizable "
            "value.",
            "<b>Property, plant and equipment</b> are depreciated by the straight-line method over 25 to 40 years for "
            "buildings, 5 to 12 years for machinery and 3 to 7 years for furniture and computers. Depreciation was $18.6 "
            "million, $16.9 million and $15.6 million in fiscal 2024, 2023 and 2022.",
            "<b>Research and development</b> costs are expensed as incurred. Costs of software that is sold are "
            "capitalized once it is technologically feasible; the amounts were not material.",
        ),
        h2("Note 3. Inventories and property"),
        figures(
            ("In thousands", "2024", "2023"),
            ("Raw materials and components", (34_218, 33_540), False),
            ("Work in process", (12_867, 11_925), False),
            ("Finished goods", (31_570, 28_655), False),
            ("Inventories", (78_655, 74_120), True),
            ("Land and buildings", (68_940, 64_215), False),
            ("Machinery and equipment", (121_386, 106_874), False),
            ("Furniture and computers", (29_405, 26_980), False),
            ("Construction in progress", (9_752, 6_180), False),
            ("Less accumulated depreciation", (-124_511, -110_731), False),
            ("Property, plant and equipment, net", (104_972, 93_518), True),
        ),
        gap(6),
        h2("Note 4. Deferred revenue"),
        p(
            "Deferred revenue was $46.8 million at June 30, 2024 and $38.6 million at June 30, 2023. Of the balance at "
            "the beginning of the year, $29.7 million was recognized as revenue in fiscal 2024.",
        ),
    )


def _segments() -> list[Flowable]:
    return section(
        "Note 5. Segments and Geography",
        p(
            "We report three segments, organized by the customers they serve. Segment income excludes corporate "
            "expense, amortization of acquired intangibles and restructuring.",
        ),
        h2("Revenue by segment"),
        figures(
            ("In thousands", *YEARS[1:]),
            *((name, row, False) for name, row in f.SEGMENTS.items()),
            ("Total revenue", f.REVENUE, True),
        ),
        gap(6),
        h2("Segment income"),
        figures(
            ("In thousands", *YEARS[1:]),
            *((name, row, False) for name, row in f.SEGMENT_INCOME.items()),
            ("Corporate expense", f.CORPORATE, False),
            ("Amortization of acquired intangibles", [-v for v in f.AMORTIZATION], False),
            ("Restructuring", [-v for v in f.RESTRUCTURING], False),
            ("Operating income", f.OPERATING_INCOME, True),
        ),
        gap(6),
        h2("Revenue by region"),
        figures(
            ("In thousands", *YEARS[1:]),
            *((name, row, False) for name, row in f.REGIONS.items()),
            ("Total revenue", f.REVENUE, True),
        ),
        gap(6),
        h2("Other segment information, fiscal 2024"),
        table(
            [
                ["In thousands", "Depreciation", "Capital expenditures", "Assets"],
                ["Environmental Monitoring", "7,942", "12,880", "246,310"],
                ["Industrial Process", "6,218", "9,145", "171,254"],
                ["Laboratory and Research", "3,306", "4,210", "88,640"],
                ["Corporate", "1,180", "2,625", "130,278"],
                ["Total", "18,646", "28,860", "636,482"],
            ],
            widths=[2.6 * inch, 1.2 * inch, 1.5 * inch, 1.2 * inch],
            totals=[5],
        ),
        gap(6),
        p("Revenue from the United States was $243.9 million in fiscal 2024; from Germany, $52.6 million."),
    )


def _acquisition() -> list[Flowable]:
    return section(
        "Note 6. Acquisition of Brightwater Analytics",
        p(
            "On December 4, 2023 we acquired all shares of Brightwater Analytics, Inc. of Ann Arbor, Michigan, a maker "
            "of forecasting software for water networks, for $45.8 million in cash, net of cash acquired. The "
            "purchase was financed with a term loan of $25.0 million and cash on hand. Acquisition costs of $0.9 "
            "million are included in selling, general and administrative expense.",
        ),
        figures(
            ("In thousands", "Fair value"),
            ("Accounts receivable", (2_140,), False),
            ("Inventories", (1_870,), False),
            ("Property and equipment", (1_240,), False),
            ("Customer relationships (9 years)", (9_400,), False),
            ("Developed software (6 years)", (5_200,), False),
            ("Trade name (5 years)", (1_400,), False),
            ("Goodwill", (26_856,), False),
            ("Accounts payable", (-980,), False),
            ("Deferred revenue", (-1_326,), False),
            ("Purchase price, net of cash acquired", (45_800,), True),
        ),
        gap(6),
        p(
            "Brightwater contributed $8.1 million of revenue and an operating loss of $1.2 million in fiscal 2024. Had "
            "we owned it since July 1, 2022, revenue would have been $537.4 million in fiscal 2024 and $486.0 million in "
            "fiscal 2023. The goodwill belongs to Environmental Monitoring and cannot be deducted for tax.",
        ),
        h2("Note 7. Goodwill and intangible assets"),
        table(
            [
                ["In thousands", "Environmental", "Industrial", "Laboratory", "Total"],
                ["Goodwill at June 30, 2023", "58,240", "41,930", "21,280", "121,450"],
                ["Acquisition of Brightwater", "26,856", "\N{EM DASH}", "\N{EM DASH}", "26,856"],
                ["Goodwill at June 30, 2024", "85,096", "41,930", "21,280", "148,306"],
            ],
            totals=[3],
        ),
        gap(6),
        p(
            "Intangible assets were $52.2 million, net of accumulated amortization of $41.7 million. Expected "
            "amortization is $9.3 million in fiscal 2025, $8.9 million in 2026, $8.1 million in 2027, $7.4 million in "
            "2028 and $6.6 million in 2029.",
        ),
        h2("Note 8. Debt"),
        figures(
            ("In thousands", "2024", "2023"),
            ("Term loan A, due January 2029", (97_500, 107_500), False),
            ("Term loan B, due December 2028", (25_000, 0), False),
            ("Total debt", (122_500, 107_500), True),
            ("Less current portion", (-12_500, -10_000), False),
            ("Long-term debt", (110_000, 97_500), True),
        ),
    )


def _tax_and_equity() -> list[Flowable]:
    return section(
        "Note 9. Income Taxes",
        figures(
            ("In thousands", *YEARS[1:]),
            ("Federal", (7_206, 6_480, 5_015), False),
            ("State", (1_918, 1_705, 1_322), False),
            ("Foreign", (3_816, 3_157, 2_411), False),
            ("Deferred", (815, 640, 512), False),
            ("Provision for income taxes", f.TAX, True),
        ),
        gap(4),
        p(
            "The effective rate of 21.0% differs from the federal rate of 21% by state taxes (2.3 points), foreign rates "
            "(0.6 points), research credits (minus 3.1 points) and other items (0.2 points). Unrecognized tax "
            "benefits were $4.4 million. Tax years before fiscal 2020 are closed.",
        ),
        h2("Note 10. Stockholders' equity and share awards"),
        p(
            "We have 100 million authorized shares with a par value of $0.01. At June 30, 2024, 38,462,000 shares were "
            "outstanding. In fiscal 2024 we repurchased 284,000 shares for $11.9 million. Stock-based compensation was "
            "$11.5 million; $18.2 million of unvested awards will be expensed over a weighted average of 2.1 years.",
        ),
        h2("Note 11. Restructuring"),
        figures(
            ("In thousands", "Severance", "Lease and moving", "Total"),
            ("Expense in fiscal 2024", (2_270, 880, 3_150), False),
            ("Paid in cash", (-1_815, -540, -2_355), False),
            ("Accrued at June 30, 2024", (455, 340, 795), True),
        ),
        gap(6),
        h2("Note 12. Leases"),
        p(
            "Operating lease cost was $6.7 million in fiscal 2024. The weighted average remaining term is 6.4 years and "
            "the weighted average discount rate 5.1%.",
        ),
        h2("Note 13. Commitments and contingencies"),
        p(
            "Purchase commitments for components were $58.7 million. The suit of Northfall Sensing LLC is described in "
            "Item 3. We are party to other proceedings that we do not expect to be material.",
        ),
        h2("Note 14. Subsequent events"),
        p(
            "On July 22, 2024 we signed a five-year agreement worth about $64 million to supply flood warning systems to "
            "the State of Victoria, Australia. On August 20, 2024 the Board approved a new share repurchase program of "
            "$60 million.",
        ),
    )


def _schedule() -> list[Flowable]:
    rows: list[list[str]] = [["Product line and region", "Q1", "Q2", "Q3", "Q4", "Fiscal 2024"]]
    totals: list[int] = []
    heads: list[int] = []
    whole: list[int] = [0] * 5
    for segment, lines in f.PRODUCT_LINES.items():
        heads.append(len(rows))
        rows.append([segment, *[""] * 5])
        segment_sum = [0] * 5
        weights = tuple(weight for _, weight in lines)
        by_region = [f.share(total, weights) for total in f.SEGMENT_BY_REGION[segment]]
        for number, (line, _) in enumerate(lines):
            line_sum = [0] * 5
            for region, parts in zip(("Americas", "EMEA", "Asia Pacific"), by_region, strict=True):
                quarters = f.share(parts[number], f.QUARTER_WEIGHTS)
                values = [*quarters, parts[number]]
                rows.append([f"{line}: {region}", *map(money, values)])
                line_sum = [a + b for a, b in zip(line_sum, values, strict=True)]
            totals.append(len(rows))
            rows.append([f"{line}: total", *map(money, line_sum)])
            segment_sum = [a + b for a, b in zip(segment_sum, line_sum, strict=True)]
        totals.append(len(rows))
        rows.append([f"Total {segment}", *map(money, segment_sum)])
        whole = [a + b for a, b in zip(whole, segment_sum, strict=True)]
    totals.append(len(rows))
    rows.append(["Total revenue", *map(money, whole)])
    assert whole[-1] == f.REVENUE[0]
    return section(
        "Schedule I. Revenue by Product Line, Region and Quarter",
        p("Fiscal 2024, unaudited; in thousands of dollars. The table continues on the next pages."),
        table(
            rows,
            widths=[2.75 * inch, *[0.72 * inch] * 4, 0.87 * inch],
            totals=totals,
            heads=heads,
        ),
    )


def _governance() -> list[Flowable]:
    return section(
        "Directors, Officers and Shareholder Information",
        h2("Board of Directors"),
        table(
            [
                ["Name", "Role", "Director since"],
                ["Harold J. Whitcombe", "Chair; former chief executive of a pump maker", "2014"],
                ["Miriam Castellane", "President and Chief Executive Officer", "2019"],
                ["Dr. Ingrid Solheim", "Professor of hydrology; Technology Committee chair", "2017"],
                ["Rafael Ortega-Lund", "Private investor; Audit Committee chair", "2016"],
                ["Patience Okonjo", "Former utility executive; Compensation Committee chair", "2020"],
                ["Dale Fenwick", "Lead Independent Director", "2015"],
            ],
            widths=[1.9 * inch, 3.6 * inch, 1.0 * inch],
            wrap=True,
        ),
        gap(8),
        h2("Executive officers"),
        table(
            [
                ["Name", "Office", "Age"],
                ["Miriam Castellane", "President and Chief Executive Officer", "54"],
                ["Theodore Abara", "Chief Financial Officer", "49"],
                ["Lena Virtanen", "Chief Technology Officer", "46"],
                ["Grace Holloway", "General Counsel and Secretary", "51"],
            ],
            widths=[1.9 * inch, 3.6 * inch, 1.0 * inch],
            wrap=True,
        ),
        gap(8),
        h2("Controls and procedures"),
        p(
            "Management assessed internal control over financial reporting at June 30, 2024 and concluded that it was "
            "effective. The assessment left out Brightwater Analytics, which was acquired during the year and accounts for "
            "about 8% of total assets and 1.5% of revenue.",
        ),
        h2("Auditor"),
        p(
            "The statements were audited by Penrose and Amsel LLP, our auditor since 2011, who expressed an unqualified "
            "opinion on August 29, 2024. Audit fees were $1.9 million.",
        ),
        h2("Annual meeting"),
        p("The annual meeting will be held in Portland, Maine on November 14, 2024 at ten in the morning."),
    )
