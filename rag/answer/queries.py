"""What is searched beside a question: its parts, and its translation where documents speak another language.

Promises: a chat model is asked only where it can help (a question of several parts; no document that is meant
in the question's language) and only for so long; what it says is searched only when it keeps the question's
years and figures and brings in none; when it fails, is late or says nothing usable, the question is searched
as it is, by the rules, and that is said.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from rag.answer.evidence import years
from rag.answer.meter import Meter
from rag.answer.prompts import clean
from rag.models.protocols import ChatMessage, ChatModel, Delta
from rag.records import Degraded, Document
from rag.search.parts import MAX_PARTS, parts_of
from rag.text.language import detect_language
from rag.text.normalise import normalise

log = logging.getLogger(__name__)

SPLIT = {
    "en": f"""Which separate questions must be looked up in the documents to answer the question? At most
{MAX_PARTS}, each complete by itself, with the names and years it is about. Keep the question's language and
words; add nothing. Answer nothing. Reply with one question a line. If it asks for one thing only, reply with
the question unchanged.""",
    "zh": f"""要回答这个问题，需要在文档中分别查找哪些问题？最多 {MAX_PARTS} 个，每个都要能单独看懂，
写明所涉及的名称和年份。保持原有语言和用词，不添加内容，不作回答。每行一个问题。如果只问一件事，原样输出该问题。""",
}
TRANSLATE = {
    "en": """Translate the question into English, in the words that financial reports use. Keep names, years
and figures. Answer nothing. Reply with the translation only.""",
    "zh": """把问题翻译成中文，使用财务报告中的用语。保留名称、年份和数字。不作回答，只输出译文。""",
}
_LONGEST = 400
_SEVERAL = re.compile(
    r"[?？].*[?？]|[；;]|\b(?:and|or|as well as) (?:also )?(?:what|how|which|who|when|where|why)\b"
    r"|\bcompare\b|\bversus\b|\bvs\.?\s|\brespectively\b|\bdifferences? between\b"
    r"|分别|各自|相比(?!去年|上年)|对比|比较|以及.{0,12}(?:多少|什么|哪|如何|怎)|(?:多少|什么|哪些?)[，,].{0,16}(?:多少|什么|哪|如何|怎)",
    re.IGNORECASE | re.DOTALL,
)
_LIST_MARK = re.compile(r"^\s*(?:[-*•·]|\(?\d{1,2}[.)、）]|Q\d?\s*[:：]|问题\s*\d?\s*[:：])\s*")
_KEPT_WORDS = 0.6  # of a part's words that must stand in the question


@dataclass(frozen=True, slots=True)
class Planned:
    """``parts`` and ``translation`` are searched beside the question; "" and (): nothing is. ``degraded``:
    what the model was needed for and did not do."""

    parts: tuple[str, ...] = ()
    translation: str = ""
    degraded: tuple[Degraded, ...] = ()

    @property
    def queries(self) -> tuple[str, ...]:
        return (*self.parts, *((self.translation,) if self.translation else ()))


NOTHING = Planned()


def asks_several(question: str) -> bool:
    """Whether a question looks like one of several parts."""
    return bool(parts_of(question)) or bool(_SEVERAL.search(question.strip()))


def other_language(question: str, documents: Collection[Document]) -> str:
    """The language ("en", "zh") to look in when none of the documents is in the question's; "" otherwise."""
    mine = detect_language(question)
    spoken = Counter(d.language for d in documents if d.status == "ready")
    if mine == "other" or spoken.get(mine) or not spoken:
        return ""
    language, _ = spoken.most_common(1)[0]
    return language if language in TRANSLATE else ""


def plan(
    question: str,
    documents: Collection[Document],
    model: ChatModel | None,
    *,
    budget_s: float,
    cancelled: Callable[[], bool] = lambda: False,
    meter: Meter | None = None,
) -> Planned:
    """``documents``: those that are meant. Never longer than ``budget_s`` seconds; no model: nothing.
    ``meter`` counts the model's tokens."""
    if model is None or budget_s <= 0:
        return NOTHING
    target = other_language(question, documents)
    several = asks_several(question)
    if not (target or several):
        return NOTHING
    until = time.monotonic() + budget_s
    counted = meter or Meter()
    parts: tuple[str, ...] = ()
    translation = ""
    degraded: list[Degraded] = []
    if target:
        said = _ask(model, TRANSLATE[target], question, until, cancelled, counted)
        translation = translation_in(question, said or "", target)
        if not translation:
            degraded.append(Degraded("chat", "degraded.query_translation"))
    if several and not target:
        language = "zh" if detect_language(question) == "zh" else "en"
        said = _ask(model, SPLIT[language], question, until, cancelled, counted)
        if said is None:
            degraded.append(Degraded("chat", "degraded.query_parts"))
        else:
            parts = parts_in(question, said)
    return Planned(parts, translation, tuple(degraded))


