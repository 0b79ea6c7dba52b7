"""Texts that stand for what an embedding model will read: what int8 ranges are measured on.

Promises: written for this purpose; of the kinds that a library holds (statements in rows, notes, risk
factors, contracts, manuals, minutes, news, questions) in English and Chinese, long and short, with figures
and marks. ``TEXTS`` sets the ranges; ``JUDGED`` is kept apart, to see whether the vectors stayed in place.
"""

from __future__ import annotations

TEXTS: tuple[str, ...] = (
    "Harlow Instruments plc > Part II > Item 7. Results of operations\nNet sales rose 6.4% to $1,284.7 "
    "million in fiscal 2023, compared with $1,207.1 million in fiscal 2022. Organic growth of 4.1% "
    "came mainly from pricing; acquisitions added 2.9 points and currency took 0.6 away. Gross margin "
    "widened by 80 basis points to 38.2%, as lower freight and resin costs more than made up for "
    "higher wages. Selling, general and administrative expenses were $301.5 million, or 23.5% of net "
    "sales. Operating income was $189.3 million; excluding restructuring charges of $14.8 million it "
    "was $204.1 million. The effective tax rate was 21.7%, against 24.0% a year earlier, because of a "
    "benefit from stock awards.",
    "Consolidated Balance Sheets\t(in thousands)\tDecember 31, 2022\tDecember 31, 2021\nCash and cash "
    "equivalents\t$ 48,214\t$ 61,907\nAccounts receivable, "
    "net\t112,650\t98,433\nInventories\t87,119\t70,245\nPrepaid expenses and other current "
    "assets\t9,871\t8,356\nTotal current assets\t257,854\t238,941\nProperty, plant and equipment, "
    "net\t301,228\t295,870\nGoodwill\t144,902\t144,902\nIntangible assets, "
    "net\t63,417\t71,556\nDeferred tax assets\t5,218\t4,034\nTotal assets\t$ 772,619\t$ "
    "755,303\nAccounts payable\t(66,105)\t(58,322)\nTotal liabilities\t401,377\t410,254",
    "We depend on a small number of suppliers for semiconductors and other parts. If any of them "
    "stopped deliveries, raised prices or failed to meet our specifications, we might not be able to "
    "make our products in time, our costs could grow and customers might cancel orders. We do not "
    "carry insurance against such interruptions. In addition, new tariffs, sanctions or export "
    "controls could make some components unavailable at any price. There can be no assurance that the "
    "measures described above will be sufficient.",
    "Note 12 - Leases. The Company leases warehouses, vehicles and office space under agreements that "
    "end between 2024 and 2037, some with options to extend. Operating lease cost was $7.3 million, "
    "$6.9 million and $6.6 million in 2023, 2022 and 2021. The weighted-average remaining term is 6.2 "
    "years and the weighted-average discount rate 4.35%. Future minimum payments: 2024 8,102; 2025 "
    "7,455; 2026 6,310; thereafter 19,884; less imputed interest (5,127); total 36,624.",
    "5.3 Termination. Either party may terminate this Agreement by giving ninety (90) days' written "
    "notice to the other. The Licensor may terminate with immediate effect where the Licensee (a) "
    "fails to pay any amount when due and does not remedy the failure within ten business days, (b) "
    "becomes insolvent, or (c) assigns this Agreement without prior written consent. Clauses 7 "
    "(Confidentiality), 9 (Liability) and 14 (Governing law) survive.",
    "To replace the filter: 1. Switch the unit off and unplug it. 2. Turn the lid counter-clockwise "
    "until it clicks. 3. Take out the old cartridge; do not wash it. 4. Rinse the housing with warm "
    "water (max. 40 °C). 5. Insert the new cartridge with the arrow pointing up, close the lid and run "
    "two litres through. If the red light stays on, hold RESET for five seconds. Error E-07 means that "
    "the pump is dry; E-12 that the sensor needs cleaning.",
    "Employees who have completed their probation are entitled to 15 days of paid annual leave, which "
    "grows by one day for each full year of service up to 25. Leave must be agreed with the line "
    "manager at least two weeks before it begins. Up to five days may be carried over until 31 March. "
    "Expenses are refunded against receipts within 30 days; taxis only after 10 p.m. or with heavy "
    "luggage.",
    "The coral reef off the northern shore shelters more than four hundred kinds of fish, among them "
    "parrotfish, groupers and the rare leafy seahorse. Researchers from the university's marine "
    "station have counted them every spring since 1987. Warm water in 2016 bleached two thirds of the "
    "colonies; by last year about half of these had recovered, helped by a ban on anchors and a "
    "nursery in which fragments are grown on ropes.",
    "SAN MATEO, Calif., Feb. 8 (Newswire) - Brightwell Networks Inc. (NASDAQ: BWNX) today reported "
    "fourth-quarter revenue of $94.6 million, up 18 percent, and GAAP net loss of $(0.07) per diluted "
    "share. Adjusted EBITDA was $12.9 million. 'We closed the year with our largest pipeline ever,' "
    "said Dana Ruiz, chief executive officer. For the full year 2024 the company expects revenue "
    "between $405 million and $415 million. See www.example.com/ir.",
    "Minutes of the 41st meeting, held online, 14:00-15:35. Present: Ms Okafor (chair), Mr Lindqvist, "
    "Dr. Tanaka; apologies: Mr Petrov. The minutes of the 40th meeting were approved. The treasurer "
    "reported a surplus of EUR 3,150 and proposed to renew the insurance; carried, 3 to 0. ACTION: Dr. "
    "Tanaka to ask for two more quotes.",
    "def moving_average(values, window): the function returns a list of len(values) - window + 1 "
    "means. Complexity is O(n): the running sum is updated by adding the next value and taking the "
    "oldest away. Raises ValueError when window < 1 or window > len(values). Example: "
    "moving_average([1, 2, 3, 4], 2) == [1.5, 2.5, 3.5].",
    "Patients were randomly assigned (1:1) to receive 20 mg once daily or placebo for 24 weeks. The "
    "primary endpoint was the change in HbA1c from baseline (mean 8.1%, SD 0.9). Of 612 participants, "
    "571 (93.3%) completed the trial. The difference between groups was -0.74 percentage points (95% "
    "CI -0.91 to -0.57; p < 0.001). Nausea was the most common adverse event (11.4% vs 4.2%).",
    "三、主营业务分析 报告期内，公司实现营业收入 23.86 亿元，同比增长 12.35%；归属于上市公司股东的净利"
    "润 2.17 亿元，同比下降 3.08%；经营活动产生的现金流量净额为 3.42 亿元。综合毛利率 28.64%，较上年同"
    "期减少 1.12 个百分点，主要系原材料价格上涨及汇率波动所致。",
    "项目\t期末余额\t期初余额\n货币资金\t512,806,331.27\t468,190,224.65\n应收账款\t301,447,902.18\t287,"
    "654,310.09\n存货\t198,225,417.40\t176,903,881.52\n流动资产合计\t1,236,509,118.73\t1,105,778,640.31",
    "员工请年假须提前三个工作日在系统中提交申请，经部门经理批准后生效；未休完的年假可顺延至次年三月三十"
    "一日。差旅报销应附发票原件，住宿标准为每晚不超过人民币四百五十元。",
    "What was the company's capital expenditure in fiscal 2021?",
    "How long can unused vacation be carried over",
    "2022 gross margin compared with 2021",
    "公司2023年研发投入占营业收入的比例是多少？",
    "FORM 10-K ANNUAL REPORT PURSUANT TO SECTION 13 OR 15(d)",
    "Yes.",
    "Total (1,204) 3.5% n/a - 17",
)

