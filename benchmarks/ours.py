"""Wenju's side of ``benchmarks.ingest``: the same phases as ``benchmarks.recipe``, through the Engine.

python -m benchmarks.ours ingest FOLDER DATA_DIR     pages/s, then retrieval: as it is, then dense + lexical +
                                                     fusion alone, without the light reranker
python -m benchmarks.ours many FOLDER DATA_DIR       pages/s alone
python -m benchmarks.ours again FOLDER DATA_DIR      the folder once more, after some of it changed
python -m benchmarks.ours start FOLDER DATA_DIR      imports + model until the first answer
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.recipe import TOP_K, cpu_s, measure_retrieval, read_queries, say


def main() -> None:
    began = time.perf_counter()
    phase, folder, data_dir = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    from rag.engine import Engine
    from rag.settings import load_settings

    with Engine.open(load_settings(data_dir=data_dir)) as engine:
        if phase == "start":
            hits = engine.search(read_queries(folder)[0], top_k=TOP_K)
            assert hits.passages, "nothing was found: the index is empty"
            say("start", seconds=time.perf_counter() - began)
            return
        from commands.ingest import take_in

        engine.embedding().embed_passages(["the model is loaded before the clock starts"])
        began, cpu = time.perf_counter(), cpu_s()
        outcomes = list(take_in(engine, sorted(folder.glob("*.pdf")), collection="default", password=None))
        seconds = time.perf_counter() - began
        say(
            phase,
            pages=sum(outcome.pages for outcome in outcomes),
            chunks=sum(outcome.chunks for outcome in outcomes),
            seconds=seconds,
            cpu_s=cpu_s() - cpu,
            ready=sum(outcome.status == "ready" for outcome in outcomes),
            duplicate=sum(outcome.status == "duplicate" for outcome in outcomes),
        )
        if phase == "ingest":
            queries = read_queries(folder)
            measure_retrieval(lambda query: engine.search(query, top_k=TOP_K), queries)
            plain = engine.settings.model_copy(
                update={"reranker": engine.settings.reranker.model_copy(update={"kind": "off"})}
            )
            fused = engine.variant(plain)
            measure_retrieval(lambda query: fused.search(query, top_k=TOP_K), queries, "fusion", 9000)


if __name__ == "__main__":
    main()
