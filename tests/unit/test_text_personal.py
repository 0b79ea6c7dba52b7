"""Personal data is found where its check digits agree, and figures are left alone."""

from __future__ import annotations

import pytest

from rag.text.personal import mask_personal, personal_spans


@pytest.mark.parametrize(
    ("text", "kind", "span"),
    [
        ("请联系 li.wei@example.com.cn 咨询", "email", "li.wei@example.com.cn"),
        ("手机：13812345678。", "phone", "13812345678"),
        ("电话 0513-81658162 传真", "phone", "0513-81658162"),
        ("call (650) 253-0000 today", "phone", "(650) 253-0000"),
        ("call +44 20 7031 3000 today", "phone", "+44 20 7031 3000"),
        ("身份证号11010519491231002X，", "identity_number", "11010519491231002X"),
        ("SSN 536-90-4399.", "identity_number", "536-90-4399"),
        ("card 4111 1111 1111 1111 expires", "bank_card", "4111 1111 1111 1111"),
        ("账号6222021234567890128元", "bank_card", "6222021234567890128"),
        ("IBAN GB82 WEST 1234 5698 7654 32 is", "iban", "GB82 WEST 1234 5698 7654 32"),
    ],
)
def test_found(text: str, kind: str, span: str) -> None:
    assert [(s.kind, text[s.start : s.end]) for s in personal_spans(text)] == [(kind, span)]


@pytest.mark.parametrize(
    "text",
    [
        "Revenue was $1,577,000,000 in 2018 and 32,765 in 2019.",
        "营业收入186,425万元，净利润20,507,341.25元，同比增长12.5%。",
        "Purchases of property\t(1,577)\t(1,373)\t(1,420)",
        "2018 2017 2016 8,738 8,866 8,516",
        "身份证号11010519491231002Y",
        "card 4111 1111 1111 1112",
        "证券代码 603339，统一社会信用代码 91320600138331427F",
        "ISBN 978-7-111-54742-6, note 12, page 60 of 160",
        "13,812,345,678 shares at 6.50",
        "Total 12345678 units, 1385000000 bytes",
    ],
)
def test_figures_are_left_alone(text: str) -> None:
    assert personal_spans(text) == ()


def test_masked_with_counts() -> None:
    masked, counts = mask_personal("a@b.com，13812345678 或 13912345678，收入1,577万元")
    assert masked == "[email]，[phone] 或 [phone]，收入1,577万元"
    assert counts == {"email": 1, "phone": 2}
    assert mask_personal(masked) == (masked, {})
