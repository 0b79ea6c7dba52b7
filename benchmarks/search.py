"""How fast a library is searched, and what the approximate index of a large one loses.

    python benchmarks/search.py --data-dir DIR --questions questions.jsonl [--copies 20]

Prints p50 of one client, p95 and searches/s of eight, milliseconds of each part, and (with --copies) the
approximate index over the library's own vectors, each copied so many times with a little noise: recall@10
against exact search and the time of both, measured side by side in this run.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np


def percentile(values: list[float], share: float) -> float:
    return float(np.percentile(np.asarray(values), share * 100))


def run_clients(index: Any, scope: Any, questions: list[str], clients: int, rounds: int) -> dict[str, Any]:
    """Each client asks every question ``rounds`` times, beginning at another one. No query is answered from
    the cache: each carries a number."""
    times: list[float] = []
    parts: dict[str, list[float]] = defaultdict(list)
    lock = threading.Lock()

    def work(client: int) -> None:
        for step in range(rounds * len(questions)):
            query = f"{questions[(step + client * 7) % len(questions)]} {client}{step}"
            started = time.perf_counter()
            result = index.search(query, scope, top_k=8)
            took = (time.perf_counter() - started) * 1000
            with lock:
                times.append(took)
                for name, value in result.timings_ms.items():
                    parts[name].append(value)

    started = time.perf_counter()
    threads = [threading.Thread(target=work, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "clients": clients,
        "searches": len(times),
        "p50_ms": round(percentile(times, 0.5), 2),
        "p95_ms": round(percentile(times, 0.95), 2),
        "per_s": round(len(times) / (time.perf_counter() - started), 1),
        "parts_p50_ms": {name: round(percentile(found, 0.5), 2) for name, found in parts.items()},
    }


def approximate(index: Any, copies: int) -> dict[str, Any]:
    """Exact against approximate over copies of the real vectors."""
    from rag.records import Scope
    from rag.search.dense import DenseIndex, Rows

    real = index._views.current().dense.rows().matrix
    random = np.random.default_rng(0)
    noise = np.float32(0.35 / np.sqrt(real.shape[1]))
    copied = [real + noise * random.standard_normal(real.shape).astype(np.float32) for _ in range(1, copies)]
    matrix = np.concatenate([real, *copied])
    matrix = (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)
    ids = np.arange(len(matrix), dtype=np.int64)
    flat = DenseIndex(matrix.shape[1], 1).with_changes(added=Rows(ids, ids * 0 + 1, ids * 0 + 1, matrix))
    started = time.perf_counter()
    built = flat.with_approximation()
    build_s = time.perf_counter() - started
    scope = Scope(frozenset({1}))
    queries = matrix[random.choice(len(matrix), 100, replace=False)]
    took: dict[str, list[float]] = defaultdict(list)
    for query in queries:
        for name, which in (("exact", flat), ("approximate", built)):
            started = time.perf_counter()
            which.search(query, scope, 60)
            took[name].append((time.perf_counter() - started) * 1000)
    companion = built.segments[0].approximate
    return {
        "rows": len(matrix),
        "build_s": round(build_s, 1),
        "recall_at_10": round(built.recall_at_10, 4),
        "nprobe": None if companion is None else companion.nprobe,
        **{f"{name}_p50_ms": round(percentile(found, 0.5), 2) for name, found in took.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--copies", type=int, default=0)
    arguments = parser.parse_args()

    from evaluation.datasets import read_questions
    from rag.access import LOCAL
    from rag.engine import Engine
    from rag.settings import load_settings

    questions = [q.question for q in read_questions(arguments.questions)][:50]
    with Engine.open(load_settings(data_dir=arguments.data_dir)) as engine:
        index = engine.search_index()
        started = time.perf_counter()
        index.refresh()
        print(json.dumps({"load_s": round(time.perf_counter() - started, 2), "status": str(index.status())}))
        scope = engine.scope(LOCAL)
        run_clients(index, scope, questions[:5], 1, 1)  # warm
        for clients in (1, 8):
            print(json.dumps(run_clients(index, scope, questions, clients, arguments.rounds)))
        if arguments.copies:
            print(json.dumps(approximate(index, arguments.copies)))


if __name__ == "__main__":
    main()
