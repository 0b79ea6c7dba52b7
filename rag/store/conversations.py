"""Conversations and the turn log. Each belongs to one user: given ``user_id``, a method raises AccessDenied
for anybody else's, in the same words as for what is not there; without it the caller has authorised."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rag.errors import AccessDenied
from rag.records import Answer, Conversation, Review, RuleHit, Turn
from rag.store import codec
from rag.store.audit import append_action
from rag.store.base import Room
from rag.store.rules import keep_hits
from rag.store.schema import conversations, documents, turns

_TITLE_CHARS = 80


class Conversations(Room):
    """Mixed into Store."""

    def create_conversation(self, user_id: str, title: str = "") -> Conversation:
        """Without a title it is named by its first question."""
        with self._db.write(shared=True) as connection:
            return _create(connection, user_id, title)

    def conversations(self, user_id: str, limit: int = 200) -> list[Conversation]:
        """The user's, latest first."""
        query = (
            sa.select(conversations)
            .where(conversations.c.user_id == user_id)
            .order_by(conversations.c.updated_at.desc(), conversations.c.id.desc())
            .limit(limit)
        )
        with self._db.read() as connection:
            return [_conversation(row) for row in connection.execute(query)]

    def rename_conversation(
        self, conversation_id: int, title: str, user_id: str | None = None
    ) -> Conversation:
        """Raises AccessDenied when it is not there or not the user's."""
        with self._db.write(shared=True) as connection:
            found = _owned(connection, conversation_id, user_id)
            connection.execute(
                sa.update(conversations)
                .where(conversations.c.id == conversation_id)
                .values(title=_short(title))
            )
            return replace(found, title=_short(title))

    def delete_conversation(self, conversation_id: int, user_id: str | None = None) -> None:
        """With all its turns. Raises AccessDenied when it is not there or not the user's."""
        with self._db.write(shared=True) as connection:
            _owned(connection, conversation_id, user_id)
            connection.execute(sa.delete(conversations).where(conversations.c.id == conversation_id))

    def log_turn(
        self,
        answer: Answer,
        user_id: str,
        conversation_id: int | None = None,
        *,
        hits: Sequence[tuple[RuleHit, str]] = (),
        asked: Mapping[str, Any] | None = None,
    ) -> Turn:
        """Keeps an answer. Without a conversation one is made. The turn's answer carries both ids. In the
        same transaction: ``hits`` (of compliance rules, with excerpts) go into their queue, and ``asked``
        (ids and counts; None: nothing) into the audit chain. Raises AccessDenied when the conversation is
        not there or not the user's."""
        now = _now()
        with self._db.write(shared=True) as connection:
            if conversation_id is None:
                conversation = _create(connection, user_id, answer.question)
            else:
                conversation = _owned(connection, conversation_id, user_id)
            answer = replace(answer, turn_id=None, conversation_id=conversation.id)
            collection_ids = self._collections_of(connection, answer)
            turn_id = connection.execute(
                sa.insert(turns)
                .values(
                    conversation_id=conversation.id,
                    user_id=user_id,
                    created_at=now,
                    question=codec.clean(answer.question),
                    mode=answer.mode,
                    refused=answer.refused,
                    incomplete=answer.incomplete,
                    model=codec.clean(answer.model),
                    prompt_version=answer.prompt_version,
                    answer=codec.dump_answer(answer),
                    collections=codec.dump(sorted(collection_ids)),
                )
                .returning(turns.c.id)
            ).scalar_one()
            connection.execute(
                sa.update(conversations)
                .where(conversations.c.id == conversation.id)
                .values(updated_at=now, title=conversation.title or _short(answer.question))
            )
            if hits:
                keep_hits(connection, hits, turn_id, user_id, answer.question)
            if asked is not None:
                detail = {**asked, "conversation": conversation.id}
                append_action(connection, user_id, "question.ask", str(turn_id), detail)
        kept = replace(answer, turn_id=turn_id)
        return Turn(turn_id, conversation.id, user_id, now, kept, collection_ids=collection_ids)

    def _collections_of(self, connection: Connection, answer: Answer) -> frozenset[int]:
        """Those of the documents that an answer rests on; 0 for a document that is not there any more."""
        wanted = {p.document_id for p in answer.passages} | {c.document_id for c in answer.citations}
        if not wanted:
            return frozenset()
        rows = connection.execute(
            sa.select(documents.c.id, documents.c.collection_id).where(self._db.among(documents.c.id, wanted))
        ).all()
        gone = {0} if len(rows) < len(wanted) else set()
        return frozenset({row.collection_id for row in rows} | gone)

    def turns(self, conversation_id: int, user_id: str | None = None) -> list[Turn]:
        """In order. Raises AccessDenied when the conversation is not there or not the user's."""
        with self._db.read() as connection:
            _owned(connection, conversation_id, user_id)
            rows = connection.execute(
                sa.select(turns).where(turns.c.conversation_id == conversation_id).order_by(turns.c.id)
            ).all()
        return [_turn(row) for row in rows]

    def rate_turn(
        self,
        turn_id: int,
        user_id: str,
        rating: Literal[-1, 0, 1],
        reasons: Sequence[str] = (),
        comment: str = "",
        correction: str = "",
    ) -> Turn:
        """The reader's verdict, in place of an earlier one (its review starts anew); 0 takes it back. Raises
        AccessDenied when the turn is not there or not the user's."""
        if rating not in (-1, 0, 1):
            raise ValueError(f"rating is -1, 0 or 1, not {rating!r}")
        with self._db.write(shared=True) as connection:
            connection.execute(
                sa.update(turns)
                .where(turns.c.id == turn_id, turns.c.user_id == user_id)
                .values(
                    rating=rating,
                    reasons=codec.dump(list(reasons)),
                    comment=codec.clean(comment),
                    correction=codec.clean(correction),
                    rated_at=_now(),
                    review="",
                    reviewed_by="",
                )
            )
            row = connection.execute(
                sa.select(turns).where(turns.c.id == turn_id, turns.c.user_id == user_id)
            ).one_or_none()
            if row is None:
                raise AccessDenied("store.not_found")
            return _turn(row)

    def turn(self, turn_id: int) -> Turn:
        """Anybody's: the caller has authorised. Raises AccessDenied when it is not there."""
        with self._db.read() as connection:
            row = connection.execute(sa.select(turns).where(turns.c.id == turn_id)).one_or_none()
        if row is None:
            raise AccessDenied("store.not_found")
        return _turn(row)

    def rated_turns(
        self, *, rating: int | None = None, open_only: bool = False, limit: int = 1000
    ) -> list[Turn]:
        """Everybody's turns with feedback (a rating or a correction), lately rated first; ``open_only``:
        those that wait for a review (thumbs down or corrected). The caller has authorised."""
        query = (
            sa.select(turns)
            .where((turns.c.rating != 0) | (turns.c.correction != ""))
            .order_by(turns.c.rated_at.desc(), turns.c.id.desc())
            .limit(limit)
        )
        if rating is not None:
            query = query.where(turns.c.rating == rating)
        if open_only:
            query = query.where(turns.c.review == "", (turns.c.rating == -1) | (turns.c.correction != ""))
        with self._db.read() as connection:
            return [_turn(row) for row in connection.execute(query)]

    def review_turn(self, turn_id: int, review: Review, reviewer: str) -> None:
        """An evaluator's verdict on the feedback; "" opens it again. The caller has authorised. Raises
        AccessDenied when the turn is not there."""
        with self._db.write(shared=True) as connection:
            changed = connection.execute(
                sa.update(turns)
                .where(turns.c.id == turn_id)
                .values(review=review, reviewed_by=codec.clean(reviewer) if review else "")
            )
            if not changed.rowcount:
                raise AccessDenied("store.not_found")


