"""What the Engine offers around conversations: a reader's own turns, and the feedback that evaluators review.

Promises: a conversation is its owner's alone; feedback is seen by evaluators and admins only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from rag import metrics
from rag.access import LOCAL, require_role
from rag.errors import AccessDenied
from rag.records import Conversation, Principal, Review, Turn

if TYPE_CHECKING:
    from rag.store import Store


class Conversations:
    """Mixed into Engine."""

    store: Store

    def conversations(self, principal: Principal = LOCAL) -> list[Conversation]:
        """The principal's own, newest first."""
        return self.store.conversations(principal.user_id)

    def turns(self, conversation_id: int, principal: Principal = LOCAL) -> list[Turn]:
        self._own_conversation(conversation_id, principal)
        return self.store.turns(conversation_id)

    def rename_conversation(self, conversation_id: int, title: str, principal: Principal = LOCAL) -> None:
        self._own_conversation(conversation_id, principal)
        self.store.rename_conversation(conversation_id, title)

    def delete_conversation(self, conversation_id: int, principal: Principal = LOCAL) -> None:
        self._own_conversation(conversation_id, principal)
        self.store.delete_conversation(conversation_id)

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
        words. Raises AccessDenied for anybody else's."""
        self.store.rate_turn(turn_id, principal.user_id, rating, tuple(reasons), comment, correction)
        metrics.note_rating(rating)

    def feedback(
        self,
        principal: Principal,
        *,
        rating: Literal[-1, 1] | None = None,
        open_only: bool = False,
        limit: int = 1000,
    ) -> list[Turn]:
        """Everybody's turns with feedback, lately rated first; ``open_only``: thumbs down and corrections
        that nobody has reviewed. Only for evaluators and admins. Raises AccessDenied."""
        require_role(principal, "evaluator", "admin")
        return self.store.rated_turns(rating=rating, open_only=open_only, limit=limit)

    def feedback_turn(self, turn_id: int, principal: Principal) -> Turn:
        """One of the turns of :meth:`feedback`. Raises AccessDenied: not there, not rated, not an
        evaluator."""
        require_role(principal, "evaluator", "admin")
        turn = self.store.turn(turn_id)
        if not turn.rating and not turn.correction:
            raise AccessDenied("store.not_found")
        return turn

    def review_feedback(self, turn_id: int, principal: Principal, review: Review) -> None:
        """Files a turn's feedback as accepted or dismissed; "" opens it again. Raises AccessDenied."""
        self.feedback_turn(turn_id, principal)
        self.store.review_turn(turn_id, review, principal.name)

    def _own_conversation(self, conversation_id: int, principal: Principal) -> None:
        if all(c.id != conversation_id for c in self.conversations(principal)):
            raise AccessDenied("store.not_found")
