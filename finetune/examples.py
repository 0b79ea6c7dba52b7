"""Records as token ids: the served prompt in the model's own chat template, the answer learned from alone.

Promises: byte for byte what serving sends; the prompt's tokens carry no loss; a record that does not fit is
left out and counted, never cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from finetune.config import TuneError
from finetune.records import Record, Told

IGNORED = -100  # label that the loss leaves out


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of prompt and answer; ``labels`` are IGNORED over the prompt."""

    input_ids: list[int]
    labels: list[int]


def render_prompt(record: Record, tokenizer: Any, told: Told | None = None) -> str:
    """The prompt as the server's chat template writes it, up to where the answer begins."""
    messages = [{"role": m.role, "content": m.content} for m in record.messages(told)]
    prompt: str = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    return prompt


def render(record: Record, tokenizer: Any, max_tokens: int, told: Told | None = None) -> Example | None:
    """Prompt and answer as the model's chat template writes them; None when longer than ``max_tokens``."""
    prompt = render_prompt(record, tokenizer, told)
    prompt_ids: list[int] = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer_ids: list[int] = tokenizer(record.answer, add_special_tokens=False)["input_ids"]
    if tokenizer.eos_token_id is not None:
        answer_ids = [*answer_ids, tokenizer.eos_token_id]
    if len(prompt_ids) + len(answer_ids) > max_tokens:
        return None
    return Example(prompt_ids + answer_ids, [IGNORED] * len(prompt_ids) + answer_ids)


def render_all(
    records: Sequence[Record], tokenizer: Any, max_tokens: int, told: Told | None = None
) -> list[Example]:
    """Those that fit, in order. Raises TuneError for a tokenizer without a chat template: what it was served
    with could not be known."""
    if not getattr(tokenizer, "chat_template", None):
        raise TuneError("tune.no_template", model=getattr(tokenizer, "name_or_path", "") or "the tokenizer")
    found = (render(record, tokenizer, max_tokens, told) for record in records)
    return [example for example in found if example is not None]
