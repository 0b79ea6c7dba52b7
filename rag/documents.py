"""What the Engine offers around documents: taking in, listing, reading, editing, deleting, picturing.

Promises: every read and write is authorised here, ids of a client included; "not there" and "not yours" are
the same answer; taking in the same bytes again is a no-op that says so.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rag.access import LOCAL, readable_scope, reads_everything, require_right, rights
from rag.errors import AccessDenied, DocumentError, PeopleError, WenjuError
from rag.records import Collection, Document, Page, Principal, Scope, StoredChunk
from rag.settings import Settings

if TYPE_CHECKING:
    from rag.pictures import PagePictures
    from rag.store import Store


@dataclass(frozen=True, slots=True)
class Added:
    """``created`` is False when the same bytes are already in that collection (``document`` is then the
    one that is there)."""

    document: Document
    created: bool


class Documents:
    """Mixed into Engine."""

    settings: Settings
    store: Store
    _lock: threading.RLock
    _pictures: PagePictures | None

    def scope(
        self,
        principal: Principal,
        collection_ids: Iterable[int] | None = None,
        document_ids: Iterable[int] | None = None,
    ) -> Scope:
        """What ``principal`` may read, narrowed to the given collections and documents. Raises AccessDenied
        when a given id is not readable."""
        readable = {c.id: c for c in self.collections(principal)}
        if collection_ids is not None:
            wanted = set(collection_ids)
            if not wanted <= readable.keys():
                raise AccessDenied("store.not_found")
            readable = {key: readable[key] for key in wanted}
        scope = readable_scope(principal, readable.values(), document_ids)
        for document_id in scope.document_ids or ():
            self.store.document(document_id, scope)  # AccessDenied: not there or not yours
        return scope

    def collections(self, principal: Principal = LOCAL) -> list[Collection]:
        """What the principal may read, by name: with accounts on an admin everything, others the collections
        they are members of; an API token perhaps less."""
        if not rights(principal) & {"read", "ask"}:
            return []
        return self._narrowed(principal, may_write=False)

    def writable_collections(self, principal: Principal = LOCAL) -> list[Collection]:
        """Those into which the principal may put documents, by name."""
        return self._narrowed(principal, may_write=True) if "write" in rights(principal) else []

    def may_see(self, principal: Principal) -> Callable[[frozenset[int]], bool]:
        """Whether the principal may see what rests on documents of these collections, those that are gone by
        now included (only whoever reads everything sees what rests on them)."""
        if principal.collection_ids is None and (
            self.settings.accounts.mode == "off" or reads_everything(principal)
        ):
            return lambda collection_ids: True
        readable = self.scope(principal).collection_ids
        return lambda collection_ids: collection_ids <= readable

    def _narrowed(self, principal: Principal, may_write: bool) -> list[Collection]:
        if self.settings.accounts.mode == "off" or reads_everything(principal):
            found = self.store.collections()
        else:
            found = self.store.member_collections(principal.user_id, may_write=may_write)
        allowed = principal.collection_ids
        return found if allowed is None else [c for c in found if c.id in allowed]

    def add_document(
        self,
        name: str,
        data: bytes | BinaryIO | Path,
        principal: Principal = LOCAL,
        *,
        collection: str = "default",
        source: str = "",
        password: str | None = None,
    ) -> Added:
        """Stores the bytes and queues the document; a worker takes it from there. Idempotent by content.
        ``collection`` is made when there is none and the principal is an admin. Raises DocumentError for a
        file over the limit, DiskFull, AccessDenied, PeopleError (no such collection)."""
        target = self._target(collection, principal)
        limit = self.settings.ingest.max_file_mb * 2**20
        if isinstance(data, Path):
            if data.stat().st_size > limit:
                raise _too_large(name, data.stat().st_size, limit)
            opened: object = data.open("rb")
        elif isinstance(data, bytes):
            opened = io.BytesIO(data)
        else:
            opened = nullcontext(data)
        with opened as stream:  # type: ignore[attr-defined]
            if stream.seekable():
                size = stream.seek(0, io.SEEK_END)
                if size > limit:
                    raise _too_large(name, size, limit)
                settled = self._settled(stream, target, source)
                if settled is not None:
                    return Added(settled, created=False)
                stream.seek(0)
            sha256, size = self.store.originals.put(stream)
            document, created = self.store.add_document(
                collection_id=target.id,
                name=name,
                sha256=sha256,
                size_bytes=size,
                source=source,
                password=password,
            )
            if stream.seekable() and not self.store.originals.exists(sha256):
                # The same bytes were deleted by somebody else between the two writes above.
                stream.seek(0)
                self.store.originals.put(stream)
        if created:
            detail = {"name": name[:200], "collection": target.id, "sha256": sha256, "bytes": size}
            self.store.note_action(principal.user_id, "document.add", str(document.id), detail)
        return Added(document, created)

    def _target(self, name: str, principal: Principal) -> Collection:
        require_right(principal, "write")
        known = next((c for c in self.store.collections() if c.name == name), None)
        if known is not None and any(c.id == known.id for c in self.writable_collections(principal)):
            return known
        readable = self.collections(principal)
        if known is not None and any(c.id == known.id for c in readable):
            raise AccessDenied("access.needs_write", collection=name)
        if known is None and reads_everything(principal) and principal.collection_ids is None:
            return self.store.ensure_collection(name)
        there = ", ".join(c.name for c in self.writable_collections(principal)) or "-"
        raise PeopleError("people.no_collection", name=name, known=there)

    def _settled(self, stream: BinaryIO, collection: Collection, source: str) -> Document | None:
        """The ready document that these bytes already are. Writes nothing: taking in a folder again costs a
        hash and a look-up for every file that did not change."""
        stream.seek(0)
        digest = hashlib.sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
        return self.store.settled_document(
            collection_id=collection.id, sha256=digest.hexdigest(), source=source
        )

    def documents(self, principal: Principal = LOCAL) -> list[Document]:
        """Of what the principal may read, newest first."""
        require_right(principal, "read")
        return self.store.documents(self.scope(principal))

    def document(self, document_id: int, principal: Principal = LOCAL) -> Document:
        """Raises AccessDenied: not there, or not yours."""
        require_right(principal, "read")
        return self.store.document(document_id, self.scope(principal))

    def _changeable(self, document_id: int, principal: Principal) -> Document:
        """For whoever may write into its collection. Raises AccessDenied."""
        require_right(principal, "write")
        document = self.store.document(document_id, self.scope(principal))
        if all(c.id != document.collection_id for c in self.writable_collections(principal)):
            raise AccessDenied("access.needs_write", collection=document.collection)
        return document

    def document_pages(self, document_id: int, principal: Principal = LOCAL) -> list[Page]:
        self.document(document_id, principal)
        return self.store.pages(document_id)

    def document_chunks(self, document_id: int, principal: Principal = LOCAL) -> list[StoredChunk]:
        """The chunks as indexed, in order."""
        self.document(document_id, principal)
        return self.store.document_chunks(document_id)

    def edit_about(
        self,
        document_id: int,
        principal: Principal = LOCAL,
        *,
        title: str | None = None,
        company: str | None = None,
        ticker: str | None = None,
        report_type: str | None = None,
        fiscal_year: int | None = None,
        fiscal_period: str | None = None,
        date: str | None = None,
        aliases: Sequence[str] | None = None,
    ) -> Document:
        """Sets what a ready document is about; None leaves a field as it is, "" (for the year 0, for the
        aliases []) says that it is unknown. What was set is kept when the document is read again. Search
        names documents anew within ``search.refresh_s``; the lexical index takes the new head of each chunk,
        vectors keep the head that they were embedded with until the library is re-indexed for another reason.
        Raises AccessDenied, WenjuError ("about.invalid" naming the field, "about.not_ready")."""
        from rag.about import checked

        document = self._changeable(document_id, principal)
        if document.status != "ready":
            raise WenjuError("about.not_ready", name=document.name)
        values = checked(
            {
                "title": title,
                "company": company,
                "ticker": ticker,
                "report_type": report_type,
                "fiscal_year": fiscal_year,
                "fiscal_period": fiscal_period,
                "date": date,
                "aliases": aliases,
            }
        )
        fields = sorted(values)
        changed = self.store.edit_about(document_id, values.pop("title", None) or None, values)
        self.store.note_action(principal.user_id, "document.change", str(document_id), {"fields": fields})
        return changed

    def delete_document(self, document_id: int, principal: Principal = LOCAL) -> None:
        """Raises AccessDenied: not there, not yours, or yours to read only."""
        document = self._changeable(document_id, principal)
        self.store.delete_document(document_id)
        detail = {"name": document.name[:200], "sha256": document.sha256}
        self.store.note_action(principal.user_id, "document.delete", str(document_id), detail)
        if not self.store.originals.exists(document.sha256):  # no other document has these bytes
            self._page_pictures().forget(document.sha256)

    def retry_document(
        self, document_id: int, principal: Principal = LOCAL, password: str | None = None
    ) -> None:
        """Queues a document again, with a password when it needs one."""
        self._changeable(document_id, principal)
        self.store.requeue_document(document_id, password=password)
        self.store.note_action(principal.user_id, "document.retry", str(document_id))

    def original(self, document_id: int, principal: Principal = LOCAL) -> bytes:
        document = self.document(document_id, principal)
        self.store.note_action(principal.user_id, "document.export", str(document_id))
        with self.store.originals.open(document.sha256) as stream:
            return bytes(stream.read())

    def page_picture(
        self, document_id: int, page: int, principal: Principal = LOCAL, *, width_px: int = 1000
    ) -> bytes | None:
        """The page as PNG, ``width_px`` wide; None when the file type has no pictures or the page cannot be
        drawn (show the page's text instead)."""
        document = self.document(document_id, principal)
        shown = document.rendition_sha256 or document.sha256
        with self.store.originals.local_path(shown) as path:
            return self._page_pictures().picture(path, document.sha256, page, width_px)

    def _page_pictures(self) -> PagePictures:
        with self._lock:
            if self._pictures is None:
                from rag.pictures import PagePictures

                self._pictures = PagePictures(self.settings)
            return self._pictures


def _too_large(name: str, size: int, limit: int) -> DocumentError:
    return DocumentError(
        "failed", "document.too_large", name=name, size_mb=f"{size / 2**20:.0f}", limit_mb=limit // 2**20
    )
