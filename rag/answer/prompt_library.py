"""Prompts by use: those that came with the program, and what admins made of them.

Promises: what counts for a use and language is the newest saved wording, else the one that came with the
program; nothing that was saved is ever changed or lost, so the fingerprint in a turn leads back to its words;
only admins read or change wordings, everybody may choose among the uses; a wording that lacks what answers
rest on is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from rag.access import require_role
from rag.answer import prompts, wording
from rag.answer.prompts import Prompt, PromptLanguage
from rag.errors import PromptError
from rag.models.protocols import ChatMessage
from rag.records import Passage, Principal, PromptVersion
from rag.store import Store


@dataclass(frozen=True, slots=True)
class PromptPreview:
    """What would be sent: the messages in order, ``tokens`` estimated (of all of them), the passages that
    fit and how many did not."""

    messages: tuple[ChatMessage, ...]
    tokens: int
    passages: tuple[Passage, ...]
    left_out: int
    fingerprint: str


class PromptLibrary:
    def __init__(self, store: Store) -> None:
        self._store = store

    def uses(self) -> list[str]:
        """Names of the uses to choose from: those of the program first, then own ones by name."""
        own = {v.use for v in self._store.newest_prompts() if v.text and v.use not in wording.BUILT_IN_USES}
        return [*wording.BUILT_IN_USES, *sorted(own)]

    def pair(self, use: str) -> dict[PromptLanguage, Prompt]:
        """What counts for ``use``, by the question's language. An own use that exists in one language only
        serves both (the answer's language is fixed by the guard). Raises PromptError for an unknown use."""
        texts = {code: wording.BUILT_IN[(use, code)] for code in prompts.LANGUAGES if _came_with(use, code)}
        newest = {v.language: v.text for v in self._store.newest_prompts(use) if v.text}
        texts |= {code: newest[code] for code in prompts.LANGUAGES if code in newest}
        if not texts:
            raise PromptError("prompt.unknown_use", use=use[:60], known=", ".join(self.uses()))
        spare = next(iter(texts.values()))
        return {code: Prompt(use, code, texts.get(code, spare)) for code in prompts.LANGUAGES}

    def current(self, principal: Principal) -> list[PromptVersion]:
        """The wording that counts, for every use and language that has one. Admins only."""
        require_role(principal, "admin")
        newest = {(v.use, v.language): v for v in self._store.newest_prompts() if v.text}
        found = []
        for use in self.uses():
            for language in wording.LANGUAGES:
                version = newest.get((use, language)) or _came_with(use, language)
                if version is not None:
                    found.append(version)
        return found

    def versions(self, use: str, language: str, principal: Principal) -> list[PromptVersion]:
        """Every wording, newest first; the program's own, if there is one, last with id 0. Admins only."""
        require_role(principal, "admin")
        saved = self._store.prompt_versions(use, wording.check_language(language))
        own = _came_with(use, language)
        return [*saved, *([own] if own else [])]

    def save(self, use: str, language: str, text: str, principal: Principal, note: str = "") -> PromptVersion:
        """Checks and adds a wording; it counts at once. Saving what counts already adds nothing. Raises
        PromptError, AccessDenied."""
        require_role(principal, "admin")
        use, language = wording.check_use(use), wording.check_language(language)
        text = wording.check_text(text)
        now = next((v for v in self.current(principal) if (v.use, v.language) == (use, language)), None)
        if now is not None and now.text == text:
            return now
        return self._add(use, language, text, principal, note)

    def restore(self, use: str, language: str, version_id: int, principal: Principal) -> PromptVersion:
        """Makes an older wording count again, as a new row; ``version_id`` 0: the program's own. Raises
        PromptError when there is no such version."""
        require_role(principal, "admin")
        if version_id == 0:
            own = _came_with(use, wording.check_language(language))
            if own is None:
                raise PromptError("prompt.unknown_version", use=use, language=language, version=version_id)
            self._add(use, language, "", principal, note="")
            return own
        for version in self.versions(use, language, principal):
            if version.id == version_id and version.text:
                return self._add(use, language, wording.check_text(version.text), principal, version.note)
        raise PromptError("prompt.unknown_version", use=use, language=language, version=version_id)

    def retire(self, use: str, principal: Principal) -> None:
        """Takes an own use off the list; its wordings stay in the history. Raises PromptError for a use of
        the program or an unknown one."""
        require_role(principal, "admin")
        if use in wording.BUILT_IN_USES:
            raise PromptError("prompt.built_in", use=use)
        newest = [v for v in self._store.newest_prompts(use) if v.text]
        if not newest:
            raise PromptError("prompt.unknown_use", use=use[:60], known=", ".join(self.uses()))
        for version in newest:
            self._add(use, version.language, "", principal, note="")

    def preview(
        self,
        use: str,
        text: str,
        question: str,
        passages: Sequence[Passage],
        context_tokens: int,
        principal: Principal,
        language: str | None = None,
    ) -> PromptPreview:
        """The messages as they would be sent with this wording. Raises PromptError."""
        require_role(principal, "admin")
        own: PromptLanguage = prompts.prompt_language(question)
        code = cast("PromptLanguage", language) if language in ("zh", "en") else own
        prompt = Prompt(wording.check_use(use), code, wording.check_text(text))
        kept = prompts.fit(passages, context_tokens)
        messages = prompts.build(question, kept, prompt)
        return PromptPreview(
            messages=tuple(messages),
            tokens=sum(prompts.estimate_tokens(m.content) for m in messages),
            passages=tuple(kept),
            left_out=len(passages) - len(kept),
            fingerprint=prompt.fingerprint,
        )

    def _add(self, use: str, language: str, text: str, principal: Principal, note: str) -> PromptVersion:
        code = cast("Literal['zh', 'en']", language)
        return self._store.add_prompt(
            use=use,
            language=language,
            text=text,
            note=" ".join(note.split())[:200],
            fingerprint=Prompt(use, code, text).fingerprint if text else "",
            created_by=principal.user_id,
        )


def _came_with(use: str, language: str) -> PromptVersion | None:
    text = wording.BUILT_IN.get((use, language))
    if text is None:
        return None
    prompt = prompts.built_in(use, cast("PromptLanguage", language))
    return PromptVersion(0, use, language, text, "", prompt.fingerprint, "", None)
