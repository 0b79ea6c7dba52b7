"""Which page holds the answer: Wenju against the plain LangChain tutorial and plain BM25, in one run.

    python -m benchmarks.retrieval PACK --data-dir DIR [--recipe-python PYTHON] [--recipe-rankings FILE]

PACK is a folder with ``corpus/`` and ``questions.jsonl``; DIR is a library that holds the corpus (made when
it is missing: `wenju ingest PACK/corpus --data-dir DIR`, or `wenju eval prepare` for packs of passages).
Every system is asked the same questions and gives its ten best chunks: the tutorial in its own environment
(same MiniLM weights), BM25 over whole pages with the words as Wenju's lexical index cuts them (Robertson and
Zaragoza 2009, k1 = 1.2, b = 0.75), Wenju with its defaults. ``--recipe-rankings`` keeps the tutorial's
answers in a file and takes them from there the next time: building its index of 4,000 pages takes a quarter
of an hour. Prints a Markdown table with n and 95 % Wilson intervals, and the paired difference of Wenju and
the tutorial.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluation.datasets import Question, read_questions
from evaluation.measures import hit_at, recall_at, wilson_interval

if TYPE_CHECKING:
    from rag.engine import Engine
    from rag.records import Document

ROOT = Path(__file__).resolve().parent.parent
TOP_K = 10
Place = tuple[str, int]  # file name (or passage id) and 1-based page (0 for a passage)
Ranking = list[AbstractSet[Place]]


def relevant(question: Question) -> frozenset[Place]:
    """Evidence pages, or gold passages as (id, 0)."""
    return question.pages or frozenset((passage, 0) for passage in question.gold_passages)


def ask_recipe(pack: Path, python: str, kept: Path | None) -> dict[tuple[str, str], Ranking]:
    """(question, setting) -> ranking, from ``kept`` when it is there."""
    with tempfile.TemporaryDirectory() as scratch:
        out = kept or Path(scratch, "recipe.jsonl")
        if not out.is_file():
            command = [python, "-m", "benchmarks.recipe", "retrieve", str(pack), str(out)]
            environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
            subprocess.run(command, cwd=ROOT, env=environment, check=True)
        rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    passages = (pack / "corpus" / "passages.jsonl").is_file()
    return {
        (row["id"], row["setting"]): [{(name, 0 if passages else page)} for name, page in row["ranking"]]
        for row in rows
    }


class Bm25:
    """Okapi BM25 over whole pages (or passages), nothing else."""

    def __init__(
        self, pages: Sequence[tuple[Place, Sequence[str]]], k1: float = 1.2, b: float = 0.75
    ) -> None:
        self._places = [place for place, _ in pages]
        self._postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        lengths = [len(words) for _, words in pages]
        mean = sum(lengths) / max(1, len(lengths))
        for row, (_, words) in enumerate(pages):
            for word, count in Counter(words).items():
                part = count * (k1 + 1) / (count + k1 * (1 - b + b * lengths[row] / mean))
                self._postings[word].append((row, part))

    def rank(self, words: Sequence[str], files: AbstractSet[str] | None, k: int) -> list[Place]:
        """The ``k`` best places of ``files`` (None: of all)."""
        scores: dict[int, float] = defaultdict(float)
        total = len(self._places)
        for word in words:
            found = self._postings.get(word, ())
            idf = math.log(1 + (total - len(found) + 0.5) / (len(found) + 0.5))
            for row, part in found:
                if files is None or self._places[row][0] in files:
                    scores[row] += idf * part
        return [self._places[row] for row in sorted(scores, key=lambda r: (-scores[r], r))[:k]]


def place_of(document: str, page: int, passages: bool) -> Place:
    return (Path(document).stem, 0) if passages else (document, page)


def run(engine: Engine, pack: Path, recipe: dict[tuple[str, str], Ranking]) -> str:
    """The table."""
    from rag.text.terms import terms

    passages = (pack / "corpus" / "passages.jsonl").is_file()
    library: dict[str, Document] = {}
    for document in engine.documents():
        if document.status == "ready":
            library[place_of(document.name, 0, passages)[0]] = document
    questions = [q for q in read_questions(pack) if relevant(q)]
    questions = [q for q in questions if {name for name, _ in relevant(q)} <= library.keys()]
    if not questions:
        raise SystemExit(f"nothing of {pack} can be asked of this library")
    bm25 = Bm25(
        [
            (place_of(document.name, page.number, passages), terms(page.text))
            for document in library.values()
            for page in engine.document_pages(document.id)
        ]
    )
    settings = ("whole library",) if passages else ("whole library", "right document")
    found: dict[tuple[str, str], list[Ranking]] = defaultdict(list)
    for question in questions:
        right = {name for name, _ in relevant(question)}
        for setting in settings:
            inside = None if setting == "whole library" else right
            ids = None if inside is None else [library[name].id for name in sorted(inside)]
            places = bm25.rank(terms(question.question), inside, TOP_K)
            found[setting, "BM25 over pages"].append([{p} for p in places])
            if recipe:
                found[setting, "LangChain tutorial"].append(recipe.get((question.id, setting), []))
            hits = engine.search(question.question, top_k=TOP_K, document_ids=ids).passages
            found[setting, "Wenju"].append(
                [
                    {place_of(p.document, page, passages) for page in range(p.page_start, p.page_end + 1)}
                    for p in hits
                ]
            )
    return table(questions, found, passages)


def table(questions: Sequence[Question], found: dict[tuple[str, str], list[Ranking]], passages: bool) -> str:
    what = "passage" if passages else "page"
    head = ["searched in", "system", "n", f"{what} hit@1", "hit@5", "hit@10", "recall@5", "document hit@5"]
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    gold = [relevant(q) for q in questions]
    fives: dict[tuple[str, str], np.ndarray] = {}
    for (setting, system), rankings in found.items():
        scores = [[hit_at(r, g, k) for r, g in zip(rankings, gold, strict=True)] for k in (1, 5, 10)]
        fives[setting, system] = np.array(scores[1])
        scores.append([recall_at(r, g, 5) for r, g in zip(rankings, gold, strict=True)])
        scores.append(
            [
                hit_at([{(name, 0) for name, _ in item} for item in r], {(name, 0) for name, _ in g}, 5)
                for r, g in zip(rankings, gold, strict=True)
            ]
        )
        lines.append(f"| {setting} | {system} | {len(gold)} | " + " | ".join(map(shown, scores)) + " |")
    lines.append("")
    for setting in dict.fromkeys(setting for setting, _ in found):
        if (setting, "LangChain tutorial") in fives:
            low, high, mean = difference(fives[setting, "Wenju"], fives[setting, "LangChain tutorial"])
            lines.append(
                f"{setting}: Wenju minus tutorial, {what} hit@5: {mean:+.2f} (paired bootstrap 95 %: "
                f"{low:+.2f} to {high:+.2f})"
            )
    return "\n".join(lines)


def shown(values: Sequence[float]) -> str:
    low, high = wilson_interval(sum(values), len(values))
    return f"{sum(values) / len(values):.2f} ({low:.2f}-{high:.2f})"


def difference(ours: np.ndarray, theirs: np.ndarray, resamples: int = 10_000) -> tuple[float, float, float]:
    """(low, high, mean) of the paired difference: percentile bootstrap (Efron and Tibshirani 1993)."""
    gaps = ours - theirs
    rows = np.random.default_rng(0).integers(0, len(gaps), (resamples, len(gaps)))
    low, high = np.percentile(gaps[rows].mean(axis=1), [2.5, 97.5])
    return float(low), float(high), float(gaps.mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pack", type=Path)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--recipe-python", default=str(ROOT / ".venv-models" / "bin" / "python"))
    parser.add_argument("--recipe-rankings", type=Path)
    parser.add_argument("--without-recipe", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.data_dir / "wenju.db").is_file():
        passages = (arguments.pack / "corpus" / "passages.jsonl").is_file()
        command = ["eval", "prepare", arguments.pack] if passages else ["ingest", arguments.pack / "corpus"]
        subprocess.run(
            [sys.executable, "-m", "cli", *map(str, command), "--data-dir", str(arguments.data_dir)],
            cwd=ROOT,
            check=True,
        )
    recipe: dict[tuple[str, str], Ranking] = {}
    if not arguments.without_recipe:
        recipe = ask_recipe(arguments.pack, arguments.recipe_python, arguments.recipe_rankings)

    from rag.engine import Engine
    from rag.settings import load_settings

    with Engine.open(load_settings(data_dir=arguments.data_dir)) as engine:
        print(run(engine, arguments.pack, recipe))


if __name__ == "__main__":
    main()
