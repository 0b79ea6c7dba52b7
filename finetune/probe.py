"""A fixed conversation that training and serving must turn into the same tokens.

An adapter that was trained with one chat template and is served with another answers worse than its base,
and nothing says why. The hash of these conversations' tokens stands on the adapter's card and is compared
with what the server makes of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

PROBES: tuple[list[dict[str, str]], ...] = (
    [
        {"role": "system", "content": "You answer from passages."},
        {"role": "user", "content": "Passages:\n\n[1] Revenue was 1,577.\n\nQuestion: What was revenue?"},
    ],
    [
        {"role": "system", "content": "你根据资料段落回答问题。"},
        {"role": "user", "content": "资料段落：\n\n[1] 营业收入为12.3亿元。\n\n问题：营业收入是多少？"},
    ],
)


def hash_tokens(tokens: Sequence[Sequence[int]]) -> str:
    plain = json.dumps([list(row) for row in tokens], separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def probe_hash(tokenizer: Any) -> str:
    """What the card keeps: the probes as this tokenizer's template writes them, thinking off."""
    rows = []
    for messages in PROBES:
        text = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        rows.append(tokenizer(text, add_special_tokens=False)["input_ids"])
    return hash_tokens(rows)
