"""A tiny Engine in memory for the page's tests: the Engine's contract, scripted answers, no models."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rag.about import checked
from rag.documents import Added
from rag.errors import AccessDenied, Busy, DocumentError
from rag.records import (
    Answer,
    Box,
    Chip,
    Chunk,
    Citation,
    Collection,
    Conversation,
    Degraded,
    Document,
    Done,
    Event,
    OwnTerm,
    Page,
    PartStatus,
    Passage,
    Retrieved,
    Rewritten,
    Thinking,
    Token,
    Turn,
    Understood,
)
from rag.settings import Settings

PAGES = (
    "Aurora Water Group Annual Report 2024\nNet revenue rose to $1,577 million, up 12% from 2023.\nOutlook",
    "Segments\nThe industrial segment earned $640 million.\nCapital expenditure was $210 million in 2024.",
)
QUOTE = "Net revenue rose to $1,577 million, up 12% from 2023."


def tiny_pdf(pages: tuple[str, ...] = PAGES) -> bytes:
    """A PDF made here, one line below the other."""
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(595, 842), invariant=1)
    for text in pages:
        y = 760
        for line in text.split("\n"):
            canvas.setFont("Helvetica", 13)
            canvas.drawString(72, y, line)
            y -= 26
        canvas.showPage()
    canvas.save()
    return out.getvalue()


class StandIn:
    """Holds documents, conversations and ratings in lists. ``token_s`` is the pause between words."""

    def __init__(
        self, settings: Settings | None = None, *, token_s: float = 0.0, ready_after_s: float = 0.0
    ) -> None:
        self.settings = settings or Settings(data_dir=Path("/nonexistent"))
        self.token_s = token_s
        self.ready_after_s = ready_after_s
        self.mode = "extractive"
        self.store = SimpleNamespace(generation=lambda: 1)
        self._docs: dict[int, Document] = {}
        self._bytes: dict[int, bytes] = {}
        self._born: dict[int, float] = {}
        self._conversations: dict[int, Conversation] = {}
        self._turns: list[Turn] = []
        self.asked: list[dict[str, Any]] = []
        self.busy = False
        self.degraded: tuple[Degraded, ...] = ()
        self._lock = threading.Lock()

    def warm_up(self) -> None: ...

    def prompt_uses(self) -> list[str]:
        return ["concise", "analyst"]

    def close(self) -> None: ...

    def own_terms(self, principal: object = None, collection: str | None = None) -> list[OwnTerm]:
        return []

    def collections(self, principal: object = None) -> list[Collection]:
        return [Collection(1, "default")]

    def accounts_on(self) -> bool:
        return False

    def writable_collections(self, principal: object = None) -> list[Collection]:
        return self.collections(principal)

    def add_document(self, name: str, data: Any, principal: object = None, **more: Any) -> Added:
        blob = (
            data.read_bytes() if isinstance(data, Path) else data if isinstance(data, bytes) else data.read()
        )
        if len(blob) > self.settings.ingest.max_file_mb * 2**20:
            raise DocumentError("failed", "document.too_large", name=name)
        sha = hashlib.sha256(blob).hexdigest()
        for known in self._docs.values():
            if known.sha256 == sha:
                return Added(known, False)
        key = len(self._docs) + 1
        self._bytes[key], self._born[key] = blob, time.monotonic()
        self._docs[key] = Document(
            key,
            1,
            more.get("collection", "default"),
            name,
            sha,
            len(blob),
            "queued",
            created_at=datetime.now(UTC),
        )
        return Added(self.document(key), True)

    def set_status(self, document_id: int, **changes: Any) -> None:
        self._born[document_id] = float("inf")
        self._docs[document_id] = dataclasses.replace(self._docs[document_id], **changes)

    def document(self, document_id: int, principal: object = None) -> Document:
        found = self._docs.get(document_id)
        if found is None:
            raise AccessDenied("store.not_found")
        age = time.monotonic() - self._born[document_id]
        if found.status in ("queued", "parsing", "embedding") and self._born[document_id] != float("inf"):
            share = age / self.ready_after_s if self.ready_after_s else 1.0
            pdf = found.name.endswith("pdf")
            if share >= 1:
                found = dataclasses.replace(
                    found, status="ready", page_count=2, chunk_count=2, title="Annual Report", language="en",
                    media_type="application/pdf" if pdf else "text/plain",
                    page_kind="physical" if pdf else "estimated",
                )  # fmt: skip
                self._docs[document_id] = found
            elif share > 0.5:
                found = dataclasses.replace(
                    found, status="embedding", chunk_count=40, chunks_done=int(share * 40)
                )
            else:
                found = dataclasses.replace(
                    found, status="parsing", page_count=12, pages_done=int(share * 24)
                )
        return found

    def documents(self, principal: object = None) -> list[Document]:
        return [self.document(key) for key in list(self._docs)]

    def document_pages(self, document_id: int, principal: object = None) -> list[Page]:
        self.document(document_id)
        return [Page(n, text, 595, 842) for n, text in enumerate(PAGES, 1)]

    def document_chunks(self, document_id: int, principal: object = None) -> list[Chunk]:
        self.document(document_id)
        offset, chunks = 0, []
        for n, text in enumerate(PAGES):
            chunks.append(
                Chunk(
                    n, text, n + 1, n + 1, offset, offset + len(text), ("Report", "Results"), "", (), 40, "en"
                )
            )
            offset += len(text) + 1
        return chunks

    def edit_about(
        self, document_id: int, principal: object = None, *, title: str | None = None, **values: Any
    ) -> Document:
        document = self.document(document_id)
        about = dataclasses.replace(document.about, **checked(values))
        self._docs[document_id] = dataclasses.replace(document, about=about, title=title or document.title)
        return self._docs[document_id]

    def delete_document(self, document_id: int, principal: object = None) -> None:
        self.document(document_id)
        del self._docs[document_id]

    def retry_document(self, document_id: int, principal: object = None, password: str | None = None) -> None:
        self._docs[document_id] = dataclasses.replace(self._docs[document_id], status="queued", error_code="")
        self._born[document_id] = time.monotonic()

    def original(self, document_id: int, principal: object = None) -> bytes:
        return self._bytes[document_id]

    def page_picture(
        self, document_id: int, page: int, principal: object = None, *, width_px: int = 1000
    ) -> bytes | None:
        document = self.document(document_id)
        if document.page_kind == "estimated":
            return None
        import pypdfium2

        pdf = pypdfium2.PdfDocument(self._bytes[document_id])
        picture = pdf[page - 1].render(scale=width_px / 595).to_pil()
        out = io.BytesIO()
        picture.save(out, "PNG")
        return out.getvalue()

    def ask(
        self, question: str, principal: Any = None, *, conversation_id: int | None = None,
        collection_ids: Any = None, document_ids: Any = None, log: bool = True,
        stop: threading.Event | None = None, ignored_chips: Any = (),
        use: str | None = None, anew: bool = False,
    ) -> Iterator[Event]:  # fmt: skip
        self.asked.append(
            {
                "question": question,
                "document_ids": document_ids,
                "conversation_id": conversation_id,
                "ignored_chips": tuple(ignored_chips),
                "use": use,
                "anew": anew,
            }
        )
        started = time.monotonic()
        if self.busy:
            raise Busy("load.busy", retry_after_s=7, count=9)
        if "explode" in question:
            raise RuntimeError("boom")
        yield Rewritten(question)
        ready = [d for d in self.documents() if d.status == "ready"]
        passages = tuple(
            Passage(
                n, n, d.id, d.name, d.title, 1, 1, ("Results",), "", PAGES[0], 0, len(PAGES[0]),
                (Box(1, 0.12, 0.115, 0.75, 0.135),), "en", d.page_kind, 1 / n, 0.6, 3.0,
            )
            for n, d in enumerate(ready[:3], 1)
        )  # fmt: skip
        named = (Chip("company", "Aurora Water", (1,)), Chip("period", "FY2024", (1,)))
        understood = Understood(
            tuple(c for c in named if c.text.split()[0] in question and c.key not in ignored_chips),
            (question,),
            ignored=tuple(ignored_chips),
        )
        yield Retrieved(passages, {"search": 12.0}, understood)
        yield from self.degraded
        thinking = "The question asks for revenue." if self.mode == "generative" else ""
        if thinking:
            yield Thinking(thinking)
        refused = "nothing" in question or not passages
        if refused:
            words = ["The", " documents", " do", " not", " answer", " this."]
        elif self.mode == "generative":
            words = [
                "**Net revenue**", " rose", " to", " $1,577 million", " [1].", " See", " ![x](http://evil/x.png)",
                " [link](http://evil)", " and", " <img src=x onerror=alert(1)>", " the", " industrial",
                " segment", " earned", " $640 million", " [1][2].",
            ]  # fmt: skip
        else:
            words = [QUOTE, " [1]"]
        text, incomplete = "", False
        for word in words * (20 if "long" in question else 1):
            if stop is not None and stop.is_set():
                incomplete = True
                break
            text += word
            yield Token(word)
            time.sleep(self.token_s)
        start = PAGES[0].index(QUOTE)
        citations = tuple(
            Citation(
                n, p.chunk_id, p.document_id, p.document, 1, 1, QUOTE, start, start + len(QUOTE),
                (Box(1, 0.12, 0.115, 0.75, 0.135),),
            )
            for n, p in enumerate(passages[:2], 1)
            if f"[{n}]" in text
        )  # fmt: skip
        with self._lock:
            if conversation_id is None:
                conversation_id = len(self._conversations) + 1
                self._conversations[conversation_id] = Conversation(
                    conversation_id, "local", question[:60], datetime.now(UTC)
                )
            answer = Answer(
                len(self._turns) + 1, conversation_id, question, question, text,
                "refused" if refused else self.mode, refused, "refusal.no_evidence" if refused else "",  # type: ignore[arg-type]
                "Qwen/Qwen3-8B" if self.mode == "generative" else "", () if refused else citations, passages,
                self.degraded, incomplete, thinking, "1",
                {"search": 12.0, "first_token": 31.0, "total": 1000 * (time.monotonic() - started)},
                understood, from_cache="hot" in question and not anew,
            )  # fmt: skip
            self._turns.append(Turn(answer.turn_id or 0, conversation_id, "local", datetime.now(UTC), answer))
        yield Done(answer)

    def conversations(self, principal: object = None) -> list[Conversation]:
        return sorted(self._conversations.values(), key=lambda c: -c.id)

    def turns(self, conversation_id: int, principal: object = None) -> list[Turn]:
        if conversation_id not in self._conversations:
            raise AccessDenied("store.not_found")
        return [t for t in self._turns if t.conversation_id == conversation_id]

    def rename_conversation(self, conversation_id: int, title: str, principal: object = None) -> None:
        self._conversations[conversation_id] = dataclasses.replace(
            self._conversations[conversation_id], title=title
        )

    def delete_conversation(self, conversation_id: int, principal: object = None) -> None:
        del self._conversations[conversation_id]

    def rate_turn(
        self, turn_id: int, principal: object, rating: Any, reasons: Any = (), comment: str = "",
        correction: str = "",
    ) -> None:  # fmt: skip
        self._turns = [
            dataclasses.replace(
                t, rating=rating, reasons=tuple(reasons), comment=comment, correction=correction
            )
            if t.id == turn_id
            else t
            for t in self._turns
        ]

    def part_statuses(self) -> list[PartStatus]:
        return [
            PartStatus("store", "ok", "store.fine"),
            PartStatus("chat", "off", "chat.none", {}, "wenju run"),
        ]
