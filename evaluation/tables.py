"""An evaluator's own golden questions in CSV or Excel, and the template to fill in.

The first row names the columns, in English or Chinese, in any order; other columns are kept out and named. A
cell may hold several values on lines of their own (Alt+Enter in Excel). Only ``question`` must be there.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from charset_normalizer import from_bytes

from evaluation.datasets import BadLine, DatasetError, Question, Questions, checked

MAX_ROWS = 100_000
MAX_UNZIPPED = 300 * 2**20
MAX_CELL_CHARS = 100_000

# Column -> names it goes by, the template's first.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "编号", "序号", "no", "number", "key"),
    "question": ("question", "问题", "提问", "query"),
    "answers": ("answer", "答案", "answers", "标准答案", "参考答案", "正确答案", "gold", "expected answer"),
    "doc": ("document", "文档", "file", "文件", "doc", "文档名", "文件名", "source", "来源"),
    "page": ("page", "页码", "pages", "页", "证据页"),
    "text": ("evidence", "证据", "quote", "原文", "passage", "段落", "证据原文"),
    "kind": ("kind", "类型", "type", "category", "类别", "题型"),
    "lang": ("language", "语言", "lang"),
    "expect_refusal": ("refuse", "应拒答", "expect refusal", "拒答", "是否拒答", "unanswerable"),
    "note": ("note", "备注", "comment", "说明"),
}
_BY_NAME = {name.casefold(): column for column, names in COLUMNS.items() for name in names}
_YES = {"yes", "y", "true", "1", "x", "是", "对", "√", "需要", "应拒答"}
_NO = {"", "no", "n", "false", "0", "否", "不", "不需要"}
_PAGES = re.compile(r"\d+\s*[-–—至到]\s*\d+|\d+")


def read_table(path: Path) -> Questions:
    """The questions of a .csv, .tsv or .xlsx file (its first sheet with a question column). Raises
    DatasetError when it is no such file or has no question column."""
    seen: dict[str, int] = {}
    good: list[Question] = []
    bad: list[BadLine] = []
    rows = _sheet(path) if path.suffix.lower() in (".xlsx", ".xlsm") else _text(path)
    columns: list[str] | None = None
    for number, cells in rows:
        if columns is None:
            if not any(cells):
                continue
            columns = _header(path, cells)
            bad += [
                BadLine(number, "eval.row.column", name)
                for name, column in zip(cells, columns, strict=True)
                if name and not column
            ]
            continue
        if not any(cells):
            continue
        row = _question(cells, columns, number)
        line = row if isinstance(row, BadLine) else checked(row, number, seen)
        if isinstance(line, BadLine):
            bad.append(line)
        else:
            good.append(line)
    if columns is None:
        raise DatasetError("eval.no_question", path=path)
    return Questions(path.stem, tuple(good), tuple(bad))


def _header(path: Path, cells: Sequence[str]) -> list[str]:
    columns = [_BY_NAME.get(" ".join(cell.replace("_", " ").split()).casefold(), "") for cell in cells]
    if "question" not in columns:
        found = ", ".join(filter(None, cells))[:200] or "nothing"
        problem = f"no column question (问题) in the first row; it has: {found}"
        raise DatasetError("eval.unreadable", path=path, problem=problem)
    return columns


def _question(cells: Sequence[str], columns: Sequence[str], number: int) -> dict[str, Any] | BadLine:
    """The fields of a row, or what is wrong with which column."""
    values: dict[str, str] = {}
    for column, cell in zip(columns, cells, strict=False):
        if column and cell:
            if len(cell) > MAX_CELL_CHARS:
                return BadLine(number, "eval.row.long", column, {"limit": MAX_CELL_CHARS})
            values.setdefault(column, cell)
    record: dict[str, Any] = {k: values[k] for k in ("id", "question", "kind", "note") if k in values}
    if "question" not in values:
        return BadLine(number, "eval.row.missing", "question")
    record["lang"] = {"中文": "zh", "chinese": "zh", "英文": "en", "english": "en"}.get(
        values.get("lang", "").casefold(), values.get("lang", "")
    )
    record["answers"] = _lines(values.get("answers", ""))
    said = values.get("expect_refusal", "").strip().casefold()
    if said not in _YES | _NO:
        return BadLine(number, "eval.row.yes_no", "refuse")
    if said in _YES:
        record["expect_refusal"] = True
    documents = _lines(values.get("doc", ""))
    pages = _pages(values.get("page", ""))
    if pages is None:
        return BadLine(number, "eval.row.pages", "page", {"found": values["page"][:80]})
    if pages and len(documents) != 1:
        return BadLine(number, "eval.row.one_document", "document")
    text = values.get("text", "")
    if documents:
        record["doc"] = documents[0] if len(documents) == 1 else documents
        record["evidence"] = [
            {"doc": document, "page": page, "text": text}
            for document in documents
            for page in (pages or (None,))
        ]
    return record


def _lines(cell: str) -> list[str]:
    return [line.strip() for line in cell.splitlines() if line.strip()]


def _pages(cell: str) -> tuple[int, ...] | None:
    """ "12, 14-15" -> (12, 14, 15); None for what is no page numbers."""
    if re.sub(r"[\s,，;；、.第页pP]|\.0\b", "", _PAGES.sub("", cell)):
        return None
    found: list[int] = []
    for piece in _PAGES.findall(re.sub(r"\.0\b", "", cell)):
        ends = [int(n) for n in re.findall(r"\d+", piece)]
        if ends[0] < 1 or ends[-1] < ends[0] or ends[-1] - ends[0] > 500:
            return None
        found += range(ends[0], ends[-1] + 1)
    return tuple(dict.fromkeys(found))


def _text(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of the line they end at. UTF-8, else as charset-normalizer finds (Excel on Chinese
    Windows writes GB18030)."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError("eval.unreadable", path=path, problem=error.strerror or error) from error
    if b"\0" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DatasetError("eval.not_text", path=path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        best = from_bytes(data, cp_isolation=["gb18030", "utf_16", "cp1252"]).best()
        if best is None:
            raise DatasetError("eval.not_text", path=path) from None
        text = str(best)
    sample = text[:4096]
    delimiter = "\t" if path.suffix.lower() == ".tsv" or "\t" in sample.split("\n")[0] else ","
    if delimiter == "," and sample.split("\n")[0].count(";") > sample.split("\n")[0].count(","):
        delimiter = ";"  # Excel where the comma is the decimal point
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for count, row in enumerate(reader, 1):
            if count > MAX_ROWS:
                raise DatasetError("eval.too_many_rows", path=path, limit=MAX_ROWS)
            yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise DatasetError(
            "eval.unreadable", path=path, problem=f"line {reader.line_num}: {error}"
        ) from error


def _sheet(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows of the first sheet that has a question column, with their numbers as Excel shows them. Formulas
    give the value that Excel last computed."""
    import openpyxl

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNZIPPED:
                raise DatasetError("eval.unreadable", path=path, problem="too large when unpacked")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except DatasetError:
        raise
    except Exception as error:  # outside data: openpyxl raises whatever its parts do
        raise DatasetError("eval.unreadable", path=path, problem=f"not an Excel file ({error})") from error
    try:
        sheet = next((s for s in book.worksheets if _has_question(s)), None)
        if sheet is None:
            raise DatasetError("eval.no_question_column", path=path)
        for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
            if number > MAX_ROWS:
                raise DatasetError("eval.too_many_rows", path=path, limit=MAX_ROWS)
            yield number, [_shown(cell) for cell in row]
    finally:
        book.close()


