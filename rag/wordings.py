"""What the Engine offers around words that admins own: the prompts, and a collection's own terms.

Promises: readers may know the styles there are; everything else is for admins only (AccessDenied).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rag.access import LOCAL, require_role
from rag.errors import TermError
from rag.records import Collection, OwnTerm, Principal, PromptVersion
from rag.settings import Settings

if TYPE_CHECKING:
    from rag.answer.prompt_library import PromptLibrary, PromptPreview
    from rag.search.index import SearchIndex, SearchResult
    from rag.search.own_terms import Imported
    from rag.store import Store


class Wordings:
    """Mixed into Engine."""

    settings: Settings
    store: Store

    if TYPE_CHECKING:  # the Engine's own

        def search(self, query: str, principal: Principal = LOCAL) -> SearchResult: ...
        def search_index(self) -> SearchIndex: ...
        def collections(self, principal: Principal = LOCAL) -> list[Collection]: ...

    def prompt_uses(self) -> list[str]:
        """The styles a reader may choose from."""
        return self._prompt_library().uses()

    def prompts(self, principal: Principal = LOCAL) -> list[PromptVersion]:
        """The wording that counts, for every use and language. This and what follows: admins only
        (AccessDenied)."""
        return self._prompt_library().current(principal)

    def prompt_versions(self, use: str, language: str, principal: Principal = LOCAL) -> list[PromptVersion]:
        """Every wording, newest first; the one that came with the program last."""
        return self._prompt_library().versions(use, language, principal)

    def save_prompt(
        self, use: str, language: str, text: str, principal: Principal = LOCAL, note: str = ""
    ) -> PromptVersion:
        """A new wording, counting at once; also of a new use. Raises PromptError when it lacks something."""
        return self._noted(
            principal, "save", self._prompt_library().save(use, language, text, principal, note)
        )

    def restore_prompt(
        self, use: str, language: str, version_id: int, principal: Principal = LOCAL
    ) -> PromptVersion:
        """Makes an older wording count again (0: the one that came with the program)."""
        return self._noted(
            principal, "restore", self._prompt_library().restore(use, language, version_id, principal)
        )

    def retire_prompt(self, use: str, principal: Principal = LOCAL) -> None:
        """Takes an own use off the list; its wordings stay."""
        self._prompt_library().retire(use, principal)
        self.store.note_action(principal.user_id, "prompt.retire", use)

    def _noted(self, principal: Principal, verb: str, version: PromptVersion) -> PromptVersion:
        detail = {"language": version.language, "fingerprint": version.fingerprint, "version": version.id}
        self.store.note_action(principal.user_id, f"prompt.{verb}", version.use, detail)
        return version

    def preview_prompt(
        self,
        use: str,
        text: str,
        question: str,
        principal: Principal = LOCAL,
        *,
        language: str | None = None,
    ) -> PromptPreview:
        """The messages as they would be sent for ``question`` with the passages that are found now.
        ``language``: of the wording; None is the question's own."""
        found = self.search(question, principal)
        return self._prompt_library().preview(
            use, text, question, found.passages, self.settings.chat.context_tokens, principal, language
        )

    def _prompt_library(self) -> PromptLibrary:
        from rag.answer.prompt_library import PromptLibrary

        return PromptLibrary(self.store)

    def own_terms(self, principal: Principal = LOCAL, collection: str | None = None) -> list[OwnTerm]:
        """Terms that admins added, of every collection or of one. This and what follows: admins only
        (AccessDenied); TermError names an unknown collection and what is wrong with a term."""
        return self.search_index().own_terms.listed(principal, self._collections_named(principal, collection))

    def add_term(
        self, term: str, synonyms: Sequence[str], principal: Principal = LOCAL, *, collection: str = "default"
    ) -> OwnTerm:
        """Names of one thing, in any language: a question that uses one of them looks for the others."""
        (where,) = self._collections_named(principal, collection)
        made = self.search_index().own_terms.add(principal, where, term, synonyms)
        self.store.note_action(principal.user_id, "term.add", str(made.id), {"collection": where.id})
        return made

    def import_terms(
        self, text: str, principal: Principal = LOCAL, *, collection: str = "default"
    ) -> Imported:
        """Terms of a CSV text, a term and its synonyms a row. Good rows are kept, bad ones told by line."""
        (where,) = self._collections_named(principal, collection)
        imported = self.search_index().own_terms.import_text(principal, where, text)
        detail = {"collection": where.id, "added": imported.added}
        self.store.note_action(principal.user_id, "term.import", "", detail)
        return imported

    def remove_term(self, term_id: int, principal: Principal = LOCAL) -> None:
        self.search_index().own_terms.remove(principal, self.collections(principal), term_id)
        self.store.note_action(principal.user_id, "term.remove", str(term_id))

    def _collections_named(self, principal: Principal, name: str | None) -> list[Collection]:
        require_role(principal, "admin")
        there = self.collections(principal)
        if name is None:
            return there
        found = [c for c in there if c.name == name]
        if not found and name == "default":
            return [self.store.ensure_collection(name)]
        if not found:
            known = ", ".join(c.name for c in there) or "-"
            raise TermError("vocabulary.no_collection", name=name, known=known)
        return found
