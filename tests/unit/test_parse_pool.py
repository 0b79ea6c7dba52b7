"""Files from outside: read in children, page pictures drawn in children."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from ingest.parse import SandboxedParser, parse
from ingest.parse.wire import document_from_wire, page_from_wire, page_to_wire, summary_to_wire
from rag.errors import DocumentError
from rag.pictures import PagePictures
from rag.settings import IngestSettings, Settings


def report(path: Path, pages: int = 3, password: str = "") -> Path:
    options = {"encrypt": StandardEncryption(password)} if password else {}
    canvas = Canvas(str(path), pagesize=(595, 842), **options)
    for number in range(pages):
        canvas.setFont("Helvetica-Bold", 18)
        canvas.drawString(72, 760, f"Chapter {number + 1}")
        canvas.setFont("Helvetica", 10)
        for n in range(30):
            canvas.drawString(72, 720 - 14 * n, f"Line {n} of page {number + 1} with some more words in it")
        canvas.showPage()
    canvas.save()
    return path


@pytest.fixture(scope="module")
def parser() -> Iterator[SandboxedParser]:
    with SandboxedParser(IngestSettings(workers=2, parse_timeout_s=20)) as parser:
        yield parser


def test_the_same_document_as_in_process(parser: SandboxedParser, tmp_path: Path) -> None:
    path = report(tmp_path / "a.pdf", pages=40)
    seen: list[tuple[int, int]] = []
    parsed = parser.parse(path, "a.pdf", on_progress=lambda done, total: seen.append((done, total)))
    assert parsed == parse(path, "a.pdf", IngestSettings())
    assert seen[-1] == (40, 40)
    assert seen == sorted(seen)


def test_states_cross_the_pipe(parser: SandboxedParser, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(DocumentError) as caught:
        parser.parse(tmp_path / "x", "报告.pdf")
    assert (caught.value.status, caught.value.code) == ("empty", "document.empty_file")
    assert "报告.pdf" in caught.value.localized("zh")


def test_a_decrypted_copy_needs_no_password(parser: SandboxedParser, tmp_path: Path) -> None:
    locked = report(tmp_path / "locked.pdf", password="geheim")
    with pytest.raises(DocumentError) as caught:
        parser.parse(locked, "locked.pdf")
    assert caught.value.status == "password"
    parsed = parser.parse(locked, "locked.pdf", password="geheim")
    assert parsed.metadata["encrypted"] == "password"
    out = tmp_path / "rendition.pdf"
    with pytest.raises(DocumentError):
        parser.decrypted_copy(locked, "wrong", out)
    assert not out.exists()
    parser.decrypted_copy(locked, "geheim", out)
    assert parser.parse(out, "locked.pdf").pages == parsed.pages
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".part"] == []


def test_a_killed_child_costs_at_most_its_own_document(tmp_path: Path) -> None:
    path = report(tmp_path / "a.pdf", pages=40)
    with SandboxedParser(IngestSettings(workers=1, parse_timeout_s=20)) as parser:
        killed: list[int] = []

        def kill_once(done: int, total: int) -> None:
            pid = parser._all[0].pid
            if not killed and pid is not None:
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)

        parsed = parser.parse(path, "a.pdf", on_progress=kill_once)
        assert killed
        assert parsed.warnings == ("warn.repaired",)  # read again, by pypdf alone
        assert len(parsed.pages) == 40
        assert len(parser.parse(path, "a.pdf").pages[0].lines) == 31


def test_time_and_memory_end_in_states(tmp_path: Path) -> None:
    path = report(tmp_path / "a.pdf", pages=2)
    with (
        SandboxedParser(IngestSettings(workers=1, parse_timeout_s=0.001)) as parser,
        pytest.raises(DocumentError) as caught,
    ):
        parser.parse(path, "a.pdf")
    assert (caught.value.status, caught.value.code) == ("failed", "document.timeout")
    assert "ingest.parse_timeout_s" in str(caught.value)


def test_giving_up_passes_through_and_frees_the_child(tmp_path: Path) -> None:
    class LeaseLost(Exception): ...

    def lost(done: int, total: int) -> None:
        raise LeaseLost

    path = report(tmp_path / "a.pdf", pages=20)
    with SandboxedParser(IngestSettings(workers=1)) as parser:
        with pytest.raises(LeaseLost):
            parser.parse(path, "a.pdf", on_progress=lost)
        assert len(parser.parse(path, "a.pdf").pages) == 20


def test_threads_share_the_pool(parser: SandboxedParser, tmp_path: Path) -> None:
    paths = [report(tmp_path / f"{n}.pdf", pages=n + 1) for n in range(6)]
    counts: dict[str, int] = {}

    def work(path: Path) -> None:
        counts[path.name] = len(parser.parse(path, path.name).pages)

    threads = [threading.Thread(target=work, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == {f"{n}.pdf": n + 1 for n in range(6)}


def test_wire_round_trip_and_lies(tmp_path: Path) -> None:
    parsed = parse(report(tmp_path / "a.pdf"), "a.pdf", IngestSettings())
    pages = [page_from_wire(page_to_wire(page)) for page in parsed.pages]
    again = document_from_wire(summary_to_wire(parsed), pages)
    assert again.text == parsed.text
    assert [p.headings for p in again.pages] == [p.headings for p in parsed.pages]
    wire = page_to_wire(parsed.pages[0])
    wire["l"][0][1] = 10**6
    with pytest.raises(ValueError, match="outside"):
        page_from_wire(wire)
    with pytest.raises(ValueError, match="missing"):
        document_from_wire(summary_to_wire(parsed), pages[:-1])


# ---- pictures


@pytest.fixture
def pictures(tmp_path: Path) -> Iterator[PagePictures]:
    made = PagePictures(Settings(data_dir=tmp_path / "data"), folder_mb=1)
    yield made
    made.close()


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def size(png: bytes) -> tuple[int, int]:
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(png)) as image:
        image.load()
        return image.size


def test_a_page_as_png_and_from_the_folder_the_second_time(pictures: PagePictures, tmp_path: Path) -> None:
    path = report(tmp_path / "a.pdf")
    first = pictures.picture(path, sha(path), 2, width_px=500)
    assert first is not None
    assert size(first) == (500, pytest.approx(707, abs=2))
    digest = sha(path)
    path.unlink()
    assert pictures.picture(path, digest, 2, width_px=500) == first
    pictures.forget(digest)
    assert pictures.picture(path, digest, 2, width_px=500) is None


def test_no_picture_is_none(pictures: PagePictures, tmp_path: Path) -> None:
    path = report(tmp_path / "a.pdf")
    assert pictures.picture(path, sha(path), 99) is None
    assert pictures.picture(path, sha(path), 0) is None
    (tmp_path / "b.docx").write_bytes(b"not a pdf")
    assert pictures.picture(tmp_path / "b.docx", "b" * 64, 1) is None
    with pytest.raises(ValueError, match="SHA"):
        pictures.picture(path, "../../etc/passwd", 1)


def test_pictures_are_bounded(pictures: PagePictures, tmp_path: Path) -> None:
    tall = tmp_path / "tall.pdf"
    canvas = Canvas(str(tall), pagesize=(100, 14000))
    canvas.drawString(10, 10, "x")
    canvas.save()
    png = pictures.picture(tall, sha(tall), 1, width_px=3000)
    assert png is not None
    width, height = size(png)
    assert width * height <= 24_100_000


def test_the_folder_is_bounded_and_the_oldest_go_first(pictures: PagePictures, tmp_path: Path) -> None:
    path = report(tmp_path / "a.pdf", pages=1)
    made = []
    pictures._folder_bytes = 500_000
    for width in range(600, 1200, 60):
        assert pictures.picture(path, sha(path), 1, width_px=width)
        made.append(width)
        time.sleep(0.01)
    folder = tmp_path / "data" / "pictures"
    kept = {int(file.stem.rsplit("-", 1)[1]) for file in folder.glob("*/*.png")}
    assert sum(file.stat().st_size for file in folder.glob("*/*.png")) <= 500_000
    assert made[-1] in kept
    assert made[0] not in kept