def translation_in(question: str, said: str, target: str) -> str:
    """The model's translation; "" when it is in another language, too long, or has other years or figures."""
    line = _line(said)
    if not 2 <= len(line) <= max(_LONGEST, 4 * len(question)) or detect_language(line) != target:
        return ""
    return line if _figures(line) == _figures(question) else ""


def parts_in(question: str, said: str) -> tuple[str, ...]:
    """The parts that a model names, each made of the question's own words, years and figures; () when there
    are fewer than two."""
    found: list[str] = []
    language = detect_language(question)
    for raw in said.splitlines():
        line = _line(raw)
        if not 4 <= len(line) <= max(_LONGEST, len(question)) or detect_language(line) != language:
            continue
        kept = _words(line)
        own = sum(word in _words(question) for word in kept) / max(len(kept), 1)
        if own >= _KEPT_WORDS and _figures(line) <= _figures(question):
            found.append(line)
    found = [f for f in dict.fromkeys(found) if _bare(f) != _bare(question)]
    return tuple(found[:MAX_PARTS]) if len(found) > 1 else ()


def _line(said: str) -> str:
    lines = [line for line in said.strip().splitlines() if line.strip()]
    return _LIST_MARK.sub("", lines[0]).strip().strip('"“”') if lines else ""


def _figures(text: str) -> frozenset[str]:
    """Its years and numbers; ranges and fiscal years in either spelling."""
    flat = normalise(text)
    found = set(re.findall(r"\d+(?:\.\d+)?", flat.replace(",", "")))
    return frozenset({f for f in found if len(f) > 1} | set(map(str, years(flat))))


def _words(text: str) -> frozenset[str]:
    flat = normalise(text).lower()
    pairs = {
        run[i : i + 2] for run in re.findall("[\u4e00-\u9fff]+", flat) for i in range(max(1, len(run) - 1))
    }
    return frozenset(pairs | {w[:6] for w in re.findall(r"[a-z]{3,}", flat)})


def _bare(text: str) -> str:
    return re.sub(r"\W", "", text).lower()


def _ask(
    model: ChatModel,
    told: str,
    question: str,
    until: float,
    cancelled: Callable[[], bool],
    meter: Meter,
) -> str | None:
    """The model's whole reply; None when it failed or was not done in time. The reply is closed then."""
    done = threading.Event()
    pieces: list[str] = []
    failed: list[BaseException] = []
    replies: list[Iterator[Delta]] = []
    messages = [ChatMessage("system", told), ChatMessage("user", clean(question))]

    def read() -> None:
        try:
            with meter.reply(messages, model.name) as note:
                replies.append(iter(model.stream(messages)))
                for delta in replies[0]:
                    note(delta)
                    pieces.append(delta.text)
                    if done.is_set() or sum(map(len, pieces)) > 4 * _LONGEST:
                        break
        except Exception as error:  # noqa: BLE001 - an outside model: whatever it raises, the rules stand in
            failed.append(error)
        finally:
            done.set()

    reader = threading.Thread(target=read, name="wenju-queries", daemon=True)
    reader.start()
    while not done.wait(0.05):
        if time.monotonic() >= until or cancelled():
            done.set()
            for reply in replies:
                close = getattr(reply, "close", None)
                with contextlib.suppress(ValueError):  # a generator at work in its own thread looks itself
                    if close is not None:
                        close()
            return None
    if failed:
        log.warning("queries not planned: %s", type(failed[0]).__name__)
        return None
    return "".join(pieces)


def meant_documents(documents: Sequence[Document], named: Collection[int]) -> list[Document]:
    """The documents that a question names, else all."""
    return [d for d in documents if d.id in named] or list(documents)
