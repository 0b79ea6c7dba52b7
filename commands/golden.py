"""``wenju eval generate`` and ``wenju eval review``: golden questions from the library's own documents."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from commands.console import console, emit, note, printable, say, text, usage_error

if TYPE_CHECKING:
    from rag.engine import Engine
    from rag.records import Dataset


def generate(
    engine: Engine, *, count: int, use_model: bool, dataset: str, seed: int, out: Path | None, as_json: bool
) -> None:
    """Drafts questions, keeps them as drafts of ``dataset`` and, with ``out``, writes them as JSON lines.
    Raises ModelUnavailable, StoreError."""
    from evaluation.generate import generate as by_rule
    from evaluation.written import write

    with console().status("") as status:

        def show(done: int, total: int) -> None:
            status.update(f"{done}/{total}")

        progress = show if sys.stderr.isatty() else None
        if use_model:
            model = engine.chat_finder().find().model
            if model is None:
                raise usage_error(text("cli.generate.no_model"))
            made = write(engine, model, count=count, seed=seed, on_progress=progress)
        else:
            made = by_rule(engine, count=count, seed=seed, on_progress=progress)
    records = [draft.to_record() for draft in made.drafts]
    if out is not None:
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        out.write_text(lines, encoding="utf-8")
    kept = engine.save_dataset(dataset, source="generated")
    new = engine.save_golden_questions(
        kept.id, [(str(record["id"]), record) for record in records], state="draft", origin="generated"
    )
    if as_json:
        for record in records:
            emit(record)
    say(text("cli.generate.done", drafts=len(records), new=new, dataset=printable(dataset)))
    for reason, times in sorted(made.dropped.items()):
        note(text("cli.generate.dropped", reason=reason, times=times))


def review(engine: Engine, *, dataset: str) -> None:
    """Shows one draft after the other and takes a, r, s or q (accept, reject, skip, quit) from stdin."""
    found = _dataset(engine, dataset)
    drafts = engine.golden_questions(found.id, states=["draft"])
    accepted = rejected = 0
    for number, draft in enumerate(drafts, 1):
        question = draft.question
        say(f"\n[{number}/{len(drafts)}] {printable(str(question.get('question', '')))}")
        refuses = question.get("expect_refusal")
        answers = " | ".join(map(str, question.get("answers") or ())) or "-"
        say("  = " + (text("cli.review.refuse") if refuses else printable(answers)))
        for place in question.get("evidence") or ():
            where = text("cli.page", page=place.get("page"))
            say(printable(f"  {place.get('doc')}, {where}: {place.get('text', '')}"))
        say(text("cli.review.keys"))
        choice = (sys.stdin.readline() or "q").strip().lower()[:1]
        if choice == "q":
            break
        if choice in ("a", "r"):
            engine.review_golden_question(draft.id, "accepted" if choice == "a" else "rejected")
            accepted, rejected = accepted + (choice == "a"), rejected + (choice == "r")
    left = len(drafts) - accepted - rejected
    say(text("cli.review.done", accepted=accepted, rejected=rejected, left=left))


def _dataset(engine: Engine, name: str) -> Dataset:
    known = {found.name: found for found in engine.datasets()}
    if name not in known:
        raise usage_error(text("cli.review.no_dataset", name=name, known=", ".join(known) or "-"))
    return known[name]
