"""``wenju prompts``: what a chat model is told, by use and language: list, show, edit, restore, remove."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.console import Exit, console, emit, printable, say, text, usage_error

if TYPE_CHECKING:
    from rag.engine import Engine
    from rag.records import PromptVersion


def list_prompts(engine: Engine, *, as_json: bool) -> None:
    """A line for each use and language: which wording counts and since when."""
    versions = engine.prompts()
    if as_json:
        for version in versions:
            emit(_record(version, words=False))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("use", "language", "version", "fingerprint", "saved_at"):
        table.add_column(text(f"cli.prompts.{column}"))
    for version in versions:
        table.add_row(
            printable(version.use), version.language, str(version.id), version.fingerprint, _when(version)
        )
    console(stderr=False).print(table)


def show(engine: Engine, use: str, language: str, *, version: int | None, as_json: bool) -> None:
    """The wording that counts (or one version), or with --json every version, newest first."""
    versions = engine.prompt_versions(use, language)
    if as_json:
        for one in versions:
            emit(_record(one, words=True))
        return
    if version is not None:
        chosen = next((v for v in versions if v.id == version and v.text), None)
        if chosen is None:
            raise usage_error(text("prompt.unknown_version", use=use, language=language, version=version))
    else:
        chosen = next((v for v in engine.prompts() if (v.use, v.language) == (use, language)), None)
        if chosen is None:
            raise usage_error(text("prompt.unknown_use", use=use, known=", ".join(engine.prompt_uses())))
    print(printable(chosen.text))
    for one in versions:
        mark = "*" if one.id == chosen.id else " "
        say(f"{mark} {one.id:>4}  {one.fingerprint or '-':12}  {_when(one)}  {printable(one.note)}".rstrip())


def edit(engine: Engine, use: str, language: str, *, file: Path | None, note: str) -> None:
    """Saves the text of a file ("-": stdin), or what an editor makes of the wording that counts."""
    if file is not None:
        try:
            words = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise usage_error(text("cli.prompts.unreadable", path=file, problem=error)) from error
    else:
        words = _by_editor(engine, use, language)
    saved = engine.save_prompt(use, language, words, note=note)
    say(
        text("cli.prompts.saved", use=saved.use, language=language, version=saved.id, print=saved.fingerprint)
    )


def restore(engine: Engine, use: str, language: str, version: int) -> None:
    saved = engine.restore_prompt(use, language, version)
    say(text("cli.prompts.saved", use=use, language=language, version=saved.id, print=saved.fingerprint))


def remove(engine: Engine, use: str) -> None:
    engine.retire_prompt(use)
    say(text("cli.prompts.removed", use=use))


def _by_editor(engine: Engine, use: str, language: str) -> str:
    import click

    current = {(v.use, v.language): v.text for v in engine.prompts()}
    start = current.get((use, language)) or current[("concise", language if language == "zh" else "en")]
    words = click.edit(start, extension=".txt")
    if words is None:
        say(text("cli.prompts.unchanged"))
        raise Exit(0)
    return words


def _record(version: PromptVersion, *, words: bool) -> dict[str, Any]:
    record: dict[str, Any] = {
        "use": version.use,
        "language": version.language,
        "version": version.id,
        "fingerprint": version.fingerprint,
        "note": version.note,
        "created_by": version.created_by,
        "created_at": version.created_at.isoformat() if version.created_at else None,
    }
    return {**record, "text": version.text} if words else record


def _when(version: PromptVersion) -> str:
    if version.created_at is None:
        return text("cli.prompts.built_in")
    return version.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
