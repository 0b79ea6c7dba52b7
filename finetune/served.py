"""The wordings that the library serves now: training data is written with them, promotion compares."""

from __future__ import annotations

import logging

from finetune.records import Told
from rag.answer import wording
from rag.answer.prompt_library import PromptLibrary
from rag.errors import PromptError
from rag.settings import Settings
from rag.store import Store

log = logging.getLogger(__name__)


def served_prompts(store: Store, settings: Settings) -> Told:
    """Those of ``answer.prompt_use``, by language; the concise ones, as in serving, when there is no such
    use."""
    library = PromptLibrary(store)
    try:
        return library.pair(settings.answer.prompt_use)
    except PromptError as error:
        log.warning("the concise wording stands in: %s", error.code)
        return library.pair(wording.CONCISE)
