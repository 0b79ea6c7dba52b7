"""A chat model in this process: Hugging Face transformers through LangChain's HuggingFacePipeline.

Promises: nothing is imported before the first use; the folder or name of the settings is loaded with
``trust_remote_code=False`` and safetensors only; replies are streamed; closing a reply ends generation at the
next token. One reply is generated at a time; others wait their turn.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from rag.errors import ModelNotInstalled, ModelUnavailable
from rag.models.chat_thinking import ThinkSplitter, begins_inside
from rag.models.protocols import ChatMessage, Delta
from rag.settings import ChatSettings

MISSING = "pip install 'wenju[models]'"


class TransformersChat:
    """A ChatModel. Raises ModelNotInstalled when the extra is missing, ModelUnavailable when the weights
    cannot be loaded; both when first used."""

    def __init__(self, settings: ChatSettings) -> None:
        if not settings.model:
            raise ModelNotInstalled("chat.no_model_folder")
        self._settings = settings
        self._lock = threading.Lock()
        self._pipeline: Any = None

    @property
    def name(self) -> str:
        return self._settings.model.rstrip("/").rsplit("/", 1)[-1]

    def load(self) -> Any:
        """The LangChain pipeline, loaded once."""
        with self._lock:
            if self._pipeline is None:
                self._pipeline = _load(self._settings)
            return self._pipeline

    def stream(self, messages: Sequence[ChatMessage]) -> Iterator[Delta]:
        pipeline = self.load()
        tokenizer = pipeline.pipeline.tokenizer
        prompt = tokenizer.apply_chat_template(
            [{"role": m.role, "content": m.content} for m in messages],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=self._settings.enable_thinking,
        )
        room = _context_length(pipeline) - len(tokenizer(prompt)["input_ids"])
        if room < 16:
            raise ModelUnavailable("chat.too_long", url=self.name, detail=f"{16 - room} tokens too many")
        ending = threading.Event()
        splitter = ThinkSplitter(inside=begins_inside(self.name))
        deadline = time.monotonic() + self._settings.total_timeout_s
        with self._lock:  # one generation at a time: two would share the cores and the pipeline's state
            pieces = pipeline.stream(prompt, pipeline_kwargs=self._generation(pipeline, ending, room))
            try:
                for piece in pieces:
                    yield from splitter.feed(piece)
                    if time.monotonic() > deadline:
                        raise ModelUnavailable(
                            "chat.total", url=self.name, seconds=f"{self._settings.total_timeout_s:g}"
                        )
            finally:
                ending.set()
                for _ in pieces:  # its thread ends at the next token; never two at once
                    pass
        yield from splitter.finish()
        yield Delta(finish_reason="stop")

    def _generation(self, pipeline: Any, ending: threading.Event, room: int) -> dict[str, Any]:
        from transformers import LogitsProcessor, LogitsProcessorList

        end_id = pipeline.pipeline.tokenizer.eos_token_id

        class EndWhenAsked(LogitsProcessor):  # type: ignore[misc, no-any-unimported, unused-ignore]
            """HuggingFacePipeline keeps ``stopping_criteria`` for itself: so ask for the end token."""

            def __call__(self, input_ids: Any, scores: Any) -> Any:
                if ending.is_set():
                    scores[:] = float("-inf")
                    scores[:, end_id] = 0.0
                return scores

        options: dict[str, Any] = {
            "max_new_tokens": min(self._settings.max_tokens, room),
            "logits_processor": LogitsProcessorList([EndWhenAsked()]),
            "do_sample": self._settings.temperature > 0,
        }
        if self._settings.temperature > 0:
            options["temperature"] = self._settings.temperature
        return options


def _context_length(pipeline: Any) -> int:
    length = getattr(pipeline.pipeline.model.config, "max_position_embeddings", None)
    return int(length) if length else 2**20


def _load(settings: ChatSettings) -> Any:
    try:
        import torch
        from langchain_huggingface import HuggingFacePipeline
        from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline
    except ImportError as error:
        raise ModelNotInstalled("chat.extra_missing", module=error.name or error, command=MISSING) from error
    try:
        tokenizer = AutoTokenizer.from_pretrained(settings.model, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            settings.model, trust_remote_code=False, use_safetensors=True, dtype="auto"
        )
    except (OSError, ValueError) as error:
        detail = str(error).split("\n")[0]
        raise ModelUnavailable("chat.weights_unreadable", model=settings.model, detail=detail) from error
    if getattr(tokenizer, "chat_template", None) is None:
        raise ModelUnavailable("chat.no_template", model=settings.model)
    model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    return HuggingFacePipeline(
        pipeline=pipeline("text-generation", model=model, tokenizer=tokenizer), model_id=settings.model
    )
