"""What a chat model is told, in Chinese and English.

Promises: the part that never changes comes first, so that a server's prefix cache keeps it; passages are
fenced, numbered and marked as data, and no passage can close its own fence or hide characters; the prompt's
language follows the question's; passages fit into the token budget, best first, the last one cut at a
sentence's end. ``Prompt.version`` changes whenever any of the wording does. The wordings themselves are in
``wording.py``, those that admins wrote in the store.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rag.answer import wording
from rag.messages import message
from rag.models.protocols import ChatMessage
from rag.records import Passage
from rag.text.language import detect_language
from rag.text.normalise import strip_invisible
from rag.text.sentences import sentence_spans

PromptLanguage = Literal["zh", "en"]
LANGUAGES: tuple[PromptLanguage, ...] = ("zh", "en")

_PASSAGES = {"en": "Passages:", "zh": "资料段落："}
_QUESTION = {"en": "Question: {question}", "zh": "问题：{question}"}
_PAGE = {"en": ("page {0}", "pages {0}-{1}"), "zh": ("第 {0} 页", "第 {0}-{1} 页")}
_SECTION = {"en": "section", "zh": "章节"}
_HEADER = {"en": "table header", "zh": "表头"}

REWRITE = {
    "en": """Restate the last question so that it can be understood without the conversation: put in the
company, document, period or subject that it leaves out. Keep its language. Change nothing else.
Answer nothing. Reply with the question only.""",
    "zh": """改写最后一个问题，使其脱离对话也能看懂：补上其中省略的公司、文件、期间或主题。
保持原有语言，不改变其他内容，不回答问题。只输出改写后的问题。""",
}

# Two characters that no passage may hold next to each other: see _fenced.
_OPEN, _CLOSE = "⟦", "⟧"
_FENCE = re.compile("[⟦⟧]")
# What chat templates of the known families part turns, tools and reasoning with.
_CONTROL_TOKEN = re.compile(
    r"<\|[^|<>\n]{1,40}\|>|<｜[^｜<>\n]{1,40}｜>|</?(?:s|think|tool_call|tool_response|tools|system|user|assistant"
    r"|(?:start|end)_of_turn|bos|eos)>|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS)\]",
    re.IGNORECASE,
)

_FRAME = repr((_PASSAGES, _QUESTION, _PAGE, _SECTION, _HEADER, REWRITE, _OPEN, _CLOSE))


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is told for one use and language. ``text`` is the wording, placeholders not filled in."""

    use: str
    language: PromptLanguage
    text: str

    @property
    def fingerprint(self) -> str:
        return wording.fingerprint(self.use, self.language, self.text, _FRAME)

    @property
    def version(self) -> str:
        """ "use.language.fingerprint", as every turn keeps it."""
        return f"{self.use}.{self.language}.{self.fingerprint}"

    @property
    def warns(self) -> bool:
        """Whether answers end in the standing risk warning."""
        return wording.warns(self.text)


def built_in(use: str, language: PromptLanguage) -> Prompt:
    """The wording that came with the program. Raises KeyError."""
    return Prompt(use, language, wording.BUILT_IN[(use, language)])


def training_version(told: Mapping[PromptLanguage, Prompt] | None = None) -> str:
    """One name for ``told``, both languages (None: the prompts that :func:`build` uses by itself): kept
    beside an adapter."""
    return "+".join((told[c] if told else built_in(wording.CONCISE, c)).version for c in LANGUAGES)


def prompt_language(question: str) -> PromptLanguage:
    """ "zh" for a Chinese question, else "en"."""
    return "zh" if detect_language(question) == "zh" else "en"


def refusal_text(language: str) -> str:
    """The one refusal sentence, shared by the prompt, the extractive answers and the checks."""
    return message("refusal.text", language)


def is_refusal(text: str) -> bool:
    """Whether a model's reply is (or begins with) the refusal sentence, in either language."""
    plain = re.sub(r"\W", "", text).lower()
    return any(plain.startswith(re.sub(r"\W", "", refusal_text(code)).lower()) for code in LANGUAGES)


