"""Golden questions on the Quality page: upload, draft, review, look through, correct, delete."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from rag.errors import WenjuError
from rag.records import Dataset, GoldenQuestion
from ui import state
from ui.boot import current, principal
from ui.language import language, say
from ui.quality_parts import Golden, golden_form, kept_words, kinds_of, pages, toast
from ui.quality_runs import current_model
from ui.safe import one_line, plain, shortened

if TYPE_CHECKING:
    from rag.engine import Engine

STATES = ("accepted", "draft", "rejected")
ROWS = 10
SHOWN_BAD = 8
_EDIT, _DELETE = "edit-golden", "delete-dataset"


def _engine() -> Engine:
    engine = current().engine
    assert engine is not None
    return engine


def show() -> None:
    """Everything of the Golden questions tab."""
    if note := st.session_state.pop("_dataset_note", None):
        (st.success if note[0] else st.info)(note[1])
    _upload()
    _generate()
    datasets = _engine().datasets(principal())
    if not datasets:
        st.caption(say("quality.no_datasets"))
        return
    names = {d.id: d for d in datasets}
    if st.session_state.get("dataset-open") not in names:
        st.session_state.pop("dataset-open", None)
    chosen = st.selectbox(
        say("quality.dataset"),
        options=list(names),
        format_func=lambda i: f"{names[i].name} ({names[i].accepted + names[i].drafts})",
        key="dataset-open",
    )
    _one(names[chosen])


# -------------------------------------------------------------------- adding


def _upload() -> None:
    with st.expander(say("quality.upload"), icon=":material/upload_file:"), st.container(key="upload-golden"):
        st.caption(say("quality.upload_help"))
        st.download_button(
            say("quality.template"), data=_template, file_name="wenju-golden-questions.xlsx",
            mime="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", key="template",
            icon=":material/download:", type="tertiary", on_click="ignore",
        )  # fmt: skip
        turn = st.session_state.setdefault("golden-turn", 0)
        file = st.file_uploader(
            say("quality.upload"),
            type=["xlsx", "csv", "tsv", "jsonl", "json"],
            key=f"golden-file-{turn}",
            label_visibility="collapsed",
        )
        if file is not None:
            _preview(file.name, file.getvalue())


def _template() -> bytes:
    from evaluation.tables import template

    return template(language())


def read_upload(name: str, data: bytes) -> Any:
    """evaluation.datasets.Questions of the uploaded bytes; the name only says the kind and the title. Raises
    DatasetError."""
    from dataclasses import replace

    from evaluation.readers import read

    suffix = Path(name).suffix.lower()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{suffix if suffix.isascii() and len(suffix) <= 6 else ''}"
        path.write_bytes(data)
        return replace(read(path), name=Path(name).stem[:120])


def _preview(name: str, data: bytes) -> None:
    try:
        found = read_upload(name, data)
    except WenjuError as error:
        st.error(kept_words(error))
        return
    st.markdown(f"**{say('quality.preview', good=len(found.questions))}**")
    for question in found.questions[:4]:
        gold = say("quality.gold_refuse") if question.expect_refusal else "; ".join(question.answers[:2])
        st.caption(f"{one_line(question.question, 120)} → {one_line(gold or '–', 80)}")
    if found.bad:
        lines = [
            plain(say("quality.bad_line", line=b.line, problem=f"{b.column}: {told}".lstrip(": ")))
            for b in found.bad
            for told in (b.told(language()),)
        ]
        more = [f"+{len(lines) - SHOWN_BAD}"] if len(lines) > SHOWN_BAD else []
        st.warning(
            f"**{say('quality.bad_lines', count=len(found.bad))}**\n\n"
            + "  \n".join(lines[:SHOWN_BAD] + more)
        )
    title = st.text_input(say("quality.dataset_name"), value=found.name, key="golden-name", max_chars=200)
    if st.button(
        say("quality.save_dataset", count=len(found.questions)), key="golden-save", type="primary",
        disabled=not found.questions or not title.strip(),
    ):  # fmt: skip
        try:
            dataset = _engine().save_dataset(title.strip(), principal(), source=f"file:{name[:200]}")
            records = [(q.id, q.model_dump(mode="json", exclude_defaults=True)) for q in found.questions]
            new = _engine().save_golden_questions(dataset.id, records, principal())
        except WenjuError as error:
            st.error(kept_words(error))
            return
        st.session_state["golden-turn"] += 1
        st.session_state["dataset-open"] = dataset.id
        st.session_state["_dataset_note"] = (True, say("quality.saved", count=new))
        st.rerun()


def _generate() -> None:
    with (
        st.expander(say("quality.generate"), icon=":material/auto_awesome:"),
        st.container(key="draft-golden"),
    ):
        st.caption(say("quality.generate_help"))
        count = st.number_input(say("quality.generate_count"), 5, 500, 20, step=5, key="draft-count")
        by_model = False
        if current_model() is not None:
            by_model = st.checkbox(say("quality.generate_model"), key="draft-model")
        if st.button(say("quality.generate_go"), key="draft-go", icon=":material/edit_note:"):
            with st.spinner(say("quality.generating")):
                _draft(int(count), by_model)
            st.rerun()


def _draft(count: int, by_model: bool) -> None:
    from evaluation.generate import generate
    from evaluation.written import write

    engine, name = _engine(), say("quality.generated_name")
    try:
        known = next((d for d in engine.datasets(principal()) if d.name == name), None)
        seed = known.accepted + known.drafts + known.rejected if known else 0  # others than the last time
        model = engine.chat_finder().find().model if by_model else None
        if model is not None:
            made = write(engine, model, principal(), count=count, seed=seed)
        else:
            made = generate(engine, principal(), count=count, seed=seed)
        if made.drafts:
            dataset = engine.save_dataset(name, principal(), source="generated")
            engine.save_golden_questions(
                dataset.id, [(d.id, d.to_record()) for d in made.drafts], principal(), state="draft",
                origin="generated",
            )  # fmt: skip
            st.session_state["dataset-open"] = dataset.id
            st.session_state["golden-state"] = "draft"
            st.session_state["_dataset_note"] = (True, say("quality.generated", count=len(made.drafts)))
        else:
            st.session_state["_dataset_note"] = (False, say("quality.generated_none"))
    except WenjuError as error:
        st.session_state["_dataset_note"] = (False, kept_words(error))


# -------------------------------------------------------------------- looking through


def _one(dataset: Dataset) -> None:
    questions = _engine().golden_questions(dataset.id, principal())
    kinds, languages = kinds_of([q.question for q in questions if q.state != "rejected"])
    st.caption(f"{say('quality.kinds')}: {kinds}  \n{say('quality.languages')}: {languages}")
    counts = {name: sum(q.state == name for q in questions) for name in STATES}
    if "golden-state" not in st.session_state:
        st.session_state["golden-state"] = "draft" if counts["draft"] else "accepted"
    with st.container(horizontal=True, vertical_alignment="bottom", key="golden-filters"):
        chosen = st.segmented_control(
            say("quality.state"),
            options=STATES,
            format_func=lambda name: f"{say(f'quality.state_{name}')} {counts[name]}",
            key="golden-state",
            label_visibility="collapsed",
        )
        words = st.text_input(
            say("quality.search"), key="golden-search", placeholder=say("quality.search"),
            label_visibility="collapsed", icon=":material/search:",
        )  # fmt: skip
        if st.button(
            say("quality.delete_dataset"), key="delete-dataset", type="tertiary", icon=":material/delete:"
        ):
            state.open_dialog(_DELETE, dataset.id)
    wanted = (words or "").lower().split()
    found = [
        q
        for q in questions
        if chosen in (None, q.state) and all(w in str(q.question.get("question", "")).lower() for w in wanted)
    ]
    if not found:
        st.caption(say("quality.none_here"))
    with st.container(key="golden-rows", gap="small"):
        for question in found[pages(len(found), ROWS, "golden-page")]:
            _row(question)
    _dialogs(dataset, questions)


def _row(golden: GoldenQuestion) -> None:
    record = Golden.of_record(golden.key, golden.question)
    with st.container(border=True, key=f"golden-{golden.id}", gap="small"):
        st.markdown(plain(record.question))
        if record.expect_refusal:
            st.caption(say("quality.gold_refuse"))
        elif record.answers:
            st.caption(f"→ {one_line('; '.join(record.answers), 200)}")
        places = [
            shortened(doc, 40) + (f" · {say('answer.page', page=page)}" if page else "")
            for doc, page, _ in record.places
        ]
        if places:
            st.caption(one_line("; ".join(dict.fromkeys(places)), 200))
        with st.container(horizontal=True, gap="small", key=f"golden-acts-{golden.id}"):
            if golden.state != "accepted":
                st.button(
                    say("quality.accept"), key=f"accept-{golden.id}", icon=":material/check:",
                    on_click=_review, args=(golden.id, "accepted"),
                )  # fmt: skip
            if golden.state != "rejected":
                st.button(
                    say("quality.reject"), key=f"reject-{golden.id}", icon=":material/close:",
                    type="tertiary", on_click=_review, args=(golden.id, "rejected"),
                )  # fmt: skip
            st.button(
                say("quality.edit"), key=f"edit-{golden.id}", icon=":material/edit:", type="tertiary",
                on_click=state.open_dialog, args=(_EDIT, golden.id),
            )  # fmt: skip
            st.button(
                say("delete"), key=f"erase-{golden.id}", icon=":material/delete:", type="tertiary",
                on_click=_erase, args=(golden.id,),
            )  # fmt: skip


def _review(question_id: int, verdict: str) -> None:
    try:
        _engine().review_golden_question(question_id, verdict, principal())  # type: ignore[arg-type]
    except WenjuError as error:
        toast(error)


def _erase(question_id: int) -> None:
    try:
        _engine().delete_golden_question(question_id, principal())
    except WenjuError as error:
        toast(error)


def _dialogs(dataset: Dataset, questions: Sequence[GoldenQuestion]) -> None:
    wanted = state.dialog()
    if wanted == (_DELETE, dataset.id):
        _confirm_delete(dataset)
    elif wanted is not None and wanted[0] == _EDIT:
        golden = next((q for q in questions if q.id == wanted[1]), None)
        if golden is not None:
            _edit(golden)


def _edit(golden: GoldenQuestion) -> None:
    @st.dialog(say("quality.edit"), width="large", on_dismiss=state.close_dialog)
    def dialog() -> None:
        submit = say("save") if golden.state == "accepted" else say("quality.accept")
        record = golden_form(Golden.of_record(golden.key, golden.question), submit, f"edit-form-{golden.id}")
        if record is None:
            return
        try:
            _engine().review_golden_question(golden.id, "accepted", principal(), question=record)
        except WenjuError as error:
            st.error(kept_words(error))
            return
        state.close_dialog()
        st.rerun()

    dialog()


def _confirm_delete(dataset: Dataset) -> None:
    @st.dialog(say("quality.delete_dataset"), on_dismiss=state.close_dialog)
    def dialog() -> None:
        st.markdown(f"**{one_line(dataset.name, 80)}**  \n{say('quality.delete_confirm')}")
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button(say("cancel"), key="delete-dataset-no"):
                state.close_dialog()
                st.rerun()
            if st.button(say("delete"), key="delete-dataset-yes", type="primary"):
                try:
                    _engine().delete_dataset(dataset.id, principal())
                except WenjuError as error:
                    toast(error)
                state.close_dialog()
                st.rerun()

    dialog()
