"""Questions from the files that others keep them in. Good lines come back, bad ones are named, none is lost.

========================= ==========================================================================
pack (folder)             questions.jsonl, corpus/: see evaluation.packs
JSON lines (.jsonl)       one evaluation.datasets.Question a line
SQuAD, CMRC (.json)       {"data": [{"paragraphs": [{"context", "qas": [...]}]}]}; 1.1, 2.0 (is_impossible)
BEIR (folder)             queries.jsonl, qrels/*.tsv (query-id, corpus-id, score), corpus.jsonl
TREC                      topics as "id<TAB>question" with qrels ("id 0 document relevance") beside
CSV, Excel (.csv, .xlsx)  evaluation.tables
========================= ==========================================================================
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluation.datasets import BadLine, DatasetError, Question, Questions, checked, not_json, read_lines
from evaluation.packs import CorpusFile, PackPassage, as_files, corpus, is_pack, read_pack, told_names
from rag.text.language import detect_language

MAX_BYTES = 200 * 2**20
"""A larger questions file is refused: ten thousand questions are a few MB."""


def read(path: Path) -> Questions:
    """What ``path`` holds. Raises DatasetError for what is none of the kinds above."""
    if path.is_dir():
        if is_pack(path):
            return read_pack(path)
        if (path / "queries.jsonl").is_file():
            return read_beir(path)
        raise DatasetError("eval.no_questions", path=path)
    if not path.is_file():
        raise DatasetError("eval.no_file", path=path)
    if path.stat().st_size > MAX_BYTES:
        raise DatasetError("eval.too_large", path=path, limit=MAX_BYTES // 2**20)
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        return _split(path.stem, read_lines(path))
    if suffix == ".json":
        return read_squad(path)
    if suffix in (".csv", ".tsv", ".xlsx", ".xlsm"):
        from evaluation.tables import read_table

        return read_table(path)
    raise DatasetError("eval.file_kind", path=path)


def documents(path: Path) -> Iterator[CorpusFile | BadLine]:
    """What must be in the library so that the questions of ``path`` can be asked: a pack's corpus, a BEIR
    folder's, the contexts of a SQuAD file. Raises DatasetError when it brings none."""
    if path.is_dir() and (path / "corpus.jsonl").is_file():
        return as_files(beir_passages(path))
    if path.suffix.lower() == ".json" and path.is_file():
        return as_files(squad_passages(path))
    return corpus(path)


def _split(name: str, lines: Iterator[Question | BadLine]) -> Questions:
    found = list(lines)
    good = tuple(line for line in found if isinstance(line, Question))
    return Questions(name, good, tuple(line for line in found if isinstance(line, BadLine)))


# -------------------------------------------------------------------- SQuAD, CMRC


def read_squad(path: Path) -> Questions:
    """SQuAD 1.1, 2.0, CMRC and their kin. The context's passage is named ``{title}-{n}``, as
    :func:`squad_passages` names it. "line" of what is bad counts questions. Raises DatasetError when it is
    another kind of JSON."""
    seen: dict[str, int] = {}
    found: list[Question | BadLine] = []
    for passage, paragraph in _paragraphs(path):
        for qa in paragraph.get("qas") or ():
            number = len(found) + 1
            if not isinstance(qa, Mapping):
                found.append(BadLine(number, "eval.row.object", "qas"))
                continue
            impossible = qa.get("is_impossible") is True
            answers = [a.get("text", "") if isinstance(a, Mapping) else a for a in qa.get("answers") or ()]
            record = {
                "id": qa.get("id") or f"{passage.id}-q{number}",
                "question": qa.get("question") or "",
                "answers": [] if impossible else list(dict.fromkeys(a for a in answers if a)),
                "kind": "no_answer" if impossible else "span",
                "lang": _language(str(qa.get("question") or "")),
                "gold_passages": [passage.id],
            }
            if impossible:
                record["expect_refusal"] = True
            found.append(checked(record, number, seen))
    if not found:
        raise DatasetError("eval.no_question", path=path)
    questions = _split(path.stem, iter(found))
    return replace(questions, questions=tuple(told_names(questions.questions, squad_passages(path))))


def squad_passages(path: Path) -> list[PackPassage]:
    """The contexts of a SQuAD file, for a library."""
    return [passage for passage, _ in _paragraphs(path)]


def _paragraphs(path: Path) -> Iterator[tuple[PackPassage, Mapping[str, Any]]]:
    loaded = _load(path)
    articles = loaded.get("data") if isinstance(loaded, Mapping) else None
    if not isinstance(articles, list):
        raise DatasetError("eval.not_squad", path=path)
    for number, article in enumerate(articles, 1):
        paragraphs = article.get("paragraphs") if isinstance(article, Mapping) else None
        title = str(article.get("title") or f"article-{number}") if isinstance(article, Mapping) else ""
        for at, paragraph in enumerate(paragraphs if isinstance(paragraphs, list) else ()):
            if isinstance(paragraph, Mapping) and paragraph.get("context"):
                yield PackPassage(id=f"{title}-{at}", text=str(paragraph["context"])), paragraph


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DatasetError("eval.unreadable", path=path, problem=error) from error


