"""The retriever learns from the same feedback: an embedding model or a reranker, by sentence-transformers.

Promises: what is learned from is a training set that a person approved; hard negatives come from the
library's own search (passages that it ranks high and that do not hold the answer); held-out questions are
ranked by the old and the new model among the same candidates, paired, and nothing is written unless the new
one is better by the interval; the library's own index stays as it is until the model is named in the settings
and ``wenju reindex`` has built another beside it.
"""

from __future__ import annotations

import json
import math
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from finetune import base
from finetune.clean import MARKER
from finetune.config import TuneError
from finetune.records import Record
from finetune.train_set import approved_by, open_train_set
from rag.access import LOCAL
from rag.records import Principal
from rag.text.normalise import normalise
from rag.text.numbers import parse_numbers

if TYPE_CHECKING:
    from rag.engine import Engine

LEAST_QUESTIONS = 10  # held out, as in the gate of adapters
CARD = "retriever.json"
_DEPTH = 30  # of the own index, where hard negatives are looked for


class Retrieval(BaseModel):
    """The file of ``wenju tune retriever``."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["embedding", "reranker"] = "embedding"
    base_model: str = Field(description="folder or hub name, e.g. BAAI/bge-small-en-v1.5")
    data: Path = Field(description="folder of an approved training set")
    output_dir: Path = Field(description="folder to write; must not exist")
    negatives: int = Field(4, ge=1, le=16, description="hard negatives a question")
    steps: int = Field(200, ge=1)
    batch_size: int = Field(16, ge=2, description="questions a step; the others' passages are negatives, too")
    learning_rate: float = Field(2e-5, gt=0)
    max_tokens: int = Field(512, ge=16)
    device: str = ""
    seed: int = 0
    unapproved: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """A question with a passage that holds its answer and passages that the index takes for such."""

    question: str
    positive: str
    negatives: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """Mean reciprocal rank of the right passage among the candidates, before and after, and the paired
    difference with its 95 % interval."""

    before: float
    after: float
    gain: float
    low: float
    high: float
    questions: int

    @property
    def better(self) -> bool:
        return self.questions >= LEAST_QUESTIONS and self.low > 0


Rank = Callable[[str, Sequence[str]], Sequence[float]]
"""(question, passages) -> a score each, higher is better."""


def load_retrieval(path: Path) -> Retrieval:
    """Relative paths start at the file's folder. Raises TuneError naming what is wrong."""
    import yaml

    try:
        config = Retrieval.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise TuneError("tune.config", path=path, problem=error.strerror or error) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TuneError("tune.config", path=path, problem=" ".join(str(error).split())) from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise TuneError("tune.config", path=path, problem=problems) from error
    folder = path.absolute().parent
    local = folder / config.base_model
    return config.model_copy(
        update={
            "data": folder / config.data,
            "output_dir": folder / config.output_dir,
            "base_model": str(local) if local.is_dir() else config.base_model,
        }
    )


def mine(
    engine: Engine, records: Sequence[Record], negatives: int, principal: Principal = LOCAL
) -> list[Pair]:
    """A pair for each cited passage. Records without a citation (refusals) teach no ranking; a question for
    which the index holds nothing wrong is left out."""
    pairs: list[Pair] = []
    for record in records:
        cited = {int(n) for n in MARKER.findall(record.answer)} & set(range(1, len(record.passages) + 1))
        rights = [record.passages[n - 1].text for n in sorted(cited)]
        if not rights:
            continue
        figures = {n.value for n in parse_numbers(MARKER.sub(" ", record.answer))}
        known = {_plain(text) for text in rights}
        wrong: list[str] = []
        for passage in engine.search(record.question, principal, top_k=_DEPTH).passages:
            there = {n.value for n in parse_numbers(passage.text)}
            overlaps = any(_plain(passage.text) in text or text in _plain(passage.text) for text in known)
            if not overlaps and not (figures and figures <= there):
                wrong.append(passage.text)
            if len(wrong) == negatives:
                break
        if wrong:
            pairs += [Pair(record.question, right, tuple(wrong)) for right in rights]
    return pairs


