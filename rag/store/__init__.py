"""The source of truth: documents, chunks, vectors, conversations, and the originals' bytes."""

from rag.store.codec import Vectors
from rag.store.leases import Lease
from rag.store.originals import Originals
from rag.store.store import Store

__all__ = ["Lease", "Originals", "Store", "Vectors"]
