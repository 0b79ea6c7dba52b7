"""What pdfium says of a PDF's structure, against what pypdf says."""

from __future__ import annotations

from pathlib import Path

import pytest
from pypdf import PdfWriter

from ingest.parse.outline import structure_of
from ingest.parse.pdf import open_pdf
from ingest.parse.second import read_structure


def _write(path: Path, *, outline: bool, info: bool, password: str | None) -> Path:
    writer = PdfWriter()
    for _ in range(3):
        writer.add_blank_page(200, 200)
    if outline:
        part = writer.add_outline_item(title="Part I 第一部分", page_number=0)
        writer.add_outline_item(title="Item 1. Business", page_number=1, parent=part)
        writer.add_outline_item(title="  ", page_number=1, parent=part)
        writer.add_outline_item(title="Part II", page_number=2)
    if info:
        writer.add_metadata(
            {"/Title": " 年度报告 2024 ", "/Author": "A", "/CreationDate": "D:20240101", "/X": "y"}
        )
    if password is not None:
        writer.encrypt(user_password=password, owner_password="owner")
    writer.write(path)
    return path


@pytest.mark.parametrize("outline", [False, True])
@pytest.mark.parametrize("info", [False, True])
@pytest.mark.parametrize("password", [None, "", "secret"])
def test_pdfium_says_what_pypdf_says(tmp_path: Path, outline: bool, info: bool, password: str | None) -> None:
    path = _write(tmp_path / "a.pdf", outline=outline, info=info, password=password)
    document = open_pdf(path, "a.pdf", password)
    assert document is not None
    found, wanted = structure_of(document, path, password), read_structure(path, password)
    assert found == wanted
    assert found.encrypted is (password is not None)
    if outline:
        assert found.outline == [("Part I 第一部分", 1, 1), ("Item 1. Business", 2, 2), ("Part II", 1, 3)]
    if info:
        assert found.info["title"] == "年度报告 2024"


def test_the_sample_report_has_the_same_structure_by_both() -> None:
    path = next((Path(__file__).resolve().parents[2] / "samples" / "reports").glob("*.pdf"))
    document = open_pdf(path, path.name, None)
    assert structure_of(document, path, None) == read_structure(path, None)


def test_an_outline_that_leads_nowhere_does_no_harm(tmp_path: Path) -> None:
    path = _write(tmp_path / "b.pdf", outline=False, info=False, password=None)
    document = open_pdf(path, "b.pdf", None)
    assert document is not None
    handle = document.raw

    class Broken:
        raw = handle

        def get_formtype(self) -> int:
            return 0

        def get_metadata_value(self, key: str) -> str:
            raise UnicodeDecodeError("utf-16-le", b"", 0, 1, key)

        def get_toc(self, max_depth: int) -> list[object]:
            raise ValueError("a loop")

    found = structure_of(Broken(), path, None)
    assert (found.info, found.outline, found.readable) == ({}, [], True)