def train_retriever(engine: Engine, config: Retrieval, principal: Principal = LOCAL) -> Judged:
    """Writes ``config.output_dir`` (safetensors, tokenizer, retriever.json) when the new model is better.
    Raises TuneError, and nothing is written then."""
    base.require("torch", "sentence_transformers", "datasets")
    if config.output_dir.exists():
        raise TuneError("tune.exists", path=config.output_dir)
    train, heldout, card = open_train_set(config.data)
    by = approved_by(config.data, card)
    if not by and not config.unapproved:
        raise TuneError("tune.not_approved", path=config.data, name=card.name)
    learned = mine(engine, train, config.negatives, principal)
    asked = mine(engine, heldout, 2 * config.negatives, principal)
    if not learned or len(asked) < LEAST_QUESTIONS:
        raise TuneError("tune.retriever_few", train=len(learned), heldout=len(asked), least=LEAST_QUESTIONS)
    make = _embedding if config.kind == "embedding" else _reranker
    model, rank, fit = make(config)
    before = [reciprocal_rank(rank, pair) for pair in asked]
    fit(learned)
    judged = judge(before, [reciprocal_rank(rank, pair) for pair in asked])
    if not judged.better:
        raise TuneError(
            "tune.retriever_worse",
            before=f"{judged.before:.3f}",
            after=f"{judged.after:.3f}",
            low=f"{judged.low:+.3f}",
            high=f"{judged.high:+.3f}",
        )
    part = config.output_dir.with_name(config.output_dir.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    model.save_pretrained(str(part), safe_serialization=True)
    words = {
        "kind": config.kind,
        "base_model": config.base_model,
        "data_sha256": card.sha256,
        "approved_by": by,
        "pairs": len(learned),
        "gate": asdict(judged),
        "config": config.model_dump(mode="json"),
        "created_at": datetime.now(UTC).isoformat(),
    }
    (part / CARD).write_text(json.dumps(words, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    part.rename(config.output_dir)
    return judged


def reciprocal_rank(rank: Rank, pair: Pair) -> float:
    """1 / rank of the right passage among it and its negatives; a tie counts against it."""
    right, *wrong = rank(pair.question, [pair.positive, *pair.negatives])
    return 1 / (1 + sum(score >= right or math.isnan(score) for score in wrong))


def judge(before: Sequence[float], after: Sequence[float]) -> Judged:
    from evaluation.statistics import compare

    found = compare(after, before)
    return Judged(
        before=sum(before) / len(before),
        after=sum(after) / len(after),
        gain=found.mean,
        low=found.low,
        high=found.high,
        questions=len(before),
    )


def _plain(text: str) -> str:
    return normalise(text).lower()


def _arguments(config: Retrieval) -> dict[str, Any]:
    return {
        "output_dir": str(config.output_dir.with_name(f".{config.output_dir.name}.work")),
        "max_steps": config.steps,
        "per_device_train_batch_size": config.batch_size,
        "learning_rate": config.learning_rate,
        "warmup_steps": config.steps // 10,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": config.device == "cpu",
        "seed": config.seed,
    }


def _embedding(config: Retrieval) -> tuple[Any, Rank, Callable[[Sequence[Pair]], None]]:
    """With in-batch and hard negatives (Henderson et al. 2017, arXiv:1705.00652)."""
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    from rag.models.known import find_known, name_in_files

    model = SentenceTransformer(config.base_model, device=config.device or None, trust_remote_code=False)
    model.max_seq_length = min(config.max_tokens, model.max_seq_length or config.max_tokens)
    fact = find_known(config.base_model) or find_known(name_in_files(Path(config.base_model)))
    query, prefix = (fact.query_instruction, fact.passage_prefix) if fact else ("", "")

    def rank(question: str, passages: Sequence[str]) -> Sequence[float]:
        [asked] = model.encode([query + question], normalize_embeddings=True)
        return [
            float(v @ asked) for v in model.encode([prefix + p for p in passages], normalize_embeddings=True)
        ]

    def fit(pairs: Sequence[Pair]) -> None:
        draw = random.Random(config.seed)
        rows = {
            "anchor": [query + p.question for p in pairs],
            "positive": [prefix + p.positive for p in pairs],
            "negative": [prefix + draw.choice(p.negatives) for p in pairs],
        }
        SentenceTransformerTrainer(
            model=model,
            args=SentenceTransformerTrainingArguments(**_arguments(config)),
            train_dataset=Dataset.from_dict(rows),
            loss=MultipleNegativesRankingLoss(model),
        ).train()
        model.eval()

    return model, rank, fit


def _reranker(config: Retrieval) -> tuple[Any, Rank, Callable[[Sequence[Pair]], None]]:
    """Each pair judged by itself (Nogueira and Cho 2019, arXiv:1901.04085)."""
    from datasets import Dataset
    from sentence_transformers import CrossEncoder
    from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
    from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

    model = CrossEncoder(
        config.base_model, num_labels=1, device=config.device or None, max_length=config.max_tokens,
        trust_remote_code=False,
    )  # fmt: skip

    def rank(question: str, passages: Sequence[str]) -> Sequence[float]:
        return [float(score) for score in model.predict([(question, passage) for passage in passages])]

    def fit(pairs: Sequence[Pair]) -> None:
        rows = [
            (pair.question, text, label)
            for pair in pairs
            for text, label in ((pair.positive, 1.0), *((negative, 0.0) for negative in pair.negatives))
        ]
        questions, passages, labels = zip(*rows, strict=True)
        CrossEncoderTrainer(
            model=model,
            args=CrossEncoderTrainingArguments(**_arguments(config)),
            train_dataset=Dataset.from_dict(
                {"query": list(questions), "passage": list(passages), "label": list(labels)}
            ),
            loss=BinaryCrossEntropyLoss(model),
        ).train()
        model.eval()

    return model, rank, fit
