"""From feedback, golden questions and files to a training set: nothing lost without a reason, no leak."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.clean import clean, equations, supported
from finetune.collect import cite
from finetune.config import TuneError
from finetune.formats import read_any
from finetune.records import Record, RecordPassage
from finetune.split import split
from finetune.train_set import HELD_OUT, TRAIN, make_train_set, open_train_set
from rag.answer.prompts import refusal_text


def record(
    question: str = "What was revenue in 2024?", answer: str = "Revenue was 531,128 [1].", **more: object
) -> Record:
    passages = more.pop("passages", None) or ["Total revenue was 531,128 in fiscal 2024.", "Costs were 300."]
    fields = {"question": question, "answer": answer, "passages": passages, **more}
    return Record.model_validate(fields)


def reasons(*records: Record) -> list[str]:
    return [r.reason for r in clean(records).removed]


# -- formats


def test_every_format_becomes_the_same_record(tmp_path: Path) -> None:
    prompt = "[1] Total revenue was 531,128.\n\n[2] Costs were 300.\n\nQuestion: What was revenue?"
    answer = "531,128 [1]"
    rows = [
        {"instruction": "Answer from the passages.", "input": prompt, "output": answer},
        {"conversations": [{"from": "human", "value": prompt}, {"from": "gpt", "value": answer}]},
        {
            "messages": [
                {"role": "system", "content": "x"},
                {"role": "user", "content": prompt},
                {"role": "assistant", "content": answer},
            ]
        },
        {
            "question": "What was revenue?",
            "passages": ["Total revenue was 531,128.", "Costs were 300."],
            "answer": answer,
        },
    ]
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    found, bad = read_any(path)
    assert bad == []
    assert {r.id for r in found} == {found[0].id}
    assert [r.origin for r in found] == [f"file:data.jsonl:{n}" for n in (1, 2, 3, 4)]
    assert [p.text for p in found[0].passages] == ["Total revenue was 531,128.", "Costs were 300."]
    (tmp_path / "list.json").write_text(json.dumps(rows), encoding="utf-8")
    assert [r.id for r in read_any(tmp_path / "list.json")[0]] == [r.id for r in found]


def test_bad_lines_are_named_and_the_rest_kept(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    good = json.dumps({"question": "a", "passages": ["b"], "answer": "c [1]"})
    path.write_text(
        f'{good}\n{{broken\n[1]\n{{"instruction": 1}}\n\n{good}\n{{"messages": []}}\n', encoding="utf-8"
    )
    found, bad = read_any(path)
    assert len(found) == 2
    assert [b.line for b in bad] == [2, 3, 4, 7]
    assert all(b.problem for b in bad)


def test_any_refusal_becomes_the_one_refusal(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    rows = [
        {"question": "Who?", "passages": ["x"], "answer": "Not found in the documents."},
        {"question": "谁？", "passages": ["x"], "answer": "资料中没有提及。"},
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    english, chinese = read_any(path)[0]
    assert (english.answer, chinese.answer) == (refusal_text("en"), refusal_text("zh"))
    assert english.refusal
    assert chinese.refusal


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TuneError, match=r"none\.jsonl"):
        read_any(tmp_path / "none.jsonl")


# -- cleaning


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Record(question="What is a bond?", answer="A loan."), "no_passages"),
        (record(answer="Revenue was 531,128 [3]."), "bad_citation"),
        (record(answer="Revenue was 531,128."), "no_citation"),
        (record(answer="[1]"), "too_short"),
        (record(answer="Revenue was 531,128 " + "in fiscal revenue " * 600 + "[1]."), "too_long"),
        (record(answer="Revenue was 531,128 [1] " + "and total revenue " * 20 + "was"), "truncated"),
        (record(answer="2024年公司营业收入为531,128，详见年度报告正文[1]。"), "wrong_language"),
        (record(answer="Revenue was 531,129 [1]."), "unsupported"),
        (record(answer="Revenue was 300 [1]."), "unsupported"),  # that stands in the other passage
        (record(answer="Bananas ripen faster beside apples [1]."), "unsupported"),
        (record(origin="turn:3", contributor="ann"), "not_reviewed"),
    ],
)  # fmt: skip
def test_each_fault_has_its_reason(bad: Record, reason: str) -> None:
    assert reasons(bad) == [reason]


@pytest.mark.parametrize(
    "answer",
    [
        "Revenue was 531,128 [1].",
        "531,128 - 300 = 530,828 [1][2].",
        "(531,128 - 300) / 531,128 = 99.94% [1][2]",
        "The average is (531,128 + 300) / 2 = 265,714 [1][2].",
        refusal_text("en"),
    ],
)
def test_what_the_passages_carry_is_kept(answer: str) -> None:
    assert reasons(record(answer=answer)) == []


def test_a_wrong_calculation_is_unsupported() -> None:
    assert reasons(record(answer="531,128 - 300 = 530,900 [1][2].")) == ["unsupported"]
    assert equations("(4,411+4,044)/2 = 4227.5 million, 1/0 = 3, 2 + x = 4") == [(4227.5, True)]
    assert not supported(record(answer="10 / 4 = 25% [1]"))


def test_duplicates_keep_the_first() -> None:
    same = record(question="What was  revenue in 2024?", origin="file:x:2")
    out = clean([record(origin="file:x:1"), same]).removed
    assert [(r.reason, r.other) for r in out] == [("duplicate", "file:x:1")]


def test_near_duplicates_go_unless_their_figures_differ() -> None:
    text = "Total revenue was 531,128 in fiscal 2024 and 500,100 in fiscal 2023. Also see the notes. "
    long = "In the annual report of the company, what was the total revenue of fiscal year 2024, please?"
    first = record(question=long, passages=[text], answer="Total revenue was 531,128 in fiscal 2024 [1].")
    near = record(question=long.replace("please", "pleas"), passages=[text + "x"], answer=first.answer)
    other = record(
        question=long.replace("2024", "2023"),
        passages=[text],
        answer="Total revenue was 500,100 in fiscal 2023 [1].",
    )
    assert reasons(first, near, other) == ["near_duplicate"]


def test_contradictions_go_unless_one_was_reviewed() -> None:
    passages = ["Total revenue was 531,128 in 2024, and 500,100 in 2023."]
    one = record(passages=passages, answer="Revenue was 531,128 [1].")
    two = record(passages=passages, answer="Revenue was 500,100 [1].")
    assert reasons(one, two) == ["contradictory", "contradictory"]
    trusted = one.model_copy(update={"reviewed": True})
    assert [r.record.answer for r in clean([trusted, two]).removed] == [two.answer]


def test_one_contributor_cannot_fill_the_set() -> None:
    many = [
        record(
            question=f"What was item {n} worth?",
            passages=[f"Item {n} was worth {n * 7 + 100}."],
            answer=f"Item {n} was worth {n * 7 + 100} [1].",
            contributor="mallory",
            reviewed=True,
            origin=f"turn:{n}",
        )
        for n in range(60)
    ]
    out = clean(many, contributor_floor=20)
    assert len(out.kept) == 20
    assert set(out.reasons) == {"contributor_cap"}


def test_personal_data_is_masked_and_counted() -> None:
    out = clean([record(passages=["Total revenue was 531,128. Call 13812345678 or a@b.com."])])
    assert "[phone] or [email]" in out.kept[0].passages[0].text
    assert out.masked == {"phone": 1, "email": 1}


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.sampled_from(["531,128 [1]", "300 [2]", "300", "7 [1]", "[9]", refusal_text("en")]), max_size=12
    )
)
def test_nothing_is_lost_without_a_reason(answers: list[str]) -> None:
    records = [
        record(question=f"Q{n % 4}?", answer=answer, origin=f"file:x:{n}") for n, answer in enumerate(answers)
    ]
    out = clean(records)
    origins = [r.origin for r in out.kept] + [r.record.origin for r in out.removed]
    assert sorted(origins) == sorted(r.origin for r in records)


# -- citing what people write


def test_a_correction_is_given_the_marker_of_its_passage() -> None:
    passages = record().passages
    assert cite("It was 531,128.", passages) == "It was 531,128 [1]."
    assert cite("成本为300。", passages) == "成本为300 [2]。"
    assert cite("Costs were 300 [2].", passages) == "Costs were 300 [2]."
    assert cite("Entirely otherwise", [RecordPassage(text="数据")]) == "Entirely otherwise"


# -- splitting


def of_document(name: str, number: int, conversation: str = "") -> Record:
    passage = {"text": f"{name} says {number + 100}.", "document": name}
    return record(
        question=f"What does {name} say, {number}?",
        passages=[passage],
        answer=f"{name} says {number + 100} [1].",
        conversation=conversation,
        origin=f"file:{name}:{number}",
    )


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=2, max_size=30, unique=True),
    st.randoms(),
)
def test_no_document_or_conversation_stands_on_both_sides(
    pairs: list[tuple[int, int]], random: object
) -> None:
    records = [of_document(f"d{doc}.pdf", n, f"c{talk}") for n, (doc, talk) in enumerate(pairs)]
    parts = split(records, 0.3)
    assert len(parts.train) + len(parts.heldout) == len(records)
    assert parts.train
    assert parts.heldout
    if parts.by == "document":
        assert not {d for r in parts.train for d in r.documents} & {
            d for r in parts.heldout for d in r.documents
        }
        assert not {r.conversation for r in parts.train} & {r.conversation for r in parts.heldout}
    shuffled = list(records)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert {r.id for r in split(shuffled, 0.3).heldout} == {r.id for r in parts.heldout}


def test_one_document_is_split_by_question() -> None:
    parts = split([of_document("one.pdf", n) for n in range(10)], 0.2)
    assert (parts.by, len(parts.heldout)) == ("question", 2)


# -- versions


def test_a_set_is_whole_described_and_checked(tmp_path: Path) -> None:
    records = [of_document(f"d{n % 5}.pdf", n) for n in range(20)]
    records += [record(answer="Revenue was 9 [1].", origin="turn:1", reviewed=True, contributor="ann")]
    made = make_train_set("first", records, tmp_path)
    assert (made.card.train + made.card.heldout, made.card.removed) == (20, {"unsupported": 1})
    assert made.card.sources == {"file": 20, "turn": 1}
    assert sum(made.card.coverage.kinds.values()) == 20
    assert "refusals" in made.card.coverage.thin
    train, heldout, card = open_train_set(made.folder)
    assert (len(train), len(heldout), card) == (made.card.train, made.card.heldout, made.card)
    again = make_train_set("first", records, tmp_path)
    assert again.folder == made.folder
    assert [p.name for p in tmp_path.iterdir()] == [made.folder.name]
    for name in (TRAIN, HELD_OUT):
        whole = (made.folder / name).read_bytes()
        (made.folder / name).write_bytes(whole.replace(b"says", b"sais", 1))
        with pytest.raises(TuneError, match=name):
            open_train_set(made.folder)
        (made.folder / name).write_bytes(whole)


def test_too_few_records_say_what_took_the_others(tmp_path: Path) -> None:
    with pytest.raises(TuneError, match="duplicate 9"):
        make_train_set("few", [record()] * 10, tmp_path)
    assert list(tmp_path.iterdir()) == []
