"""How often search finds the page that holds the answer: dense alone, lexical alone, fused.

Each question with known evidence is searched in the whole library and, where it names its file, inside that
file alone. Counted are passages, in the order of the hits: a passage covers its pages ``page_start`` to
``page_end``.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from evaluation.datasets import DatasetError, Question, read_questions
from evaluation.measures import hit_at, recall_at, reciprocal_rank, wilson_interval
from rag.records import Passage

if TYPE_CHECKING:
    from rag.engine import Engine

Legs = tuple[Literal["dense", "lexical"], ...]

RUNS: Mapping[str, Legs] = {
    "dense only": ("dense",),
    "lexical only": ("lexical",),
    "fused": ("dense", "lexical"),
}
SHARED, WITHIN = "whole library", "right document"


@dataclass(frozen=True, slots=True)
class Score:
    """The mean of a measure over ``n`` questions, with its 95 % Wilson interval."""

    mean: float
    n: int
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Score:
        total = sum(values)
        low, high = wilson_interval(total, len(values))
        return cls(total / len(values) if values else 0.0, len(values), low, high)

    def __str__(self) -> str:
        return f"{self.mean:.2f} ({self.low:.2f}-{self.high:.2f})"


@dataclass(frozen=True, slots=True)
class Report:
    """``scores[(setting, run)][measure]``; ``outcomes`` has one record a question, setting and run."""

    questions: int
    skipped: int  # questions without evidence pages, or about files that are not in the library
    missing: tuple[str, ...]  # those files
    scores: Mapping[tuple[str, str], Mapping[str, Score]]
    degraded: Mapping[str, int]
    p50_ms: Mapping[str, float]
    outcomes: tuple[Mapping[str, Any], ...] = field(repr=False, default=())

    def to_markdown(self) -> str:
        """A table: a row a setting and run, a column a measure, with n and 95 % intervals."""
        measures = list(dict.fromkeys(m for found in self.scores.values() for m in found))
        lines = [
            "| searched in | legs | n | " + " | ".join(measures) + " |",
            "| --- | --- | --- | " + " | ".join("---" for _ in measures) + " |",
        ]
        for (setting, run), found in self.scores.items():
            n = max((score.n for score in found.values()), default=0)
            lines.append(f"| {setting} | {run} | {n} | " + " | ".join(str(found[m]) for m in measures) + " |")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        return {
            "questions": self.questions,
            "skipped": self.skipped,
            "missing": list(self.missing),
            "scores": [
                {"setting": setting, "run": name, "measure": measure, "mean": s.mean, "n": s.n,
                 "low": s.low, "high": s.high}
                for (setting, name), found in self.scores.items()
                for measure, s in found.items()
            ],
            "degraded": dict(self.degraded),
            "p50_ms": dict(self.p50_ms),
        }  # fmt: skip


def run(
    engine: Engine,
    questions_path: Path,
    legs: Mapping[str, Legs] = RUNS,
    ks: Sequence[int] = (1, 5, 10),
    *,
    limit: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Searches every question that has evidence pages in files of the library (matched by name), with each
    run of ``legs``. ``on_progress(done, total)`` after each question. Raises DatasetError when the file is
    malformed or nothing of it can be asked."""
    library = {d.name: d.id for d in engine.documents() if d.status == "ready"}
    questions = read_questions(questions_path)
    asked = [q for q in questions if q.pages and q.documents <= library.keys()][:limit]
    missing = sorted({name for q in questions for name in q.documents - library.keys()})
    if not asked:
        raise DatasetError("eval.nothing_to_ask", path=questions_path, missing=", ".join(missing[:5]) or "-")
    values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    times: dict[str, list[float]] = defaultdict(list)
    degraded: dict[str, int] = defaultdict(int)
    outcomes: list[dict[str, Any]] = []
    for done, question in enumerate(asked, 1):
        within = [library[name] for name in sorted(question.documents)]
        for setting, documents in ((SHARED, None), (WITHIN, within)):
            for name, which in legs.items():
                started = time.perf_counter()
                result = engine.search(question.question, top_k=max(ks), document_ids=documents, legs=which)
                times[name].append((time.perf_counter() - started) * 1000)
                for code in {d.code for d in result.degraded}:
                    degraded[code] += 1
                found = _measure(result.passages, question, ks, setting)
                for measure, value in found.items():
                    values[(setting, name)][measure].append(value)
                outcomes.append({"id": question.id, "setting": setting, "run": name, **found})
        if on_progress is not None:
            on_progress(done, len(asked))
    return Report(
        questions=len(asked),
        skipped=len(questions) - len(asked),
        missing=tuple(missing),
        scores={key: {m: Score.of(v) for m, v in found.items()} for key, found in values.items()},
        degraded=dict(degraded),
        p50_ms={name: sorted(found)[len(found) // 2] for name, found in times.items()},
        outcomes=tuple(outcomes),
    )


def _measure(
    passages: Sequence[Passage], question: Question, ks: Sequence[int], setting: str
) -> dict[str, float]:
    pages = [{(p.document, number) for number in range(p.page_start, p.page_end + 1)} for p in passages]
    found = {f"page hit@{k}": hit_at(pages, question.pages, k) for k in ks}
    found |= {f"page recall@{k}": recall_at(pages, question.pages, k) for k in ks}
    found[f"page MRR@{max(ks)}"] = reciprocal_rank(pages, question.pages, max(ks))
    files = [{p.document} for p in passages]
    found[f"document hit@{max(ks)}"] = hit_at(files, question.documents, max(ks))
    return found
