"""What the Engine offers around conversations: a reader's own turns, and the feedback that evaluators review.

Promises: a conversation is its owner's alone; feedback is seen by evaluators and admins only; an answer is
shown to nobody who may not read (any more) what it rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from rag import metrics
from rag.access import LOCAL, require_right
from rag.errors import AccessDenied
from rag.messages import message
from rag.records import Answer, Conversation, Principal, Review, Scope, Turn
from rag.text.language import detect_language

if TYPE_CHECKING:
    from rag.store import Store


class Conversations:
    """Mixed into Engine."""

    store: Store

    if TYPE_CHECKING:  # the Engine's own

        def scope(self, principal: Principal) -> Scope: ...
        def may_see(self, principal: Principal) -> Callable[[frozenset[int]], bool]: ...
        def forget_answer(self, key: str) -> None: ...

    def conversations(self, principal: Principal = LOCAL) -> list[Conversation]:
        """The principal's own, newest first."""
        require_right(principal, "read")
        return self.store.conversations(principal.user_id)

    def turns(self, conversation_id: int, principal: Principal = LOCAL) -> list[Turn]:
        """In order. An answer that rests on a collection which the principal may not read any more is
        withheld: its question stays, with the refusal "refusal.withheld" in the answer's place."""
        require_right(principal, "read")
        self._own_conversation(conversation_id, principal)
        may_show = self._shown_to(principal)
        return [turn if may_show(turn) else _withheld(turn) for turn in self.store.turns(conversation_id)]

    def own_turn(self, turn_id: int, principal: Principal = LOCAL) -> Turn:
        """One of the principal's own, with its evidence. Raises AccessDenied: not there, not theirs, or it
        rests on what they may not read any more."""
        require_right(principal, "ask")
        turn = self.store.turn(turn_id)
        if turn.user_id != principal.user_id or not self._shown_to(principal)(turn):
            raise AccessDenied("store.not_found")
        return turn

    def rename_conversation(self, conversation_id: int, title: str, principal: Principal = LOCAL) -> None:
        require_right(principal, "ask")
        self._own_conversation(conversation_id, principal)
        self.store.rename_conversation(conversation_id, title)

    def delete_conversation(self, conversation_id: int, principal: Principal = LOCAL) -> None:
        require_right(principal, "ask")
        self._own_conversation(conversation_id, principal)
        self.store.delete_conversation(conversation_id)
        self.store.note_action(principal.user_id, "conversation.delete", str(conversation_id))

    def rate_turn(
        self,
        turn_id: int,
        principal: Principal,
        rating: Literal[-1, 0, 1],
        reasons: Sequence[str] = (),
        comment: str = "",
        correction: str = "",
    ) -> None:
        """Keeps the reader's feedback on their own turn, ``correction`` being the right answer in their
        words. An answer that is called wrong or corrected is not given again. Raises AccessDenied for
        anybody else's."""
        require_right(principal, "feedback")
        turn = self.store.rate_turn(turn_id, principal.user_id, rating, tuple(reasons), comment, correction)
        metrics.note_rating(rating)
        if rating < 0 or correction.strip():
            self.forget_answer(turn.answer.cache_key)

    def feedback(
        self,
        principal: Principal,
        *,
        rating: Literal[-1, 1] | None = None,
        open_only: bool = False,
        limit: int = 1000,
    ) -> list[Turn]:
        """Everybody's turns with feedback, lately rated first; ``open_only``: thumbs down and corrections
        that nobody has reviewed. Only for evaluators and admins, and only about documents that they may read.
        Raises AccessDenied."""
        require_right(principal, "evaluate")
        may_show = self._shown_to(principal)
        rated = self.store.rated_turns(rating=rating, open_only=open_only, limit=limit)
        return [turn for turn in rated if may_show(turn)]

    def feedback_turn(self, turn_id: int, principal: Principal) -> Turn:
        """One of the turns of :meth:`feedback`. Raises AccessDenied: not there, not rated, not an
        evaluator, about documents that are not theirs to read."""
        require_right(principal, "evaluate")
        turn = self.store.turn(turn_id)
        if not (turn.rating or turn.correction) or not self._shown_to(principal)(turn):
            raise AccessDenied("store.not_found")
        return turn

    def review_feedback(self, turn_id: int, principal: Principal, review: Review) -> None:
        """Files a turn's feedback as accepted or dismissed; "" opens it again. Raises AccessDenied."""
        self.feedback_turn(turn_id, principal)
        self.store.review_turn(turn_id, review, principal.name)
        self.store.note_action(principal.user_id, "feedback.review", str(turn_id), {"review": review})

    def _own_conversation(self, conversation_id: int, principal: Principal) -> None:
        if all(c.id != conversation_id for c in self.store.conversations(principal.user_id)):
            raise AccessDenied("store.not_found")

    def _shown_to(self, principal: Principal) -> Callable[[Turn], bool]:
        """Whether the principal may read what a turn rests on."""
        may_see = self.may_see(principal)
        known: list[frozenset[int]] = []  # documents of the scope, looked up for a turn without a note

        def may_show(turn: Turn) -> bool:
            if turn.collection_ids is not None or may_see(frozenset({0})):
                return may_see(turn.collection_ids or frozenset())
            if not known:
                known.append(frozenset(d.id for d in self.store.documents(self.scope(principal))))
            answer = turn.answer
            rests_on = {p.document_id for p in answer.passages} | {c.document_id for c in answer.citations}
            return rests_on <= known[0]

        return may_show


def _withheld(turn: Turn) -> Turn:
    """The question alone, and why: nothing that was made of the documents."""
    answer = turn.answer
    code = "refusal.withheld"
    bare = Answer(
        turn_id=answer.turn_id,
        conversation_id=answer.conversation_id,
        question=answer.question,
        standalone_question=answer.question,
        text=message(code, detect_language(answer.question)),
        mode="refused",
        refused=True,
        refusal_code=code,
        model="",
        citations=(),
        passages=(),
        degraded=(),
        incomplete=False,
        thinking="",
        prompt_version="",
        timings_ms={},
    )
    return replace(turn, answer=bare, correction="", comment="")
