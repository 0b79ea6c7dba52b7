"""Which documents a question names."""

from __future__ import annotations

from pathlib import Path

import pytest
from search_library import Library

from rag.records import Document
from rag.search.naming import DocumentNames

FILES = {
    1: "3M_2018_10K.pdf",
    2: "3M_2022_10K.pdf",
    3: "BESTBUY_2019_10K.pdf",
    4: "MGMRESORTS_2022Q4_EARNINGS.pdf",
    5: "COSTCO_2021_10K.pdf",
    6: "四方科技_603339_2019年_年度报告.pdf",
    7: "scan0001.pdf",
}
TITLES = {7: "Adobe Inc. Annual Report"}


def document(number: int, name: str) -> Document:
    return Document(number, 1, "c", name, "0" * 64, 1, "ready", title=TITLES.get(number, ""))


NAMES = DocumentNames(document(n, name) for n, name in FILES.items())


@pytest.mark.parametrize(
    ("question", "all_", "best"),
    [
        ("What is the FY2018 capital expenditure for 3M?", {1, 2}, {1}),
        ("Does 3M pay dividends?", {1, 2}, {1, 2}),
        ("Which stores did Best Buy close?", {3}, {3}),
        ("What drove MGM's margin?", {4}, {4}),
        ("四方科技2019年电子信箱是什么?", {6}, {6}),
        ("What is Adobe's revenue?", {7}, {7}),
        ("What was the cost of sales in 2021?", None, None),  # COSTCO begins with cost
        ("annual report 2019 10-K", None, None),  # a year and a form name nothing
        ("Who is the best at buying?", None, None),
        ("", None, None),
    ],
)
def test_names(question: str, all_: set[int] | None, best: set[int] | None) -> None:
    found = NAMES.named_in(question)
    assert (None if found is None else set(found.all)) == all_
    assert (None if found is None else set(found.best)) == best


def test_a_library_of_one_names_nothing() -> None:
    assert DocumentNames([document(1, FILES[1])]).named_in("3M 2018") is None


def test_the_named_document_comes_first_and_the_scope_still_holds(tmp_path: Path) -> None:
    library = Library(tmp_path)
    text = "net sales by region and segment"
    first = library.add("ACME_2020_10K.pdf", [text, "other words"], "red")
    library.add("GLOBEX_2020_10K.pdf", [text, "net sales again net sales"], "red")
    library.add("INITECH_2020_10K.pdf", [text], "red")
    library.add("ACME_2021_10K.pdf", [text], "blue")
    index = library.index()
    best = index.search("net sales of Acme in FY2020", library.scope(), top_k=1).passages[0]
    assert best.document_id == first
    inside = index.search("net sales of Acme in FY2021", library.scope("red"), top_k=9).passages
    assert {p.document for p in inside} == {
        "ACME_2020_10K.pdf",
        "GLOBEX_2020_10K.pdf",
        "INITECH_2020_10K.pdf",
    }
    assert inside[0].document_id == first
