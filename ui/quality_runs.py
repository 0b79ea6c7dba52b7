"""Runs on the Quality page: start, watch, list; one run with its measures, mistakes and questions;
compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from rag.errors import WenjuError
from rag.records import Dataset, EvalRun
from ui import quality_trend
from ui.boot import current, principal
from ui.language import language, say
from ui.quality_parts import figure, kept_words, toast
from ui.quality_run import HEADLINES, STATUSES, open_run, questions_of
from ui.safe import one_line, plain
from ui.texts_quality import measure_name

if TYPE_CHECKING:
    from evaluation.datasets import Question
    from evaluation.running import RunDesk
    from evaluation.runs import SystemSpec
    from rag.engine import Engine

SYSTEMS = ("answers", "search", "rerank", "concise", "analyst", "within", "closed", "model")
NEEDS_MODEL = ("concise", "analyst", "closed", "model")
SAMPLES = "samples"  # where the sample questions' dataset comes from
_TICK_S = 0.8


def _engine() -> Engine:
    engine = current().engine
    assert engine is not None
    return engine


def _desk() -> RunDesk:
    found = current().runs
    assert found is not None
    return found


# -------------------------------------------------------------------- all runs


def show() -> None:
    """Everything of the Runs tab."""
    _finished()
    runs = _engine().runs(principal(), limit=100)
    samples = _sample_questions()
    known = _samples_dataset()
    fresh = bool(samples) and not any(known is not None and run.dataset == known.name for run in runs)
    if fresh:
        with st.container(border=True, key="quality-samples"):
            st.markdown(f"**{say('quality.samples_title')}**")
            st.caption(say("quality.samples_lead", count=len(samples)))
            if st.button(
                say("quality.samples_run"), key="run-samples", type="primary", icon=":material/play_arrow:"
            ):
                _run_samples(samples)
                st.rerun()
    _progress()
    _new(first=not runs and not fresh, beside_samples=fresh)
    quality_trend.over_runs(runs)
    if runs or not fresh:
        _list(runs)


def _sample_questions() -> list[dict[str, Any]]:
    """The golden questions of the sample reports that are in the library and ready."""
    import json

    import samples

    ready = {d.name for d in _engine().documents(principal()) if d.status == "ready"}
    if not {path.name for path in samples.sample_files()} <= ready:
        return []
    text = (samples.REPORTS.parent / "golden.jsonl").read_text(encoding="utf-8")
    records = [json.loads(line) for line in text.splitlines() if line]
    return [{**r, "expect_refusal": r.get("kind") == "refuse"} for r in records]


def _samples_dataset() -> Dataset | None:
    return next((d for d in _engine().datasets(principal()) if d.source == SAMPLES), None)


def _run_samples(records: Sequence[Mapping[str, Any]]) -> None:
    from evaluation.runs import SystemSpec

    try:
        dataset = _samples_dataset() or _engine().save_dataset(
            say("quality.samples_name"), principal(), source=SAMPLES
        )
        _engine().save_golden_questions(dataset.id, [(str(r["id"]), r) for r in records], principal())
        _start(dataset.id, dataset.name, [SystemSpec(say("quality.system_answers"))], 0)
    except WenjuError as error:
        toast(error)


def _start(dataset_id: int, name: str, systems: Sequence[SystemSpec], limit: int) -> None:
    from evaluation.datasets import Question
    from evaluation.runs import RunSpec

    kept = _engine().golden_questions(dataset_id, principal(), states=["accepted"])
    questions: list[Question] = [Question.model_validate({**g.question, "id": g.key}) for g in kept]
    spec = RunSpec(dataset=name, questions=tuple(questions[: limit or None]), systems=tuple(systems))
    _desk().start(spec, principal()).wait(0.4)


def _progress() -> None:
    """Runs that are going, renewed by themselves; the page is drawn anew when one ends."""
    if not any(not t.done for t in _desk().tickets(principal())):
        return

    @st.fragment(run_every=_TICK_S)
    def tick() -> None:
        tickets = _desk().tickets(principal())
        if any(t.done for t in tickets):
            st.rerun()
        for ticket in tickets:
            now = ticket.progress()
            with st.container(border=True, key=f"running-{ticket.id}"):
                words = (
                    say("quality.stopping") if now.stopping
                    else say("quality.running", done=now.done, total=now.total) if now.total
                    else say("quality.starting")
                )  # fmt: skip
                st.progress(
                    now.done / now.total if now.total else 0.0,
                    f"**{one_line(ticket.spec.dataset)}** · {words}",
                )
                if st.button(
                    say("quality.stop"),
                    key=f"stop-{ticket.id}",
                    icon=":material/stop:",
                    disabled=now.stopping,
                ):
                    ticket.stop()

    tick()


def _finished() -> None:
    """Opens the run that has just ended, or says why it did not end well."""
    for ticket in _desk().tickets(principal()):
        if not ticket.done:
            continue
        _desk().take(ticket.id)
        now = ticket.progress()
        if now.error is not None:
            st.error(kept_words(now.error))
        elif now.ran is not None:
            if now.ran.skipped:
                files = sorted({name for names in now.ran.skipped.values() for name in names})
                st.session_state["_run_note"] = say(
                    "quality.skipped", count=len(now.ran.skipped), files=one_line(", ".join(files), 200)
                )
            for problem in now.ran.failed:
                st.session_state["_run_note"] = plain(problem)
            open_run(now.ran.run.id)
            st.rerun()


def _new(*, first: bool, beside_samples: bool) -> None:
    datasets = [d for d in _engine().datasets(principal()) if d.accepted]
    if not datasets:
        st.caption(say("quality.own_datasets" if beside_samples else "quality.no_datasets"))
        if st.button(say("quality.to_datasets"), key="to-datasets", icon=":material/add:"):
            st.session_state["_quality_tab"] = "datasets"
            st.rerun()
        return
    has_model = current_model() is not None
    with (
        st.expander(say("quality.new"), icon=":material/play_circle:", expanded=first),
        st.container(key="new-run"),
    ):
        names = {d.id: d for d in datasets}
        dataset = st.selectbox(
            say("quality.dataset"),
            options=list(names),
            format_func=lambda i: (
                f"{names[i].name} ({say('quality.questions_count', count=names[i].accepted)})"
            ),
            key="run-dataset",
        )
        chosen = st.multiselect(
            say("quality.systems"),
            options=[s for s in SYSTEMS if has_model or s not in NEEDS_MODEL],
            default=["answers"],
            format_func=lambda name: say(f"quality.system_{name}"),
            key="run-systems",
            help=say("quality.systems_help"),
        )
        model = ""
        if "model" in chosen:
            model = st.text_input(say("quality.model"), key="run-model").strip()
        if not has_model:
            st.caption(say("quality.needs_model"))
        limit = st.number_input(say("quality.limit"), min_value=0, value=0, step=10, key="run-limit")
        ready = bool(chosen) and ("model" not in chosen or bool(model))
        if st.button(
            say("quality.run"), key="run-go", type="primary", icon=":material/play_arrow:", disabled=not ready
        ):
            try:
                _start(dataset, names[dataset].name, specs(chosen, model), int(limit))
            except WenjuError as error:
                toast(error)
            else:
                st.rerun()


def current_model() -> str | None:
    """The name of the chat model that answers now."""
    model = _engine().chat_finder().find().model
    return model.name if model is not None else None


def specs(chosen: Sequence[str], model: str = "") -> list[SystemSpec]:
    """What the names of the form mean. "rerank": reranking on where it is off, and off where it is on."""
    from evaluation.runs import SystemSpec

    kinds: dict[str, tuple[Any, dict[str, str]]] = {
        "search": ("retrieval", {}),
        "answers": ("answer", {}),
        "rerank": ("answer", {"reranker.kind": _other_reranker()}),
        "concise": ("answer", {"use": "concise"}),
        "analyst": ("answer", {"use": "analyst"}),
        "within": ("answer", {"within": "document"}),
        "closed": ("closed_book", {}),
        "model": ("answer", {"chat.model": model}),
    }
    return [SystemSpec(say(f"quality.system_{name}"), *kinds[name]) for name in chosen]


def _other_reranker() -> str:
    from typing import get_args

    setting = type(_engine().settings.reranker).model_fields["kind"]
    known = [str(kind) for kind in get_args(setting.annotation)]
    now = _engine().settings.reranker.kind
    if now != "off":
        return "off"
    return next((kind for kind in ("light", *known) if kind in known and kind != "off"), "off")


def _list(runs: Sequence[EvalRun]) -> None:
    if not runs:
        st.caption(say("quality.no_runs"))
        return
    with st.container(key="runs", gap="small"):
        for run in runs:
            with st.container(border=True, key=f"run-{run.id}", gap="small"):
                with st.container(
                    horizontal=True, wrap=False, vertical_alignment="center", key=f"line-run-{run.id}"
                ):
                    st.button(
                        one_line(run.name, 60), key=f"look-run-{run.id}", type="tertiary", width="stretch",
                        on_click=open_run, args=(run.id,),
                    )  # fmt: skip
                    st.badge(say(f"quality.status_{run.status}"), color=STATUSES[run.status])  # type: ignore[arg-type]
                names = " · ".join(one_line(str(s.get("name")), 30) for s in run.systems)
                when = run.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
                st.caption(f"{when} · {names} · {say('quality.questions_count', count=questions_of(run))}")
                if words := headline(run):
                    st.markdown(words)


def headline(run: EvalRun) -> str:
    """The first measures of each system with their intervals, as Markdown source."""
    lines = []
    for name, system in run.summary.get("systems", {}).items():
        found = system["measures"]
        shown = [m for m in HEADLINES if m in found] or list(found)[:2]
        words = " · ".join(f"{plain(measure_name(m, language()))} **{figure(found[m], m)}**" for m in shown)
        lines.append(f"{one_line(name, 30)}: {words}" if len(run.systems) > 1 else words)
    return "  \n".join(lines)
