"""Learns the weights of the light reranker and says what they are worth on documents that they don't know.

    python -m benchmarks.learn_reranker DIR=PACK ... [--limit 200] [--write rag/search/light_weights.json]

DIR is a data folder with the PACK's documents, PACK a folder with questions.jsonl whose questions know their
evidence pages. A library of several documents is asked as a whole and within the right document. The model is
linear; its weights maximise the softmax likelihood of the evidence pages among each question's candidates,
held near zero by an L2 penalty. Figures are cross-validated in folds that share no document.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.datasets import read_questions
from evaluation.measures import wilson_interval
from rag.engine import Engine
from rag.search.features import NAMES, Candidate, features
from rag.search.light import RERANKED, understand
from rag.search.query_terms import query_terms
from rag.settings import load_settings

FOLDS = 8
KS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class Example:
    """``features`` float64 (candidates, len(NAMES)) in fused order; ``right`` bool (candidates,)."""

    pack: str
    setting: str
    group: str  # examples of one group are held out together
    features: NDArray[np.float64]
    right: NDArray[np.bool_]


def read_examples(data_dir: Path, pack: Path, limit: int) -> Iterator[Example]:
    engine = Engine.open(load_settings(data_dir=data_dir, reranker={"kind": "off"}))
    try:
        documents = {d.name: d.id for d in engine.documents() if d.status == "ready"}
        questions = [q for q in read_questions(pack) if q.pages and q.documents <= documents.keys()]
        if len(questions) > limit:
            questions = random.Random(0).sample(questions, limit)
        many = len(documents) > 1
        for question in questions:
            inside = sorted(documents[name] for name in question.documents)
            for setting, ids in (("whole library", None), ("right document", inside))[: 1 + many]:
                found = engine.search(question.question, top_k=RERANKED, document_ids=ids).passages
                view = engine._search._views.current()  # the same view that was searched
                if not found or view is None or view.lexical is None:
                    continue
                asked = query_terms(question.question)
                names = view.names.named_in(question.question, asked)
                wanted = understand(question.question, asked, view.lexical, names.terms if names else ())
                candidates = [Candidate(p.chunk_id, p.score, p.cosine, p.bm25) for p in found]
                described = view.lexical.describe(p.chunk_id for p in found)
                right = np.array([(p.document, p.page_start) in question.pages for p in found])
                subject = "+".join(sorted({name.split("_")[0] for name in question.documents}))
                group = f"{pack.name} {subject if many else question.id}"
                yield Example(pack.name, setting, group, features(wanted, candidates, described), right)
    finally:
        engine.close()


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


def measure(examples: Sequence[Example], logits: Sequence[NDArray[np.float64]]) -> Mapping[str, str]:
    """hit@k with 95 % intervals, a row for each pack and setting."""
    hits: dict[tuple[str, str], list[list[bool]]] = defaultdict(list)
    for e, logit in zip(examples, logits, strict=True):
        right = e.right[np.argsort(-logit, kind="stable")]
        hits[e.pack, e.setting].append([bool(right[:k].any()) for k in (*KS, len(right))])
    rows = {}
    for (pack, setting), found in hits.items():
        cells = []
        for at in range(len(KS) + 1):
            total, n = sum(f[at] for f in found), len(found)
            low, high = wilson_interval(total, n)
            cells.append(f"{total / n:.3f} ({low:.2f}-{high:.2f})")
        rows[f"{pack}, {setting}"] = f"{len(found)} | " + " | ".join(cells)
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
    print(f"| pack, setting | order | n | {' | '.join(f'hit@{k}' for k in KS)} | among {RERANKED} |")
    print("| --- " * (len(KS) + 4) + "|")
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