def estimate_tokens(text: str) -> int:
    """A cautious count for a model whose tokenizer is elsewhere: one an ideograph, one every 3.2 other
    characters (measured on Qwen-like vocabularies: 0.6-0.8 and 3.5-4.5; figures take more)."""
    wide = sum(1 for c in text if ord(c) >= 0x2E80)
    return wide + int((len(text) - wide) / 3.2) + 1


def clean(text: str) -> str:
    """Untrusted text made safe to stand in a prompt: no invisible characters, no fences, no control
    tokens."""
    text = strip_invisible(text)
    text = _FENCE.sub(lambda m: "[" if m.group() == _OPEN else "]", text)
    before = None
    while before != text:  # a token may come together where another one was taken apart
        before, text = text, _CONTROL_TOKEN.sub(lambda m: "‹" + m.group()[1:-1] + "›", text)
    return text


def fit(passages: Sequence[Passage], context_tokens: int) -> list[Passage]:
    """The passages that fit, in order; the last may be cut at a sentence's end (its text and ``char_end``
    shrink together). At least one is kept, however long."""
    kept: list[Passage] = []
    left = context_tokens
    for passage in passages:
        cost = estimate_tokens(passage.text) + 40  # fence, names
        if cost <= left:
            kept.append(passage)
            left -= cost
            continue
        if left >= 100 or not kept:
            cut = _cut(passage, max(left, 60) - 40)
            if cut is not None:
                kept.append(cut)
        break
    return kept


def _cut(passage: Passage, tokens: int) -> Passage | None:
    end = 0
    for _, stop in sentence_spans(passage.text):
        if estimate_tokens(passage.text[:stop]) > tokens:
            break
        end = stop
    if end == 0:
        return None
    return replace(passage, text=passage.text[:end], char_end=passage.char_start + end)


def page_label(passage_start: int, passage_end: int, language: str) -> str:
    one, many = _PAGE["zh" if language == "zh" else "en"]
    return (one if passage_start == passage_end else many).format(passage_start, passage_end)


def _fenced(number: int, passage: Passage, language: PromptLanguage) -> str:
    about = [clean(passage.document), page_label(passage.page_start, passage.page_end, language)]
    if passage.section_path:
        about.append(f"{_SECTION[language]}: {clean(' > '.join(passage.section_path))}")
    head = f"{_OPEN}{number}{_CLOSE} " + " | ".join(" ".join(part.split()) for part in about)
    if passage.table_header:
        head += f"\n{_HEADER[language]}: {clean(passage.table_header)}"
    return f"{head}\n{clean(passage.text)}\n{_OPEN}/{number}{_CLOSE}"


_FACTS = {
    "en": "Calculated from figures of these passages and checked; use it as it is, with its markers:",
    "zh": "以下结果由计算器根据上述段落中的数字算出并已核对，请原样采用，并保留其引用标记：",
}

_OWN_TERMS = {
    "en": "In these documents the following names mean the same:",
    "zh": "在这些文档中，下列名称含义相同：",
}


def build(
    question: str,
    passages: Sequence[Passage],
    prompt: Prompt | None = None,
    facts: Sequence[str] = (),
    own: Sequence[Sequence[str]] = (),
) -> list[ChatMessage]:
    """The messages for one question. Passage ``n`` of the list is cited as ``[n]``. Without a ``prompt``: the
    concise one that came with the program (what training uses too). ``facts``: what the calculator made of
    figures of the passages, with their markers. ``own``: names that mean the same in these documents, by the
    library's own vocabulary."""
    prompt = prompt or built_in(wording.CONCISE, prompt_language(question))
    language = prompt.language
    fenced = "\n\n".join(_fenced(n, p, language) for n, p in enumerate(passages, 1))
    asked = _QUESTION[language].format(question=clean(question))
    if facts:
        asked = f"{_FACTS[language]}\n" + "\n".join(map(clean, facts)) + f"\n\n{asked}"
    if own:
        same = "\n".join("- " + " = ".join(map(clean, names)) for names in own)
        asked = f"{_OWN_TERMS[language]}\n{same}\n\n{asked}"
    return [
        ChatMessage("system", wording.render(prompt.text, language)),
        ChatMessage("user", f"{_PASSAGES[language]}\n\n{fenced}\n\n{asked}"),
    ]