def _has_question(sheet: Any) -> bool:
    for row in sheet.iter_rows(values_only=True, max_row=20):
        cells = [_shown(cell) for cell in row]
        if any(cells):
            return any(_BY_NAME.get(" ".join(c.split()).casefold()) == "question" for c in cells)
    return False


def _shown(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def template(language: str = "en") -> bytes:
    """An Excel file to fill in: the columns in the language, two examples, and what each column means."""
    import openpyxl
    from openpyxl.styles import Alignment, Font

    chinese = language == "zh"
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "问题" if chinese else "questions"
    names = [names[1 if chinese else 0] for names in COLUMNS.values()]
    sheet.append(names)
    for row in _EXAMPLES["zh" if chinese else "en"]:
        sheet.append(list(row))
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for letter, width in zip("ABCDEFGHIJ", (10, 50, 30, 34, 10, 40, 12, 10, 10, 24), strict=True):
        sheet.column_dimensions[letter].width = width
    for line in sheet.iter_rows():
        for cell in line:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.freeze_panes = "A2"
    notes = book.create_sheet("说明" if chinese else "columns")
    for name, meaning in zip(names, _MEANINGS["zh" if chinese else "en"], strict=True):
        notes.append([name, meaning])
    notes.column_dimensions["B"].width = 90
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


_EXAMPLES = {
    "en": (
        ("q1", "What was revenue in fiscal 2024?", "$531.2 million\n531,200 thousand",
         "annual-report.pdf", "8", "Revenue 531,200", "lookup", "en", "", "two accepted wordings"),
        ("q2", "What does the competitor Omega earn?", "", "", "", "", "refuse", "en", "yes",
         "not in the files"),
    ),
    "zh": (
        ("q1", "2024年的营业收入是多少？", "5.31亿元\n531,200千元", "年度报告.docx", "8",
         "营业收入 531,200", "查找", "zh", "", "两种可接受的写法"),
        ("q2", "竞争对手欧米伽的收入是多少？", "", "", "", "", "拒答", "zh", "是", "文件中没有"),
    ),
}  # fmt: skip
_MEANINGS = {
    "en": (
        "Any name, once only. May be left empty.",
        "The question, as a person would ask it. The only column that must be filled.",
        "Accepted answers, each on a line of its own. A figure is compared with its unit, within 1 %.",
        "Name of the file in the library that holds the answer; several on lines of their own.",
        "Page or pages of that file, counted from 1 as the PDF viewer counts: 12 or 12, 14-15.",
        "The words that hold the answer.",
        "Any word: results are also shown by kind.",
        "zh or en: results are also shown by language.",
        "yes when the files do not hold the answer and it must be refused.",
        "For yourself.",
    ),
    "zh": (
        "任意名称，不可重复；可留空。",
        "问题，按人们平时的问法填写。唯一必填的列。",
        "可接受的答案，每行一个。数字会连同单位比较，允许 1 % 误差。",
        "资料库中含有答案的文件名；多个文件各占一行。",
        "该文件中的页码，从 1 开始（与 PDF 阅读器一致）：12 或 12, 14-15。",
        "含有答案的原文。",
        "任意词：结果也会按类型显示。",
        "zh 或 en：结果也会按语言显示。",
        "文件中没有答案、应当拒答时填“是”。",
        "备注，仅供自己参考。",
    ),
}
