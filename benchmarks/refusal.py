"""When should an answer be refused? Measures both mistakes (answered though it must be refused, refused
though it can be answered) over packs of questions, and chooses the thresholds by cross-validation.

    python -m benchmarks.refusal ingest PACK LIBRARY                  passages.jsonl, a document each
    python -m benchmarks.refusal collect PACK LIBRARY OUT.jsonl [--limit N]
    python -m benchmarks.refusal choose OUT.jsonl...                  curve, folds, chosen thresholds

``collect`` searches each question (inside the documents that the question comes with, where the pack fixes
them) and writes the signals that ``rag.answer.refusal`` decides on, the features that
``benchmarks.learn_refusal`` learns from, and what the product did with the question. ``choose`` prints, for
thresholds over a grid, the two error rates averaged over the packs (a pack of a thousand questions weighs no
more than one of fifty), and the thresholds that five folds chose without seeing their own questions.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from typing import Any

from evaluation.measures import wilson_interval
from rag.answer.refusal import Signals, decide
from rag.settings import AnswerSettings

FOLDS = 5
COVERAGE = [round(0.30 + 0.05 * n, 2) for n in range(12)]
QUOTE = [round(0.05 * n, 2) for n in range(13)]
MOST_WRONGLY_REFUSED = 0.15  # of answerable questions, averaged over the packs
LEFT_OUT = {"counterfactual"}  # planted false facts: neither answerable nor to be refused


def ingest(pack: Path, library: Path) -> None:
    from ingest.service import IngestService
    from rag.engine import Engine
    from rag.settings import load_settings

    settings = load_settings(data_dir=library, chat={"kind": "extractive"})
    with Engine.open(settings) as engine:
        for line in (pack / "corpus" / "passages.jsonl").open(encoding="utf-8"):
            found = json.loads(line)
            text = f"{found.get('title') or ''}\n\n{found['text']}".strip()
            engine.add_document(f"{found['id']}.txt", text.encode())
        IngestService(engine.store, settings, engine.embedding).run_until_idle()


def collect(pack: Path, library: Path, out: Path, limit: int | None) -> None:
    from rag.answer import answerable, extractive
    from rag.answer.evidence import essence, understand
    from rag.answer.refusal import by_rule, measure
    from rag.engine import Engine
    from rag.records import Done
    from rag.search.query_terms import query_terms
    from rag.settings import load_settings
    from rag.text.language import detect_language

    rows = [json.loads(line) for line in (pack / "questions.jsonl").open(encoding="utf-8")]
    rows = [r for r in rows if r.get("kind") not in LEFT_OUT]
    if limit and len(rows) > limit:  # every n-th, so that all kinds stay in
        step = len(rows) / limit
        rows = [rows[int(n * step)] for n in range(limit)]
    with (
        Engine.open(load_settings(data_dir=library, chat={"kind": "extractive"})) as engine,
        out.open("w", encoding="utf-8") as stream,
    ):
        ids = {d.name: d.id for d in engine.documents()}
        embedding = engine.embedding()
        for row in rows:
            question = row["question"]
            given = [ids[f"{d['id']}.txt"] for d in row.get("docs", []) if f"{d['id']}.txt" in ids] or None
            passages = engine.search(question, document_ids=given).passages
            wanted = list(query_terms(essence(question)))
            asked = understand(question, wanted, *engine.search_index().term_frequencies(wanted))
            language = detect_language(question)
            covers = language == "other" or embedding.covers(language)
            near = covers and all(p.language == "other" or embedding.covers(p.language) for p in passages)

            def cosines(texts: Sequence[str], question: str = question) -> list[float]:
                return [float(c) for c in embedding.embed_passages(texts) @ embedding.embed_query(question)]

            quotes = extractive.choose(
                asked, passages, engine.settings.answer.max_sentences, cosines if near else None
            )
            signals = measure(asked, passages, quotes, covers=covers)
            found = answerable.features(asked, passages, quotes, signals)
            events = engine.ask(question, document_ids=given, log=False, anew=True)
            answer = next(e.answer for e in events if isinstance(e, Done))
            record = {
                "pack": pack.name,
                "id": row["id"],
                "kind": row.get("kind", ""),
                "language": language,
                "group": group_of(row),
                "must": must_refuse(row),
                "signals": asdict(signals),
                "features": dict(zip(answerable.NAMES, map(float, found), strict=True)),
                "by_rule": by_rule(asked, signals, engine.settings.answer) is not None or not quotes,
                "calculated": bool(answer.calculations),
                "refused": answer.refused,
            }
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")


def group_of(row: Mapping[str, Any]) -> str:
    """What is held out together: variants of one question, questions over one passage."""
    if row.get("docs"):
        return str(row["question"])
    return str((row.get("gold_passages") or [row["id"]])[0])


def must_refuse(row: Mapping[str, Any]) -> bool:
    """Whether the documents cannot answer it: the pack says so, or the question needs no document."""
    return bool(row.get("expect_refusal")) or row.get("kind") == "general_concept"


Row = tuple[str, str, bool, Signals]  # pack, id, must be refused, signals


def read(paths: Iterable[Path]) -> list[Row]:
    rows: list[Row] = []
    for path in paths:
        for line in path.open(encoding="utf-8"):
            found = json.loads(line)
            rows.append((found["pack"], found["id"], found["must"], Signals.from_json(found["signals"])))
    return rows


def rates(
    rows: Sequence[Row], settings: AnswerSettings
) -> tuple[float, float, dict[str, tuple[int, int, int, int]]]:
    """(refused of those that must, refused of those that can be answered), each the mean over the packs, and
    the counts a pack: (refused, n) of the first, (refused, n) of the second."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for pack, _, must, signals in rows:
        refused = decide(signals, settings) is not None
        at = 0 if must else 2
        counts[pack][at] += refused
        counts[pack][at + 1] += 1
    right = [c[0] / c[1] for c in counts.values() if c[1]]
    wrong = [c[2] / c[3] for c in counts.values() if c[3]]
    return (
        mean(right) if right else 0.0,
        mean(wrong) if wrong else 0.0,
        {pack: (c[0], c[1], c[2], c[3]) for pack, c in counts.items()},
    )