JUDGED: tuple[str, ...] = (
    "Revenue from services grew by 9% to $412 million, driven by new subscriptions in Asia and the "
    "renewal of two government contracts. Deferred revenue at year end was $187 million. We expect to "
    "recognise about 70% of it within twelve months. Foreign exchange lowered growth by two points.",
    "The landlord shall keep the roof, the outer walls and the lift in good repair. The tenant shall "
    "pay the rent on the first working day of each quarter and shall not sublet without consent, which "
    "may not be withheld without good reason.",
    "Net cash provided by operating activities\t214.6\t198.3\t176.0\nPurchases of property, plant and "
    "equipment\t(71.2)\t(64.8)\t(59.9)\nDividends paid\t(33.0)\t(31.5)\t(30.1)\nFree cash "
    "flow\t143.4\t133.5\t116.1",
    "Store the vaccine between 2 and 8 °C and protect it from light. Do not freeze. Once opened, a "
    "vial must be used within six hours.",
    "本公司董事会及全体董事保证本公告内容不存在任何虚假记载、误导性陈述或者重大遗漏，并对其内容的真实性"
    "、准确性和完整性承担法律责任。",
    "Our goodwill could become impaired if interest rates rise or if the acquired business performs "
    "below plan; any charge would reduce our earnings and might breach a covenant of our credit "
    "facility.",
    "which segment had the highest operating income",
    "How many shares were bought back in the fourth quarter and at what average price?",
    "Kiln temperature log 07:30 1,142 C; 08:00 1,151 C; 08:30 1,149 C",
    "The committee meets four times a year. Its members are independent directors, one of whom is a "
    "financial expert.",
)
