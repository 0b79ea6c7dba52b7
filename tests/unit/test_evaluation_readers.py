"""Questions from other people's files: the good ones come back, the bad ones are named."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from evaluation.datasets import BadLine, DatasetError, Question, draw, passage_file
from evaluation.packs import CorpusFile, corpus, read_pack
from evaluation.readers import (
    beir_passages,
    documents,
    read,
    read_qrels,
    read_squad,
    read_trec,
    read_trec_run,
    squad_passages,
)
from evaluation.tables import COLUMNS, template


def lines(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def test_bad_lines_are_named_and_the_rest_kept(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "q.jsonl",
        {"id": "a", "question": "A?", "language": "zh", "answer": "x", "doc": None, "formula": None},
        "{not json",
        {"id": "b"},
        {"id": "a", "question": "again?"},
        "[]",
        {"question": "without id?", "evidence": [{"document": "f.pdf", "page": 2, "passage": "words"}]},
        {"id": "c", "question": "C?", "evidence": [{"doc": "f.pdf", "page": 0}]},
        "[" * 5000,
    )
    found = read(path)
    assert [q.id for q in found.questions] == ["a", found.questions[1].id]
    assert found.questions[1].id == read(path).questions[1].id != ""
    assert (found.questions[0].lang, found.questions[0].answers) == ("zh", ("x",))
    assert (found.questions[1].evidence[0].doc, found.questions[1].evidence[0].text) == ("f.pdf", "words")
    assert [(b.line, b.column) for b in found.bad] == [
        (2, ""), (3, "question"), (4, "id"), (5, ""), (7, "evidence.0.page"), (8, ""),
    ]  # fmt: skip
    assert [b.told("zh") for b in found.bad[1:4]] == ["缺失", "编号“a”与第 1 行重复", "不是 JSON 对象"]
    assert [b.problem for b in found.bad[1:4]] == [
        "missing",
        "the id “a” is also in line 1",
        "not a JSON object",
    ]
    for line in found.bad:
        assert line.told("zh") != line.problem
        assert "{" not in line.told("zh").replace("{not json", "")
    assert found.sha256 != read(lines(tmp_path / "other.jsonl", {"id": "a", "question": "A?"})).sha256


def test_a_pack_names_equal_passages_once(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    lines(
        pack / "corpus" / "passages.jsonl",
        {"id": "p/1", "title": "Title", "text": "Same words."},
        {"id": "p2", "title": "Title", "text": "Same words."},
        {"id": "p3", "title": "", "text": "Other words."},
        {"id": "p4", "title": "", "text": "  "},
        {"title": "no id", "text": "x"},
    )
    lines(
        pack / "questions.jsonl",
        {"id": "a", "question": "A?", "gold_passages": ["p2", "p/1"]},
        {"id": "b", "question": "B?", "docs": [{"id": "p2", "text": "Same words."}, {"text": "given"}]},
    )
    files = list(corpus(pack))
    named = [f.name for f in files if isinstance(f, CorpusFile)]
    assert (named[:2], len(named)) == (["p_1.txt", "p3.txt"], 3)
    assert named[2] == passage_file(read_pack(pack).questions[1].contexts[1].id)  # what a question brought
    assert files[0].data == b"Title\n\nSame words."  # type: ignore[union-attr]
    assert [f for f in files if isinstance(f, BadLine)] == [BadLine(5, "eval.row.missing", "id")]
    one, two = read_pack(pack).questions
    assert (one.gold_passages, one.documents) == (("p/1",), frozenset({"p_1.txt"}))
    assert passage_file(two.contexts[0].id) == "p_1.txt"
    with pytest.raises(DatasetError, match="corpus"):
        list(corpus(tmp_path))


def test_squad_and_its_empty_answers(tmp_path: Path) -> None:
    data = {
        "data": [
            {"title": "T", "paragraphs": [
                {"context": "大莱龙铁路投资11.42亿元。", "qas": [
                    {"id": "1", "question": "投资多少？", "answers": [{"text": "11.42亿元"}] * 3},
                    {"id": "2", "question": "何时？", "is_impossible": True, "answers": []},
                    {"id": "3", "question": "", "answers": []},
                    "not a question",
                ]},
            ]},
            "not an article",
        ]
    }  # fmt: skip
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    found = read_squad(path)
    assert [(q.id, q.answers, q.expect_refusal) for q in found.questions] == [
        ("1", ("11.42亿元",), None), ("2", (), True),
    ]  # fmt: skip
    assert [(b.line, b.column) for b in found.bad] == [(3, "question"), (4, "qas")]
    assert found.questions[0].lang == "zh"
    assert [f.name for f in documents(path) if isinstance(f, CorpusFile)] == ["T-0.txt"]
    assert [p.id for p in squad_passages(path)] == list(found.questions[0].gold_passages) == ["T-0"]
    for text in ("[]", '{"data": {}}', '{"data": []}', "{"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DatasetError):
            read(path)


def test_beir_and_trec(tmp_path: Path) -> None:
    folder = tmp_path / "beir"
    lines(folder / "queries.jsonl", {"_id": "q1", "text": "What is x?"}, {"_id": "q2", "text": "y?"}, "bad")
    lines(folder / "corpus.jsonl", {"_id": "d1", "title": "T", "text": "x is"}, {"text": "?"})
    lines(folder / "qrels" / "test.tsv", "query-id\tcorpus-id\tscore", "q1\td1\t2", "q1\td2\t0")
    found = read(folder)
    assert [(q.id, q.gold_passages) for q in found.questions] == [("q1", ("d1",))]
    assert [b.line for b in found.bad] == [2, 3]
    passages = list(beir_passages(folder))
    assert passages[0].words == "T\n\nx is"  # type: ignore[union-attr]
    assert passages[1] == BadLine(2, "eval.row.missing", "_id")
    assert [f.name for f in documents(folder) if isinstance(f, CorpusFile)] == ["d1.txt"]
    qrels = lines(tmp_path / "qrels.txt", "q1 0 d1 1", "q1 0 d9 0", "q2 0 d3 2")
    assert read_qrels(qrels) == {"q1": ("d1",), "q2": ("d3",)}
    topics = lines(tmp_path / "topics.tsv", "q1\tWhat?", "q2 no tab", "q7\tunjudged")
    assert [b.line for b in read_trec(topics, qrels).bad] == [2, 3]
    run = lines(tmp_path / "run.txt", "q1 Q0 d2 2 1.5 tag", "q1 Q0 d1 1 2.5 tag")
    assert read_trec_run(run) == {"q1": [("d1", 2.5), ("d2", 1.5)]}
    for reader, text in ((read_qrels, "q1 d1"), (read_qrels, "q1 0 d1 x"), (read_trec_run, "q1 Q0 d1 1")):
        with pytest.raises(DatasetError, match="line 1"):
            reader(lines(tmp_path / "broken.txt", text))


CSV = """编号,问题,答案,文档,页码,应拒答,语言,其他
1,营业收入是多少？,"5.31亿元
531,200千元",年报.docx,"3, 5-6",,中文,z
2,欧米伽的收入？,,,,是,zh,
3,,x,,,,,
4,页码？,,a.pdf,第三页,,,
5,拒答？,,,,maybe,,
6,两个文件？,,"a.pdf
b.pdf",,否,,
6,重复？,,,,,,
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_an_evaluators_csv(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "我的问题.csv"
    path.write_bytes(CSV.encode(encoding))
    found = read(path)
    assert [q.id for q in found.questions] == ["1", "2", "6"]
    first = found.questions[0]
    assert first.answers == ("5.31亿元", "531,200千元")
    assert first.pages == {("年报.docx", 3), ("年报.docx", 5), ("年报.docx", 6)}
    assert (first.lang, first.doc, first.expect_refusal) == ("zh", "年报.docx", None)
    assert found.questions[1].expect_refusal is True
    assert found.questions[2].about == ("a.pdf", "b.pdf")
    named = {(b.line, b.column) for b in found.bad}
    assert named == {(1, "其他"), (5, "question"), (6, "page"), (7, "refuse"), (10, "id")}


def test_an_evaluators_workbook_and_its_template(tmp_path: Path) -> None:
    for language in ("en", "zh"):
        path = tmp_path / f"{language}.xlsx"
        path.write_bytes(template(language))
        found = read(path)
        assert found.bad == ()
        assert [q.expect_refusal for q in found.questions] == [None, True]
        assert len(found.questions[0].answers) == 2
        assert [page for _, page in found.questions[0].pages] == [8]
    book = openpyxl.Workbook()
    book.active.title = "notes"  # type: ignore[union-attr]
    sheet = book.create_sheet("data")
    for row in (["Question", "Expected_Answer", "Page", "File"], ["How much?", 12.0, 3.0, "a.pdf"],
                [None, None, None, None], ["=1+1", None, 2, None]):  # fmt: skip
        sheet.append(row)
    path = tmp_path / "own.xlsx"
    book.save(path)
    found = read(path)
    assert [(q.answers, q.pages) for q in found.questions] == [(("12",), {("a.pdf", 3)})]
    assert [(b.line, b.column) for b in found.bad] == [(4, "question")]  # a formula that Excel never computed


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    def zipped(content: bytes) -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr("xl/workbook.xml", content)
        return made.getvalue()

    cases = {
        "a.xlsx": b"not a zip", "b.xlsx": zipped(b"<x/>"), "c.csv": b"a,b\n1,2\n", "d.csv": b"",
        "e.csv": b"\x00\x01\x02\x00", "f.pdf": b"%PDF", "g.jsonl": b"\xff\xfe\x00",
    }  # fmt: skip
    for name, data in cases.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(DatasetError, match=name.replace(".", r"\.")):
            read(path)
    with pytest.raises(DatasetError, match=r"There is no .*gone\.csv"):
        read(tmp_path / "gone.csv")
    with pytest.raises(DatasetError, match=r"questions\.jsonl"):
        read(tmp_path)


def test_a_draw_is_spread_and_always_the_same() -> None:
    questions = [Question(id=str(n), question="?") for n in range(1000)]
    drawn = draw(questions, 100)
    assert drawn == draw(questions, 100)
    assert [int(q.id) for q in drawn] == sorted({int(q.id) for q in drawn})
    assert 30 <= sum(int(q.id) >= 500 for q in drawn) <= 70
    assert draw(questions[:5], 10) == tuple(questions[:5])


def test_every_column_has_names_in_both_languages() -> None:
    names = [name.casefold() for column in COLUMNS.values() for name in column]
    assert len(names) == len(set(names))
    assert all(column[0].isascii() and not column[1].isascii() for column in COLUMNS.values())
