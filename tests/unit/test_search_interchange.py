"""Out to LangChain's FAISS folder and in again, without ever running what stands in it."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import pytest
from search_library import Library

from rag.search.interchange import InterchangeError, export_faiss, import_faiss
from rag.testing import HashEmbedding


@pytest.fixture
def library(tmp_path: Path) -> Library:
    found = Library(tmp_path / "data")
    found.add("a.pdf", ["capital expenditure 1,577", "dividends per share"], title="3M")
    found.add("年报.pdf", ["净利润 12,345"], "other")
    return found


def test_langchain_loads_the_folder_and_finds_the_same(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    exported = export_faiss(library.store, folder)
    assert (exported.passages, exported.documents) == (3, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from langchain_community.vectorstores import FAISS
        from langchain_core.embeddings import Embeddings

    class Adapter(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [self.embed_query(text) for text in texts]

        def embed_query(self, text: str) -> list[float]:
            return [float(x) for x in HashEmbedding(64).embed_query(text)]

    loaded = FAISS.load_local(str(folder), Adapter(), allow_dangerous_deserialization=True)
    (best,) = loaded.similarity_search("dividends per share", k=1)
    mine = (
        library.index().search("dividends per share", library.scope(), top_k=1, legs=("dense",)).passages[0]
    )
    assert best.page_content == mine.text == "dividends per share"
    assert (best.metadata["document"], best.metadata["page_start"]) == ("a.pdf", 2)
    assert best.metadata["chunk_id"] == mine.chunk_id


def test_a_scope_limits_the_export(library: Library, tmp_path: Path) -> None:
    assert export_faiss(library.store, tmp_path / "out", library.scope("other")).passages == 1
    assert "capital" not in (tmp_path / "out" / "passages.jsonl").read_text("utf-8")


def test_import_gives_texts_at_their_pages(library: Library, tmp_path: Path) -> None:
    export_faiss(library.store, tmp_path / "out")
    found: dict[str, str] = {}
    assert import_faiss(tmp_path / "out", found.__setitem__) == 2
    assert found == {
        "a.pdf.txt": "capital expenditure 1,577\fdividends per share",
        "年报.pdf.txt": "净利润 12,345",
    }


@pytest.mark.parametrize("name", ["index.faiss", "index.pkl", "passages.jsonl", "manifest.json"])
def test_a_changed_file_is_refused(library: Library, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "out"
    export_faiss(library.store, folder)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    calls: list[str] = []
    with pytest.raises(InterchangeError, match="cannot be imported"):
        import_faiss(folder, lambda name, text: calls.append(name))
    assert calls == []


def test_a_foreign_folder_is_refused_and_never_run(tmp_path: Path) -> None:
    folder = tmp_path / "foreign"
    folder.mkdir()
    touched = tmp_path / "touched"
    # A serialised os.system call, by hand: reading it would create the file.
    (folder / "index.pkl").write_bytes(b"cos\nsystem\n(S'touch " + str(touched).encode() + b"'\ntR.")
    (folder / "index.faiss").write_bytes(b"IxFI garbage")
    with pytest.raises(InterchangeError, match=r"index\.pkl but no passages\.jsonl"):
        import_faiss(folder, lambda name, text: None)
    with pytest.raises(InterchangeError, match="missing"):
        import_faiss(tmp_path / "nowhere", lambda name, text: None)
    assert not touched.exists()


def test_a_manifest_cannot_point_outside(library: Library, tmp_path: Path) -> None:
    from rag.search import files

    folder = tmp_path / "out"
    export_faiss(library.store, folder)
    body = files.read_manifest(folder / "manifest.json")
    body["files"]["../secret"] = "0" * 64
    files.write_manifest(folder / "manifest.json", body)
    with pytest.raises(InterchangeError, match="leaves the folder"):
        import_faiss(folder, lambda name, text: None)


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        json.dumps({"document": "a"}),
        json.dumps({"document": "", "text": "x"}),
        json.dumps({"document": "a", "text": "x", "page_start": 10**9}),
        json.dumps({"document": "a", "text": "x", "page_start": "1"}),
    ],
)
def test_bad_lines_are_named_before_anything_is_added(library: Library, tmp_path: Path, line: str) -> None:
    from rag.search import files

    folder = tmp_path / "out"
    export_faiss(library.store, folder)
    with (folder / "passages.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    body = files.read_manifest(folder / "manifest.json")
    body["files"]["passages.jsonl"] = files.sha256_of(folder / "passages.jsonl")
    files.write_manifest(folder / "manifest.json", body)
    calls: list[str] = []
    with pytest.raises(InterchangeError, match="line 4"):
        import_faiss(folder, lambda name, text: calls.append(name))
    assert calls == []


def test_nothing_to_export_and_a_full_folder(library: Library, tmp_path: Path) -> None:
    with pytest.raises(InterchangeError, match="nothing to export"):
        export_faiss(Library(tmp_path / "empty").store, tmp_path / "x")
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / "file").touch()
    with pytest.raises(InterchangeError, match="not empty"):
        export_faiss(library.store, tmp_path / "y")
    shutil.rmtree(tmp_path / "y")
