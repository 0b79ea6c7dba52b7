"""Outside models, one system per file, each behind a Protocol of :mod:`rag.models.protocols`."""