def best(rows: Sequence[Row]) -> AnswerSettings:
    """The thresholds that refuse most of what must be refused while wrong refusals stay bounded."""
    found: list[tuple[float, float, AnswerSettings]] = []
    for coverage in COVERAGE:
        for quote in QUOTE:
            settings = AnswerSettings(min_coverage=coverage, min_quote=quote)
            right, wrong, _ = rates(rows, settings)
            # Beyond the bound each wrong refusal counts threefold: the mistake that readers see.
            found.append((right - wrong - 3 * max(0.0, wrong - MOST_WRONGLY_REFUSED), -wrong, settings))
    return max(found, key=lambda f: f[:2])[2]


def choose(paths: Sequence[Path]) -> None:
    rows = read(paths)
    print("| min_coverage | min_quote | refused when it must | refused wrongly |\n| --- | --- | --- | --- |")
    for coverage in COVERAGE:
        for quote in QUOTE[::3]:
            right, wrong, _ = rates(rows, AnswerSettings(min_coverage=coverage, min_quote=quote))
            print(f"| {coverage:.2f} | {quote:.2f} | {right:.3f} | {wrong:.3f} |")
    held: list[Row] = []
    total: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for fold in range(FOLDS):
        # By a base question's id: variants of one question stay together.
        inside = [r for r in rows if _fold(r[1]) == fold]
        settings = best([r for r in rows if _fold(r[1]) != fold])
        print(f"fold {fold}: min_coverage {settings.min_coverage}, min_quote {settings.min_quote}")
        for pack, counts in rates(inside, settings)[2].items():
            for n, count in enumerate(counts):
                total[pack][n] += count
        held += inside
    show("held out, thresholds of the other folds", total)
    chosen = best(rows)
    print(f"chosen on all: min_coverage {chosen.min_coverage}, min_quote {chosen.min_quote}")
    show("all, with the chosen thresholds", rates(rows, chosen)[2])
    show("all, with the settings' defaults", rates(rows, AnswerSettings())[2])


def show(title: str, counts: Mapping[str, Sequence[int]]) -> None:
    print(f"\n{title}\n| pack | refused when it must | refused wrongly |\n| --- | --- | --- |")
    for pack, (right, must, wrong, can) in counts.items():
        print(f"| {pack} | {_share(right, must)} | {_share(wrong, can)} |")


def _share(hits: int, n: int) -> str:
    if not n:
        return "-"
    low, high = wilson_interval(hits, n)
    return f"{hits} of {n} = {hits / n:.2f} ({low:.2f}-{high:.2f})"


def _fold(key: str) -> int:
    import zlib

    parts = key.split("-")
    return zlib.crc32("-".join(parts[:3]).encode()) % FOLDS


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["ingest", "collect", "choose"])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--limit", type=int)
    given = parser.parse_args()
    if given.what == "ingest":
        ingest(*given.paths)
    elif given.what == "collect":
        collect(*given.paths, limit=given.limit)
    else:
        choose(given.paths)


if __name__ == "__main__":
    main()
