"""Small parts of the Quality page: bars with intervals, tables, the form of a golden question."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from rag.errors import WenjuError
from ui import state
from ui.boot import current, principal
from ui.language import language, say
from ui.safe import one_line, plain
from ui.texts_quality import measure_name


@dataclass(frozen=True)
class Bar:
    """``mean``, ``low`` and ``high`` are shares of the whole width, 0..1; ``words`` stands at the end."""

    label: str
    mean: float
    words: str
    low: float | None = None
    high: float | None = None
    group: str = ""


def bars(rows: Sequence[Bar], key: str) -> None:
    """Horizontal bars with their 95 % interval as a line: plain HTML, so that it fits a phone, follows the
    theme and can be read aloud."""
    parts: list[str] = []
    group = ""
    for bar in rows:
        if bar.group and bar.group != group:
            group = bar.group
            parts.append(f'<div class="wj-bar-group">{html.escape(group)}</div>')
        span = ""
        if bar.low is not None and bar.high is not None:
            left, width = _percent(bar.low), _percent(max(0.0, bar.high - bar.low))
            span = f'<i style="left:{left};width:{width}"></i>'
        parts.append(
            f'<div class="wj-bar"><span>{html.escape(bar.label)}</span>'
            f'<div><b style="width:{_percent(bar.mean)}"></b>{span}</div>'
            f"<em>{html.escape(bar.words)}</em></div>"
        )
    with st.container(key=key):
        st.html(f'<div class="wj-bars">{"".join(parts)}</div>')


def _percent(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.1f}%"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table that scrolls sideways on a phone; every cell is text."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    st.html(f'<div class="wj-table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')


def figure(found: Mapping[str, float], measure: str, *, interval: bool = True) -> str:
    """ "52 % (38–65)" for a rate, "412 ms (300–520)" for a time."""
    mean, low, high = found["mean"], found["low"], found["high"]
    if measure == "latency":
        return f"{mean:.0f} ms" + (f" ({low:.0f}–{high:.0f})" if interval else "")
    return f"{100 * mean:.0f} %" + (f" ({100 * low:.0f}–{100 * high:.0f})" if interval else "")


def label(measure: str) -> str:
    """The measure's name, with a word where less is better."""
    from evaluation.scoring import MEASURES

    known = MEASURES.get(measure)
    name = measure_name(measure, language())
    fewer = known is not None and not known.higher_is_better and measure != "latency"
    return f"{name} ({say('quality.fewer_better')})" if fewer else name


def kept_words(error: WenjuError) -> str:
    return plain(error.localized(language()))


def toast(error: WenjuError) -> None:
    st.toast(kept_words(error), icon=":material/error:")


# -------------------------------------------------------------------- golden questions


@dataclass(frozen=True)
class Golden:
    """What the form of a golden question starts from. ``places``: (file name, page, words)."""

    key: str
    question: str
    answers: tuple[str, ...] = ()
    places: tuple[tuple[str, int | None, str], ...] = ()
    kind: str = ""
    lang: str = ""
    expect_refusal: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_record(cls, key: str, record: Mapping[str, Any]) -> Golden:
        own = {"id", "question", "answers", "evidence", "kind", "lang", "expect_refusal"}
        return cls(
            key,
            str(record.get("question", "")),
            tuple(map(str, record.get("answers") or ())),
            tuple((e["doc"], e.get("page"), e.get("text", "")) for e in record.get("evidence") or ()),
            str(record.get("kind", "")),
            str(record.get("lang", "")),
            bool(record.get("expect_refusal")),
            {name: value for name, value in record.items() if name not in own},
        )


def golden_form(start: Golden, submit: str, form_key: str) -> dict[str, Any] | None:
    """The fields of a golden question; the checked record when it was submitted and is sound, else None."""
    from evaluation.datasets import Question, explain

    with st.form(form_key, border=False):
        words = st.text_area(say("quality.question"), value=start.question, key=f"{form_key}-q", height=80)
        refuse = st.checkbox(say("quality.must_refuse"), value=start.expect_refusal, key=f"{form_key}-r")
        answers = st.text_area(
            say("quality.answers"), value="\n".join(start.answers), key=f"{form_key}-a", height=90
        )
        places = st.text_area(
            say("quality.evidence_lines"),
            value="\n".join(f"{doc} | {page or ''}".rstrip(" |") for doc, page, _ in start.places),
            key=f"{form_key}-e",
            height=90,
        )
        kind = st.text_input(say("quality.kind"), value=start.kind, key=f"{form_key}-k")
        pressed = st.form_submit_button(submit, type="primary", key=f"{form_key}-go")
    if not pressed:
        return None
    texts = {(doc, page): text for doc, page, text in start.places}
    evidence: list[dict[str, Any]] = []
    for line in filter(str.strip, places.split("\n")):
        doc, bar, number = line.rpartition("|")
        doc, number = (doc.strip(), number.strip()) if bar else (line.strip(), "")
        if not doc or (number and not number.isdecimal()) or number == "0":
            st.error(plain(say("quality.bad_evidence", line=line)))
            return None
        page = int(number) if number else None
        evidence.append({"doc": doc, "page": page, "text": texts.get((doc, page), "")})
    record = {
        **start.more,
        "id": start.key,
        "question": words.strip(),
        "answers": [] if refuse else [a.strip() for a in answers.split("\n") if a.strip()],
        "evidence": [] if refuse else evidence,
        "kind": kind.strip() or ("refuse" if refuse else ""),
        "lang": start.lang,
        "expect_refusal": refuse,
    }
    try:
        Question.model_validate(record)
    except ValueError as error:
        st.error(plain(": ".join(explain(error))))  # type: ignore[arg-type]
        return None
    return record


def golden_dialog(start: Golden, *, into: str = "", origin: str = "") -> bool:
    """Draws the dialog that makes a golden question; True in the run in which it was kept."""
    kept: list[bool] = []

    @st.dialog(say("quality.make_golden"), width="large", on_dismiss=state.close_dialog)
    def dialog() -> None:
        engine = current().engine
        assert engine is not None
        name = st.text_input(
            say("quality.into"), value=into or say("quality.accepted_from"), key=f"into-{start.key}"
        )
        record = golden_form(start, say("save"), f"golden-{start.key}")
        if record is None or not name.strip():
            return
        try:
            dataset = engine.save_dataset(name.strip()[:200], principal())
            engine.save_golden_questions(dataset.id, [(start.key, record)], principal(), origin=origin)
        except WenjuError as error:
            st.error(kept_words(error))
            return
        kept.append(True)

    dialog()
    return bool(kept)


def pages(count: int, each: int, key: str) -> slice:
    """The slice of a long list that is shown; draws the pager below where it is called."""
    last = max(1, -(-count // each))
    at = min(int(st.session_state.get(key, 1) or 1), last)
    if last > 1:
        st.pagination(last, key=key)
    return slice((at - 1) * each, at * each)


def counted(counts: Mapping[str, int]) -> str:
    """ "lookup 12 · table 8" as Markdown source."""
    return " · ".join(f"{one_line(name or '–', 24)} {number}" for name, number in counts.items())


def kinds_of(questions: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Counts by kind and by language, as Markdown source."""
    kinds = Counter(str(q.get("kind", "")) for q in questions)
    languages = Counter(str(q.get("lang", "")) for q in questions)
    return counted(dict(kinds.most_common())), counted(dict(languages.most_common()))
