"""Compares precisions and chunk sizes by page recall and speed on a folder of PDFs with questions.

    python -m benchmarks.embedding FOLDER --questions questions.jsonl --precision bf16 fp32

``questions.jsonl`` has one object a line: ``question`` and ``evidence``, a list of ``{"doc", "page"}``
(file name, 1-based page). All files form one library. A question is hit at k when one of the k best
passages (best vector of each) touches an evidence page. Dense search only. Prints a table and, with
``--json``, writes it. Chunks here are packed lines of one page under a header with the file's name.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from rag.models.embeddings import load_embedding
from rag.models.protocols import EmbeddingModel, Tokenizer, Vectors
from rag.settings import EmbeddingSettings, Settings

KS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk of one page: ``text`` is what a reader sees, ``embedded`` what is turned into vectors."""

    document: str
    page: int
    text: str
    embedded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    variant: str
    backend: str
    chunks: int
    vectors: int
    wall_s: float
    cpu_s: float
    hits: dict[int, float]  # k -> share of the questions


def read_pages(folder: Path) -> dict[str, list[str]]:
    """The text of every page of every PDF, by file name."""
    import pypdfium2

    pages: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.pdf")):
        with pypdfium2.PdfDocument(str(path)) as document:
            pages[path.name] = [page.get_textpage().get_text_bounded() for page in document]
    return pages


def pack(text: str, tokenizer: Tokenizer, room: int) -> list[tuple[int, int]]:
    """Character spans of at most ``room`` tokens, ending at line ends where a line fits."""
    offsets = tokenizer.offsets(text)
    spans: list[tuple[int, int]] = []
    first, last_line_end = 0, 0
    for at in range(1, len(offsets) + 1):
        ends_line = at == len(offsets) or "\n" in text[offsets[at - 1][1] : offsets[at][0]]
        if at - first > room:
            cut = last_line_end if last_line_end > first else at - 1
            spans.append((offsets[first][0], offsets[cut - 1][1]))
            first = cut
        if ends_line:
            last_line_end = at
    if first < len(offsets):
        spans.append((offsets[first][0], offsets[-1][1]))
    return spans


def cut_pieces(pages: dict[str, list[str]], tokenizer: Tokenizer, size: int, how: str) -> list[Piece]:
    """Pieces of ``size`` tokens with their header. ``how``: "whole" is cut by the model at its length,
    "windows" embeds one vector for each stretch that the model can read."""
    pieces = []
    for name, texts in pages.items():
        header = Path(name).stem.replace("_", " ") + "\n"
        overhead = tokenizer.count(header) + tokenizer.special_tokens
        for number, text in enumerate(texts, start=1):
            for start, end in pack(text, tokenizer, size - overhead):
                part = text[start:end]
                windows = [(0, len(part))]
                if how == "windows":
                    windows = pack(part, tokenizer, tokenizer.max_tokens - overhead)
                pieces.append(Piece(name, number, part, tuple(header + part[a:b] for a, b in windows)))
    return pieces


def hits_at(
    model: EmbeddingModel, pieces: Sequence[Piece], vectors: Vectors, questions: Sequence[dict[str, object]]
) -> dict[int, float]:
    """Share of the questions with an evidence page among the best k pieces."""
    owner = np.repeat(np.arange(len(pieces)), [len(piece.embedded) for piece in pieces])
    found = dict.fromkeys(KS, 0)
    for question in questions:
        cosines = vectors @ model.embed_query(str(question["question"]))
        best: list[int] = []
        for row in np.argsort(-cosines)[: 8 * max(KS)]:
            if owner[row] not in best:
                best.append(int(owner[row]))
        wanted = {(item["doc"], item["page"]) for item in question["evidence"]}  # type: ignore[attr-defined]
        for k in KS:
            found[k] += any((pieces[row].document, pieces[row].page) in wanted for row in best[:k])
    return {k: count / len(questions) for k, count in found.items()}


def measure(
    variant: str, model: EmbeddingModel, pieces: Sequence[Piece], questions: Sequence[dict[str, object]],
    progress: Callable[[int], None] | None = None,
) -> tuple[Row, Vectors]:  # fmt: skip
    texts = [text for piece in pieces for text in piece.embedded]
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = model.embed_passages(texts, progress)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    backend = str(getattr(model, "backend", ""))
    return Row(
        variant, backend, len(pieces), len(texts), wall, cpu, hits_at(model, pieces, vectors, questions)
    ), vectors


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="PDFs")
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--precision", nargs="+", default=["auto"])
    parser.add_argument("--sizes", nargs="+", default=["256"], help="256, 512whole, 512windows ...")
    parser.add_argument("--files", type=int, default=0, help="only the first N files (and their questions)")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    pages = read_pages(arguments.folder)
    if arguments.files:
        pages = dict(list(pages.items())[: arguments.files])
    questions = [
        json.loads(line) for line in arguments.questions.read_text("utf-8").splitlines() if line.strip()
    ]
    questions = [q for q in questions if all(item["doc"] in pages for item in q["evidence"])]
    print(f"{len(pages)} files, {sum(map(len, pages.values()))} pages, {len(questions)} questions, "
          f"{os.cpu_count()} cores", flush=True)  # fmt: skip
    rows = []
    for size in arguments.sizes:
        reference: Vectors | None = None
        for precision in arguments.precision:
            settings = Settings(embedding=EmbeddingSettings(model=arguments.model, precision=precision))
            model = load_embedding(settings)
            tokens, how = int("".join(filter(str.isdigit, size))), size.lstrip("0123456789") or "whole"
            pieces = cut_pieces(pages, model.tokenizer, tokens, how)
            row, vectors = measure(f"{tokens} {how}", model, pieces, questions)
            note = ""
            if reference is None:
                reference = vectors
            else:
                note = f"  same nearest neighbour {same_neighbour(reference, vectors):.3f}"
            rows.append(row)
            hits = "  ".join(f"hit@{k} {share:.3f}" for k, share in row.hits.items())
            print(
                f"{row.variant:12s} {row.backend:16s} {row.chunks:6d} chunks {row.vectors:6d} vectors  "
                f"{row.vectors / row.wall_s:6.1f}/s wall {row.vectors / row.cpu_s:6.1f}/s CPU  {hits}{note}",
                flush=True,
            )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), "utf-8")


def same_neighbour(reference: Vectors, vectors: Vectors, sample: int = 1000) -> float:
    """Share of vectors whose nearest other vector is the same in both sets."""
    rows = np.linspace(0, len(reference) - 1, min(sample, len(reference))).astype(int)
    nearest = []
    for matrix in (reference, vectors):
        cosines = matrix[rows] @ matrix.T
        cosines[np.arange(len(rows)), rows] = -1
        nearest.append(cosines.argmax(axis=1))
    return float(np.mean(nearest[0] == nearest[1]))


if __name__ == "__main__":
    main()