def _language(text: str) -> str:
    found = detect_language(text)
    return "" if found == "other" else found


# -------------------------------------------------------------------- BEIR, TREC


def read_beir(folder: Path, split: str = "test") -> Questions:
    """queries.jsonl (``_id``, ``text``) with qrels/{split}.tsv, or the only one there is. Queries without a
    relevant document are left out, as BEIR does, and counted among the bad."""
    relevant = read_qrels(_qrels_of(folder, split))
    seen: dict[str, int] = {}
    found: list[Question | BadLine] = []
    for number, record in _json_lines(folder / "queries.jsonl"):
        if isinstance(record, BadLine):
            found.append(record)
            continue
        key = str(record.get("_id", ""))
        gold = relevant.get(key, ())
        if not gold:
            found.append(BadLine(number, "eval.row.no_qrel", params={"id": key[:80]}))
            continue
        text = str(record.get("text") or "")
        question = {"id": key, "question": text, "gold_passages": gold, "lang": _language(text)}
        found.append(checked(question, number, seen))
    questions = _split(folder.resolve().name, iter(found))
    if not (folder / "corpus.jsonl").is_file():
        return questions
    return replace(questions, questions=tuple(told_names(questions.questions, beir_passages(folder))))


def beir_passages(folder: Path) -> Iterator[PackPassage | BadLine]:
    """corpus.jsonl (``_id``, ``title``, ``text``), for a library."""
    for number, record in _json_lines(folder / "corpus.jsonl"):
        if isinstance(record, BadLine):
            yield record
        elif not record.get("_id"):
            yield BadLine(number, "eval.row.missing", "_id")
        else:
            yield PackPassage(
                id=str(record["_id"]),
                title=str(record.get("title") or ""),
                text=str(record.get("text") or ""),
            )


def _qrels_of(folder: Path, split: str) -> Path:
    files = sorted((folder / "qrels").glob("*.tsv"))
    named = [path for path in files if path.stem == split]
    if not files or (not named and len(files) > 1):
        known = ", ".join(path.name for path in files) or "none"
        raise DatasetError("eval.unreadable", path=folder / "qrels", problem=f"no {split}.tsv ({known})")
    return (named or files)[0]


def _json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError) as error:
                    yield number, not_json(number, error)
                    continue
                yield number, record if isinstance(record, dict) else BadLine(number, "eval.row.object")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError("eval.unreadable", path=path, problem=error) from error


def read_qrels(path: Path) -> dict[str, tuple[str, ...]]:
    """Relevant documents by query, of BEIR's (three columns, with a header) or TREC's qrels (four: query, 0,
    document, relevance); relevance above 0 counts. Raises DatasetError naming the line of what is neither."""
    found: dict[str, list[str]] = {}
    for number, fields in _columns(path):
        if len(fields) == 3 and number == 1 and not _is_number(fields[2]):
            continue  # BEIR's header
        if len(fields) not in (3, 4) or not _is_number(fields[-1]):
            problem = f"line {number}: expected query, document, relevance, found {' '.join(fields)[:80]!r}"
            raise DatasetError("eval.unreadable", path=path, problem=problem)
        if float(fields[-1]) > 0:
            found.setdefault(fields[0], []).append(fields[-2])
    return {query: tuple(dict.fromkeys(documents)) for query, documents in found.items()}


def read_trec_run(path: Path) -> dict[str, list[tuple[str, float]]]:
    """Documents with their scores by query, best first, of a TREC run file (query Q0 document rank score
    tag): another system's ranking, to be measured beside ours. Raises DatasetError naming the line."""
    found: dict[str, list[tuple[str, float]]] = {}
    for number, fields in _columns(path):
        if len(fields) != 6 or not _is_number(fields[4]):
            problem = (
                f"line {number}: expected query Q0 document rank score tag, found {' '.join(fields)[:80]!r}"
            )
            raise DatasetError("eval.unreadable", path=path, problem=problem)
        found.setdefault(fields[0], []).append((fields[2], float(fields[4])))
    return {q: sorted(ranked, key=lambda pair: -pair[1]) for q, ranked in found.items()}


def read_trec(topics: Path, qrels: Path) -> Questions:
    """Topics as ``id<TAB>question`` lines with their qrels."""
    relevant = read_qrels(qrels)
    seen: dict[str, int] = {}
    found: list[Question | BadLine] = []
    try:
        lines = topics.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError("eval.unreadable", path=topics, problem=error) from error
    for number, line in enumerate(lines, 1):
        key, tab, text = line.partition("\t")
        if not line.strip():
            continue
        if not tab or not relevant.get(key.strip()):
            params = {"id": key.strip()[:80]}
            found.append(
                BadLine(number, "eval.row.no_qrel", params=params)
                if tab
                else BadLine(number, "eval.row.no_tab")
            )
            continue
        record = {
            "id": key.strip(),
            "question": text.strip(),
            "gold_passages": relevant[key.strip()],
            "lang": _language(text),
        }
        found.append(checked(record, number, seen))
    return _split(topics.stem, iter(found))


def _columns(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, line.split()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError("eval.unreadable", path=path, problem=error) from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
