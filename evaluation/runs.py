"""What is compared and what came of it: the records of evaluation.

A :class:`SystemSpec` names something that can be asked; an :class:`Output` is what it said to one question,
as kept in ``EvalResult.answer``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import TypeAdapter

from evaluation.datasets import Question
from rag.errors import WenjuError
from rag.records import Answer, Passage, SentenceCheck

Kind = Literal["answer", "retrieval", "closed_book", "endpoint", "ranking"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_KEPT_CHARS = 1_200  # of a cited passage; of others a fifth: a run of ten thousand must stay small


class SystemSpecError(WenjuError):
    """A system's description cannot be used."""


@dataclass(frozen=True, slots=True)
class SystemSpec:
    """Something that is asked. ``options``: see evaluation.systems. Keys with a dot are settings of the
    product: ``search.top_k``, ``chat.model``, ``reranker.kind``.

    On the command line: ``NAME:key=value,...`` (``kind=`` says the kind; a bare kind is a whole system), for
    example ``rerank:kind=answer,reranker.kind=flag`` or ``llm:kind=endpoint,url=http://host/v1,model=x``."""

    name: str
    kind: Kind = "answer"
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> SystemSpec:
        """Raises SystemSpecError for anything that is not ``name:key=value,...``."""
        name, _, rest = text.partition(":")
        options: dict[str, str] = {}
        for part in filter(None, (part.strip() for part in rest.split(","))):
            key, equals, value = part.partition("=")
            if not equals or not key.strip():
                raise SystemSpecError("eval.bad_system", system=text, problem=f"{part!r} is not key=value")
            options[key.strip()] = value.strip()
        return cls.of(name.strip(), options)

    @classmethod
    def of(cls, name: str, options: Mapping[str, Any]) -> SystemSpec:
        """From a name and options, ``kind`` among them. Raises SystemSpecError."""
        plain = {str(key): _plain(value) for key, value in options.items()}
        kind = plain.pop("kind", name if name in KINDS else "answer")
        if not name or kind not in KINDS:
            known = ", ".join(KINDS)
            raise SystemSpecError(
                "eval.bad_system", system=name or "?", problem=f"kind is one of {known}, not {kind!r}"
            )
        return cls(name, kind, plain)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "options": dict(self.options)}


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "+".join(map(str, value))
    return "" if value is None else str(value)


def read_systems(path: Path) -> list[SystemSpec]:
    """Systems of a YAML file: a mapping of names to options, or a list of such mappings with ``name``. Raises
    SystemSpecError naming the file and the problem."""
    import yaml

    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SystemSpecError("eval.bad_system", system=path, problem=error) from error
    if isinstance(loaded, dict) and isinstance(loaded.get("systems"), dict | list):
        loaded = loaded["systems"]
    if isinstance(loaded, list) and all(isinstance(item, dict) and "name" in item for item in loaded):
        named = [(str(item["name"]), {k: v for k, v in item.items() if k != "name"}) for item in loaded]
    elif isinstance(loaded, dict) and all(isinstance(value, dict | None) for value in loaded.values()):
        named = [(str(name), value or {}) for name, value in loaded.items()]
    else:
        raise SystemSpecError(
            "eval.bad_system", system=path, problem="expected names with key: value below each"
        )
    return unique([SystemSpec.of(name, options) for name, options in named])


def unique(systems: Sequence[SystemSpec]) -> list[SystemSpec]:
    """Raises SystemSpecError when two have one name."""
    names = [system.name for system in systems]
    for name in names:
        if names.count(name) > 1:
            raise SystemSpecError("eval.bad_system", system=name, problem="two systems have this name")
    return list(systems)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A citation: where it points, 1-based pages."""

    document: str
    page_start: int
    page_end: int
    quote: str = ""
    marker: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A passage as retrieved, best first. ``text`` may be shortened; ``chunk_id`` finds the whole."""

    document: str
    page_start: int
    page_end: int
    text: str = ""
    chunk_id: int = 0
    document_id: int = 0
    score: float = 0.0
    cosine: float | None = None
    bm25: float | None = None
    rerank_logit: float | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """What a system said. ``retrieved_only``: it was asked for passages, not for an answer; ``depth``: for
    how many, 0 for none. ``error``: it could not be asked; such a result counts as asked and is wrong.
    ``judge``: what a judge model said."""

    text: str = ""
    refused: bool = False
    mode: str = ""
    model: str = ""
    prompt_version: str = ""
    citations: tuple[Quoted, ...] = ()
    passages: tuple[Found, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    groundedness: float | None = None
    checks: tuple[SentenceCheck, ...] = ()
    degraded: tuple[str, ...] = ()
    calculations: tuple[str, ...] = ()
    chips: tuple[str, ...] = ()
    incomplete: bool = False
    retrieved_only: bool = False
    depth: int = 0
    error: str = ""
    judge: Mapping[str, Any] = field(default_factory=dict)
    adapter: str = ""

    @classmethod
    def of_answer(cls, answer: Answer, depth: int) -> Output:
        """``depth``: how many passages were asked for."""
        cited = {citation.chunk_id for citation in answer.citations}
        return cls(
            text=answer.text,
            refused=answer.refused,
            mode=answer.mode,
            model=answer.model,
            prompt_version=answer.prompt_version,
            citations=tuple(
                Quoted(c.document, c.page_start, c.page_end, c.quote[:_KEPT_CHARS], c.marker)
                for c in answer.citations
            ),
            passages=found(answer.passages, cited),
            timings_ms=dict(answer.timings_ms),
            groundedness=answer.groundedness,
            checks=answer.checks,
            degraded=tuple(dict.fromkeys(event.code for event in answer.degraded)),
            calculations=tuple(
                f"{c.name}: {c.formula} = {c.expression} = {c.result}" for c in answer.calculations
            ),
            chips=tuple(chip.key for chip in answer.understood.chips),
            incomplete=answer.incomplete,
            depth=depth,
            adapter=answer.adapter,
        )

    def to_json(self) -> dict[str, Any]:
        """Without what is at its default: small rows."""
        plain: dict[str, Any] = _OUTPUT.dump_python(self, exclude_defaults=True)
        return plain

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Output:
        """Unknown fields are left out, missing ones take their defaults."""
        loaded: Output = _OUTPUT.validate_python(dict(record))
        return loaded


def found(passages: Sequence[Passage], cited: set[int] | frozenset[int] = frozenset()) -> tuple[Found, ...]:
    """Passages as kept with a result: whole where cited, the beginning of others."""
    return tuple(
        Found(
            document=p.document,
            page_start=p.page_start,
            page_end=p.page_end,
            text=p.text[: _KEPT_CHARS if p.chunk_id in cited else _KEPT_CHARS // 5],
            chunk_id=p.chunk_id,
            document_id=p.document_id,
            score=round(p.score, 6),
            cosine=p.cosine,
            bm25=p.bm25,
            rerank_logit=p.rerank_logit,
        )
        for p in passages
    )


_OUTPUT: TypeAdapter[Output] = TypeAdapter(Output)


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What a run asks: the questions of a dataset, of each system. ``measures``: () for all that apply."""

    dataset: str
    questions: tuple[Question, ...]
    systems: tuple[SystemSpec, ...]
    name: str = ""
    measures: tuple[str, ...] = ()
    collection: str = ""  # only documents of this collection; "" for all
    jobs: int = 2  # questions asked at once


def fingerprint(parts: Mapping[str, Any]) -> str:
    """Twelve hex digits that name what can change an answer."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
