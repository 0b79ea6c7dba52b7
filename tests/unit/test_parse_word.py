"""Word: what a reader sees, in order; and archives that are traps."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from docx.enum.text import WD_BREAK
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn

from ingest.parse import parse
from rag.errors import DocumentError
from rag.records import ParsedDocument
from rag.settings import IngestSettings

LIMITS = IngestSettings()
CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Target="word/document.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>'
)
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def save(folder: Path, document: Any, name: str = "file.docx") -> Path:
    path = folder / name
    document.save(str(path))
    return path


def raw(
    folder: Path, body: str | bytes, extra: dict[str, bytes] | None = None, name: str = "file.docx"
) -> Path:
    """A hand-made .docx around the XML of a body."""
    path = folder / name
    content = (
        body
        if isinstance(body, bytes)
        else f'<?xml version="1.0"?><w:document {W}><w:body>{body}</w:body></w:document>'.encode()
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr("_rels/.rels", RELATIONS)
        archive.writestr("word/document.xml", content)
        for entry, data in (extra or {}).items():
            archive.writestr(entry, data)
    return path


def read(path: Path, limits: IngestSettings = LIMITS) -> ParsedDocument:
    parsed = parse(path, path.name, limits)
    for page in parsed.pages:
        for part in (*page.headings, *page.tables):
            assert page.text[part.start : part.end].strip()
    return parsed


def fails(path: Path, limits: IngestSettings = LIMITS) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        read(path, limits)
    assert path.name in str(caught.value)
    return caught.value


def run(xml: str) -> Any:
    return parse_xml(xml.replace("<w:", "<w:", 1).replace(">", f" {nsdecls('w')}>", 1))


def test_order_headings_lists_and_tables(tmp_path: Path) -> None:
    document = Document()
    document.add_heading("Annual Report 2023", 0)
    document.add_heading("Revenue", 1)
    document.add_paragraph("Revenue grew by a tenth.")
    document.add_paragraph("first point", style="List Bullet")
    document.add_paragraph("number one", style="List Number")
    document.add_paragraph("number two", style="List Number")
    table = document.add_table(rows=3, cols=3)
    for r, row in enumerate((("", "2023", "2022"), ("Sales", "1,577", "1,373"), ("Costs", "900", "850"))):
        for c, text in enumerate(row):
            table.cell(r, c).text = text
    document.add_heading("Outlook", 2)
    document.add_paragraph("We expect more of the same.")
    parsed = read(save(tmp_path, document))
    (page,) = parsed.pages
    assert page.text.split("\n") == [
        "Annual Report 2023", "", "Revenue", "", "Revenue grew by a tenth.", "• first point", "1. number one",
        "2. number two", "", "\t2023\t2022", "Sales\t1,577\t1,373", "Costs\t900\t850", "", "Outlook", "",
        "We expect more of the same.",
    ]  # fmt: skip
    assert [(page.text[h.start : h.end], h.level) for h in page.headings] == [
        ("Annual Report 2023", 1), ("Revenue", 1), ("Outlook", 2),
    ]  # fmt: skip
    (found,) = page.tables
    assert found.header == "2023\t2022"
    assert page.text[found.start : found.end].endswith("Costs\t900\t850")
    assert (parsed.title, parsed.language, parsed.page_kind) == ("Annual Report 2023", "en", "physical")


def test_chinese_with_localized_style_names(tmp_path: Path) -> None:
    document = Document()
    document.styles["Heading 1"].element.find(qn("w:name")).set(qn("w:val"), "标题 1")
    document.add_paragraph("一、公司信息", style=document.styles["标题 1"])
    document.add_paragraph("公司于二零一九年完成收购，营业收入同比增长百分之十二。")
    parsed = read(save(tmp_path, document, "年报.docx"))
    assert parsed.language == "zh"
    assert [parsed.pages[0].text[h.start : h.end] for h in parsed.pages[0].headings] == ["一、公司信息"]


def test_merged_and_nested_cells_stand_once(tmp_path: Path) -> None:
    document = Document()
    table = document.add_table(rows=3, cols=3)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "Both columns"
    table.cell(0, 2).text = "Third"
    table.cell(1, 0).merge(table.cell(2, 0)).text = "Both rows"
    table.cell(1, 1).text = "b"
    inner = table.cell(2, 2).add_table(rows=1, cols=2)
    inner.cell(0, 0).text = "inner left"
    inner.cell(0, 1).text = "inner right"
    text = read(save(tmp_path, document)).text
    assert text.count("Both columns") == text.count("Both rows") == 1
    assert "inner left\tinner right" in text


def test_what_python_docx_skips_is_read(tmp_path: Path) -> None:
    body = (
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>In a content control</w:t></w:r></w:p></w:sdtContent></w:sdt>"
        "<w:p><w:r><w:t>Kept </w:t></w:r><w:ins><w:r><w:t>inserted </w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>deleted </w:delText></w:r></w:del>"
        '<w:hyperlink xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><w:r><w:t>linked</w:t></w:r></w:hyperlink></w:p>'
        '<w:p><w:r><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        '<mc:Choice Requires="wps"><w:drawing><w:txbxContent>'
        "<w:p><w:r><w:t>In a text box</w:t></w:r></w:p></w:txbxContent></w:drawing></mc:Choice>"
        "<mc:Fallback><w:pict><w:txbxContent>"
        "<w:p><w:r><w:t>In a text box</w:t></w:r></w:p></w:txbxContent></w:pict></mc:Fallback>"
        "</mc:AlternateContent></w:r></w:p>"
        '<w:p><m:oMath xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"><m:f><m:num><m:r><m:t>a</m:t></m:r></m:num>'
        "<m:den><m:r><m:t>b</m:t></m:r></m:den></m:f></m:oMath></w:p>"
    )
    text = read(raw(tmp_path, body)).text
    assert text.split("\n\n") == ["In a content control", "Kept inserted linked", "In a text box", "a/b"]


def test_headers_and_footnotes_come_once(tmp_path: Path) -> None:
    document = Document()
    document.sections[0].header.paragraphs[0].text = "Example Group plc"
    document.sections[0].footer.paragraphs[0].text = "Confidential"
    document.add_section().header.is_linked_to_previous = True
    document.add_paragraph("The body of the letter.")
    text = read(save(tmp_path, document)).text
    assert text.split("\n\n") == ["Example Group plc", "The body of the letter.", "Confidential"]


def test_recorded_page_breaks_are_physical_pages(tmp_path: Path) -> None:
    document = Document()
    document.add_paragraph("On the first page").add_run().add_break(WD_BREAK.PAGE)
    document.add_paragraph("On the second page")
    rendered = document.add_paragraph("still second ")
    rendered.add_run()._r.append(parse_xml(f"<w:lastRenderedPageBreak {nsdecls('w')}/>"))
    rendered.add_run("already third")
    parsed = read(save(tmp_path, document))
    assert [page.text for page in parsed.pages] == [
        "On the first page", "On the second page\n\nstill second ", "already third",
    ]  # fmt: skip
    assert parsed.page_kind == "physical"


def test_a_hard_break_and_its_rendering_are_one_page(tmp_path: Path) -> None:
    body = (
        '<w:p><w:r><w:t>one</w:t></w:r><w:r><w:br w:type="page"/></w:r></w:p>'
        "<w:p><w:r><w:lastRenderedPageBreak/><w:t>two</w:t></w:r></w:p>"
    )
    assert [page.text for page in read(raw(tmp_path, body)).pages] == ["one", "two"]


def test_long_texts_without_breaks_get_estimated_pages(tmp_path: Path) -> None:
    document = Document()
    for number in range(60):
        document.add_paragraph(f"Paragraph {number} says something of some length. " * 4)
    parsed = read(save(tmp_path, document))
    assert parsed.page_kind == "estimated"
    assert parsed.warnings == ("warn.estimated_pages",)
    assert 5 <= len(parsed.pages) <= 9
    assert all(900 < len(page.text) < 2500 for page in parsed.pages[:-1])
    assert [f"Paragraph {n} " in parsed.text for n in range(60)] == [True] * 60


def test_empty_documents(tmp_path: Path) -> None:
    assert fails(save(tmp_path, Document())).code == "document.empty"
    assert fails(raw(tmp_path, "<w:p/><w:p/>")).status == "empty"


def test_a_truncated_archive_is_corrupt(tmp_path: Path) -> None:
    document = Document()
    document.add_paragraph("text " * 2000)
    whole = save(tmp_path, document).read_bytes()
    for share in (0.1, 0.5, 0.9):
        path = tmp_path / "cut.docx"
        path.write_bytes(whole[: int(len(whole) * share)])
        assert fails(path).status == "corrupt"


def test_broken_xml_is_corrupt(tmp_path: Path) -> None:
    error = fails(raw(tmp_path, b"<w:document><w:body><w:p>"))
    assert (error.status, error.code) == ("corrupt", "document.corrupt")


def test_many_empty_paragraphs_are_a_bomb(tmp_path: Path) -> None:
    error = fails(raw(tmp_path, "<w:p/>" * 120_000), IngestSettings(max_xml_elements=100_000))
    assert (error.status, error.code) == ("failed", "document.bomb")


def test_a_heap_of_white_space_is_a_bomb(tmp_path: Path) -> None:
    path = raw(tmp_path, "<w:p><w:r><w:t>" + " " * (40 << 20) + "</w:t></w:r></w:p>")
    assert path.stat().st_size < 200_000
    assert fails(path).code == "document.bomb"
    assert fails(path, IngestSettings(max_unzipped_mb=10)).params["limit"] == "10"


def test_headers_that_lie_about_sizes_are_not_believed(tmp_path: Path) -> None:
    path = raw(tmp_path, "<w:p><w:r><w:t>" + " " * (40 << 20) + "</w:t></w:r></w:p>")
    data = bytearray(path.read_bytes())
    real = (40 << 20) + len(
        f'<?xml version="1.0"?><w:document {W}><w:body>'
        "<w:p><w:r><w:t></w:t></w:r></w:p></w:body></w:document>"
    )
    wanted = real.to_bytes(4, "little")
    assert data.count(wanted) == 2  # local header and directory
    path.write_bytes(bytes(data).replace(wanted, (1000).to_bytes(4, "little")))
    error = fails(path, IngestSettings(max_unzipped_mb=10))
    assert error.status in ("failed", "corrupt")


def test_too_many_entries_are_a_bomb(tmp_path: Path) -> None:
    path = raw(tmp_path, "<w:p><w:r><w:t>x</w:t></w:r></w:p>", {f"media/{n}": b"" for n in range(60)})
    assert fails(path, IngestSettings(max_zip_entries=50)).code == "document.bomb"


def test_names_that_climb_out_of_the_archive_are_never_paths(tmp_path: Path) -> None:
    path = raw(
        tmp_path,
        "<w:p><w:r><w:t>harmless</w:t></w:r></w:p>",
        {"../../escaped.txt": b"x", "/tmp/escaped2.txt": b"x"},
    )
    assert read(path).text == "harmless"
    assert not (tmp_path.parent.parent / "escaped.txt").exists()
    assert not Path("/tmp/escaped2.txt").exists()


def test_control_characters_and_radicals(tmp_path: Path) -> None:
    body = "<w:p><w:r><w:t>⾦融 ﬁnance zero\u200bwidth \u202eright</w:t></w:r></w:p>"
    assert read(raw(tmp_path, body)).text == "金融 finance zerowidth right"


def test_deeply_nested_tables_end(tmp_path: Path) -> None:
    depth = 200
    body = (
        "<w:tbl><w:tr><w:tc>" * depth
        + "<w:p><w:r><w:t>deep</w:t></w:r></w:p>"
        + "</w:tc></w:tr></w:tbl>" * depth
    )
    body += "<w:p><w:r><w:t>after</w:t></w:r></w:p>"
    try:
        assert "after" in read(raw(tmp_path, body)).text
    except DocumentError as error:
        assert error.status == "corrupt"  # noqa: PT017 - either end is right


def test_strict_documents_and_templates_are_read(tmp_path: Path) -> None:
    document = Document()
    document.add_paragraph("A document in the strict dialect")
    plain = io.BytesIO()
    document.save(plain)
    path = tmp_path / "strict.docx"
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as target:
        for entry in source.namelist():
            data = source.read(entry)
            if entry == "[Content_Types].xml":
                data = data.replace(b"document.main+xml", b"template.main+xml")
            data = data.replace(
                b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
                b"http://purl.oclc.org/ooxml/wordprocessingml/main",
            ).replace(
                b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
                b"http://purl.oclc.org/ooxml/officeDocument/relationships",
            )
            target.writestr(entry, data)
    assert "strict dialect" in read(path).text
