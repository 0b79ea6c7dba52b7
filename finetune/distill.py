"""A larger model teaches a smaller one: its answers over the very prompts that are served (sequence-level
distillation, Kim and Rush 2016, arXiv:1606.07947). With both at hand, ``teacher`` in a training file also
learns from its probabilities (finetune.training).

Promises: the teacher sees each record's prompt as serving sends it; what it answered is kept as it comes, so
that a run that ended goes on; nothing of the held-out part is asked; every answer goes through the same
cleaning as any other (what its passages do not carry is left out, with the reason).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import SecretStr

from finetune.config import TuneError
from finetune.records import Record, Told
from rag.errors import ModelError
from rag.models.protocols import ChatModel
from rag.settings import ChatSettings

AT_ONCE = 4
OnAnswer = Callable[[int, int], None]


def teacher_model(settings: ChatSettings, url: str, model: str, api_key: str = "") -> ChatModel:
    """The model ``model`` behind the OpenAI-compatible server ``url`` ("" for the chat server's own),
    answering with the settings of serving. Raises TuneError when the server does not know it."""
    from rag.models.chat import list_models
    from rag.models.openai_chat import OpenAIChat

    base_url = (url or settings.base_url).rstrip("/")
    if not base_url:
        raise TuneError("tune.no_teacher")
    key = SecretStr(api_key) if api_key else settings.api_key
    asked = settings.model_copy(update={"api_key": key, "temperature": 0.0, "enable_thinking": False})
    try:
        known = list_models(asked, base_url, settings.connect_timeout_s + 5)
    except ModelError as error:
        raise TuneError("tune.server", url=base_url, problem=error) from error
    if model not in known:
        raise TuneError("tune.teacher_unknown", model=model, url=base_url, known=", ".join(known[:8]) or "-")
    return OpenAIChat(asked, base_url=base_url, model=model)


def teach(
    records: Sequence[Record],
    teacher: ChatModel,
    kept: Path,
    told: Told | None = None,
    on_answer: OnAnswer | None = None,
) -> Iterator[Record]:
    """Each record with the teacher's answer instead of its own, in order; those it said nothing to are left
    out. ``kept``: a file of what was answered already. Raises TuneError when the teacher fails."""
    answers = _read(kept)
    missing = [r for r in records if _key(r, teacher.name, told) not in answers]
    kept.parent.mkdir(parents=True, exist_ok=True)

    def ask(record: Record) -> tuple[Record, str]:
        return record, "".join(delta.text for delta in teacher.stream(record.messages(told))).strip()

    done = len(records) - len(missing)
    with kept.open("a", encoding="utf-8") as out, ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for record, text in pool.map(ask, missing):
                key = _key(record, teacher.name, told)
                answers[key] = text
                out.write(json.dumps({"key": key, "answer": text}, ensure_ascii=False) + "\n")
                out.flush()
                done += 1
                if on_answer is not None:
                    on_answer(done, len(records))
        except ModelError as error:
            pool.shutdown(cancel_futures=True)
            raise TuneError("tune.teacher_failed", model=teacher.name, problem=error) from error
    for record in records:
        answer = answers[_key(record, teacher.name, told)]
        if answer:
            update = {
                "answer": answer,
                "kind": "distilled",
                "origin": f"teacher:{teacher.name}:{record.origin}",
                "contributor": "",
                "reviewed": False,
            }
            yield record.model_copy(update=update)


def _key(record: Record, model: str, told: Told | None) -> str:
    words = [model, *(f"{m.role}\0{m.content}" for m in record.messages(told))]
    return hashlib.sha256("\0".join(words).encode()).hexdigest()


def _read(path: Path) -> dict[str, str]:
    """What was answered before; a line that a kill cut off is asked again."""
    found: dict[str, str] = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
                found[str(row["key"])] = str(row["answer"])
            except (ValueError, KeyError, TypeError):
                continue
    return found
