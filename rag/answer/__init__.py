"""Passages -> prompt -> streamed, checked answer. Entered through :mod:`rag.engine` only."""
