"""What people read when something is missing or wrong, in English and Chinese.

Every code maps to an (English, Chinese) pair of format strings. The message names the thing, what was
found, what was expected, and what mends it. Rooms keep their own messages in a module here.
"""

from __future__ import annotations

from collections.abc import Mapping

from rag.messages import (
    answers,
    api,
    audit,
    cli,
    compliance,
    documents,
    evaluation,
    ingest,
    load,
    models,
    monitoring,
    page,
    people,
    people_cli,
    prompts,
    quality,
    serving,
    settings,
    store,
    tuning,
    vocabulary,
)

Catalogue = Mapping[str, tuple[str, str]]

CATALOGUE: Catalogue = {
    **settings.MESSAGES,
    **store.MESSAGES,
    **documents.MESSAGES,
    **ingest.MESSAGES,
    **models.MESSAGES,
    **monitoring.MESSAGES,
    **load.MESSAGES,
    **answers.MESSAGES,
    **prompts.MESSAGES,
    **page.MESSAGES,
    **people.MESSAGES,
    **people_cli.MESSAGES,
    **cli.MESSAGES,
    **api.MESSAGES,
    **tuning.MESSAGES,
    **serving.MESSAGES,
    **evaluation.MESSAGES,
    **quality.MESSAGES,
    **vocabulary.MESSAGES,
    **compliance.MESSAGES,
    **audit.MESSAGES,
}


class _Lenient(dict[str, str]):
    """A forgotten parameter shows as its name: a message is never lost to a KeyError."""

    def __missing__(self, key: str) -> str:
        return f"<{key}>"


def message(code: str, language: str, params: Mapping[str, str] | None = None) -> str:
    """The text of ``code`` in "zh" or (for every other value) English; the code itself if unknown. A code may
    carry its own parameters: ``"warn.scanned_pages?pages=3, 5-9"`` (several are parted by "&")."""
    bare, _, query = code.partition("?")
    pair = CATALOGUE.get(bare)
    if pair is None:
        return code
    own = dict(part.split("=", 1) for part in query.split("&") if "=" in part)
    return pair[1 if language == "zh" else 0].format_map(_Lenient({**own, **(params or {})}))
