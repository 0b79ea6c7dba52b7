"""How well wrong answers are told from right ones: gold answers with their evidence, and spoiled copies.

python -m benchmarks.verification PACK...      packs with corpus/passages.jsonl and gold_passages
python -m benchmarks.verification --library DATA_DIR PACK...      packs over files: that library's pages

A gold answer becomes a sentence ("The change in X from 2018 to 2019 was 392.5 million.") that cites its
evidence; it should be supported. "read": its number stands in the evidence; "calculated": it follows from
numbers there. Spoiled: one digit changed, the scale changed, the year moved; these should be flagged. Prints
counts by kind; the seed is fixed.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rag.answer.amounts import amounts
from rag.answer.verify import verify
from rag.records import Passage

SCALES = {"million": "billion", "thousand": "million", "billion": "million", "万元": "亿元", "亿元": "万元"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packs", type=Path, nargs="+")
    parser.add_argument("--library", type=Path)
    wanted = parser.parse_args()
    for pack in wanted.packs:
        counts: Counter[tuple[str, str]] = Counter()
        chance = random.Random(7)
        for question_kind, sentence, passages in _sentences(pack, wanted.library):
            right = _flagged(sentence, passages)
            counts[question_kind, "flagged" if right else "kept"] += 1
            for kind, wrong in _spoiled(sentence, chance):
                counts[kind, "flagged" if _flagged(wrong, passages) else "kept"] += 1
        print(pack.name)
        for kind in ("read", "calculated", "digit", "scale", "year"):
            flagged, kept = counts[kind, "flagged"], counts[kind, "kept"]
            share = flagged / max(flagged + kept, 1)
            print(f"  {kind:<10} flagged {flagged:>3} of {flagged + kept:>3}  ({share:.0%})")


def _flagged(sentence: str, passages: Sequence[Passage]) -> bool:
    verdict = verify(sentence, passages)
    return any(check.support == "unsupported" for check in verdict.checks)


def _spoiled(sentence: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    found = [a for a in amounts(sentence) if a.digits >= 2]
    if found:
        amount = found[-1]
        places = [i for i in range(amount.start, amount.end) if sentence[i].isdigit()]
        place = chance.choice(places[: max(2, len(places) - 1)])
        other = chance.choice([d for d in "123456789" if d != sentence[place]])
        yield "digit", sentence[:place] + other + sentence[place + 1 :]
        for word, swapped in SCALES.items():
            if word in amount.text:
                changed = amount.text.replace(word, swapped)
                yield "scale", sentence[: amount.start] + changed + sentence[amount.end :]
                break
    stated = sorted(set(re.findall(r"(?<![\d.,])(?:19|20)\d\d(?![\d%])", sentence)))
    if len(stated) == 1 and found:
        yield "year", sentence.replace(stated[0], str(int(stated[0]) - 1))


def _sentences(pack: Path, library: Path | None) -> Iterator[tuple[str, str, list[Passage]]]:
    lines = (pack / "questions.jsonl").read_text("utf-8").splitlines()
    questions = [json.loads(line) for line in lines]
    pages = _pages(library) if library is not None else {}
    texts = {} if library is not None else _texts(pack)
    for question in questions:
        answers = question.get("answers") or ()
        if not answers or not re.search(r"\d", answers[0]) or len(answers[0]) > 60:
            continue
        if library is not None:
            keys = dict.fromkeys((e["doc"], e["page"]) for e in question.get("evidence", ()) if e.get("page"))
            passages = [p for key in keys for p in pages.get(key, ())]
        else:
            passages = [texts[i] for i in question.get("gold_passages", ()) if i in texts]
        if passages:
            cited = "".join(f"[{n}]" for n in range(1, len(passages) + 1))
            made = question.get("derivation") or question.get("formula") or question.get("kind") in (
                "computed", "metrics-generated",
            )  # fmt: skip
            yield "calculated" if made else "read", f"{_statement(question)} {cited}", passages


def _statement(question: dict[str, object]) -> str:
    """The gold answer as a sentence. Answers in words stay as they are."""
    answer = str(question["answers"][0])  # type: ignore[index]
    sentences = re.split(r"(?<=[.?!])\s+", str(question["question"]).strip())
    asked = next((s for s in sentences if s.endswith("?")), sentences[0]).rstrip("?？。. ")
    scale = str(question.get("scale") or "")
    if re.fullmatch(r"[-$¥()\d.,%元]+(?:（含税）|/股)?", answer):
        answer += {"percent": "%", "": ""}.get(scale, f" {scale}") if not answer.endswith("%") else ""
    elif not re.search("[\u3400-\u9fff]", asked):
        return answer if len(answer.split()) > 4 else f"{asked}: {answer}."
    if re.search("[\u3400-\u9fff]", asked):
        asked = re.sub(r"(?:是|为|达|有)?(?:多少|几)[^，。]{0,6}|[，。]?请?保留.*$", "", asked)
        return f"{asked}是{answer}。"
    asked = re.sub(
        r"^.*?\b(?:what|how much|how many)\b\s*(?:is|was|were|are|did|does)?\s*", "", asked, flags=re.I
    )
    return f"{asked[:1].upper()}{asked[1:]} was {answer}."


def _texts(pack: Path) -> dict[str, Passage]:
    rows = (json.loads(line) for line in (pack / "corpus" / "passages.jsonl").open(encoding="utf-8"))
    return {row["id"]: _passage(n, row["id"], row["text"], 1) for n, row in enumerate(rows)}


def _pages(library: Path) -> dict[tuple[str, int], list[Passage]]:
    from rag.answer.shelf import whole_passage
    from rag.engine import Engine
    from rag.settings import load_settings

    found: dict[tuple[str, int], list[Passage]] = {}
    with Engine.open(load_settings(data_dir=library)) as engine:
        for document in engine.documents():
            for chunk in engine.document_chunks(document.id):
                found.setdefault((chunk.document, chunk.page_start), []).append(whole_passage(chunk))
    return found


def _passage(number: int, name: str, text: str, page: int) -> Passage:
    return Passage(
        rank=1, chunk_id=number, document_id=number, document=name, title="", page_start=page, page_end=page,
        section_path=(), table_header="", text=text, char_start=0, char_end=len(text), boxes=(),
        language="zh" if re.search("[\u3400-\u9fff]", text) else "en", page_kind="estimated", score=0.0,
    )  # fmt: skip


if __name__ == "__main__":
    main()
