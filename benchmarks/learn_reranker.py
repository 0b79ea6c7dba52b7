"""Learns the weights of the light reranker and says what they are worth on documents that they don't know.

    python -m benchmarks.learn_reranker DIR=PACK ... [--limit 200] [--write rag/search/light_weights.json]

DIR is a data folder with the PACK's documents (`wenju ingest`, or `wenju eval prepare` for packs of
passages), PACK a folder with questions.jsonl whose questions know their evidence pages or gold passages. A
library of files is asked as a whole and within the right document. The model is linear; its weights maximise
the softmax likelihood of the evidence among each question's candidates, held near zero by an L2 penalty.
Figures are cross-validated in folds that share no company (no question, where passages are of no company),
and are of the order that a reader gets: surely named companies first, a passage a page.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks.retrieval import Place, place_of, relevant
from evaluation.datasets import read_questions
from evaluation.measures import wilson_interval
from rag.engine import Engine
from rag.search.features import NAMES, Candidate, features
from rag.search.index import SearchIndex
from rag.search.light import RERANKED, understand
from rag.search.understanding import Meant
from rag.search.views import View
from rag.settings import load_settings

FOLDS = 8
KS = (1, 5, 10)
Seen = tuple[str, dict[str, float], Meant, list[tuple[int, float]], dict[str, dict[int, float]], View]


@dataclass(frozen=True, slots=True)
class Example:
    """``features`` float64 (candidates, len(NAMES)) in fused order; ``right``, ``named`` (in a document of
    a company that was named by its whole name) bool (candidates,); ``places`` (document, page) of each;
    ``gold``: how many places are right."""

    pack: str
    setting: str
    group: str  # examples of one group are held out together
    features: NDArray[np.float64]
    right: NDArray[np.bool_]
    named: NDArray[np.bool_]
    places: tuple[Place, ...]
    gold: int


@contextmanager
def watched() -> Iterator[list[Seen]]:
    """What the light reranker is given by every search inside."""
    seen: list[Seen] = []
    original = SearchIndex._rerank_lightly

    def watching(self: SearchIndex, *given: Any) -> Any:
        seen.append(given[:6])
        return original(self, *given)

    with patch.object(SearchIndex, "_rerank_lightly", watching):
        yield seen


def read_examples(data_dir: Path, pack: Path, limit: int) -> Iterator[Example]:
    passages = (pack / "corpus" / "passages.jsonl").is_file()
    settings = load_settings(data_dir=data_dir, reranker={"kind": "light"})
    with Engine.open(settings) as engine, watched() as seen:
        ready = [d for d in engine.documents() if d.status == "ready"]
        documents = {place_of(d.name, 0, passages)[0]: d.id for d in ready}
        name_of = {number: name for name, number in documents.items()}
        questions = [q for q in read_questions(pack) if relevant(q)]
        questions = [q for q in questions if {name for name, _ in relevant(q)} <= documents.keys()]
        if len(questions) > limit:
            questions = random.Random(0).sample(questions, limit)
        for question in questions:
            gold = relevant(question)
            names = sorted({name for name, _ in gold})
            scopes = [("whole library", None), ("right document", [documents[n] for n in names])]
            for setting, ids in scopes[: 1 if passages else 2]:
                seen.clear()
                engine.search(question.question, top_k=max(KS), document_ids=ids)
                if not seen:
                    continue
                text, asked, meant, fused, scores, view = seen[0]
                if view.lexical is None:
                    continue
                head = fused[:RERANKED]
                wanted = understand(text, asked, view.lexical, meant)
                candidates = [Candidate(i, s, scores["dense"].get(i)) for i, s in head]
                described = view.lexical.describe(i for i, _ in head)
                chunks = [described[i] for i, _ in head]
                places = tuple((name_of[c.document_id], 0 if passages else c.page) for c in chunks)
                subject = "+".join(sorted({n.split("_")[0] for n in names}))
                yield Example(
                    pack.name,
                    setting,
                    f"{pack.name} {question.id if passages else subject}",
                    features(wanted, candidates, described),
                    np.array([p in gold for p in places], dtype=np.bool_),
                    np.array([meant.sure and c.document_id in meant.named for c in chunks], dtype=np.bool_),
                    places,
                    len(gold),
                )


def learn(examples: Sequence[Example], penalty: float, steps: int = 200) -> NDArray[np.float64]:
    """Weights float64 (len(NAMES),). Each pack counts by the square root of its size, so that a large one of
    another kind does not decide alone."""
    sizes: dict[str, int] = defaultdict(int)
    for e in examples:
        sizes[e.pack] += 1
    used = [(e.features, e.right, sizes[e.pack] ** -0.5) for e in examples if e.right.any()]
    total = sum(weight for _, _, weight in used)
    weights = np.zeros(len(NAMES))
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, steps + 1):  # Adam (Kingma, Ba: Adam, ICLR 2015) on a concave likelihood
        gradient = np.zeros_like(weights)
        for matrix, right, weight in used:
            logits = matrix @ weights
            chance = np.exp(logits - logits.max())
            chance /= chance.sum()
            wanted = chance * right
            gradient += weight * (matrix.T @ (wanted / wanted.sum() - chance))
        gradient = gradient / total - penalty * weights
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        weights += 0.1 * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return weights


def held_out_logits(examples: Sequence[Example], penalty: float) -> list[NDArray[np.float64]]:
    groups = sorted({e.group for e in examples})
    random.Random(1).shuffle(groups)
    fold = {group: at % FOLDS for at, group in enumerate(groups)}
    learned = [learn([e for e in examples if fold[e.group] != f], penalty) for f in range(FOLDS)]
    return [e.features @ learned[fold[e.group]] for e in examples]


def shown_order(example: Example, logits: NDArray[np.float64]) -> list[int]:
    """The candidates as a reader sees them."""
    best = [int(i) for i in np.argsort(-logits, kind="stable")]
    best = [i for i in best if example.named[i]] + [i for i in best if not example.named[i]]
    first: dict[Place, int] = {}
    for i in best:
        first.setdefault(example.places[i], i)
    kept = set(first.values())
    return [i for i in best if i in kept] + [i for i in best if i not in kept]


def measure(examples: Sequence[Example], logits: Sequence[NDArray[np.float64]]) -> Mapping[str, str]:
    """hit@k, whether the evidence is among the candidates, and recall@5, with 95 % intervals, a row for each
    pack and setting."""
    scores: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for e, logit in zip(examples, logits, strict=True):
        right = e.right[shown_order(e, logit)]
        five = {e.places[i] for i in shown_order(e, logit)[:5] if e.right[i]}
        hits = [float(right[:k].any()) for k in (*KS, len(right))]
        scores[e.pack, e.setting].append([*hits, len(five) / e.gold])
    rows = {}
    for (pack, setting), found in scores.items():
        n = len(found)
        cells = []
        for total in np.sum(found, axis=0):
            low, high = wilson_interval(float(total), n)
            cells.append(f"{total / n:.3f} ({low:.2f}-{high:.2f})")
        rows[f"{pack}, {setting}"] = f"{n} | " + " | ".join(cells)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("libraries", nargs="+", metavar="DIR=PACK")
    parser.add_argument("--limit", type=int, default=200, help="most questions of a pack")
    parser.add_argument("--penalty", type=float, default=0.01)
    parser.add_argument("--write", type=Path, help="where to write the weights learned on everything")
    given = parser.parse_args()
    examples: list[Example] = []
    for pair in given.libraries:
        data_dir, _, pack = pair.partition("=")
        examples += read_examples(Path(data_dir), Path(pack), given.limit)
    before = measure(examples, [e.features[:, 0] for e in examples])
    after = measure(examples, held_out_logits(examples, given.penalty))
    print(
        f"| pack, setting | order | n | {' | '.join(f'hit@{k}' for k in KS)} | among {RERANKED} | recall@5 |"
    )
    print("| --- " * (len(KS) + 5) + "|")
    for row in before:
        print(f"| {row} | fused | {before[row]} |\n| {row} | light, cross-validated | {after[row]} |")
    weights = learn(examples, given.penalty)
    body = {
        "about": "Weights of rag.search.features.NAMES, learned by benchmarks/learn_reranker.py.",
        "penalty": given.penalty,
        "examples": {row: int(cells.split(" |")[0]) for row, cells in after.items()},
        "cross_validated": after,
        "weights": {name: round(float(w), 3) for name, w in zip(NAMES, weights, strict=True)},
    }
    print(json.dumps(body["weights"]))
    if given.write:
        given.write.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
