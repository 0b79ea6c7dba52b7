"""``wenju vocabulary``: own terms of a collection: list, add, remove, import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.console import Exit, emit, printable, say, text, usage_error

if TYPE_CHECKING:
    from rag.engine import Engine
    from rag.records import OwnTerm


def list_terms(engine: Engine, *, collection: str | None, as_json: bool) -> None:
    names = {c.id: c.name for c in engine.collections()}
    terms = engine.own_terms(collection=collection)
    for term in terms:
        if as_json:
            emit(_record(term, names.get(term.collection_id, "")))
        else:
            place = printable(names.get(term.collection_id, ""))
            print(f"{term.id:>5}  {place}  {printable(' = '.join(term.names))}")
    if not terms and not as_json:
        say(text("cli.vocabulary.none"))


def add(engine: Engine, term: str, synonyms: list[str], *, collection: str) -> None:
    made = engine.add_term(term, synonyms, collection=collection)
    say(text("cli.vocabulary.added", id=made.id, names=printable(" = ".join(made.names))))


def remove(engine: Engine, term_id: int) -> None:
    engine.remove_term(term_id)
    say(text("cli.vocabulary.removed", id=term_id))


def import_file(engine: Engine, path: Path, *, collection: str) -> None:
    """Exits with 1 when rows were left out; the good ones are kept."""
    try:
        words = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise usage_error(text("cli.vocabulary.unreadable", path=path, problem=error)) from error
    imported = engine.import_terms(words, collection=collection)
    for line, problem in imported.problems:
        words = text(problem.code, **problem.params)
        say(text("cli.vocabulary.line", line=line, problem=printable(words)))
    say(text("cli.vocabulary.imported", added=imported.added, bad=len(imported.problems)))
    if imported.problems:
        raise Exit(1)


def _record(term: OwnTerm, collection: str) -> dict[str, Any]:
    return {
        "id": term.id,
        "collection": collection,
        "names": list(term.names),
        "created_by": term.created_by,
        "created_at": term.created_at.isoformat(),
    }
