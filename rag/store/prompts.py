"""Every wording of a prompt that was ever saved. Rows are added, never changed; the newest counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from rag.records import PromptVersion
from rag.store import codec
from rag.store.base import Room
from rag.store.schema import prompts


class Prompts(Room):
    """Mixed into Store."""

    def add_prompt(
        self, *, use: str, language: str, text: str, note: str, fingerprint: str, created_by: str
    ) -> PromptVersion:
        """Adds a wording, which counts from now on. An empty text takes saved wordings out of use."""
        now = datetime.now(UTC)
        with self._db.write(shared=True) as connection:
            row_id = connection.execute(
                sa.insert(prompts)
                .values(
                    use=codec.clean(use),
                    language=language,
                    text=codec.clean(text),
                    note=codec.clean(note),
                    fingerprint=fingerprint,
                    created_by=codec.clean(created_by),
                    created_at=now,
                )
                .returning(prompts.c.id)
            ).scalar_one()
        return PromptVersion(row_id, use, language, text, note, fingerprint, created_by, now)

    def prompt_versions(self, use: str | None = None, language: str | None = None) -> list[PromptVersion]:
        """Saved wordings, newest first."""
        query = sa.select(prompts).order_by(prompts.c.id.desc())
        if use is not None:
            query = query.where(prompts.c.use == use)
        if language is not None:
            query = query.where(prompts.c.language == language)
        return self._prompts(query)

    def newest_prompts(self, use: str | None = None) -> list[PromptVersion]:
        """The newest wording of each use (of ``use``) and language."""
        newest = sa.select(sa.func.max(prompts.c.id)).group_by(prompts.c.use, prompts.c.language)
        query = sa.select(prompts).where(prompts.c.id.in_(newest)).order_by(prompts.c.use, prompts.c.language)
        return self._prompts(query if use is None else query.where(prompts.c.use == use))

    def _prompts(self, query: sa.Select[Any]) -> list[PromptVersion]:
        with self._db.read() as connection:
            rows: Sequence[Any] = connection.execute(query).all()
        return [
            PromptVersion(
                row.id,
                row.use,
                row.language,
                row.text,
                row.note,
                row.fingerprint,
                row.created_by,
                row.created_at,
            )
            for row in rows
        ]
