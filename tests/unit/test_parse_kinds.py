"""What a file is, its bytes say; and plain text in every encoding."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parse import kinds, parse
from ingest.parse.clean import clean, name_stem
from ingest.parse.paging import estimated_pages
from ingest.parse.plain import decode
from rag.errors import DocumentError
from rag.messages import message
from rag.settings import IngestSettings

LIMITS = IngestSettings()


def put(folder: Path, data: bytes, name: str = "report.pdf") -> Path:
    path = folder / "stored"
    path.write_bytes(data)
    return path


def state(folder: Path, data: bytes, name: str = "report.pdf") -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        parse(put(folder, data), name, LIMITS)
    assert name in str(caught.value)
    assert "<" not in caught.value.localized("zh").replace(name, "")
    return caught.value


def zipped(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return out.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize(
    ("data", "status", "says"),
    [
        (b"", "empty", "0 bytes"),
        (b" \n\t\n", "empty", "no text"),
        (b"{\\rtf1\\ansi hello}", "unsupported", "RTF"),
        (b"<!DOCTYPE html><html><body>x</body></html>", "unsupported", "HTML"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "unsupported", "PNG"),
        (b"\xff\xd8\xff\xe0" + bytes(50), "unsupported", "JPEG"),
        (b"MZ" + bytes(200), "unsupported", "Windows program"),
        (b"\x1f\x8b\x08" + bytes(50), "unsupported", "gzip"),
        (bytes(range(256)) * 8, "unsupported", "binary"),
        (OLE + "WordDocument".encode("utf-16-le"), "unsupported", ".doc"),
        (OLE + "Workbook".encode("utf-16-le"), "unsupported", ".xls"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "password", "encrypted"),
        (zipped(xl__workbook_dot_xml=b"<x/>"), "unsupported", "Excel"),
        (zipped(ppt__presentation_dot_xml=b"<x/>"), "unsupported", "PowerPoint"),
        (zipped(mimetype=b"application/vnd.oasis.opendocument.text"), "unsupported", "OpenDocument"),
        (zipped(a_dot_txt=b"x"), "unsupported", "zip archive"),
        (b"PK\x03\x04" + bytes(100), "corrupt", "damaged"),
    ],
)
def test_states_by_content(tmp_path: Path, data: bytes, status: str, says: str) -> None:
    error = state(tmp_path, data)
    assert error.status == status
    assert says in str(error)


def test_a_wrong_name_changes_nothing(tmp_path: Path) -> None:
    from docx import Document

    document = Document()
    document.add_paragraph("A Word file that calls itself a PDF")
    document.save(str(tmp_path / "stored"))
    parsed = parse(tmp_path / "stored", "report.pdf", LIMITS)
    assert parsed.media_type == kinds.DOCX
    assert "calls itself" in parsed.text
    assert parse(put(tmp_path, b"just words in a row"), "report.docx", LIMITS).media_type == kinds.TEXT


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "x" * 300 + ".pdf", "报告 📈.pdf", "a\x00b.pdf", "C:\\tmp\\x.txt", ""]
)
def test_hostile_names_are_only_shown(tmp_path: Path, name: str) -> None:
    parsed = parse(put(tmp_path, b"Some words to read here."), name, LIMITS)
    assert parsed.title
    assert "/" not in parsed.title
    assert "\\" not in parsed.title
    assert "\x00" not in parsed.title
    assert len(parsed.title) <= 200


def test_too_large(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(put(tmp_path, b"x" * (1 << 20 | 1)), "big.txt", IngestSettings(max_file_mb=1))
    assert (caught.value.status, caught.value.code) == ("failed", "document.too_large")


CHINESE = "公司于二零一九年完成了对境外子公司的收购，营业收入比上年同期增长百分之十二。" * 5
TRADITIONAL = (
    "公司於二零一九年完成了對境外子公司的收購，營業收入較上年同期增長百分之十二，這是個好的結果。" * 5
)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "utf-8"),
        (CHINESE, "utf-8-sig"),
        (CHINESE, "utf-16"),
        (CHINESE, "gb18030"),
        (CHINESE, "gbk"),
        (TRADITIONAL, "big5"),
        ("Revenue rose by 5 % — again. " * 9, "utf-16"),
        ("Revenue rose by a tenth, and costs fell. " * 9, "utf-16-le"),
        ("Revenue rose by a tenth, and costs fell. " * 9, "utf-16-be"),
        ("収益は前年に比べて増加しました。これは良い結果です。" * 9, "shift_jis"),
        ("Die Erlöse stiegen über die Hälfte; größer als früher. Müller & Söhne. " * 9, "cp1252"),
    ],
)
def test_encodings(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_form_feeds_are_physical_pages(tmp_path: Path) -> None:
    parsed = parse(put(tmp_path, "第一页\f\f第三页\n第二行\f".encode()), "a.txt", LIMITS)
    assert [page.text for page in parsed.pages] == ["第一页", "", "第三页\n第二行"]
    assert parsed.page_kind == "physical"


def test_long_text_without_form_feeds_gets_estimated_pages(tmp_path: Path) -> None:
    text = "\n\n".join(f"Paragraph {n}. " + "Words follow words. " * 20 for n in range(30))
    parsed = parse(put(tmp_path, text.encode()), "a.txt", LIMITS)
    assert parsed.page_kind == "estimated"
    assert 4 <= len(parsed.pages) <= 10
    assert "".join(parsed.text.split()) == "".join(text.split())


def test_markdown_headings_and_tables(tmp_path: Path) -> None:
    text = "# Report 2023\n\nWords.\n\n```\n# not a heading\n```\n\n## Figures ##\n\n"
    text += "| Item | 2023 |\n| --- | --- |\n| Sales | 1,577 |\n"
    parsed = parse(put(tmp_path, text.encode()), "notes.md", LIMITS)
    page = parsed.pages[0]
    assert [(page.text[h.start : h.end], h.level) for h in page.headings] == [
        ("Report 2023", 1),
        ("Figures", 2),
    ]
    assert page.tables[0].header == "Item\t2023"
    assert parsed.title == "Report 2023"


@given(st.text())
def test_clean_is_idempotent_and_leaves_nothing_unprintable(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert not any(c in once for c in "\x00\x02\u200b\u202e\ufeff\U000e0041")
    assert not any(0xD800 <= ord(c) <= 0xDFFF for c in once)


def test_clean_writes_what_people_type() -> None:
    assert clean("⾦⽣股份 ⻓期 ﬁnance\u00a0x\u3000y\ud800") == "金生股份 长期 finance x y"
    assert clean("１２３ m² ①") == "１２３ m² ①"


@given(st.text(max_size=200))
def test_name_stem_is_never_empty_and_never_a_path(name: str) -> None:
    stem = name_stem(name)
    assert 1 <= len(stem) <= 200
    assert "/" not in stem
    assert "\\" not in stem


@given(st.lists(st.text(alphabet="ab 字\n", max_size=400), max_size=40))
def test_estimated_pages_lose_no_word(parts: list[str]) -> None:
    text = "\n".join(parts)
    assert "".join("\n".join(estimated_pages(text)).split()) == "".join(text.split())


def test_warnings_carry_their_parameters() -> None:
    assert "2-3, 5" in message("warn.scanned_pages?pages=2-3, 5", "en")
    assert "2-3, 5" in message("warn.scanned_pages?pages=2-3, 5", "zh")


@given(st.binary(max_size=3000))
def test_any_bytes_end_in_a_document_or_a_state(data: bytes) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            parsed = parse(file.name, "any.bin", LIMITS)
        except DocumentError as error:
            assert error.status in (  # noqa: PT017 - either end is right
                "empty",
                "unsupported",
                "corrupt",
                "password",
                "garbled",
                "scanned",
                "failed",
            )
        else:
            assert parsed.text.strip()
