"""Question -> passages: dense and lexical candidates inside the scope, fused.

Modules here import FAISS and tantivy when they are used, never at import.
"""
