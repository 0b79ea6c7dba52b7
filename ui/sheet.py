"""Tables as CSV files for spreadsheets: UTF-8 with a mark, so that Chinese is read; no cell is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from rag.text.cells import safe_cell


def csv_bytes(rows: Sequence[Mapping[str, object]]) -> bytes:
    """The columns are those of the first row."""
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, fieldnames=[safe_cell(name) for name in rows[0]])
        writer.writeheader()
        writer.writerows([{safe_cell(k): safe_cell(v) for k, v in row.items()} for row in rows])
    return out.getvalue().encode("utf-8-sig")
