"""One question of a run: what was asked, what is right, what was answered, and the evidence on its page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import streamlit as st

from rag.errors import AccessDenied
from rag.messages import message
from rag.records import Box, Document, EvalResult, Page
from ui import state
from ui.boot import current, principal
from ui.evidence import page_html, page_picture
from ui.language import language, say
from ui.quality_parts import Golden, golden_dialog
from ui.safe import answer_markdown, one_line, plain, shortened
from ui.texts_quality import measure_name

if TYPE_CHECKING:
    from evaluation.datasets import Question
    from evaluation.runs import Output

_RESULT = "_quality_result"
_DIALOG = "golden-result"


@dataclass(frozen=True)
class Place:
    """A page that is worth looking at, and the words to be marked on it."""

    why: Literal["gold", "cited", "found"]
    document: str
    page: int
    words: tuple[str, ...]
    rank: int = 0


def open_result(result_id: int) -> None:
    st.session_state[_RESULT] = result_id


def close() -> None:
    st.session_state.pop(_RESULT, None)


def shown(run_id: int) -> bool:
    """Draws the open result, if there is one of this run."""
    wanted = st.session_state.get(_RESULT)
    if wanted is None:
        return False
    engine = current().engine
    assert engine is not None
    try:
        result = engine.result(wanted, principal())
    except AccessDenied:
        close()
        return False
    if result.run_id != run_id:
        close()
        return False
    _draw(result)
    return True


def _draw(result: EvalResult) -> None:
    from evaluation.datasets import Question
    from evaluation.runs import Output

    question, output = Question.model_validate(result.question), Output.from_json(result.answer)
    _turner(result)
    st.subheader(plain(question.question), anchor=False)
    _badges(result)
    with st.container(key="result-stage", horizontal=True, gap="large"):
        with st.container(key="result-words"):
            st.caption(say("quality.gold"))
            _gold(question)
            st.caption(f"{say('quality.answer')} · {one_line(result.system, 40)}")
            _answer(output)
            st.button(
                say("quality.make_golden"), key="make-golden", icon=":material/add_task:",
                on_click=state.open_dialog, args=(_DIALOG, result.id),
            )  # fmt: skip
        with st.container(key="result-evidence"):
            _evidence(result.id, places_of(question, output))
    if state.dialog() == (_DIALOG, result.id):
        _golden(result, question, output)


def _turner(result: EvalResult) -> None:
    order: Sequence[int] = st.session_state.get("_result_order", ())
    at = order.index(result.id) if result.id in order else -1
    with st.container(horizontal=True, vertical_alignment="center", key="result-head"):
        st.button(
            say("quality.questions"), key="close-result", type="tertiary", icon=":material/arrow_back:",
            on_click=close,
        )  # fmt: skip
        for step, icon, key in ((-1, "chevron_left", "result-back"), (1, "chevron_right", "result-on")):
            there = at >= 0 and 0 <= at + step < len(order)
            st.button(
                "", key=key, icon=f":material/{icon}:", type="tertiary", disabled=not there,
                help=say("previous" if step < 0 else "next"),
                on_click=open_result, args=(order[at + step] if there else result.id,),
            )  # fmt: skip


def _badges(result: EvalResult) -> None:
    from evaluation.errors import outcome

    judged = outcome(result)
    color = {"right": "green", "wrong": "red"}.get(judged, "gray")
    words = [f":{color}-badge[{say(f'quality.outcome_{judged}')}]"]
    if result.error_class:
        words.append(f":orange-badge[{say(f'mistake.{result.error_class}')}]")
    if kind := str(result.question.get("kind", "")):
        words.append(f":gray-badge[{one_line(kind, 30)}]")
    for measure in ("correct", "numeric match", "page hit@5", "citation precision", "groundedness"):
        if measure in result.measures:
            words.append(
                f":gray-badge[{plain(measure_name(measure, language()))} {result.measures[measure]:.2g}]"
            )
    st.markdown(" ".join(words))


def _gold(question: Question) -> None:
    with st.container(key="result-gold"):
        if question.expect_refusal:
            st.markdown(say("quality.gold_refuse"))
        elif question.answers:
            st.markdown("  \n".join(plain(shortened(a, 400)) for a in question.answers))
        else:
            st.markdown(say("quality.gold_none"))
        if question.formula:
            st.caption(plain(question.formula))


def _answer(output: Output) -> None:
    with st.container(key="result-answer"):
        if output.error:
            code = output.error.split(":")[0]
            known = message(code, language())
            st.markdown(plain(output.error if known == code else known))
        elif output.retrieved_only:
            st.markdown(say("quality.search_only"))
        else:
            st.markdown(answer_markdown(output.text, verbatim=output.mode == "extractive"), anchors=False)
        for formula in output.calculations:
            st.caption(plain(formula))


def places_of(question: Question, output: Output) -> list[Place]:
    """Golden pages, then cited ones, then what was found, each page once."""
    found: list[Place] = []
    golden: dict[tuple[str, int], list[str]] = {}
    for evidence in question.evidence:
        if evidence.page is not None:
            golden.setdefault((evidence.doc, evidence.page), []).append(evidence.text)
    found += [Place("gold", doc, page, tuple(filter(None, texts))) for (doc, page), texts in golden.items()]
    cited: dict[tuple[str, int], list[str]] = {}
    for quote in output.citations:
        cited.setdefault((quote.document, quote.page_start), []).append(quote.quote)
    found += [Place("cited", doc, page, tuple(filter(None, texts))) for (doc, page), texts in cited.items()]
    found += [
        Place("found", p.document, p.page_start, (p.text[:160],), rank)
        for rank, p in enumerate(output.passages[:10], 1)
    ]
    return found


def _evidence(result_id: int, places: Sequence[Place]) -> None:
    st.caption(say("quality.evidence"))
    if not places:
        st.caption(say("quality.none_here"))
        return

    @st.fragment
    def draw() -> None:
        at = st.selectbox(
            say("quality.evidence"),
            options=range(len(places)),
            format_func=lambda i: _place_words(places[i]),
            key=f"place-{result_id}",
            label_visibility="collapsed",
        )
        _page(places[at])

    draw()


def _place_words(place: Place) -> str:
    where = f"{shortened(place.document, 44)} · {say('answer.page', page=place.page)}"
    if place.why == "found":
        return f"{place.rank}. {where}"
    return f"{say('quality.place_gold' if place.why == 'gold' else 'quality.place_cited')}: {where}"


def _page(place: Place) -> None:
    engine = current().engine
    assert engine is not None
    document = _document(place.document)
    if document is None:
        st.info(say("quality.no_page"))
        return
    pages = engine.document_pages(document.id, principal())
    if not 1 <= place.page <= len(pages):
        st.info(say("viewer.no_text"))
        return
    page = pages[place.page - 1]
    spans = [span for words in place.words if (span := find_words(page.text, words))]
    picture = page_picture(document, page.number, boxes_of(page, spans))
    if picture is not None:
        st.image(
            picture, width="stretch", alt=say("evidence.alt", page=page.number, name=shortened(document.name))
        )
    else:
        with st.container(key="result-page"):
            st.html(page_html(page, spans))


def _document(name: str) -> Document | None:
    engine = current().engine
    assert engine is not None
    same = [d for d in engine.documents(principal()) if d.name == name and d.status == "ready"]
    return same[0] if same else None


def find_words(text: str, words: str) -> tuple[int, int] | None:
    """Where ``words`` stand in ``text``, white space (and how table cells are parted) aside."""
    parts = [re.escape(part) for part in words.split()]
    if not parts:
        return None
    found = re.search(r"\s*".join(parts), text)
    if found:
        return found.span()
    kept = [p for p in parts if re.search(r"\w", p)][:12]  # "Flood warning: Asia Pacific" and the like
    found = re.search(r"[\s\W]*".join(kept), text) if kept else None
    return found.span() if found else None


def boxes_of(page: Page, spans: Sequence[tuple[int, int]]) -> list[Box]:
    """The boxes of the lines that the spans touch."""
    return [
        Box(page.number, line.x0, line.y0, line.x1, line.y1)
        for line in page.lines
        if any(line.start < end and start < line.end for start, end in spans)
    ]


def _golden(result: EvalResult, question: Question, output: Output) -> None:
    record: Mapping[str, object] = result.question
    start = Golden.of_record(f"{result.question_key}", record)
    if not start.places and output.citations:
        places = tuple(dict.fromkeys((q.document, q.page_start, q.quote) for q in output.citations))
        start = Golden(
            start.key, start.question, start.answers or (output.text[:300],), places, start.kind, start.lang
        )
    if golden_dialog(start, origin=f"result:{result.id}"):
        state.close_dialog()
        st.toast(say("quality.saved", count=1), icon=":material/check:")
        st.rerun()
