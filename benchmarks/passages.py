"""A pack of passages as a library: ``corpus/passages.jsonl`` as one text file whose pages are the passages.

    python -m benchmarks.passages PACK FOLDER       writes FOLDER/corpus/passages.txt, FOLDER/questions.jsonl
    wenju ingest FOLDER/corpus --data-dir DIR       then: wenju eval retrieval FOLDER --data-dir DIR

A form feed ends a page and a chunk never crosses one: page n is passage n, page hit@k is passage hit@k.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

NAME = "passages.txt"


def write_library(pack: Path, folder: Path, *, questions_from: Path | None = None) -> int:
    """Writes the text and the questions whose gold passages are there; answers how many. ``questions_from``:
    a parallel pack in another language: the same passages in the same order."""
    passages = _passages(pack)
    page_of = {p["id"]: number for number, p in enumerate(_passages(questions_from or pack), 1)}
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    texts = ["\n".join(filter(None, (p.get("title", ""), p["text"]))).replace("\f", " ") for p in passages]
    (folder / "corpus" / NAME).write_text("\f".join(texts), "utf-8")
    written = []
    for line in ((questions_from or pack) / "questions.jsonl").read_text("utf-8").splitlines():
        question = json.loads(line)
        pages = [page_of[i] for i in question.pop("gold_passages", ()) if i in page_of]
        if pages:
            question |= {"doc": NAME, "evidence": [{"doc": NAME, "page": page} for page in pages]}
            written.append(json.dumps(question, ensure_ascii=False))
    (folder / "questions.jsonl").write_text("\n".join(written) + "\n", "utf-8")
    return len(written)


def _passages(pack: Path) -> list[dict[str, str]]:
    lines = (pack / "corpus" / "passages.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pack", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=Path, help="take the questions of this pack instead")
    given = parser.parse_args()
    count = write_library(given.pack, given.folder, questions_from=given.questions)
    print(f"{count} questions, {given.folder}")


if __name__ == "__main__":
    main()