def _now() -> datetime:
    return datetime.now(UTC)


def _short(title: str) -> str:
    """One line of at most 80 characters."""
    line = " ".join(codec.clean(title).split())
    return line if len(line) <= _TITLE_CHARS else line[: _TITLE_CHARS - 1] + "…"


def _create(connection: Connection, user_id: str, title: str) -> Conversation:
    now, title = _now(), _short(title)
    created = (
        sa.insert(conversations)
        .values(user_id=user_id, title=title, created_at=now, updated_at=now)
        .returning(conversations.c.id)
    )
    return Conversation(connection.execute(created).scalar_one(), user_id, title, now)


def _owned(connection: Connection, conversation_id: int, user_id: str | None) -> Conversation:
    query = sa.select(conversations).where(conversations.c.id == conversation_id)
    row = connection.execute(query).one_or_none()
    if row is None or (user_id is not None and row.user_id != user_id):
        raise AccessDenied("store.not_found")
    return _conversation(row)


def _conversation(row: Any) -> Conversation:
    return Conversation(row.id, row.user_id, row.title, row.updated_at)


def _turn(row: Any) -> Turn:
    return Turn(
        id=row.id,
        conversation_id=row.conversation_id,
        user_id=row.user_id,
        created_at=row.created_at,
        answer=replace(codec.load_answer(row.answer), turn_id=row.id),
        rating=row.rating,
        reasons=codec.load_strings(row.reasons),
        comment=row.comment,
        correction=row.correction,
        rated_at=row.rated_at,
        review=row.review,
        reviewed_by=row.reviewed_by,
        collection_ids=None if row.collections is None else frozenset(json.loads(row.collections)),
    )
