"""Files for spreadsheets: nothing is calculated, nothing is lost."""

import csv
import io

import pytest

from rag.text.cells import safe_cell
from ui.sheet import csv_bytes


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "＝1+1"])
def test_a_text_is_never_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


def test_numbers_stay_numbers_and_chinese_is_read() -> None:
    data = csv_bytes([{"问题": '营收, "多少"？', "n": -5}, {"问题": "=cmd|x", "n": 2}])
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert rows == [{"问题": '营收, "多少"？', "n": "-5"}, {"问题": "'=cmd|x", "n": "2"}]
    assert csv_bytes([]) == b"\xef\xbb\xbf"
