"""The field's vocabulary: line items and terms with their names in English and Chinese, ratios with their
formulas, page types, query expansion. Pure data and functions; imports only rag.text and rag.records."""

from __future__ import annotations

from rag.vocabulary.entries import Entry, Item, Name, Ratio, VocabularyError, vocabulary
from rag.vocabulary.mentions import Mention, content, items_in, mentions, ratios_in

__all__ = [
    "Entry", "Item", "Mention", "Name", "Ratio", "VocabularyError", "content", "item", "items_in", "mentions",
    "ratio", "ratios_in", "vocabulary",
]  # fmt: skip


def item(item_id: str) -> Item:
    """Raises KeyError for an unknown id."""
    return vocabulary().items[item_id]


def ratio(ratio_id: str) -> Ratio:
    """Raises KeyError for an unknown id."""
    return vocabulary().ratios[ratio_id]
